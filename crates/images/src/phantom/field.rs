//! A square field of numbers, and smoothing of it.

/// `n` x `n` values, row by row.
#[derive(Clone)]
pub(super) struct Field {
    /// Columns and rows.
    pub(super) n: usize,
    /// Row by row.
    pub(super) values: Vec<f32>,
}

impl Field {
    /// All of one value.
    pub(super) fn filled(n: usize, value: f32) -> Self {
        Self { n, values: vec![value; n * n] }
    }

    /// Value by (column, row).
    pub(super) fn from_fn(n: usize, f: impl Fn(usize, usize) -> f32) -> Self {
        Self { n, values: (0..n * n).map(|i| f(i % n, i / n)).collect() }
    }

    /// Smoothed by a Gaussian of `sigma_x`, `sigma_y` cells; the edge values go on beyond the edge.
    pub(super) fn blurred(mut self, sigma_x: f64, sigma_y: f64) -> Self {
        // Down the columns, whose neighbours are reckoned side by side.
        for sigma in [sigma_x, sigma_y] {
            self.values = transposed(&self.values, self.n);
            self.blur_columns(sigma);
        }
        self
    }

    fn blur_columns(&mut self, sigma: f64) {
        if sigma < 0.05 {
            return;
        }
        if sigma < 2.5 {
            self.values = convolved(&self.values, self.n, &kernel(sigma));
        } else {
            // Three boxes are a Gaussian to 3 %, at a cost that does not grow with its width.
            let radius = ((sigma * sigma * 4.0 + 1.0).sqrt() * 0.5 - 0.5).round() as usize;
            (0..3).for_each(|_| self.values = box_means(&self.values, self.n, radius.max(1)));
        }
    }

    /// Bilinear value at (x, y) in cells; the edge values go on beyond the edge.
    pub(super) fn at(&self, x: f32, y: f32) -> f32 {
        let limit = (self.n - 1) as f32;
        let (x, y) = (x.clamp(0.0, limit), y.clamp(0.0, limit));
        let (i, j) = ((x as usize).min(self.n.max(2) - 2), (y as usize).min(self.n.max(2) - 2));
        let (u, v) = (x - i as f32, y - j as f32);
        let (right, down) = (1.min(self.n - 1), self.n * 1.min(self.n - 1));
        let k = j * self.n + i;
        let top = self.values[k] + u * (self.values[k + right] - self.values[k]);
        let low = self.values[k + down] + u * (self.values[k + down + right] - self.values[k + down]);
        top + v * (low - top)
    }

    /// The mean of `factor` x `factor` blocks.
    pub(super) fn shrunk(&self, factor: usize) -> Self {
        let scale = 1.0 / (factor * factor) as f32;
        Self::from_fn(self.n / factor, |x, y| {
            let block = |dy: usize| (y * factor + dy) * self.n + x * factor;
            (0..factor).map(|dy| self.values[block(dy)..][..factor].iter().sum::<f32>()).sum::<f32>() * scale
        })
    }

    /// Mean 0, variance 1.
    pub(super) fn standardised(mut self) -> Self {
        let count = self.values.len() as f32;
        let mean = self.values.iter().sum::<f32>() / count;
        let variance = self.values.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / count;
        let scale = 1.0 / variance.sqrt().max(1e-12);
        self.values.iter_mut().for_each(|v| *v = (*v - mean) * scale);
        self
    }
}

fn kernel(sigma: f64) -> Vec<f32> {
    let radius = (3.0 * sigma).ceil() as i32;
    let weight = |k: i32| libm::exp(-0.5 * f64::from(k * k) / (sigma * sigma));
    let total: f64 = (-radius..=radius).map(weight).sum();
    (-radius..=radius).map(|k| (weight(k) / total) as f32).collect()
}

/// Row `k` of those that begin `radius` rows above the first; the edge rows go on beyond the edge.
fn near(values: &[f32], n: usize, k: usize, radius: usize) -> &[f32] {
    &values[k.saturating_sub(radius).min(n - 1) * n..][..n]
}

/// Weighted sums down the columns.
fn convolved(values: &[f32], n: usize, kernel: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; n * n];
    for (y, sums) in out.chunks_exact_mut(n).enumerate() {
        for (k, weight) in kernel.iter().enumerate() {
            let row = near(values, n, y + k, kernel.len() / 2);
            sums.iter_mut().zip(row).for_each(|(sum, v)| *sum += v * weight);
        }
    }
    out
}

/// Means of `2 * radius + 1` values down the columns.
fn box_means(values: &[f32], n: usize, radius: usize) -> Vec<f32> {
    let scale = 1.0 / (2 * radius + 1) as f64;
    let mut sums = vec![0.0_f64; n];
    for k in 0..=2 * radius {
        sums.iter_mut().zip(near(values, n, k, radius)).for_each(|(sum, v)| *sum += f64::from(*v));
    }
    let mut out = vec![0.0; n * n];
    for (y, means) in out.chunks_exact_mut(n).enumerate() {
        means.iter_mut().zip(&sums).for_each(|(mean, sum)| *mean = (sum * scale) as f32);
        let (enters, leaves) = (near(values, n, y + 2 * radius + 1, radius), near(values, n, y, radius));
        let changes = enters.iter().zip(leaves).map(|(e, l)| f64::from(*e) - f64::from(*l));
        sums.iter_mut().zip(changes).for_each(|(sum, change)| *sum += change);
    }
    out
}

fn transposed(values: &[f32], n: usize) -> Vec<f32> {
    let mut out = vec![0.0; n * n];
    for (y, row) in values.chunks_exact(n).enumerate() {
        row.iter().enumerate().for_each(|(x, v)| out[x * n + y] = *v);
    }
    out
}
