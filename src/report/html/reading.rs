//! What a probe reads of the intended grades.

use doppelray_measures::consistency::{Consistency, Reading};

use super::shell::{figure, table};
use super::text::{count, estimate};

const CAPTION: &str = "Shares of the images meant to have a grade (a row), by the grade that a probe trained on real images reads \
                       (columns). Real images are read by probes that have not seen their subject. Kappa has quadratic weights; it \
                       and the accuracy are for an even mix of the grades, so that both kinds compare.";

/// Confusions of both kinds side by side, and how well each is read.
pub(super) fn draw(of: &Consistency) -> String {
    let kinds = [("real", &of.real), ("synthetic", &of.synthetic)];
    let tables: String = kinds.map(|(kind, reading)| confusion(kind, &of.grades, reading)).concat();
    let rows = [
        ("Kappa", &of.real.kappa, &of.synthetic.kappa, estimate(Some(&of.kappa_difference))),
        ("Accuracy", &of.real.accuracy, &of.synthetic.accuracy, String::new()),
    ];
    let row = |(name, real, synthetic, apart): (&str, _, _, String)| {
        vec![name.to_owned(), estimate(Some(real)), estimate(Some(synthetic)), apart]
    };
    let head = ["", "Real", "Synthetic", "Synthetic less real"].map(str::to_owned);
    let body = format!("<div class=\"readings\">\n{tables}</div>\n{}", table(&head, &rows.map(row)));
    format!("<h3>Is the intended grade seen?</h3>\n{}", figure("", &body, CAPTION))
}

/// One kind's table, each cell shaded by its share of the row.
fn confusion(kind: &str, grades: &[u8], reading: &Reading) -> String {
    let head = grades.iter().map(|grade| format!("read {grade}"));
    let head: Vec<String> =
        std::iter::once(format!("<span class=\"{kind}\">{kind}</span>")).chain(head).collect();
    let row = |(grade, cells): (&u8, &Vec<usize>)| {
        let all: usize = cells.iter().sum();
        let cell = |n: &usize| {
            let percent = 100.0 * *n as f64 / all.max(1) as f64;
            format!("<span class=\"share\" style=\"--share:{percent:.0}%\">{percent:.0}%</span>")
        };
        let name = format!("grade {grade}<span class=\"below\">{} images</span>", count(all));
        std::iter::once(name).chain(cells.iter().map(cell)).collect()
    };
    table(&head, &grades.iter().zip(&reading.confusion).map(row).collect::<Vec<_>>())
}
