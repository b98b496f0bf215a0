//! Channels beside channels.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;
use doppelray_kernels::{made, passes, zeros};

use super::{FITS, OFF_TAPE, dims, ours, slice, tensor};

/// `[b, c, h, w]` and `[b, d, h, w]` to `[b, c + d, h, w]`.
pub fn join(first: Tensor<4>, second: Tensor<4>) -> Tensor<4> {
    if ours(&first) {
        return Tensor::from_dispatch(Dispatch::joined(first.into_dispatch(), second.into_dispatch()));
    }
    Tensor::cat(vec![first, second], 1)
}

/// What the CPU does by its own kernels, and what autodiff makes of it.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait Joining: Backend {
    /// `[b, c, h, w]` and `[b, d, h, w]` to `[b, c + d, h, w]`.
    fn joined(first: FloatTensor<Self>, second: FloatTensor<Self>) -> FloatTensor<Self>;

    /// The first so many channels, and the others.
    fn parted(x: FloatTensor<Self>, first: usize) -> (FloatTensor<Self>, FloatTensor<Self>);
}

impl Joining for Flex {
    fn joined(first: FloatTensor<Self>, second: FloatTensor<Self>) -> FloatTensor<Self> {
        let both = [first.to_contiguous(), second.to_contiguous()];
        let [batch, _, height, width] = dims(&both[0]);
        let channels = both.each_ref().map(|x| dims(x)[1]);
        let lens = channels.map(|count| count * height * width);
        let y =
            made(batch * (lens[0] + lens[1]), |room| passes::join(lens, both.each_ref().map(slice), room));
        let y = y.expect(FITS);
        tensor(y, [batch, channels[0] + channels[1], height, width])
    }

    fn parted(x: FloatTensor<Self>, first: usize) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let x = x.to_contiguous();
        let [batch, channels, height, width] = dims(&x);
        let channels = [first, channels - first];
        let lens = channels.map(|count| count * height * width);
        let [mut a, mut b] = lens.map(|len| zeros(batch * len));
        passes::part(lens, slice(&x), [&mut a, &mut b]).expect(FITS);
        let whole = |values, channels| tensor(values, [batch, channels, height, width]);
        (whole(a, channels[0]), whole(b, channels[1]))
    }
}

impl<B: Joining, C: CheckpointStrategy> Joining for Autodiff<B, C> {
    fn joined(first: FloatTensor<Self>, second: FloatTensor<Self>) -> FloatTensor<Self> {
        match Join.prepare::<C>([first.node(), second.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let [_, channels, _, _] = first.shape().dims();
                prep.finish(channels, B::joined(first.into_primitive(), second.into_primitive()))
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(B::joined(first.into_primitive(), second.into_primitive()))
            }
        }
    }

    fn parted(_: FloatTensor<Self>, _: usize) -> (FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("{OFF_TAPE}")
    }
}

#[derive(Debug)]
struct Join;

impl<B: Joining> Backward<B, 2> for Join {
    /// Channels of the first.
    type State = usize;

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (first, second) = B::parted(grads.consume::<B>(&ops.node), ops.state);
        for (parent, gradient) in ops.parents.into_iter().zip([first, second]) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{draw, same};
    use super::*;

    #[test]
    fn joined_channels_and_their_gradients_are_those_of_burn() {
        let others = vec![draw([3, 2, 7, 5], 4)];
        same([draw([3, 4, 7, 5], 3)], others, |[x], other| join(x.clone(), other[0].clone()));
    }
}
