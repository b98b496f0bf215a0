//! The networks of the projected game: a light generator with batch statistics, a frozen projector, critics.

pub mod critics;
pub mod generator;
pub mod projector;

use burn::tensor::{Tensor, TensorData};

/// A linear map of every plane: `[b, c, h, w]` by the `[h * w, n]` values of `map`, to `[b, c, n]`.
fn mapped(x: Tensor<4>, map: Vec<f32>) -> Tensor<3> {
    let [batch, channels, height, width] = x.dims();
    let area = height * width;
    let outputs = map.len() / area;
    let map = Tensor::<2>::from_data(TensorData::new(map, [area, outputs]), &x.device());
    x.reshape([batch * channels, area]).matmul(map).reshape([batch, channels, outputs])
}
