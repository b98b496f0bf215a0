//! A run through its snapshots: what it remembers beside how near it comes.

use doppelray_measures::estimate::Estimate;

use super::super::bands::{Axis, Labels, Series, curves};
use super::super::shell::{figure, paragraph};
use super::super::text::{count, escape, estimate, number, perhaps};
use super::stacked;
use crate::report::audit::{Point, Trained};

/// The curve, as figures and as a table.
pub(super) fn draw(run: &Trained) -> String {
    let mut out = paragraph("lead", &run.advice);
    if run.curve.is_empty() {
        return out;
    }
    let about = format!(
        "{} images were drawn from each snapshot, of the same seeds and grades, and compared with {} training and as many held-out \
         images, equally many of each grade. Where the run chose its model by the split that is held out here, the distance of \
         that one snapshot is a little too good.",
        count(run.drawn),
        count(run.compared)
    );
    out += &paragraph("", &about);
    out += &figure("", &(remembered(run) + &fidelity(run)), CAPTION);
    out + &rows(run)
}

const CAPTION: &str = "Above: of images drawn at each snapshot the share whose nearest real image was trained on, and how often nearness to \
                       them tells a training image from a held-out one (AUC); both are a half where nothing is remembered. Below: how \
                       far they lie from held-out images. Bands are 95% intervals. Where a few people are nearest to most images, a \
                       share far from a half says little: the table gives what lots drawn on who was trained on give, and how often \
                       such a share comes of it.";

fn series(name: &str, run: &Trained, of: impl Fn(&Point) -> Option<Estimate>) -> Series {
    let point = |point: &Point| Some((point.images as f64, of(point)?));
    Series { name: name.to_owned(), points: run.curve.iter().filter_map(point).collect() }
}

fn remembered(run: &Trained) -> String {
    let spaces = run.curve.first().map(|point| point.nearest_is_training.keys()).into_iter().flatten();
    let shares = spaces.map(|space| {
        series(&format!("nearest is a training image, {space}"), run, |p| {
            p.nearest_is_training.get(space).map(|near| near.share)
        })
    });
    let all: Vec<Series> = shares.chain([series("membership (AUC)", run, |p| p.membership)]).collect();
    let labels = Labels {
        title: "What is remembered; 0.5 is nothing",
        x: "images seen",
        y: &|y| format!("{y:.2}"),
        tick: &|x| count(x as usize),
    };
    curves(&labels, Axis::Linear, &all)
}

fn fidelity(run: &Trained) -> String {
    let distance = series("Fr\u{e9}chet distance to held-out images, bank", run, |p| p.frechet);
    let labels = Labels {
        title: "How far the images lie from real ones that were held out",
        x: "images seen",
        y: &number,
        tick: &|x| count(x as usize),
    };
    curves(&labels, Axis::Linear, &[distance])
}

/// A share, what chance gives, and its probability.
fn near(point: &Point, space: &str) -> String {
    let Some(near) = point.nearest_is_training.get(space) else { return perhaps(None) };
    let (low, high) = (number(near.by_chance.low), number(near.by_chance.high));
    let below = format!(
        "<span class=\"below\">by lot {low}\u{2009}\u{2013}\u{2009}{high}, p = {}</span>",
        number(near.p)
    );
    estimate(Some(&near.share)) + &below
}

fn rows(run: &Trained) -> String {
    let spaces: Vec<&String> =
        run.curve.first().map(|point| point.nearest_is_training.keys().collect()).unwrap_or_default();
    let head = ["Images seen", "Fr\u{e9}chet distance", "Floor", "Coverage"].map(str::to_owned).into_iter();
    let shares = spaces.iter().map(|space| format!("Nearest is training, {}", escape(space)));
    let head: Vec<String> = head.chain(shares).chain(["Membership (AUC)".to_owned()]).collect();
    let row = |point: &Point| {
        let chosen = if point.chosen { "<span class=\"below\">the run's model</span>" } else { "" };
        let mut cells = vec![
            count(point.images as usize) + chosen,
            estimate(point.frechet.as_ref()),
            perhaps(point.frechet.and_then(|frechet| frechet.floor)),
            estimate(point.coverage.as_ref()),
        ];
        cells.extend(spaces.iter().map(|space| near(point, space)));
        let by_chance = point.membership_p.map(|p| format!("<span class=\"below\">p = {}</span>", number(p)));
        cells.push(estimate(point.membership.as_ref()) + &by_chance.unwrap_or_default());
        cells
    };
    stacked(&head, &run.curve.iter().map(row).collect::<Vec<_>>())
}
