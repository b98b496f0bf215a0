//! Multi-scale structural similarity (Wang, Simoncelli and Bovik 2003), and diversity by it (Odena et al. 2017).

/// The side of the Gaussian window: no smaller image can be compared.
pub const WINDOW: usize = 11;
/// Its deviation.
const DEVIATION: f64 = 1.5;
/// Exponents of the scales, finest first (Wang et al. 2003, section 3.2).
const EXPONENTS: [f64; 5] = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];
/// What keeps quotients stable, for values in 0..1.
const C1: f64 = 0.01 * 0.01;
const C2: f64 = 0.03 * 0.03;

/// A grey image in f64, row by row.
#[derive(Clone)]
struct Plane {
    width: usize,
    height: usize,
    values: Vec<f64>,
}

/// The similarity of two images of `width` x `height` values in 0..1: 1 for equal ones, 0 where structure is opposite at
/// some scale.
///
/// Five scales where the image has 176 pixels a side or more; of a smaller one as many as the window fits, their
/// exponents raised to sum to 1. Panics below 11 pixels a side or where the number of values is another.
pub fn ms_ssim(a: &[f32], b: &[f32], width: usize, height: usize) -> f64 {
    assert!(a.len() == width * height && b.len() == a.len(), "pixel count");
    let scales = scales(width.min(height));
    assert!(scales > 0, "an image of 11 pixels a side or more");
    let exponents = &EXPONENTS[..scales];
    // The paper's own sum to 1.0001, and everyone takes them as they are.
    let total = if scales < EXPONENTS.len() { exponents.iter().sum() } else { 1.0 };
    let plane = |v: &[f32]| Plane { width, height, values: v.iter().map(|v| f64::from(*v)).collect() };
    let (mut a, mut b) = (plane(a), plane(b));
    let mut product = 1.0;
    for (scale, exponent) in exponents.iter().enumerate() {
        let (whole, structure) = similarity(&a, &b);
        let last = scale + 1 == scales;
        let factor = if last { whole } else { structure };
        product *= libm::pow(factor.max(0.0), exponent / total);
        if !last {
            (a, b) = (a.halved(), b.halved());
        }
    }
    product
}

/// Scales at which the window fits an image of `side` pixels.
fn scales(side: usize) -> usize {
    (0..EXPONENTS.len()).take_while(|scale| side >> scale >= WINDOW).count()
}

/// The means over all windows of luminance, contrast and structure together, and of the last two.
fn similarity(a: &Plane, b: &Plane) -> (f64, f64) {
    let product = |x: &Plane, y: &Plane| {
        let values = x.values.iter().zip(&y.values).map(|(x, y)| x * y).collect();
        Plane { values, ..*x }.blurred()
    };
    let (ma, mb) = (a.clone().blurred(), b.clone().blurred());
    let (aa, bb, ab) = (product(a, a), product(b, b), product(a, b));
    let (mut whole, mut part) = (0.0, 0.0);
    for i in 0..ma.len() {
        let (x, y) = (ma[i], mb[i]);
        let (va, vb, cov) = (aa[i] - x * x, bb[i] - y * y, ab[i] - x * y);
        let structure = (2.0 * cov + C2) / (va + vb + C2);
        part += structure;
        whole += structure * (2.0 * x * y + C1) / (x * x + y * y + C1);
    }
    let n = ma.len() as f64;
    (whole / n, part / n)
}

impl Plane {
    /// The Gaussian mean where the whole window fits.
    fn blurred(self) -> Vec<f64> {
        let weights = window();
        let (width, rows) = (self.width - WINDOW + 1, self.height - WINDOW + 1);
        let mut across = Vec::with_capacity(width * self.height);
        for row in self.values.chunks_exact(self.width) {
            across
                .extend(row.windows(WINDOW).map(|w| w.iter().zip(&weights).map(|(v, k)| v * k).sum::<f64>()));
        }
        let mut down = vec![0.0; width * rows];
        for (y, line) in down.chunks_exact_mut(width).enumerate() {
            for (k, weight) in weights.iter().enumerate() {
                let from = &across[(y + k) * width..(y + k + 1) * width];
                line.iter_mut().zip(from).for_each(|(sum, v)| *sum += weight * v);
            }
        }
        down
    }

    /// Means of 2 x 2 pixels; an odd last row or column is left out.
    fn halved(&self) -> Self {
        let (width, height) = (self.width / 2, self.height / 2);
        let at = |x: usize, y: usize| self.values[y * self.width + x];
        let mean = |i: usize| {
            let (x, y) = (2 * (i % width), 2 * (i / width));
            0.25 * (at(x, y) + at(x + 1, y) + at(x, y + 1) + at(x + 1, y + 1))
        };
        Self { width, height, values: (0..width * height).map(mean).collect() }
    }
}

fn window() -> [f64; WINDOW] {
    let raw: [f64; WINDOW] = std::array::from_fn(|i| {
        let x = i as f64 - (WINDOW / 2) as f64;
        libm::exp(-x * x / (2.0 * DEVIATION * DEVIATION))
    });
    let total: f64 = raw.iter().sum();
    raw.map(|v| v / total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};

    #[test]
    fn an_image_is_like_itself_and_less_like_a_noisy_copy() {
        let image: Vec<f32> = (0..180 * 176).map(|i| ((i % 180) as f32 / 40.0).sin() * 0.4 + 0.5).collect();
        assert!((ms_ssim(&image, &image, 180, 176) - 1.0).abs() < 1e-12);
        let noise = stream(0, Purpose::Bootstrap, 71).normals(image.len());
        let with = |gain: f32| -> Vec<f32> { image.iter().zip(&noise).map(|(v, n)| v + gain * n).collect() };
        let [some, much] = [0.05, 0.3].map(|gain| ms_ssim(&image, &with(gain), 180, 176));
        assert!(0.1 < much && much < some && some < 1.0, "{some} {much}");
    }

    #[test]
    fn small_images_have_fewer_scales() {
        assert_eq!([10, 11, 64, 175, 176, 224].map(scales), [0, 1, 3, 4, 5, 5]);
    }
}
