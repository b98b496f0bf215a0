//! The gradients of the operations, each again one of the operations.

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, TensorMetadata};

use super::Kernels;

impl<B: Kernels, C: CheckpointStrategy> Kernels for Autodiff<B, C> {
    fn convolve(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self> {
        match Convolve.prepare::<C>([x.node(), w.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let nodes = [prep.checkpoint(&x), prep.checkpoint(&w)];
                prep.finish(
                    (nodes, [stride, padding]),
                    B::convolve(x.into_primitive(), w.into_primitive(), stride, padding),
                )
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(B::convolve(x.into_primitive(), w.into_primitive(), stride, padding))
            }
        }
    }

    fn transposed(
        dy: FloatTensor<Self>,
        w: FloatTensor<Self>,
        size: [usize; 2],
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self> {
        match Transposed.prepare::<C>([dy.node(), w.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let nodes = [prep.checkpoint(&dy), prep.checkpoint(&w)];
                let dx = B::transposed(dy.into_primitive(), w.into_primitive(), size, stride, padding);
                prep.finish((nodes, [stride, padding]), dx)
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(B::transposed(dy.into_primitive(), w.into_primitive(), size, stride, padding))
            }
        }
    }

    fn weight_gradient(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: usize,
        _: usize,
        _: usize,
    ) -> FloatTensor<Self> {
        unreachable!("only backward passes ask for it, and they are off the tape: burn is first-order")
    }

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
}

#[derive(Debug)]
struct Convolve;

impl<B: Kernels> Backward<B, 2> for Convolve {
    type State = ([NodeId; 2], [usize; 2]);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let ([x, w], [stride, padding]) = ops.state;
        let dy = grads.consume::<B>(&ops.node);
        let x: FloatTensor<B> = checkpointer.retrieve_node_output(x);
        let w: FloatTensor<B> = checkpointer.retrieve_node_output(w);
        let [parent_x, parent_w] = ops.parents;
        let kernel = w.shape()[2];
        if let Some(node) = parent_x {
            let size = [x.shape()[2], x.shape()[3]];
            grads.register::<B>(node.id, B::transposed(dy.clone(), w, size, stride, padding));
        }
        if let Some(node) = parent_w {
            grads.register::<B>(node.id, B::weight_gradient(x, dy, kernel, stride, padding));
        }
    }
}

#[derive(Debug)]
struct Transposed;

impl<B: Kernels> Backward<B, 2> for Transposed {
    type State = ([NodeId; 2], [usize; 2]);

    /// `sum(g * transposed(dy, w)) = sum(dy * convolve(g, w))`: the gradients are those of the right side.
    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let ([dy, w], [stride, padding]) = ops.state;
        let g = grads.consume::<B>(&ops.node);
        let dy: FloatTensor<B> = checkpointer.retrieve_node_output(dy);
        let w: FloatTensor<B> = checkpointer.retrieve_node_output(w);
        let [parent_dy, parent_w] = ops.parents;
        let kernel = w.shape()[2];
        if let Some(node) = parent_dy {
            grads.register::<B>(node.id, B::convolve(g.clone(), w, stride, padding));
        }
        if let Some(node) = parent_w {
            grads.register::<B>(node.id, B::weight_gradient(g, dy, kernel, stride, padding));
        }
    }
}

#[derive(Debug)]
struct Leaky;

impl<B: Kernels> Backward<B, 1> for Leaky {
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

impl<B: Kernels> Backward<B, 1> for Masked {
    type State = (FloatTensor<B>, f32);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (y, slope) = ops.state;
        let g = grads.consume::<B>(&ops.node);
        if let [Some(node)] = ops.parents {
            grads.register::<B>(node.id, B::masked(y, g, slope));
        }
    }
}
