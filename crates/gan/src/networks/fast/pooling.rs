//! What maps are summed up to: means over regions, and how they vary within an image.

use burn::tensor::{Tensor, TensorData};

/// Side of a pooled map.
pub(crate) const POOLED: usize = 4;

/// Means of `[b, c, h, w]` over 4x4 regions, `[b, c, 16]`.
pub(crate) fn pooled(x: Tensor<4>) -> Tensor<3> {
    let [batch, channels, height, width] = x.dims();
    let area = height * width;
    let regions = TensorData::new(regions(height, width), [area, POOLED * POOLED]);
    let regions = Tensor::<2>::from_data(regions, &x.device());
    x.reshape([batch * channels, area]).matmul(regions).reshape([batch, channels, POOLED * POOLED])
}

/// Mean and standard deviation over each map of `[b, c, h, w]`, two of `[b, c]`.
pub(crate) fn spread(x: Tensor<4>) -> [Tensor<2>; 2] {
    let planes: Tensor<3> = x.flatten(2, 3); // [b, c, h * w]
    let means = planes.clone().mean_dim(2);
    let centred = planes - means.clone();
    let variances = (centred.clone() * centred).mean_dim(2);
    [means, (variances + 1e-6).sqrt()].map(|each| each.flatten(1, 2))
}

/// The 4x4 regions that cover `height` x `width` pixels evenly (PyTorch's adaptive pooling), `[h * w, 16]`.
fn regions(height: usize, width: usize) -> Vec<f32> {
    let span = |cell: usize, size: usize| cell * size / POOLED..((cell + 1) * size).div_ceil(POOLED);
    let mut map = vec![0.0; height * width * POOLED * POOLED];
    for cell in 0..POOLED * POOLED {
        let (down, across) = (span(cell / POOLED, height), span(cell % POOLED, width));
        let share = 1.0 / (down.len() * across.len()) as f32;
        for pixel in down.flat_map(|y| across.clone().map(move |x| y * width + x)) {
            map[pixel * POOLED * POOLED + cell] = share;
        }
    }
    map
}
