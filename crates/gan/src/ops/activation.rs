//! Activations by themselves: leaky ReLU, its mask, the gated linear unit, the hyperbolic tangent.

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, backend_extension};
use burn::tensor::Tensor;
use doppelray_kernels::{made, passes};

use super::{FITS, OFF_TAPE, dims, ours, owned, slice, tensor};

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

/// The gated linear unit: `[b, 2 c, h, w]` to `[b, c, h, w]`, the first half of the channels times the sigmoid of the
/// second. On our kernels the sigmoid is within 2e-7.
pub fn glu(x: Tensor<4>) -> Tensor<4> {
    if ours(&x) {
        return Tensor::from_dispatch(Dispatch::gated(x.into_dispatch()));
    }
    burn::tensor::activation::glu(x, 1)
}

/// The hyperbolic tangent; on our kernels within 4e-7.
pub fn tanh(x: Tensor<4>) -> Tensor<4> {
    if ours(&x) {
        return Tensor::from_dispatch(Dispatch::bent(x.into_dispatch()));
    }
    x.tanh()
}

/// What the CPU does by its own kernels, and what autodiff makes of it.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait Activations: Backend {
    /// `max(x, 0) + slope * min(x, 0)`.
    fn leaky(x: FloatTensor<Self>, slope: f32) -> FloatTensor<Self>;

    /// `dy` where `y` is positive, else `slope * dy`.
    fn masked(y: FloatTensor<Self>, dy: FloatTensor<Self>, slope: f32) -> FloatTensor<Self>;

    /// `[b, 2 c, h, w]` to `[b, c, h, w]`.
    fn gated(x: FloatTensor<Self>) -> FloatTensor<Self>;

    /// The gradient by `x` of `sum(dy * gated(x))`.
    fn gated_gradient(x: FloatTensor<Self>, dy: FloatTensor<Self>) -> FloatTensor<Self>;

    /// `tanh(x)`.
    fn bent(x: FloatTensor<Self>) -> FloatTensor<Self>;

    /// The gradient by `x` of `sum(dy * y)`, where `y` is `bent(x)`.
    fn bent_gradient(y: FloatTensor<Self>, dy: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl Activations for Flex {
    fn leaky(x: FloatTensor<Self>, slope: f32) -> FloatTensor<Self> {
        let (mut y, shape) = owned(x);
        passes::leaky_relu(&mut y, slope);
        tensor(y, shape)
    }

    fn masked(y: FloatTensor<Self>, dy: FloatTensor<Self>, slope: f32) -> FloatTensor<Self> {
        let y = y.to_contiguous();
        let (mut dx, shape) = owned(dy);
        passes::leaky_relu_gradient(slice(&y), slope, &mut dx).expect(FITS);
        tensor(dx, shape)
    }

    fn gated(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let x = x.to_contiguous();
        let [batch, channels, height, width] = dims(&x);
        assert!(channels % 2 == 0, "a gated linear unit needs an even number of channels, not {channels}");
        let half = channels / 2 * height * width;
        let y = made(batch * half, |room| passes::glu(half, slice(&x), room)).expect(FITS);
        tensor(y, [batch, channels / 2, height, width])
    }

    fn gated_gradient(x: FloatTensor<Self>, dy: FloatTensor<Self>) -> FloatTensor<Self> {
        let (x, dy) = (x.to_contiguous(), dy.to_contiguous());
        let [_, channels, height, width] = dims(&x);
        let half = channels / 2 * height * width;
        let dx = made(slice(&x).len(), |room| passes::glu_gradient(half, slice(&x), slice(&dy), room))
            .expect(FITS);
        tensor(dx, dims(&x))
    }

    fn bent(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let (mut y, shape) = owned(x);
        passes::tanh(&mut y);
        tensor(y, shape)
    }

    fn bent_gradient(y: FloatTensor<Self>, dy: FloatTensor<Self>) -> FloatTensor<Self> {
        let y = y.to_contiguous();
        let (mut dx, shape) = owned(dy);
        passes::tanh_gradient(slice(&y), &mut dx).expect(FITS);
        tensor(dx, shape)
    }
}

impl<B: Activations, C: CheckpointStrategy> Activations for Autodiff<B, C> {
    fn leaky(x: FloatTensor<Self>, slope: f32) -> FloatTensor<Self> {
        match Leaky.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let y = B::leaky(x.into_primitive(), slope);
                prep.finish((y.clone(), slope), y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::leaky(x.into_primitive(), slope)),
        }
    }

    fn masked(y: FloatTensor<Self>, dy: FloatTensor<Self>, slope: f32) -> FloatTensor<Self> {
        match Masked.prepare::<C>([dy.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let y = y.into_primitive();
                prep.finish((y.clone(), slope), B::masked(y, dy.into_primitive(), slope))
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(B::masked(y.into_primitive(), dy.into_primitive(), slope))
            }
        }
    }

    fn gated(x: FloatTensor<Self>) -> FloatTensor<Self> {
        match Gated.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let node = prep.checkpoint(&x);
                prep.finish(node, B::gated(x.into_primitive()))
            }
            OpsKind::UnTracked(prep) => prep.finish(B::gated(x.into_primitive())),
        }
    }

    fn gated_gradient(_: FloatTensor<Self>, _: FloatTensor<Self>) -> FloatTensor<Self> {
        unreachable!("{OFF_TAPE}")
    }

    fn bent(x: FloatTensor<Self>) -> FloatTensor<Self> {
        match Bent.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let y = B::bent(x.into_primitive());
                prep.finish(y.clone(), y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::bent(x.into_primitive())),
        }
    }

    fn bent_gradient(_: FloatTensor<Self>, _: FloatTensor<Self>) -> FloatTensor<Self> {
        unreachable!("{OFF_TAPE}")
    }
}

#[derive(Debug)]
struct Leaky;

impl<B: Activations> Backward<B, 1> for Leaky {
    /// The output, whose signs are the input's.
    type State = (FloatTensor<B>, f32);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (y, slope) = ops.state;
        let dy = grads.consume::<B>(&ops.node);
        if let [Some(node)] = ops.parents {
            grads.register::<B>(node.id, B::masked(y, dy, slope));
        }
    }
}

#[derive(Debug)]
struct Masked;

impl<B: Activations> Backward<B, 1> for Masked {
    type State = (FloatTensor<B>, f32);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (y, slope) = ops.state;
        let g = grads.consume::<B>(&ops.node);
        if let [Some(node)] = ops.parents {
            grads.register::<B>(node.id, B::masked(y, g, slope));
        }
    }
}

#[derive(Debug)]
struct Gated;

impl<B: Activations> Backward<B, 1> for Gated {
    type State = NodeId;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let x: FloatTensor<B> = checkpointer.retrieve_node_output(ops.state);
        let dy = grads.consume::<B>(&ops.node);
        if let [Some(node)] = ops.parents {
            grads.register::<B>(node.id, B::gated_gradient(x, dy));
        }
    }
}

#[derive(Debug)]
struct Bent;

impl<B: Activations> Backward<B, 1> for Bent {
    /// The output, of which the slope is made.
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<B>(&ops.node);
        if let [Some(node)] = ops.parents {
            grads.register::<B>(node.id, B::bent_gradient(ops.state, dy));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{draw, same};
    use super::*;

    #[test]
    fn each_activation_and_its_gradient_are_those_of_burn() {
        let none = Vec::<Tensor<1>>::new;
        same([draw([3, 4, 7, 5], 3)], none(), |[x], _| leaky_relu(x.clone(), 0.2));
        same([draw([3, 4, 7, 5], 3)], none(), |[x], _| glu(x.clone()));
        same([draw([3, 4, 7, 5], 3)], none(), |[x], _| tanh(x.clone()));
        let y = draw([3, 4, 7, 5], 4);
        same([draw([3, 4, 7, 5], 3)], none(), |[dy], _| leaky_relu_mask(y.clone(), dy.clone(), 0.2));
    }
}
