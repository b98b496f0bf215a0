//! Sums of two maps, scaled.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, backend_extension};
use burn::tensor::Tensor;
use doppelray_kernels::passes;

use super::{FITS, OFF_TAPE, ours, owned, slice, tensor};

/// `(x + y) * factor`, of one shape.
pub fn scaled_sum(x: Tensor<4>, y: Tensor<4>, factor: f32) -> Tensor<4> {
    if ours(&x) {
        return Tensor::from_dispatch(Dispatch::summed(x.into_dispatch(), y.into_dispatch(), factor));
    }
    (x + y) * factor
}

/// What the CPU does by its own kernels, and what autodiff makes of it.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait Sums: Backend {
    /// `(x + y) * factor`.
    fn summed(x: FloatTensor<Self>, y: FloatTensor<Self>, factor: f32) -> FloatTensor<Self>;

    /// `x * factor`.
    fn scaled(x: FloatTensor<Self>, factor: f32) -> FloatTensor<Self>;
}

impl Sums for Flex {
    fn summed(x: FloatTensor<Self>, y: FloatTensor<Self>, factor: f32) -> FloatTensor<Self> {
        let x = x.to_contiguous();
        let (mut sum, shape) = owned(y);
        passes::scaled_sum(slice(&x), factor, &mut sum).expect(FITS);
        tensor(sum, shape)
    }

    fn scaled(x: FloatTensor<Self>, factor: f32) -> FloatTensor<Self> {
        let (mut y, shape) = owned(x);
        passes::scale(factor, &mut y);
        tensor(y, shape)
    }
}

impl<B: Sums, C: CheckpointStrategy> Sums for Autodiff<B, C> {
    fn summed(x: FloatTensor<Self>, y: FloatTensor<Self>, factor: f32) -> FloatTensor<Self> {
        match Sum.prepare::<C>([x.node(), y.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                prep.finish(factor, B::summed(x.into_primitive(), y.into_primitive(), factor))
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(B::summed(x.into_primitive(), y.into_primitive(), factor))
            }
        }
    }

    fn scaled(_: FloatTensor<Self>, _: f32) -> FloatTensor<Self> {
        unreachable!("{OFF_TAPE}")
    }
}

#[derive(Debug)]
struct Sum;

impl<B: Sums> Backward<B, 2> for Sum {
    /// The factor.
    type State = f32;

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = B::scaled(grads.consume::<B>(&ops.node), ops.state);
        for node in ops.parents.into_iter().flatten() {
            grads.register::<B>(node.id, gradient.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{draw, same};
    use super::*;

    #[test]
    fn a_scaled_sum_and_its_gradients_are_those_of_burn() {
        let others = vec![draw([3, 4, 7, 5], 4)];
        same([draw([3, 4, 7, 5], 3)], others, |[x], y| scaled_sum(x.clone(), y[0].clone(), 0.7));
    }
}
