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
        let n = self.n;
        self.blur_rows(sigma_x);
        self.values = transposed(&self.values, n);
        self.blur_rows(sigma_y);
        self.values = transposed(&self.values, n);
        self
    }

    fn blur_rows(&mut self, sigma: f64) {
        if sigma < 0.05 {
            return;
        }
        let mut line = vec![0.0; self.n];
        for row in self.values.chunks_exact_mut(self.n) {
            if sigma < 2.5 {
                convolve(row, &mut line, &kernel(sigma));
            } else {
                // Three boxes are a Gaussian to 3 %, at a cost that does not grow with its width.
                let radius = ((sigma * sigma * 4.0 + 1.0).sqrt() * 0.5 - 0.5).round() as usize;
                (0..3).for_each(|_| box_mean(row, &mut line, radius.max(1)));
            }
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

fn convolve(row: &mut [f32], line: &mut [f32], kernel: &[f32]) {
    let (n, radius) = (row.len(), kernel.len() / 2);
    for (i, out) in line.iter_mut().enumerate() {
        *out = if i >= radius && i + radius < n {
            row[i - radius..=i + radius].iter().zip(kernel).map(|(v, k)| v * k).sum()
        } else {
            let near = |k: usize| row[(i + k).saturating_sub(radius).min(n - 1)];
            kernel.iter().enumerate().map(|(k, weight)| near(k) * weight).sum()
        };
    }
    row.copy_from_slice(line);
}

fn box_mean(row: &mut [f32], line: &mut [f32], radius: usize) {
    let n = row.len();
    let scale = 1.0 / (2 * radius + 1) as f64;
    let near = |k: usize| f64::from(row[k.saturating_sub(radius).min(n - 1)]);
    let mut sum: f64 = (0..=2 * radius).map(near).sum();
    for (i, out) in line.iter_mut().enumerate() {
        *out = (sum * scale) as f32;
        sum += near(i + 2 * radius + 1) - near(i);
    }
    row.copy_from_slice(line);
}

fn transposed(values: &[f32], n: usize) -> Vec<f32> {
    let mut out = vec![0.0; n * n];
    for (y, row) in values.chunks_exact(n).enumerate() {
        row.iter().enumerate().for_each(|(x, v)| out[x * n + y] = *v);
    }
    out
}
