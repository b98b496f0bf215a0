//! Noise that each channel takes by a share of its own.

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, backend_extension};
use burn::tensor::Tensor;
use doppelray_kernels::passes;

use super::{FITS, OFF_TAPE, channels, ours, owned, slice, tensor};

/// `x [b, c, h, w]` and a share `[c]` of `noise [b, 1, h, w]` (Karras et al. 2019), which has no gradient.
pub fn add_noise(x: Tensor<4>, share: Tensor<1>, noise: Tensor<4>) -> Tensor<4> {
    if ours(&x) {
        let [x, share, noise] = [x.into_dispatch(), share.into_dispatch(), noise.into_dispatch()];
        return Tensor::from_dispatch(Dispatch::noisy(x, share, noise));
    }
    let channels = x.dims()[1];
    x + share.reshape([1, channels, 1, 1]) * noise
}

/// What the CPU does by its own kernels, and what autodiff makes of it.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait Noises: Backend {
    /// `x + share * noise`.
    fn noisy(x: FloatTensor<Self>, share: FloatTensor<Self>, noise: FloatTensor<Self>) -> FloatTensor<Self>;

    /// The gradient by `share` of `sum(dy * noisy(x))`.
    fn noise_gradient(noise: FloatTensor<Self>, dy: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl Noises for Flex {
    fn noisy(x: FloatTensor<Self>, share: FloatTensor<Self>, noise: FloatTensor<Self>) -> FloatTensor<Self> {
        let (share, noise) = (share.to_contiguous(), noise.to_contiguous());
        let sizes = channels(&x);
        let (mut y, shape) = owned(x);
        passes::add_noise(sizes, slice(&share), slice(&noise), &mut y).expect(FITS);
        tensor(y, shape)
    }

    fn noise_gradient(noise: FloatTensor<Self>, dy: FloatTensor<Self>) -> FloatTensor<Self> {
        let (noise, dy) = (noise.to_contiguous(), dy.to_contiguous());
        let sizes = channels(&dy);
        let mut share = vec![0.0; sizes.channels];
        passes::noise_gradient(sizes, slice(&noise), slice(&dy), &mut share).expect(FITS);
        tensor(share, [sizes.channels])
    }
}

impl<B: Noises, C: CheckpointStrategy> Noises for Autodiff<B, C> {
    fn noisy(x: FloatTensor<Self>, share: FloatTensor<Self>, noise: FloatTensor<Self>) -> FloatTensor<Self> {
        match AddNoise.prepare::<C>([x.node(), share.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let kept = prep.checkpoint(&noise);
                prep.finish(
                    kept,
                    B::noisy(x.into_primitive(), share.into_primitive(), noise.into_primitive()),
                )
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(B::noisy(x.into_primitive(), share.into_primitive(), noise.into_primitive()))
            }
        }
    }

    fn noise_gradient(_: FloatTensor<Self>, _: FloatTensor<Self>) -> FloatTensor<Self> {
        unreachable!("{OFF_TAPE}")
    }
}

#[derive(Debug)]
struct AddNoise;

impl<B: Noises> Backward<B, 2> for AddNoise {
    type State = NodeId;

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let dy = grads.consume::<B>(&ops.node);
        let noise = checkpointer.retrieve_node_output::<FloatTensor<B>>(ops.state);
        let [x, share] = ops.parents;
        if let Some(node) = share {
            grads.register::<B>(node.id, B::noise_gradient(noise, dy.clone()));
        }
        if let Some(node) = x {
            grads.register::<B>(node.id, dy);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{draw, same};
    use super::*;

    #[test]
    fn noise_and_its_gradients_are_those_of_burn() {
        let noise = draw([3, 1, 7, 5], 2);
        same([draw([3, 4, 7, 5], 0)], vec![draw::<1>([4], 1)], |[x], share| {
            let wide = x.dtype() == burn::tensor::DType::F64;
            let noise = if wide { super::super::tests::double(&noise) } else { noise.clone() };
            add_noise(x.clone(), share[0].clone(), noise)
        });
    }
}
