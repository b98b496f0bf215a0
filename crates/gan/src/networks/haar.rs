//! The two-dimensional Haar transform: an image as four sub-bands of half its size.

use burn::tensor::{Device, Tensor, TensorData};

use crate::ops::{Window, convolution, transposed_convolution};

/// The image `[b, 1, 2h, 2w]` as four sub-bands `[b, 4, h, w]` in the order of [`inverse`]: the mean of each square
/// of 2x2, and its details as plain sums and differences; each times its own factor.
pub fn forward(image: Tensor<4>, factors: [f32; 4]) -> Tensor<4> {
    let filters = filters(factors, &image.device()).cast(image.dtype());
    convolution(image, filters, SQUARES)
}

/// The transposed map of [`forward`]: a gradient at the sub-bands to the one at the image, of `shape`.
pub fn transpose(bands: Tensor<4>, factors: [f32; 4], [_, _, height, width]: [usize; 4]) -> Tensor<4> {
    let filters = filters(factors, &bands.device()).cast(bands.dtype());
    transposed_convolution(bands, filters, [height, width], SQUARES)
}

const SQUARES: Window = Window::new(2, 0);

/// `[4, 1, 2, 2]`
fn filters(factors: [f32; 4], device: &Device) -> Tensor<4> {
    const SIGNS: [[f32; 4]; 4] =
        [[0.25; 4], [1.0, 1.0, -1.0, -1.0], [1.0, -1.0, 1.0, -1.0], [1.0, -1.0, -1.0, 1.0]];
    let filters: Vec<f32> = SIGNS.iter().zip(factors).flat_map(|(signs, f)| signs.map(|s| s * f)).collect();
    Tensor::from_data(TensorData::new(filters, [4, 1, 2, 2]), device)
}

/// Four sub-bands (mean, and horizontal, vertical and diagonal detail), `[b, 4, h, w]`, to the image `[b, 1, 2h, 2w]`.
///
/// The mean band enters with weight 1 and each detail band with 1/2, so an image of mean 0 and 1 needs bands of
/// about that size.
pub fn inverse(bands: Tensor<4>) -> Tensor<4> {
    let [batch, _, height, width] = bands.dims();
    // A quarter of each square's mean, by four.
    transpose(bands, [4.0, 0.5, 0.5, 0.5], [batch, 1, 2 * height, 2 * width])
}
