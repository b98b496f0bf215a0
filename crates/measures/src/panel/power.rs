//! How sure a study will be before it is run.

use serde::{Deserialize, Serialize};

use crate::distribution::{normal_cdf, student_quantile};

/// A study that is planned: real against synthetic, told apart by readers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Readers.
    pub readers: usize,
    /// Real images.
    pub real: usize,
    /// Synthetic images.
    pub synthetic: usize,
    /// The area under the curve that readers are thought to reach; 0.5 is chance.
    pub area: f64,
    /// Standard deviation of that between readers (0.05: most lie within 0.1).
    pub reader_sd: f64,
    /// Correlation of two readers' errors on the same images (Obuchowski 2004 finds 0.2 to 0.6).
    pub correlation: f64,
    /// How far from chance still counts as chance.
    pub margin: f64,
}

/// What it will give.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// Standard error of the mean area.
    pub error: f64,
    /// Its degrees of freedom.
    pub df: f64,
    /// Half the width of the 95% interval.
    pub half_width: f64,
    /// Probability to show equivalence to chance within the margin, at 5%.
    pub equivalence: f64,
    /// The mean area that is told from chance with probability 80%, at 5% two-sided.
    pub detectable: f64,
}

/// The standard error by the model of Obuchowski and Rockette, with the variance of one reader's area by Hanley and
/// McNeil (1982); the power of the two one-sided tests from that.
pub fn expected(plan: &Plan) -> Expected {
    let (error, df) = error(plan);
    let (t95, t975) = (student_quantile(0.95, df), student_quantile(0.975, df));
    let off = (plan.area - 0.5).abs();
    let side = |room: f64| normal_cdf(room / error - t95);
    let equivalence = (side(plan.margin - off) + side(plan.margin + off) - 1.0).max(0.0);
    let detectable = 0.5 + (t975 + 0.841_621_233_572_914) * error;
    Expected { error, df, half_width: t975 * error, equivalence, detectable: detectable.min(1.0) }
}

fn error(plan: &Plan) -> (f64, f64) {
    let (a, readers) = (plan.area, plan.readers as f64);
    let (n0, n1) = (plan.real as f64, plan.synthetic as f64);
    let (q1, q2) = (a / (2.0 - a), 2.0 * a * a / (1.0 + a));
    let one = (a * (1.0 - a) + (n1 - 1.0) * (q1 - a * a) + (n0 - 1.0) * (q2 - a * a)) / (n0 * n1);
    let between = plan.correlation * one;
    let spread = plan.reader_sd * plan.reader_sd + one - between;
    let total = spread + readers * between;
    let df = if plan.readers == 1 {
        return ((one + plan.reader_sd * plan.reader_sd).sqrt(), f64::INFINITY);
    } else {
        total * total / (spread * spread / (readers - 1.0))
    };
    ((total / readers).sqrt(), df)
}
