//! A figure of curves: estimates along an axis, with their intervals as bands.

use doppelray_measures::estimate::Estimate;

use super::text::escape;

const WIDTH: f64 = 620.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 40.0;

/// Points of one kind, by growing x.
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, Estimate)>,
}

/// How x is laid out.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Axis {
    Linear,
    Logarithmic,
}

/// What stands at a chart's edges.
pub(crate) struct Labels<'a> {
    pub(crate) title: &'a str,
    pub(crate) x: &'a str,
    /// A value of y as a reader wants it.
    pub(crate) y: &'a dyn Fn(f64) -> String,
    /// The same of x.
    pub(crate) tick: &'a dyn Fn(f64) -> String,
}

/// A figure with its key. Empty where there is no point.
pub(crate) fn curves(labels: &Labels, axis: Axis, series: &[Series]) -> String {
    let points: Vec<&(f64, Estimate)> = series.iter().flat_map(|s| &s.points).collect();
    if points.is_empty() {
        return String::new();
    }
    let along = |x: f64| if axis == Axis::Logarithmic { x.max(1e-9).ln() } else { x };
    let ends = |of: &dyn Fn(&(f64, Estimate)) -> [f64; 2]| {
        points.iter().fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], p| {
            let [a, b] = of(p);
            [low.min(a), high.max(b)]
        })
    };
    let [x0, x1] = ends(&|p| [along(p.0); 2]);
    let [y0, y1] = ends(&|p| [p.1.low, p.1.high]);
    let part = |value: f64, low: f64, high: f64| if high > low { (value - low) / (high - low) } else { 0.5 };
    let place = |x: f64, y: f64| {
        let px = LEFT + 12.0 + (WIDTH - LEFT - RIGHT - 24.0) * part(along(x), x0, x1);
        (px, HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * part(y, y0, y1))
    };
    let drawn: String = series.iter().enumerate().map(|(i, s)| curve(i, s, &place)).collect();
    let mut marks = String::new();
    for step in 0..=4 {
        let value = y0 + (y1 - y0) * f64::from(step) / 4.0;
        let (_, y) = place(points[0].0, value);
        marks += &format!(
            "<line class=\"axis\" x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{}\" y2=\"{y:.1}\"/><text class=\"end\" x=\"{}\" y=\"{:.1}\">{}</text>\n",
            WIDTH - RIGHT,
            LEFT - 6.0,
            y + 4.0,
            escape(&(labels.y)(value))
        );
    }
    let mut xs: Vec<f64> = points.iter().map(|p| p.0).collect();
    xs.sort_unstable_by(f64::total_cmp);
    xs.dedup();
    let mut free = f64::NEG_INFINITY;
    for x in xs {
        let (px, _) = place(x, y0);
        if px > free {
            let text = escape(&(labels.tick)(x));
            marks += &format!(
                "<text class=\"middle\" x=\"{px:.1}\" y=\"{}\">{text}</text>\n",
                HEIGHT - BOTTOM + 16.0
            );
            free = px + 34.0;
        }
    }
    let title = escape(labels.title);
    format!(
        "<svg class=\"curves\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">\n\
         <text class=\"title\" x=\"0\" y=\"12\">{title}</text>\n{marks}{drawn}\
         <text class=\"middle\" x=\"{}\" y=\"{}\">{}</text>\n</svg>\n{}",
        LEFT + 0.5 * (WIDTH - LEFT),
        HEIGHT - 4.0,
        escape(labels.x),
        key(series)
    )
}

fn curve(number: usize, series: &Series, place: &dyn Fn(f64, f64) -> (f64, f64)) -> String {
    let path = |points: &mut dyn Iterator<Item = (f64, f64)>| {
        points.map(|(x, y)| format!("{x:.1},{y:.1}")).collect::<Vec<_>>().join(" ")
    };
    let points = &series.points;
    let above = points.iter().map(|(x, e)| place(*x, e.high));
    let below = points.iter().rev().map(|(x, e)| place(*x, e.low));
    let band = path(&mut above.chain(below));
    let line = path(&mut points.iter().map(|(x, e)| place(*x, e.value)));
    let dot = |(x, e): &(f64, Estimate)| {
        let ((px, py), (_, high), (_, low)) = (place(*x, e.value), place(*x, e.high), place(*x, e.low));
        format!(
            "<line class=\"limits\" x1=\"{px:.1}\" y1=\"{low:.1}\" x2=\"{px:.1}\" y2=\"{high:.1}\"/><circle cx=\"{px:.1}\" cy=\"{py:.1}\" r=\"3\"/>"
        )
    };
    let dots: String = points.iter().map(dot).collect();
    let color = number % 6;
    format!("<g class=\"c{color}\"><polygon points=\"{band}\"/><polyline points=\"{line}\"/>{dots}</g>\n")
}

fn key(series: &[Series]) -> String {
    let entry = |(i, s): (usize, &Series)| {
        format!("<span class=\"entry\"><span class=\"swatch c{}\"></span>{}</span>", i % 6, escape(&s.name))
    };
    let entries: String = series.iter().enumerate().map(entry).collect();
    format!("<p class=\"note keys\">{entries}</p>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_has_a_band_a_line_and_a_point_each() {
        let e = |value: f64| Estimate { value, low: value - 0.1, high: value + 0.1, floor: None, n: 9 };
        let series = Series { name: "real & more".to_owned(), points: vec![(10.0, e(0.5)), (100.0, e(0.7))] };
        let labels =
            Labels { title: "T", x: "subjects", y: &|y| format!("{y:.2}"), tick: &|x| format!("{x}") };
        let svg = curves(&labels, Axis::Logarithmic, &[series]);
        assert_eq!([svg.matches("<circle").count(), svg.matches("<polygon").count()], [2, 1]);
        assert!(svg.contains("real &amp; more") && !svg.contains("NaN"));
        assert_eq!(curves(&labels, Axis::Linear, &[]), "");
    }
}
