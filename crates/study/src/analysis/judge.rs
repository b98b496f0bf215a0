//! Real or synthetic: how often readers are wrong, and whether they can tell at all.

use std::f64::consts::FRAC_PI_2;

use doppelray_measures::estimate::Estimate;
use doppelray_measures::panel::Table;
use doppelray_measures::panel::auc::{Scores, areas, u_statistic};
use doppelray_measures::panel::detection::{Counts, detect, pooled};
use doppelray_measures::panel::equivalence::{Equivalence, equivalence};
use doppelray_measures::panel::mrmc::{
    Covariances, Mean, combine, exact_interval, means, obuchowski_rockette,
};
use serde::{Deserialize, Serialize};

use super::{Data, Part};
use crate::answer::Answer;
use crate::cases::Truth;
use crate::store::Reading;

/// What readers reach together; every estimate is the mean over readers, with a 95% interval for other readers and other
/// images. Synthetic is "positive".
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Judging {
    /// Share of synthetic images taken for real.
    pub fakes_taken_for_real: Estimate,
    /// Share of real images taken for synthetic.
    pub reals_taken_for_fake: Estimate,
    /// The first less the second: above 0, synthetic images look more real than real ones look synthetic.
    pub fakes_less_reals: Estimate,
    /// Answers that were right, both kinds weighing alike.
    pub accuracy: Estimate,
    /// Synthetic images called synthetic.
    pub sensitivity: Estimate,
    /// Real images called real.
    pub specificity: Estimate,
    /// Area under the ROC curve of the confidence, by Obuchowski and Rockette.
    pub auc: Estimate,
    /// The same with the U-statistic variance of Gallas, as in iMRMC. Absent for a single reader.
    pub auc_u_statistic: Option<Estimate>,
    /// Sensitivity of signal detection, d': 0 is chance.
    pub d_prime: Estimate,
    /// Bias c: above 0, readers lean toward "real".
    pub bias: Estimate,
    /// Is accuracy that of chance?
    pub accuracy_equivalence: Equivalence,
    /// Is the area that of chance?
    pub auc_equivalence: Equivalence,
    /// Of images shown twice: share judged alike both times.
    pub repeat_agreement: Option<Estimate>,
    /// Each reader.
    pub by_reader: Vec<ReaderJudging>,
    /// The empirical ROC curve of all readers' ratings together, for a figure.
    pub roc: Vec<[f64; 2]>,
}

/// What one reader reaches, with intervals for other images.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReaderJudging {
    /// The reader's number.
    pub reader: usize,
    /// As in [`Judging`]; exact intervals.
    pub fakes_taken_for_real: Estimate,
    /// As in [`Judging`]; exact intervals.
    pub reals_taken_for_fake: Estimate,
    /// Right answers.
    pub accuracy: Estimate,
    /// Area under the curve, by DeLong.
    pub auc: Estimate,
    /// d'.
    pub d_prime: f64,
    /// c.
    pub bias: f64,
}

/// The rating of an answer: -5 (surely real) to 5 (surely synthetic).
pub(crate) fn rating(reading: &Reading) -> f64 {
    match reading.answer {
        Answer::Judge { synthetic: true, confidence, .. } => f64::from(confidence),
        Answer::Judge { confidence, .. } => -f64::from(confidence),
        _ => f64::NAN,
    }
}

/// The ratings of real and of synthetic images.
pub(crate) fn scores(data: &Data, part: &Part) -> Scores {
    let rows: Vec<Vec<f64>> = part.readers.iter().map(|r| r.iter().map(|x| rating(x)).collect()).collect();
    let table = Table::new(&rows);
    let [negative, positive] =
        [Truth::Real, Truth::Synthetic].map(|truth| table.select(&data.of(part, truth)));
    Scores { negative, positive }
}

pub(super) fn judge(data: &Data, part: &Part) -> Judging {
    let scores = scores(data, part);
    let Scores { negative, positive } = &scores;
    let (real, fake) = (negative.cases(), positive.cases());
    let share = |table: &Table, of: fn(f64) -> bool| means(&table.map(|s| f64::from(u8::from(of(s)))));
    let missed = share(positive, |s| s < 0.0);
    let alarmed = share(negative, |s| s > 0.0);
    let (found, passed) = (share(positive, |s| s > 0.0), share(negative, |s| s < 0.0));
    let mean = |of: &(Vec<f64>, Covariances)| obuchowski_rockette(&of.0, &of.1);
    let both = |a: &(Vec<f64>, Covariances), b: &(Vec<f64>, Covariances), [x, y]: [f64; 2]| {
        let sums: Vec<f64> = a.0.iter().zip(&b.0).map(|(a, b)| x * a + y * b).collect();
        obuchowski_rockette(&sums, &combine((x, &a.1), (y, &b.1)))
    };
    let accuracy = both(&found, &passed, [0.5, 0.5]);
    let area = mean(&areas(&scores));
    let [d_prime, bias] = pooled(&scores);
    // Errors of one reader at chance; of d' by the delta method (Gourevitch and Galanter 1967).
    let over = 1.0 / real as f64 + 1.0 / fake as f64;
    let (share_alone, difference_alone) = (0.5 / (real.min(fake) as f64).sqrt(), 0.5 * over.sqrt());
    let d_prime_alone = (FRAC_PI_2 * over).sqrt();
    Judging {
        fakes_taken_for_real: mean(&missed).share(fake),
        reals_taken_for_fake: mean(&alarmed).share(real),
        fakes_less_reals: unsure(both(&missed, &alarmed, [1.0, -1.0]), difference_alone)
            .estimate(real + fake),
        accuracy: accuracy.share(real + fake),
        sensitivity: mean(&found).share(fake),
        specificity: mean(&passed).share(real),
        auc: area.share(real + fake),
        auc_u_statistic: (part.readers.len() > 1).then(|| u_statistic(&scores).share(real + fake)),
        d_prime: unsure(d_prime, d_prime_alone).estimate(real + fake),
        bias: unsure(bias, d_prime_alone / 2.0).estimate(real + fake),
        accuracy_equivalence: equivalence(&unsure(accuracy, share_alone), 0.5, data.margin),
        auc_equivalence: equivalence(&unsure(area, share_alone), 0.5, data.margin),
        repeat_agreement: repeats(part),
        by_reader: (0..part.readers.len())
            .map(|r| of_reader(&scores, r, part.readers[r][0].reader))
            .collect(),
        roc: roc(&scores),
    }
}

/// A mean that no other reader and no other image would have moved is not sure for that: whoever answers alike to all shows
/// nothing. It is given the error of one reader at chance, `alone`.
pub(super) fn unsure(mean: Mean, alone: f64) -> Mean {
    if mean.error > 1e-9 { mean } else { Mean { error: alone, df: f64::INFINITY, ..mean } }
}

fn of_reader(scores: &Scores, reader: usize, number: usize) -> ReaderJudging {
    let one = |table: &Table| Table::new(&[table.row(reader).to_vec()]);
    let mine = Scores { negative: one(&scores.negative), positive: one(&scores.positive) };
    let (real, fake) = (mine.negative.cases(), mine.positive.cases());
    let alarms = mine.negative.row(0).iter().filter(|s| **s > 0.0).count();
    let missed = mine.positive.row(0).iter().filter(|s| **s < 0.0).count();
    let (areas, covariances) = areas(&mine);
    let detection = detect(Counts {
        hits: (fake - missed) as f64,
        signals: fake as f64,
        alarms: alarms as f64,
        noises: real as f64,
    });
    ReaderJudging {
        reader: number,
        fakes_taken_for_real: exact(missed, fake),
        reals_taken_for_fake: exact(alarms, real),
        accuracy: exact(real + fake - alarms - missed, real + fake),
        auc: obuchowski_rockette(&areas, &covariances).share(real + fake),
        d_prime: detection.d_prime,
        bias: detection.criterion,
    }
}

pub(super) fn exact(hits: usize, n: usize) -> Estimate {
    let (low, high) = exact_interval(hits, n);
    Estimate { value: hits as f64 / n as f64, low, high, floor: None, n }
}

/// Whether answers to images shown twice agree.
fn repeats(part: &Part) -> Option<Estimate> {
    let (mut same, mut n) = (0, 0);
    for (first, again) in part.readers.iter().zip(&part.repeats) {
        for second in again {
            n += 1;
            same += usize::from(rating(first[second.item]) * rating(second) > 0.0);
        }
    }
    (n > 0).then(|| exact(same, n))
}

fn roc(scores: &Scores) -> Vec<[f64; 2]> {
    let above = |table: &Table, cut: f64| {
        let all = table.readers() * table.cases();
        table.rows().flatten().filter(|s| **s >= cut).count() as f64 / all as f64
    };
    let cuts = [6, 5, 4, 3, 2, 1, -1, -2, -3, -4, -5];
    cuts.map(f64::from).map(|cut| [above(&scores.negative, cut), above(&scores.positive, cut)]).to_vec()
}
