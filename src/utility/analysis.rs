//! From judgements to findings: cells, arms over seeds, differences, and tests across real and synthetic.

use std::collections::BTreeMap;

use doppelray_measures::classify::{Contrast, GRADES, Judged, METRICS, Resampled, contrast, holm};
use doppelray_measures::estimate::{Resampling, Units};
use rayon::prelude::*;

use super::cell::{Done, Trained};
use super::draw::Pick;
use super::material::Material;
use super::plan::{Arm, Plan, Strategy};
use crate::report::utility::{ArmReport, CellReport, Claim, Difference, Swap};

/// Resampled sets of test subjects.
pub(crate) const RESAMPLING: Resampling = Resampling { seed: 0, replicates: 1000 };
/// The level at which a corrected probability becomes a claim.
pub(crate) const LEVEL: f64 = 0.05;
/// Figures of which less is better.
const LESS: [&str; 3] = ["mae", "ece", "brier"];

/// What the cells say together.
pub(crate) struct Findings {
    pub(crate) cells: Vec<CellReport>,
    pub(crate) arms: Vec<ArmReport>,
    pub(crate) contrasts: Vec<Difference>,
    pub(crate) swaps: Vec<Swap>,
}

/// A cell with its resampled figures.
struct Tested {
    done: Done,
    resampled: Resampled,
    confusion: Vec<Vec<usize>>,
}

/// Tests every cell on the real test images, and compares each arm with the one of the same real data alone.
pub(crate) fn analyse(plan: &Plan, material: &Material, cells: Vec<Done>) -> Findings {
    let units = Units::labelled(&material.units);
    let tested: Vec<Tested> = cells.into_par_iter().map(|done| test(done, material, &units)).collect();
    let mut arms = BTreeMap::<String, Vec<&Tested>>::new();
    tested.iter().for_each(|t| arms.entry(t.done.trained.arm.key()).or_default().push(t));
    Findings {
        cells: tested.iter().map(cell).collect(),
        arms: arms.values().map(|seeds| arm(seeds)).collect(),
        contrasts: contrasts(plan, &arms),
        swaps: swaps(&arms, material),
    }
}

fn judged(arm: &Arm, images: &[Pick], probabilities: &[[f32; GRADES]]) -> Judged {
    let grades = images.iter().map(|pick| pick.grade).collect();
    Judged::new(arm.task, grades, probabilities.iter().map(|p| p.map(f64::from)).collect())
}

fn test(done: Done, material: &Material, units: &Units) -> Tested {
    let judged = judged(&done.trained.arm, &material.test, &done.test);
    Tested { resampled: judged.resampled(units, RESAMPLING), confusion: judged.confusion(), done }
}

fn cell(tested: &Tested) -> CellReport {
    CellReport { trained: tested.done.trained.clone(), metrics: tested.resampled.estimates() }
}

fn arm(seeds: &[&Tested]) -> ArmReport {
    let first = &seeds[0].done.trained;
    let resampled: Vec<&Resampled> = seeds.iter().map(|t| &t.resampled).collect();
    let mean = |of: fn(&Trained) -> usize| {
        (seeds.iter().map(|t| of(&t.done.trained)).sum::<usize>() as f64 / seeds.len() as f64).round()
            as usize
    };
    let mut confusion = seeds[0].confusion.clone();
    for other in &seeds[1..] {
        let rows = confusion.iter_mut().zip(&other.confusion);
        rows.for_each(|(row, more)| row.iter_mut().zip(more).for_each(|(a, b)| *a += b));
    }
    let spread = METRICS.iter().enumerate().filter_map(|(at, name)| {
        let deviation = deviation(seeds.iter().map(|t| t.resampled.value[at]))?;
        Some(((*name).to_owned(), deviation))
    });
    ArmReport {
        arm: first.arm,
        name: first.arm.in_words(),
        subjects: first.subjects,
        real_images: mean(|d| d.real_images),
        synthetic_images: mean(|d| d.synthetic_images),
        seeds: seeds.len(),
        metrics: Resampled::mean(&resampled).estimates(),
        seeds_deviation: spread.collect(),
        confusion,
    }
}

/// The standard deviation of two values or more, where all exist.
fn deviation(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n - 1.0);
    variance.is_finite().then(|| variance.sqrt())
}

/// Every arm with synthetic images against the one without; probabilities corrected over all that claim.
fn contrasts(plan: &Plan, arms: &BTreeMap<String, Vec<&Tested>>) -> Vec<Difference> {
    let primary = plan.primary();
    let synthetic = arms.values().filter(|seeds| !seeds[0].done.trained.arm.is_real_only());
    let mut differences: Vec<Difference> = synthetic
        .filter_map(|seeds| {
            let arm = seeds[0].done.trained.arm;
            let against = &arms[&arm.baseline().key()];
            let [ours, theirs] =
                [seeds, against].map(|of| of.iter().map(|t| &t.resampled).collect::<Vec<&Resampled>>());
            let at = |at: usize| contrast(&ours, &theirs, at);
            let others =
                METRICS.iter().enumerate().filter_map(|(i, name)| Some(((*name).to_owned(), at(i)?)));
            Some(Difference {
                arm,
                name: arm.in_words(),
                against: arm.baseline().in_words(),
                metric: plan.primary.clone(),
                contrast: at(primary)?,
                p_corrected: None,
                claim: Claim::None,
                figures: others.collect(),
            })
        })
        .collect();
    let p: Vec<f64> = differences.iter().map(|d| d.contrast.p.unwrap_or(1.0)).collect();
    for (difference, corrected) in differences.iter_mut().zip(holm(&p)) {
        difference.p_corrected = difference.contrast.p.map(|_| corrected);
        difference.claim = claim(&difference.contrast, corrected, &plan.primary);
    }
    differences
}

fn claim(contrast: &Contrast, corrected: f64, metric: &str) -> Claim {
    let better = if LESS.contains(&metric) { contrast.value < 0.0 } else { contrast.value > 0.0 };
    match (contrast.p.is_some() && corrected < LEVEL, better) {
        (false, _) => Claim::None,
        (true, true) => Claim::Better,
        (true, false) => Claim::Worse,
    }
}

/// Trained on real or synthetic images, tested on real or synthetic ones: at the largest real share that has both.
fn swaps(arms: &BTreeMap<String, Vec<&Tested>>, material: &Material) -> Vec<Swap> {
    let alone = arms.values().filter(|seeds| seeds[0].done.trained.arm.strategy == Strategy::Synthetic);
    let mut largest = BTreeMap::<String, &Vec<&Tested>>::new();
    for seeds in alone {
        let arm = seeds[0].done.trained.arm;
        // Keys sort by share, so the last of a task stays.
        largest.insert(format!("{:?} {}", arm.task, arm.augment), seeds);
    }
    largest
        .values()
        .map(|seeds| swap(&arms[&seeds[0].done.trained.arm.baseline().key()], seeds, material))
        .collect()
}

fn swap(real: &[&Tested], synthetic: &[&Tested], material: &Material) -> Swap {
    let units = Units::labelled(&(0..material.kept.len() as u32).collect::<Vec<_>>());
    let on_real = |seeds: &[&Tested]| {
        let seeds: Vec<&Resampled> = seeds.iter().map(|t| &t.resampled).collect();
        Resampled::mean(&seeds).estimates()
    };
    let on_synthetic = |seeds: &[&Tested]| {
        if material.kept.is_empty() {
            return BTreeMap::new();
        }
        let judge = |t: &&Tested| {
            judged(&t.done.trained.arm, &material.kept, &t.done.kept).resampled(&units, RESAMPLING)
        };
        let seeds: Vec<Resampled> = seeds.iter().map(judge).collect();
        Resampled::mean(&seeds.iter().collect::<Vec<_>>()).estimates()
    };
    let arm = synthetic[0].done.trained.arm;
    Swap {
        task: arm.task,
        augment: arm.augment,
        images: [real[0].done.trained.real_images, synthetic[0].done.trained.synthetic_images],
        trtr: on_real(real),
        trts: on_synthetic(real),
        tstr: on_real(synthetic),
        tsts: on_synthetic(synthetic),
    }
}
