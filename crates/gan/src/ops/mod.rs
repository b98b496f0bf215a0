//! The operations that carry the work, by our own kernels where tensors are in single precision on the CPU, by
//! burn's own operations elsewhere. Networks call these and do not know.

mod autodiff;
mod flex;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::module::{conv_transpose2d, conv2d};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use burn::tensor::{DType, Tensor};

/// How a square kernel moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Pixels between two outputs.
    pub stride: usize,
    /// Zeros around the image.
    pub padding: usize,
}

/// What the CPU does by its own kernels, and what autodiff makes of it.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait Kernels: Backend {
    /// `[b, i, h, w]` and `[o, i, k, k]` to `[b, o, h', w']`.
    fn convolve(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self>;

    /// The transposed map, `[b, o, h', w']` to `[b, i, height, width]`.
    fn transposed(
        dy: FloatTensor<Self>,
        w: FloatTensor<Self>,
        size: [usize; 2],
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self>;

    /// The gradient by the weights, `[o, i, k, k]`, of `sum(dy * convolve(x, w))`.
    fn weight_gradient(
        x: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        kernel: usize,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self>;

    /// `max(x, 0) + slope * min(x, 0)`.
    fn leaky(x: FloatTensor<Self>, slope: f32) -> FloatTensor<Self>;

    /// `dy` where `y` is positive, else `slope * dy`.
    fn masked(y: FloatTensor<Self>, dy: FloatTensor<Self>, slope: f32) -> FloatTensor<Self>;
}

fn ours<const D: usize>(tensor: &Tensor<D>) -> bool {
    tensor.dtype() == DType::F32 && tensor.device().inner() == burn::tensor::Device::flex()
}

/// Convolution without bias: `[b, i, h, w]` and `[o, i, k, k]` to `[b, o, h', w']`.
pub fn convolution(x: Tensor<4>, weight: Tensor<4>, window: Window) -> Tensor<4> {
    let Window { stride, padding } = window;
    if ours(&x) {
        let y = Dispatch::convolve(x.into_dispatch(), weight.into_dispatch(), stride, padding);
        return Tensor::from_dispatch(y);
    }
    conv2d(x, weight, None, ConvOptions::new([stride; 2], [padding; 2], [1, 1], 1))
}

/// The transposed convolution: a gradient at the output, `[b, o, h', w']`, to the one at the input,
/// `[b, i, size.0, size.1]`.
pub fn transposed_convolution(
    dy: Tensor<4>,
    weight: Tensor<4>,
    size: [usize; 2],
    window: Window,
) -> Tensor<4> {
    let Window { stride, padding } = window;
    if ours(&dy) {
        let dx = Dispatch::transposed(dy.into_dispatch(), weight.into_dispatch(), size, stride, padding);
        return Tensor::from_dispatch(dx);
    }
    let [_, _, height, width] = dy.dims();
    let kernel = weight.dims()[2];
    let plain = |n: usize| (n - 1) * stride + kernel - 2 * padding;
    let missing = [size[0] - plain(height), size[1] - plain(width)];
    conv_transpose2d(
        dy,
        weight,
        None,
        ConvTransposeOptions::new([stride; 2], [padding; 2], missing, [1, 1], 1),
    )
}

/// Leaky ReLU.
pub fn leaky_relu<const D: usize>(x: Tensor<D>, slope: f32) -> Tensor<D> {
    if ours(&x) {
        return Tensor::from_dispatch(Dispatch::leaky(x.into_dispatch(), slope));
    }
    burn::tensor::activation::leaky_relu(x, f64::from(slope))
}

/// `dy` where `y`, an output of leaky ReLU, is positive, else `slope * dy`; differentiable in `dy` alone.
pub fn leaky_relu_mask<const D: usize>(y: Tensor<D>, dy: Tensor<D>, slope: f32) -> Tensor<D> {
    if ours(&dy) {
        return Tensor::from_dispatch(Dispatch::masked(y.into_dispatch(), dy.into_dispatch(), slope));
    }
    let above = y.greater_elem(0.0).float().cast(dy.dtype());
    dy * (above * (1.0 - f64::from(slope)) + f64::from(slope))
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};
    use doppelray_measures::rng::{Purpose, stream};

    use super::*;

    fn draw<const D: usize>(shape: [usize; D], index: u64) -> Tensor<D> {
        let values = stream(5, Purpose::Batch, index).normals(shape.iter().product());
        Tensor::from_data(TensorData::new(values, shape), &Device::flex().autodiff())
    }

    fn close<const D: usize>(ours: Tensor<D>, burns: Tensor<D>) {
        let [a, b] = [ours, burns].map(|t| t.into_data().try_into_vec::<f32>().unwrap());
        let scale = b.iter().fold(1f32, |m, v| m.max(v.abs()));
        assert!(a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-5 * scale));
    }

    #[test]
    fn each_operation_and_its_gradients_are_those_of_burn() {
        for (kernel, stride, padding, size) in [(3, 1, 1, 9), (4, 2, 1, 11), (4, 2, 1, 8), (1, 1, 0, 5)] {
            let window = Window { stride, padding };
            let [x, w] =
                [draw([2, 3, size, size], 0), draw([5, 3, kernel, kernel], 1)].map(Tensor::require_grad);
            let burns = |x: Tensor<4>, w: Tensor<4>| {
                conv2d(x, w, None, ConvOptions::new([stride; 2], [padding; 2], [1, 1], 1))
            };
            let y = convolution(x.clone(), w.clone(), window);
            let z = burns(x.clone(), w.clone());
            let dy = draw(y.dims(), 2);
            let [ours, theirs] = [&y, &z].map(|y| (y.clone() * dy.clone()).sum().backward());
            close(x.grad(&ours).unwrap(), x.grad(&theirs).unwrap());
            close(w.grad(&ours).unwrap(), w.grad(&theirs).unwrap());
            close(y.inner(), z.inner());

            let dy = dy.require_grad();
            let back = transposed_convolution(dy.clone(), w.clone(), [size; 2], window);
            // Transposed means <T dy, x> = <dy, conv x>, and both sides are differentiable in all three.
            let [left, right] = [(back * x.clone()).sum(), (burns(x.clone(), w.clone()) * dy.clone()).sum()];
            close(left.clone().inner(), right.clone().inner());
            let [left, right] = [left.backward(), right.backward()];
            close(dy.grad(&left).unwrap(), dy.grad(&right).unwrap());
            close(w.grad(&left).unwrap(), w.grad(&right).unwrap());
        }
    }

    #[test]
    fn leaky_relu_and_its_gradient_are_those_of_burn() {
        let x = draw([3, 7, 5], 3).require_grad();
        let [y, z] = [leaky_relu(x.clone(), 0.2), burn::tensor::activation::leaky_relu(x.clone(), 0.2)];
        let [ours, theirs] = [&y, &z].map(|y| (y.clone() * draw([3, 7, 5], 4)).sum().backward());
        close(x.grad(&ours).unwrap(), x.grad(&theirs).unwrap());
        close(y.inner(), z.inner());
    }
}
