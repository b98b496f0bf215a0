//! A small figure: estimates with their intervals, row by row, each beside its floor.

use doppelray_measures::estimate::Estimate;

use super::text::{escape, number};

const WIDTH: f64 = 260.0;
const LABEL: f64 = 62.0;
const ROW: f64 = 22.0;
const TOP: f64 = 26.0;

/// A row of a chart; without an estimate it is only named.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) estimate: Option<Estimate>,
    /// What compares with the estimate's floor: the same measure at the floor's count.
    pub(crate) at_floor: Option<f64>,
}

/// A figure titled `title`. The axis begins at 0 and ends at what is largest among `least` and all marks.
pub(crate) fn chart(title: &str, least: f64, rows: &[Row]) -> String {
    let end = |row: &Row| {
        let marks = row.estimate.iter().flat_map(|e| [Some(e.high), e.floor]).chain([row.at_floor]);
        marks.flatten().fold(0.0, f64::max)
    };
    let ends = rows.iter().map(end);
    let end = ends.fold(least, f64::max).max(f64::MIN_POSITIVE);
    let place = |value: f64| LABEL + (WIDTH - LABEL - 8.0) * (value / end).clamp(0.0, 1.0);
    let height = TOP + ROW * rows.len() as f64 + 18.0;
    let marks: String =
        rows.iter().enumerate().map(|(i, row)| mark(TOP + ROW * (i as f64 + 0.5), row, &place)).collect();
    let (base, axis_end) = (height - 16.0, number(end));
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{0}\">\n<text class=\"title\" x=\"0\" y=\"12\">{0}</text>\n\
         {marks}<line class=\"axis\" x1=\"{LABEL}\" y1=\"{base}\" x2=\"{1}\" y2=\"{base}\"/>\n\
         <text class=\"tick\" x=\"{LABEL}\" y=\"{height}\">0</text>\
         <text class=\"tick end\" x=\"{1}\" y=\"{height}\">{axis_end}</text>\n</svg>\n",
        escape(title),
        WIDTH - 8.0
    )
}

/// One row: name, interval, value, floor.
fn mark(y: f64, row: &Row, place: &dyn Fn(f64) -> f64) -> String {
    let name = &row.name;
    let label = format!("<text class=\"label\" x=\"0\" y=\"{:.1}\">{}</text>", y + 4.0, escape(name));
    let Some(e) = &row.estimate else { return format!("{label}\n") };
    let (low, value, high) = (place(e.low), place(e.value), place(e.high));
    let floor = e.floor.map(place).map_or_else(String::new, |x| {
        let (top, bottom) = (y - 7.0, y + 7.0);
        format!("<line class=\"floor\" x1=\"{x:.1}\" y1=\"{top:.1}\" x2=\"{x:.1}\" y2=\"{bottom:.1}\"/>")
    });
    let ring = row.at_floor.map(place).map_or_else(String::new, |x| {
        format!("<circle class=\"ring\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"/>")
    });
    format!(
        "{label}{floor}{ring}<line class=\"reach\" x1=\"{low:.1}\" y1=\"{y:.1}\" x2=\"{high:.1}\" y2=\"{y:.1}\"/>\
         <circle class=\"value\" cx=\"{value:.1}\" cy=\"{y:.1}\" r=\"3\"/>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_without_an_estimate_is_only_named() {
        let estimate = Estimate { value: 0.5, low: 0.4, high: 0.6, floor: Some(1.0), n: 9 };
        let row = |name: &str, estimate, at_floor| Row { name: name.to_owned(), estimate, at_floor };
        let svg = chart("Coverage", 1.0, &[row("0", Some(estimate), Some(0.7)), row("1 & 2", None, None)]);
        assert_eq!((svg.matches("<circle").count(), svg.matches("class=\"label\"").count()), (2, 2));
        assert!(svg.contains("1 &amp; 2"));
    }
}
