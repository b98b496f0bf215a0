//! Differentiable augmentation as one operation.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, backend_extension};
use burn::tensor::{Tensor, TensorData};
use doppelray_kernels::passes::{self, Change, OUTSIDE};
use doppelray_kernels::zeros;

use super::{FITS, OFF_TAPE, dims, ours, slice, tensor};

/// Numbers that a change is written as, since operations take tensors alone.
const NUMBERS: usize = 8;

/// `y` and `dx` of square images `[b, 1, s, s]` by changes `[b, 8]`, which get no gradient.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait Augments: Backend {
    fn changed(x: FloatTensor<Self>, changes: FloatTensor<Self>) -> FloatTensor<Self>;
    fn changed_gradient(dy: FloatTensor<Self>, changes: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// Images `[b, 1, s, s]`, each changed by its own numbers.
pub fn augment(images: Tensor<4>, changes: &[Change]) -> Tensor<4> {
    if !ours(&images) {
        return composed(images, changes);
    }
    let numbers: Vec<f32> = changes.iter().flat_map(written).collect();
    let data = TensorData::new(numbers, [changes.len(), NUMBERS]);
    let changes = Tensor::<2>::from_data(data, &images.device());
    Tensor::from_dispatch(Dispatch::changed(images.into_dispatch(), changes.into_dispatch()))
}

/// The same by burn's operations.
fn composed(images: Tensor<4>, changes: &[Change]) -> Tensor<4> {
    let (side, like) = (images.dims()[3], (images.device(), images.dtype()));
    let tensor = |values: Vec<f32>, shape: [usize; 4]| {
        Tensor::<4>::from_data(TensorData::new(values, shape), (&like.0, like.1))
    };
    let each =
        |number: fn(&Change) -> f32| tensor(changes.iter().map(number).collect(), [changes.len(), 1, 1, 1]);
    let mean = images.clone().mean_dim(2).mean_dim(3);
    let bright = (images - mean.clone()) * each(|c| c.contrast) + mean + each(|c| c.brightness);
    let moved = changes.iter().enumerate().map(|(image, change)| {
        let outside = tensor(vec![OUTSIDE; side * side], [1, 1, side, side]);
        // Where what is inside comes to lie, along an axis.
        let reach = change.shift.map(|shift| {
            let within = |at: isize| at.clamp(0, side as isize) as usize;
            within(-shift)..within(side as isize - shift)
        });
        if reach.iter().any(|reach| reach.is_empty()) {
            return outside;
        }
        let from = [0, 1].map(|axis| {
            let first = reach[axis].start.strict_add_signed(change.shift[axis]);
            first..first + reach[axis].len()
        });
        let [rows, columns] = from;
        let inside = bright.clone().slice([image..image + 1, 0..1, rows, columns]);
        let [rows, columns] = reach;
        outside.slice_assign([0..1, 0..1, rows, columns], inside)
    });
    let moved = Tensor::cat(moved.collect(), 0);
    let kept = changes.iter().flat_map(|change| {
        (0..side).flat_map(move |row| {
            let hole = change.hole_in(row, side);
            (0..side).map(move |column| if hole.contains(&column) { 0.0 } else { 1.0 })
        })
    });
    moved * tensor(kept.collect(), [changes.len(), 1, side, side])
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

#[cfg(test)]
mod tests {
    use super::super::tests::{draw, same};
    use super::*;

    #[test]
    fn changed_images_and_their_gradients_are_those_of_burn() {
        let changes = [
            Change::NONE,
            Change { brightness: 0.3, contrast: 0.7, shift: [2, -3], hole: Some([-2, 4, 5]) },
            Change { brightness: -0.2, contrast: 1.2, shift: [-4, 1], hole: Some([5, 6, 20]) },
            Change { brightness: 0.1, contrast: 1.1, shift: [9, 0], hole: None },
        ];
        same([draw([4, 1, 9, 9], 3)], Vec::<Tensor<4>>::new(), |[x], _| augment(x.clone(), &changes));
    }
}
