//! Severity: do readers agree, with each other and with the label, on synthetic images as on real ones?

use std::collections::BTreeMap;

use doppelray_measures::estimate::Estimate;
use doppelray_measures::panel::Table;
use doppelray_measures::panel::agreement::{icc, kappa_with, light_kappa, over_cases, weighted_kappa};
use doppelray_measures::panel::mrmc::{combine, means, obuchowski_rockette};
use serde::{Deserialize, Serialize};

use super::{Data, Part};
use crate::answer::Answer;
use crate::cases::Truth;
use crate::store::Reading;

/// Agreement on severity; kappa has quadratic weights, intervals are over images (readers as they are) unless told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Grading {
    /// Readers who finished it.
    pub readers: usize,
    /// By kind: "real", "synthetic".
    pub kinds: BTreeMap<String, Agreement>,
    /// Kappa between readers, synthetic less real.
    pub kappa_difference: Option<Estimate>,
    /// Kappa with the label, synthetic less real.
    pub label_kappa_difference: Option<Estimate>,
    /// Share of answers that were the label exactly, synthetic less real, for other readers and other images.
    pub exact_difference: Estimate,
    /// Mean of grade given less label, synthetic less real, for other readers and other images.
    pub shift_difference: Estimate,
    /// Mean quality, synthetic less real, for other readers and other images.
    pub quality_difference: Estimate,
    /// Mean confidence, synthetic less real, for other readers and other images.
    pub confidence_difference: Estimate,
    /// Of images graded twice by one reader: kappa of the two, over all readers.
    pub repeat_kappa: Option<f64>,
}

/// Agreement on one kind of image.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Agreement {
    /// Images.
    pub cases: usize,
    /// Mean over pairs of readers.
    pub kappa: Option<Estimate>,
    /// ICC(2,1), for other readers and other images.
    pub icc: Option<Estimate>,
    /// Mean over readers of the kappa with the label.
    pub label_kappa: Option<Estimate>,
    /// Share of answers that were the label exactly, for other readers and other images.
    pub exact: Estimate,
    /// Mean of grade given less label, for other readers and other images.
    pub shift: Estimate,
    /// Mean quality, 1..5, for other readers and other images.
    pub quality: Estimate,
    /// Mean confidence, 1..5, for other readers and other images.
    pub confidence: Estimate,
    /// Answers by label (rows) and grade given (columns), 0..4.
    pub confusion: [[usize; 5]; 5],
}

struct Kind {
    grades: Table,
    labels: Vec<f64>,
    quality: Table,
    confidence: Table,
}

pub(super) fn grade(data: &Data, part: &Part) -> Grading {
    let kinds = [Truth::Real, Truth::Synthetic].map(|truth| kind(data, part, truth));
    let [real, synthetic] = &kinds;
    let resampling = data.resampling;
    let both = real.labels.len().min(synthetic.labels.len());
    // One draw of places serves both kinds, which have as many images.
    let difference = |of: &(dyn Fn(&Kind, &[usize]) -> Option<f64> + Sync)| {
        over_cases(both, resampling, |at| Some(of(synthetic, at)? - of(real, at)?))
    };
    Grading {
        readers: part.readers.len(),
        kappa_difference: difference(&|k, at| light_kappa(&k.grades.select(at))),
        label_kappa_difference: difference(&|k, at| kappa_with(&k.grades.select(at), &labels(k, at))),
        exact_difference: apart(&exact(real), &exact(synthetic)),
        shift_difference: apart(&off_label(real), &off_label(synthetic)),
        quality_difference: apart(&real.quality, &synthetic.quality),
        confidence_difference: apart(&real.confidence, &synthetic.confidence),
        repeat_kappa: repeats(part),
        kinds: [Truth::Real, Truth::Synthetic]
            .iter()
            .zip(&kinds)
            .map(|(truth, k)| (truth.name().to_owned(), agreement(data, k)))
            .collect(),
    }
}

fn labels(kind: &Kind, at: &[usize]) -> Vec<f64> {
    at.iter().map(|i| kind.labels[*i]).collect()
}

fn numbers(reading: &Reading) -> [f64; 3] {
    match reading.answer {
        Answer::Grade { grade, quality, confidence } => [grade, quality, confidence].map(f64::from),
        _ => [f64::NAN; 3],
    }
}

fn kind(data: &Data, part: &Part, truth: Truth) -> Kind {
    let places = data.of(part, truth);
    let table = |field: usize| {
        let row = |r: &Vec<&Reading>| places.iter().map(|i| numbers(r[*i])[field]).collect();
        Table::new(&part.readers.iter().map(row).collect::<Vec<Vec<f64>>>())
    };
    let labels = places.iter().map(|i| f64::from(data.case(&part.items[*i]).grade)).collect();
    Kind { grades: table(0), labels, quality: table(1), confidence: table(2) }
}

/// Grade given less label.
fn off_label(kind: &Kind) -> Table {
    let row = |r: &[f64]| r.iter().zip(&kind.labels).map(|(g, l)| g - l).collect();
    Table::new(&kind.grades.rows().map(row).collect::<Vec<Vec<f64>>>())
}

/// Whether it is the label, 1 or 0.
fn exact(kind: &Kind) -> Table {
    off_label(kind).map(|off| f64::from(u8::from(off == 0.0)))
}

/// The mean over readers of synthetic less real.
fn apart(real: &Table, synthetic: &Table) -> Estimate {
    let [(r, of_real), (s, of_synthetic)] = [real, synthetic].map(means);
    let differences: Vec<f64> = s.iter().zip(&r).map(|(s, r)| s - r).collect();
    let mean = obuchowski_rockette(&differences, &combine((1.0, &of_synthetic), (1.0, &of_real)));
    mean.estimate(real.cases() + synthetic.cases())
}

fn agreement(data: &Data, kind: &Kind) -> Agreement {
    let n = kind.labels.len();
    let mean = |table: &Table| {
        let (means, covariances) = means(table);
        obuchowski_rockette(&means, &covariances)
    };
    let mut confusion = [[0; 5]; 5];
    for row in kind.grades.rows() {
        row.iter().zip(&kind.labels).for_each(|(g, l)| confusion[*l as usize][*g as usize] += 1);
    }
    Agreement {
        cases: n,
        kappa: over_cases(n, data.resampling, |at| light_kappa(&kind.grades.select(at))),
        icc: icc(&kind.grades),
        label_kappa: over_cases(n, data.resampling, |at| {
            kappa_with(&kind.grades.select(at), &labels(kind, at))
        }),
        exact: mean(&exact(kind)).share(n),
        shift: mean(&off_label(kind)).estimate(n),
        quality: mean(&kind.quality).estimate(n),
        confidence: mean(&kind.confidence).estimate(n),
        confusion,
    }
}

fn repeats(part: &Part) -> Option<f64> {
    let twice = part.readers.iter().zip(&part.repeats).flat_map(|(first, again)| {
        again.iter().map(|second| (numbers(first[second.item])[0], numbers(second)[0]))
    });
    let (a, b): (Vec<f64>, Vec<f64>) = twice.unzip();
    if a.is_empty() { None } else { weighted_kappa(&a, &b) }
}
