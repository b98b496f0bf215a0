//! Copies of training images, planted among the synthetic ones: how many of each kind are found?

use doppelray_images::copies::plant::{Kind, plant};
use doppelray_images::copies::{Picture, Template, sketch};
use doppelray_images::look::mirror;
use doppelray_images::{Image, resize};
use doppelray_measures::audit::share::share;
use doppelray_measures::rng::{Purpose, stream};
use rayon::prelude::*;

use super::super::Plan;
use super::super::real::Real;
use super::super::survey::Found;
use super::scale::Scale;
use crate::report::audit::Recall;

/// The share of planted copies that both looks find at `threshold`, by kind.
pub(super) fn recall(
    plan: &Plan,
    real: &Real,
    found: &Found,
    bar: (f64, Option<&Scale>),
) -> anyhow::Result<Vec<Recall>> {
    let Plan { people, settings, .. } = plan;
    let mut rows: Vec<usize> = (0..people.training).collect();
    stream(settings.seed, Purpose::Calibration, 2).shuffle(&mut rows);
    rows.truncate(settings.copies_planted);
    let load = |row: usize| people.collection.load(&people.rows[row]);
    let planted = rows.par_iter().enumerate().map(|(i, row)| {
        let (image, other) = (load(*row)?, load(rows[(i + 1) % rows.len()])?);
        let templates = [Template::of(&image), Template::of(&mirror(&image))];
        let kind = |kind: Kind| {
            let mut random =
                stream(settings.seed, Purpose::Plant, (i * Kind::ALL.len() + kind as usize) as u64);
            let copy = plant(kind, &image, &other, &mut random);
            is_found(&copy, &templates, (plan, real, found), *row, bar)
        };
        anyhow::Ok(Kind::ALL.map(kind))
    });
    let planted = planted.collect::<anyhow::Result<Vec<_>>>()?;
    if planted.is_empty() {
        return Ok(Vec::new());
    }
    let recall = |(at, kind): (usize, Kind)| {
        let hits = planted.iter().filter(|found| found[at]).count();
        Recall { kind, about: kind.about().to_owned(), found: share(hits, planted.len()) }
    };
    Ok(Kind::ALL.into_iter().enumerate().map(recall).collect())
}

/// Whether a copy of row `row` would be among that row's candidates, and then lie over it well enough.
fn is_found(
    copy: &Image,
    templates: &[Template; 2],
    (plan, real, found): (&Plan, &Real, &Found),
    row: usize,
    (threshold, scale): (f64, Option<&Scale>),
) -> bool {
    let copy = resize::square(copy, plan.synthetic.collection.about().size);
    let pictures = real.frame.pictures(&sketch(&copy));
    let picture = Picture::of(&copy);
    templates.iter().zip([row, row + plan.people.rows.len()]).any(|(template, fixed)| {
        let is_candidate = pictures.iter().zip(&real.sketches).zip(&found.near).any(|((own, real), near)| {
            let apart = real.row(fixed).iter().zip(own);
            let squared: f64 = apart.map(|(a, b)| f64::from(a - b) * f64::from(a - b)).sum();
            let rivals = &near[fixed];
            rivals.len() < plan.settings.candidates || rivals.last().is_some_and(|r| squared <= r.squared)
        });
        is_candidate && Scale::agreement(scale, &template.register(&picture)) >= threshold
    })
}
