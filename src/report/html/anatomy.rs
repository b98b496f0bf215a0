//! The knees' anatomy on the page of an evaluation.

use std::path::Path;

use super::shell::{figure, paragraph, table};
use super::text::{count, escape, estimate, number, png_address};
use crate::report::anatomy::{Anatomy, Spread};

const ABOUT: &str = "The joint is found as the clearest dark band between two bones, in each compartment by itself, and the bones' \
    borders beside it. Lengths are shares of the tibial plateau's width, angles degrees (varus positive). The distance is \
    Wasserstein's, in the same unit; its floor is that of random halves of the real knees. Of the axis a film that ends below the joint \
    shows too little: one knee's is mostly noise there, so only its distribution is compared.";

/// The section's body; `film` gives the PNG to show for a synthetic image.
pub(super) fn anatomy(
    of: &Anatomy,
    folder: &str,
    film: &dyn Fn(&Path) -> anyhow::Result<Vec<u8>>,
) -> anyhow::Result<String> {
    let spread = |s: &Spread| {
        let (low, high) = (number(s.low), number(s.high));
        format!("{} <span class=\"interval\">{low}\u{2009}\u{2013}\u{2009}{high}</span>", number(s.middle))
    };
    let row = |(name, measure): (&String, &crate::report::anatomy::Measure)| {
        let floor =
            measure.overall.floor.map(|f| format!("<span class=\"below\">floor {}</span>", number(f)));
        vec![
            escape(&name.replace('_', " ")),
            spread(&measure.real),
            spread(&measure.synthetic),
            estimate(Some(&measure.overall)) + &floor.unwrap_or_default(),
        ]
    };
    let head = ["", "Real, median and 90%", "Synthetic", "Distance, 95% interval"].map(str::to_owned);
    let counts = format!(
        "Measured: {} real and {} synthetic knees; in {} and {} no joint was found.",
        count(of.measured[0]),
        count(of.measured[1]),
        count(of.refused[0]),
        count(of.refused[1])
    );
    let mut body = paragraph("", ABOUT);
    body += &table(&head, &of.measures.iter().map(row).collect::<Vec<_>>());
    body += &paragraph("note", &counts);
    if of.implausible.is_empty() {
        return Ok(body + &paragraph("note", "No synthetic knee stands far outside what real ones measure."));
    }
    let mut films = String::new();
    for one in &of.implausible {
        let address = png_address(&film(&Path::new(folder).join(&one.picture.file))?);
        let name = escape(&one.picture.file);
        let words =
            format!("{} {}, usually {}", one.measure.replace('_', " "), number(one.value), number(one.usual));
        films += &format!(
            "<div><img src=\"{address}\" alt=\"{name}\" title=\"{name}\"><span class=\"below\">{}</span></div>\n",
            escape(&words)
        );
    }
    let films = format!("<div class=\"films\">\n{films}</div>\n");
    Ok(body + &figure("", &films, "The synthetic knees that stand farthest outside what real ones measure."))
}
