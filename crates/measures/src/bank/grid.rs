//! A rectangle of numbers: resampling, halving, cells.

/// `height` x `width` values, row by row.
pub(super) struct Grid {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) values: Vec<f32>,
}

impl Grid {
    /// Resampled with a triangle filter that is at least a step of either grid wide, so that nothing aliases.
    pub(super) fn resampled(&self, width: usize, height: usize) -> Self {
        let (across, down) = (taps(self.width, width), taps(self.height, height));
        let mut narrow = vec![0.0; width * self.height];
        for (row, out) in self.values.chunks(self.width).zip(narrow.chunks_mut(width)) {
            for (value, (first, weights)) in out.iter_mut().zip(&across) {
                *value = weights.iter().zip(&row[*first..]).map(|(w, v)| w * v).sum();
            }
        }
        let mut values = vec![0.0; width * height];
        for (out, (first, weights)) in values.chunks_mut(width).zip(&down) {
            for (weight, row) in weights.iter().zip(narrow[first * width..].chunks(width)) {
                out.iter_mut().zip(row).for_each(|(o, v)| *o += weight * v);
            }
        }
        Self { width, height, values }
    }

    /// The means of 2 x 2 blocks; both sides must be even.
    pub(super) fn halved(&self) -> Self {
        let rows = self.values.chunks(2 * self.width);
        let values = rows.flat_map(|two| {
            let (upper, lower) = two.split_at(self.width);
            upper.chunks(2).zip(lower.chunks(2)).map(|(u, l)| 0.25 * (u[0] + u[1] + l[0] + l[1]))
        });
        Self { width: self.width / 2, height: self.height / 2, values: values.collect() }
    }

    /// Mean and standard deviation in each of `rows` x `columns` cells, row by row.
    pub(super) fn cells(&self, rows: usize, columns: usize) -> Vec<(f64, f64)> {
        let cell = |at: usize| {
            let (row, column) = (at / columns, at % columns);
            let lines = row * self.height / rows..(row + 1) * self.height / rows;
            let part = column * self.width / columns..(column + 1) * self.width / columns;
            let (mut sum, mut squares) = (0.0, 0.0);
            for line in lines.clone() {
                for value in &self.values[line * self.width..][part.clone()] {
                    let value = f64::from(*value);
                    sum += value;
                    squares += value * value;
                }
            }
            let count = (lines.len() * part.len()) as f64;
            let mean = sum / count;
            (mean, (squares / count - mean * mean).max(0.0).sqrt())
        };
        (0..rows * columns).map(cell).collect()
    }
}

/// For each target position the first source position and the weights from there on, which sum to 1.
fn taps(from: usize, to: usize) -> Vec<(usize, Vec<f32>)> {
    let step = from as f64 / to as f64;
    let reach = step.max(1.0);
    let tap = |target: usize| {
        let centre = (target as f64 + 0.5) * step - 0.5;
        let first = (centre - reach).ceil().max(0.0) as usize;
        let last = ((centre + reach).floor() as usize).min(from - 1);
        let weight = |source: usize| (1.0 - (source as f64 - centre).abs() / reach).max(0.0);
        let total: f64 = (first..=last).map(weight).sum();
        (first, (first..=last).map(|source| (weight(source) / total) as f32).collect())
    };
    (0..to).map(tap).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resampling_keeps_a_ramp_and_its_mean() {
        let ramp = Grid { width: 200, height: 3, values: (0..600).map(|i| (i % 200) as f32).collect() };
        for width in [128, 64, 300] {
            let out = ramp.resampled(width, 2);
            let mean = out.values.iter().sum::<f32>() / out.values.len() as f32;
            assert!((mean - 99.5).abs() < 0.1, "{width}: {mean}");
            let step = (out.values[width / 2 + 20] - out.values[width / 2 - 20]) / 40.0;
            assert!((step - 200.0 / width as f32).abs() < 0.01, "{width}: {step}");
        }
    }

    #[test]
    fn cells_have_their_mean_and_deviation() {
        let grid = Grid { width: 4, height: 2, values: vec![1.0, 3.0, 5.0, 5.0, 1.0, 3.0, 5.0, 5.0] };
        assert_eq!(grid.cells(1, 2), [(2.0, 1.0), (5.0, 0.0)]);
        assert_eq!(grid.halved().values, [2.0, 5.0]);
    }
}
