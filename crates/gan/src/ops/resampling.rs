//! Other sizes: bilinear upsampling and resizing, maxima of windows.

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Tensor, TensorData};
use doppelray_kernels::made;
use doppelray_kernels::passes::{self, Planes, blends, pooled};

use super::{FITS, OFF_TAPE, dims, ours, slice, tensor};

/// Bilinear upsampling by two, `[b, c, h, w]` to `[b, c, 2 h, 2 w]`; half-pixel centres, edges repeated (PyTorch's
/// `align_corners=False`).
pub fn upsample(x: Tensor<4>) -> Tensor<4> {
    let [_, _, height, width] = x.dims();
    resize(x, [2 * height, 2 * width])
}

/// Bilinear resizing to `size` rows and columns, as [`upsample`].
pub fn resize(x: Tensor<4>, size: [usize; 2]) -> Tensor<4> {
    if ours(&x) {
        return Tensor::from_dispatch(Dispatch::resized(x.into_dispatch(), size));
    }
    // A matrix along each axis; there are few of these off the CPU.
    let [_, _, height, width] = x.dims();
    let matrix = |from: usize, to: usize| {
        let mut values = vec![0.0f64; to * from];
        for (row, blend) in values.chunks_exact_mut(from).zip(blends(from, to)) {
            row[blend.near] += 1.0 - f64::from(blend.share);
            row[blend.far] += f64::from(blend.share);
        }
        Tensor::<4>::from_data(TensorData::new(values, [1, 1, to, from]), (&x.device(), x.dtype()))
    };
    let (down, right) = (matrix(height, size[0]), matrix(width, size[1]).transpose());
    down.matmul(x).matmul(right)
}

/// Maxima of 3x3 at every second place, the last row and column kept (torchvision's `ceil_mode`): `[b, c, h, w]` to
/// `[b, c, h / 2, w / 2]`. The gradient goes to a window's first maximum, row by row.
pub fn max_pool(x: Tensor<4>) -> Tensor<4> {
    if ours(&x) {
        return Tensor::from_dispatch(Dispatch::pooled(x.into_dispatch()));
    }
    max_pool2d(x, MaxPoolOptions::new([3, 3]).with_stride([2, 2]).with_ceil_mode(true))
}

/// What the CPU does by its own kernels, and what autodiff makes of it.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait Resamplings: Backend {
    /// `[b, c, h, w]` to `[b, c, size.0, size.1]`.
    fn resized(x: FloatTensor<Self>, size: [usize; 2]) -> FloatTensor<Self>;

    /// The gradient by `x [b, c, from.0, from.1]` of `sum(dy * resized(x))`.
    fn resized_gradient(dy: FloatTensor<Self>, from: [usize; 2]) -> FloatTensor<Self>;

    /// `[b, c, h, w]` to `[b, c, h / 2, w / 2]`.
    fn pooled(x: FloatTensor<Self>) -> FloatTensor<Self>;

    /// The gradient by `x` of `sum(dy * pooled(x))`.
    fn pooled_gradient(x: FloatTensor<Self>, dy: FloatTensor<Self>) -> FloatTensor<Self>;
}

fn planes([batch, channels, height, width]: [usize; 4]) -> Planes {
    Planes { count: batch * channels, height, width }
}

impl Resamplings for Flex {
    fn resized(x: FloatTensor<Self>, size: [usize; 2]) -> FloatTensor<Self> {
        let x = x.to_contiguous();
        let [batch, channels, height, width] = dims(&x);
        let (len, planes) = (batch * channels * size[0] * size[1], planes(dims(&x)));
        let y = made(len, |room| {
            if size == [2 * height, 2 * width] {
                passes::upsample_bilinear(planes, slice(&x), room)
            } else {
                passes::resize_bilinear(planes, size, slice(&x), room)
            }
        })
        .expect(FITS);
        tensor(y, [batch, channels, size[0], size[1]])
    }

    fn resized_gradient(dy: FloatTensor<Self>, from: [usize; 2]) -> FloatTensor<Self> {
        let dy = dy.to_contiguous();
        let [batch, channels, rows, cols] = dims(&dy);
        let shape = [batch, channels, from[0], from[1]];
        let dx = made(shape.iter().product(), |room| {
            if [rows, cols] == from.map(|size| 2 * size) {
                passes::upsample_bilinear_gradient(planes(shape), slice(&dy), room)
            } else {
                passes::resize_bilinear_gradient(planes(shape), [rows, cols], slice(&dy), room)
            }
        })
        .expect(FITS);
        tensor(dx, shape)
    }

    fn pooled(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let x = x.to_contiguous();
        let [batch, channels, height, width] = dims(&x);
        let shape = [batch, channels, pooled(height), pooled(width)];
        let pool = planes(dims(&x));
        let y = made(shape.iter().product(), |room| passes::max_pool(pool, slice(&x), room)).expect(FITS);
        tensor(y, shape)
    }

    fn pooled_gradient(x: FloatTensor<Self>, dy: FloatTensor<Self>) -> FloatTensor<Self> {
        let (x, dy) = (x.to_contiguous(), dy.to_contiguous());
        let (x_values, pool) = (slice(&x), planes(dims(&x)));
        let dx = made(x_values.len(), |room| passes::max_pool_gradient(pool, x_values, slice(&dy), room))
            .expect(FITS);
        tensor(dx, dims(&x))
    }
}

impl<B: Resamplings, C: CheckpointStrategy> Resamplings for Autodiff<B, C> {
    fn resized(x: FloatTensor<Self>, size: [usize; 2]) -> FloatTensor<Self> {
        match Resize.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let [_, _, height, width] = x.shape().dims();
                prep.finish([height, width], B::resized(x.into_primitive(), size))
            }
            OpsKind::UnTracked(prep) => prep.finish(B::resized(x.into_primitive(), size)),
        }
    }

    fn resized_gradient(_: FloatTensor<Self>, _: [usize; 2]) -> FloatTensor<Self> {
        unreachable!("{OFF_TAPE}")
    }

    fn pooled(x: FloatTensor<Self>) -> FloatTensor<Self> {
        match Pool.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let node = prep.checkpoint(&x);
                prep.finish(node, B::pooled(x.into_primitive()))
            }
            OpsKind::UnTracked(prep) => prep.finish(B::pooled(x.into_primitive())),
        }
    }

    fn pooled_gradient(_: FloatTensor<Self>, _: FloatTensor<Self>) -> FloatTensor<Self> {
        unreachable!("{OFF_TAPE}")
    }
}

#[derive(Debug)]
struct Resize;

impl<B: Resamplings> Backward<B, 1> for Resize {
    /// Rows and columns of the argument.
    type State = [usize; 2];

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<B>(&ops.node);
        if let [Some(node)] = ops.parents {
            grads.register::<B>(node.id, B::resized_gradient(dy, ops.state));
        }
    }
}

#[derive(Debug)]
struct Pool;

impl<B: Resamplings> Backward<B, 1> for Pool {
    type State = NodeId;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let x: FloatTensor<B> = checkpointer.retrieve_node_output(ops.state);
        let dy = grads.consume::<B>(&ops.node);
        if let [Some(node)] = ops.parents {
            grads.register::<B>(node.id, B::pooled_gradient(x, dy));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{close, draw, same};
    use super::*;

    #[test]
    fn each_resampling_and_its_gradient_are_those_of_burn() {
        let none = Vec::<Tensor<1>>::new;
        same([draw([2, 3, 7, 5], 0)], none(), |[x], _| upsample(x.clone()));
        same([draw([2, 3, 7, 5], 0)], none(), |[x], _| resize(x.clone(), [15, 11]));
        for size in [[7, 5], [8, 6], [2, 9]] {
            same([draw([2, 3, size[0], size[1]], 0)], none(), |[x], _| max_pool(x.clone()));
        }
    }

    #[test]
    fn the_values_are_those_of_burns_interpolation() {
        use burn::tensor::module::interpolate;
        use burn::tensor::ops::{InterpolateMode, InterpolateOptions};
        let x = draw([2, 3, 13, 13], 0).inner();
        let options = InterpolateOptions::new(InterpolateMode::Bilinear).with_align_corners(false);
        for size in [[27, 27], [26, 26], [5, 40]] {
            close(resize(x.clone(), size), interpolate(x.clone(), options.clone().with_output_size(size)));
        }
    }
}
