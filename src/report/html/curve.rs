//! A small figure: curves over images seen.

use super::text::{escape, number};

const WIDTH: f64 = 260.0;
const HEIGHT: f64 = 110.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 18.0;

/// A figure titled `title`: one value at each place, which ascend.
pub(crate) fn chart(title: &str, places: &[f64], values: &[f64]) -> String {
    let finite = || values.iter().copied().filter(|v| v.is_finite());
    let (low, high) = (finite().fold(f64::MAX, f64::min), finite().fold(f64::MIN, f64::max));
    let (first, last) = (places.first().copied().unwrap_or(0.0), places.last().copied().unwrap_or(1.0));
    let span = |from: f64, to: f64| if to > from { to - from } else { 1.0 };
    let x = |place: f64| WIDTH * (place - first) / span(first, last);
    let y = |value: f64| HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - low) / span(low, high);
    let points: Vec<String> = places
        .iter()
        .zip(values)
        .filter(|(_, value)| value.is_finite())
        .map(|(place, value)| format!("{:.1},{:.1}", x(*place), y(*value)))
        .collect();
    let now = values.last().copied().unwrap_or(0.0);
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{0}: {1} to {2}, now {3}\">\n\
         <text class=\"title\" x=\"0\" y=\"12\">{0}</text><text class=\"tick end\" x=\"{WIDTH}\" y=\"12\">{3}</text>\n\
         <polyline class=\"curve\" points=\"{4}\"/>\n\
         <text class=\"tick\" x=\"0\" y=\"{HEIGHT}\">{1} to {2}</text>\n</svg>\n",
        escape(title),
        number(low),
        number(high),
        number(now),
        points.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_spans_the_figure_and_skips_what_is_no_number() {
        let svg = chart("a & b", &[1.0, 2.0, 3.0], &[5.0, f64::NAN, 1.0]);
        assert!(svg.contains("a &amp; b") && svg.contains("points=\"0.0,24.0 260.0,92.0\""), "{svg}");
        let flat = chart("flat", &[1.0], &[2.0]);
        assert!(flat.contains("points=\"0.0,92.0\"") && !flat.contains("NaN"), "{flat}");
    }
}
