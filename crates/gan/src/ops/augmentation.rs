//! Differentiable augmentation as one operation.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, backend_extension};
use burn::tensor::{Tensor, TensorData};
use doppelray_kernels::passes::{self, Change};
use doppelray_kernels::zeros;

use super::{FITS, OFF_TAPE, dims, slice, tensor};

/// Numbers that a change is written as, since operations take tensors alone.
const NUMBERS: usize = 8;

/// `y` and `dx` of square images `[b, 1, s, s]` by changes `[b, 8]`, which get no gradient.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait Augments: Backend {
    fn changed(x: FloatTensor<Self>, changes: FloatTensor<Self>) -> FloatTensor<Self>;
    fn changed_gradient(dy: FloatTensor<Self>, changes: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// Images `[b, 1, s, s]` in single precision on the CPU, each changed by its own numbers.
pub fn augment(images: Tensor<4>, changes: &[Change]) -> Tensor<4> {
    let numbers: Vec<f32> = changes.iter().flat_map(written).collect();
    let data = TensorData::new(numbers, [changes.len(), NUMBERS]);
    let changes = Tensor::<2>::from_data(data, &images.device());
    Tensor::from_dispatch(Dispatch::changed(images.into_dispatch(), changes.into_dispatch()))
}

fn written(change: &Change) -> [f32; NUMBERS] {
    let [down, right] = change.shift.map(|v| v as f32);
    let [top, left, side] = change.hole.unwrap_or([0, 0, 0]).map(|v| v as f32);
    [change.brightness, change.contrast, down, right, top, left, side, 0.0]
}

fn read(numbers: &[f32]) -> Change {
    let whole = |i: usize| numbers[i] as isize;
    Change {
        brightness: numbers[0],
        contrast: numbers[1],
        shift: [whole(2), whole(3)],
        hole: (whole(6) > 0).then(|| [whole(4), whole(5), whole(6)]),
    }
}

type Pass = fn(&[Change], usize, &[f32], &mut [f32]) -> Result<(), doppelray_kernels::ShapeError>;

fn run(pass: Pass, x: FlexTensor, changes: FlexTensor) -> FlexTensor {
    let (x, changes) = (x.to_contiguous(), changes.to_contiguous());
    let changes: Vec<Change> = slice(&changes).chunks_exact(NUMBERS).map(read).collect();
    let mut out = zeros(slice(&x).len());
    pass(&changes, dims(&x)[3], slice(&x), &mut out).expect(FITS);
    tensor(out, dims(&x))
}

impl Augments for Flex {
    fn changed(x: FloatTensor<Self>, changes: FloatTensor<Self>) -> FloatTensor<Self> {
        run(passes::augment, x, changes)
    }

    fn changed_gradient(dy: FloatTensor<Self>, changes: FloatTensor<Self>) -> FloatTensor<Self> {
        run(passes::augment_gradient, dy, changes)
    }
}

impl<B: Augments, C: CheckpointStrategy> Augments for Autodiff<B, C> {
    fn changed(x: FloatTensor<Self>, changes: FloatTensor<Self>) -> FloatTensor<Self> {
        let changes = changes.into_primitive();
        match Changed.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(changes.clone(), B::changed(x.into_primitive(), changes)),
            OpsKind::UnTracked(prep) => prep.finish(B::changed(x.into_primitive(), changes)),
        }
    }

    fn changed_gradient(_: FloatTensor<Self>, _: FloatTensor<Self>) -> FloatTensor<Self> {
        unreachable!("{OFF_TAPE}")
    }
}

#[derive(Debug)]
struct Changed;

impl<B: Augments> Backward<B, 1> for Changed {
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<B>(&ops.node);
        if let [Some(node)] = ops.parents {
            grads.register::<B>(node.id, B::changed_gradient(dy, ops.state));
        }
    }
}
