//! `doppelray study plan`: how sure will it be?

use anyhow::ensure;
use clap::Args;
use doppelray_measures::panel::power::{self, Expected};
use serde::Serialize;

use crate::cmd::Common;
use crate::console::Console;

/// Calculate, before a study, how sure it will be: interval and power by readers and images.
#[derive(Args)]
#[command(after_help = "Example:\n  doppelray study plan --readers 15 --images 30\n\n\
    The model is Obuchowski and Rockette's with Hanley and McNeil's variance of one reader's area under the curve. Equivalence to \
    chance is tested by two one-sided tests at 5%.")]
pub(crate) struct Plan {
    /// Readers.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u16).range(1..=1000))]
    readers: u16,
    /// Images of either kind.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(2..=5000))]
    images: u16,
    /// The area under the curve that readers are thought to reach; 0.5 is chance.
    #[arg(long, default_value_t = 0.5)]
    auc: f64,
    /// How far from chance still counts as chance.
    #[arg(long, default_value_t = 0.1)]
    margin: f64,
    /// Standard deviation of the area between readers.
    #[arg(long, default_value_t = 0.05)]
    reader_sd: f64,
    /// Correlation of two readers' errors on the same images.
    #[arg(long, default_value_t = 0.3)]
    correlation: f64,
}

#[derive(Serialize)]
struct Report {
    plan: power::Plan,
    expected: Expected,
    /// The same with other numbers of readers and images.
    others: Vec<(power::Plan, Expected)>,
}

impl Plan {
    pub(crate) fn run(self, common: Common) -> anyhow::Result<()> {
        let inside = |v: f64, low: f64, high: f64| (low..=high).contains(&v);
        ensure!(inside(self.auc, 0.01, 0.99), "--auc {}: an area lies between 0.01 and 0.99", self.auc);
        ensure!(inside(self.margin, 0.01, 0.5), "--margin {}: give one between 0.01 and 0.5", self.margin);
        ensure!(
            inside(self.reader_sd, 0.0, 0.5),
            "--reader-sd {}: give one between 0 and 0.5",
            self.reader_sd
        );
        ensure!(
            inside(self.correlation, 0.0, 1.0),
            "--correlation {}: give one between 0 and 1",
            self.correlation
        );
        let of = |readers: u16, images: u16| power::Plan {
            readers: readers.into(),
            real: images.into(),
            synthetic: images.into(),
            area: self.auc,
            reader_sd: self.reader_sd,
            correlation: self.correlation,
            margin: self.margin,
        };
        let plan = of(self.readers, self.images);
        let grid = [5, 10, 15, 20].into_iter().flat_map(|r| [20, 30, 50, 100].map(|i| of(r, i)));
        let others: Vec<_> = grid.map(|p| (p, power::expected(&p))).collect();
        let report = Report { plan, expected: power::expected(&plan), others };
        Console::new(common).finish(&summary(&report), &report)
    }
}

fn summary(report: &Report) -> String {
    let Report { plan, expected: e, others } = report;
    let mut text = format!(
        "{} readers, {} + {} images, true AUC {:.2}:\n  95% interval      {:.3} to {:.3}\n  \
         equivalence       shown within 0.5 +- {:.2} with probability {:.0}%\n  \
         telling apart     an AUC of {:.2} or more is told from chance with probability 80%\n\n\
         Probability to show equivalence, by readers (down) and images of either kind (across):\n        ",
        plan.readers,
        plan.real,
        plan.synthetic,
        plan.area,
        plan.area - e.half_width,
        plan.area + e.half_width,
        plan.margin,
        100.0 * e.equivalence,
        e.detectable
    );
    text += &[20, 30, 50, 100].map(|i| format!("{i:>7}")).concat();
    for row in others.chunks(4) {
        text += &format!("\n  {:>6}", row[0].0.readers);
        text += &row.iter().map(|(_, e)| format!("{:>6.0}%", 100.0 * e.equivalence)).collect::<String>();
    }
    text
}
