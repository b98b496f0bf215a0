//! Convolutions, transposed ones, and convolutions that end in bias and activation.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::module::{conv_transpose2d, conv2d};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use burn::tensor::{Device, Tensor, TensorData};
use doppelray_kernels::{
    Activation, Conv, Epilogue, Mode, PackedWeights, made, pack_forward, pack_input_gradient, passes, zeros,
};
use serde::{Deserialize, Serialize};

use super::{FITS, OFF_TAPE, channels, dims, ours, owned, slice, tensor};
use crate::parameters::values;

/// What is multiplied. Sums, weights, losses and all that is not a convolution stay in `f32`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Factors in `f32`.
    #[default]
    F32,
    /// Factors in `f32`, 3x3 by tiles, with errors of some 1e-6 of the largest sum: for networks that nobody holds to the last digit.
    #[serde(skip)]
    Filtered,
    /// Factors rounded to bfloat16 where the machine multiplies those, sums in `f32`; on other machines 3x3 by tiles, whose
    /// errors are a hundredth of that rounding. Off our kernels as [`Precision::F32`].
    Mixed,
}

/// How a square kernel moves, and in what precision it multiplies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Pixels between two outputs.
    pub stride: usize,
    /// Zeros around the image.
    pub padding: usize,
    /// Groups of channels that do not mix.
    pub groups: usize,
    /// What is multiplied.
    pub precision: Precision,
    /// Whether the image is upsampled by two on the way, bilinearly, before it is convolved.
    pub upsampled: bool,
}

impl Window {
    /// One group in `f32`.
    pub const fn new(stride: usize, padding: usize) -> Window {
        Window { stride, padding, groups: 1, precision: Precision::F32, upsampled: false }
    }

    /// The same in another precision.
    pub const fn precision(self, precision: Precision) -> Window {
        Window { precision, ..self }
    }

    /// The same with groups of channels.
    pub const fn groups(self, groups: usize) -> Window {
        Window { groups, ..self }
    }

    /// The same of an image that is upsampled by two on the way, as [`super::upsample`] does: the large map is never in memory.
    pub const fn upsampled(self) -> Window {
        Window { upsampled: true, ..self }
    }

    fn mode(self) -> Mode {
        Mode::new(match self.precision {
            Precision::F32 => doppelray_kernels::Precision::F32,
            Precision::Filtered => doppelray_kernels::Precision::Filtered,
            Precision::Mixed => doppelray_kernels::Precision::mixed(),
        })
    }

    fn options(self) -> ConvOptions<2> {
        ConvOptions::new([self.stride; 2], [self.padding; 2], [1, 1], self.groups)
    }

    /// Off our kernels: what is convolved.
    fn argument(self, x: Tensor<4>) -> Tensor<4> {
        if self.upsampled { super::upsample(x) } else { x }
    }

    /// The convolution from `[b, i, height, width]` with weights `[o, i / groups, k, k]`.
    fn conv(
        self,
        [batch, in_channels, height, width]: [usize; 4],
        [out_channels, kernel]: [usize; 2],
    ) -> Conv {
        let [stride, padding] = [self.stride, self.padding].map(|v| [v; 2]);
        let Window { groups, upsampled, .. } = self;
        let [height, width] = [height, width].map(|size| if upsampled { 2 * size } else { size });
        let kernel = [kernel; 2];
        Conv { batch, in_channels, out_channels, height, width, kernel, stride, padding, groups, upsampled }
    }
}

/// Convolution without bias: `[b, i, h, w]` and `[o, i / groups, k, k]` to `[b, o, h', w']`.
pub fn convolution(x: Tensor<4>, weight: Tensor<4>, window: Window) -> Tensor<4> {
    if ours(&x) {
        return Tensor::from_dispatch(Dispatch::convolve(x.into_dispatch(), weight.into_dispatch(), window));
    }
    conv2d(window.argument(x), weight, None, window.options())
}

/// The transposed convolution: a gradient at the output, `[b, o, h', w']`, to the one at the input,
/// `[b, i, size.0, size.1]`.
///
/// # Panics
/// If the window upsamples.
pub fn transposed_convolution(
    dy: Tensor<4>,
    weight: Tensor<4>,
    size: [usize; 2],
    window: Window,
) -> Tensor<4> {
    assert!(!window.upsampled, "what is transposed upsamples nothing");
    if ours(&dy) {
        let dx = Dispatch::transposed(dy.into_dispatch(), weight.into_dispatch(), size, window);
        return Tensor::from_dispatch(dx);
    }
    let Window { stride, padding, groups, .. } = window;
    let [_, _, height, width] = dy.dims();
    let kernel = weight.dims()[2];
    let plain = |n: usize| (n - 1) * stride + kernel - 2 * padding;
    let missing = [size[0] - plain(height), size[1] - plain(width)];
    let options = ConvTransposeOptions::new([stride; 2], [padding; 2], missing, [1, 1], groups);
    conv_transpose2d(dy, weight, None, options)
}

/// Convolution, bias `[o]` and activation in one pass. Weights and bias off the tape cost the backward pass nothing; those
/// that never change are better [`Frozen`].
pub fn convolution_bias_activation(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Tensor<1>,
    window: Window,
    activation: Activation,
) -> Tensor<4> {
    if ours(&x) {
        let [x, w, b] = [x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch()];
        return Tensor::from_dispatch(Dispatch::convolve_whole(x, w, b, window, activation));
    }
    let y = conv2d(window.argument(x), weight, Some(bias), window.options());
    match activation {
        Activation::Identity => y,
        Activation::LeakyRelu(slope) => burn::tensor::activation::leaky_relu(y, f64::from(slope)),
        Activation::Clipped(top) => y.clamp(0.0, top),
    }
}

/// A convolution's weights `[o, i / groups, k, k]` and bias `[o]` that never change: the CPU packs them once.
#[derive(Clone, Debug)]
pub struct Frozen {
    weight: Tensor<4>,
    bias: Tensor<1>,
    values: Arc<Values>,
}

/// What the CPU reads.
struct Values {
    weight: Vec<f32>,
    /// Outputs and the kernel's side.
    sizes: [usize; 2],
    bias: Vec<f32>,
    /// For each way in which they were asked for.
    packed: Mutex<Vec<(Window, Direction, Arc<PackedWeights>)>>,
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Values").field("sizes", &self.sizes).finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Forward,
    Back,
}

impl Frozen {
    /// Of so many values as the shape has, and a bias an output.
    pub fn new(weight: Vec<f32>, shape: [usize; 4], bias: Vec<f32>, device: &Device) -> Self {
        let values = Values { weight, sizes: [shape[0], shape[2]], bias, packed: Mutex::default() };
        Self {
            weight: Tensor::from_data(TensorData::new(values.weight.clone(), shape), device),
            bias: Tensor::from_data(TensorData::new(values.bias.clone(), [shape[0]]), device),
            values: Arc::new(values),
        }
    }

    /// The values of a tensor, without bias.
    pub fn of(weight: Tensor<4>) -> Self {
        let (shape, device) = (weight.dims(), weight.device());
        Self::new(values(weight), shape, vec![0.0; shape[0]], &device)
    }

    /// `[b, i, h, w]` to `[b, o, h', w']`, then bias and activation, as [`convolution_bias_activation`].
    pub fn convolve(&self, x: Tensor<4>, window: Window, activation: Activation) -> Tensor<4> {
        if ours(&x) {
            let y = Dispatch::convolve_frozen(x.into_dispatch(), self.clone(), window, activation);
            return Tensor::from_dispatch(y);
        }
        convolution_bias_activation(x, self.weight.clone(), self.bias.clone(), window, activation)
    }

    /// The transposed map off the tape, without bias or activation, as [`transposed_convolution`].
    pub fn transpose(&self, dy: Tensor<4>, size: [usize; 2], window: Window) -> Tensor<4> {
        if ours(&dy) {
            return Tensor::from_dispatch(Dispatch::transposed_frozen(
                dy.into_dispatch(),
                self.clone(),
                size,
                window,
            ));
        }
        transposed_convolution(dy, self.weight.clone(), size, window)
    }

    fn packed(&self, conv: &Conv, window: Window, direction: Direction) -> Arc<PackedWeights> {
        let values = &self.values;
        let mut packed = values.packed.lock().unwrap_or_else(PoisonError::into_inner);
        let known = packed.iter().find(|(of, way, _)| (*of, *way) == (window, direction));
        if let Some((.., weights)) = known {
            return Arc::clone(weights);
        }
        let pack = match direction {
            Direction::Forward => pack_forward,
            Direction::Back => pack_input_gradient,
        };
        let weights = Arc::new(pack(conv, &values.weight, window.mode()).expect(FITS));
        packed.push((window, direction, Arc::clone(&weights)));
        weights
    }
}

/// What the CPU does by its own kernels, and what autodiff makes of it.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait Convolutions: Backend {
    /// `[b, i, h, w]` and `[o, i / groups, k, k]` to `[b, o, h', w']`.
    fn convolve(x: FloatTensor<Self>, w: FloatTensor<Self>, window: Window) -> FloatTensor<Self>;

    /// The same, then bias and activation.
    fn convolve_whole(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        window: Window,
        activation: Activation,
    ) -> FloatTensor<Self>;

    /// The same by weights and bias that never change.
    fn convolve_frozen(
        x: FloatTensor<Self>,
        frozen: Frozen,
        window: Window,
        activation: Activation,
    ) -> FloatTensor<Self>;

    /// The transposed map, `[b, o, h', w']` to `[b, i, height, width]`.
    fn transposed(
        dy: FloatTensor<Self>,
        w: FloatTensor<Self>,
        size: [usize; 2],
        window: Window,
    ) -> FloatTensor<Self>;

    /// The same by weights that never change.
    fn transposed_frozen(
        dy: FloatTensor<Self>,
        frozen: Frozen,
        size: [usize; 2],
        window: Window,
    ) -> FloatTensor<Self>;

    /// The gradient by the weights, `[o, i / groups, k, k]`, of `sum(dy * convolve(x, w))`.
    fn weight_gradient(
        x: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        kernel: usize,
        window: Window,
    ) -> FloatTensor<Self>;

    /// The gradient by the argument of an activation that gave `y`, and its sum for each channel.
    fn masked_sums(
        y: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        activation: Activation,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

/// `activation(convolve(x, w) + bias)`.
fn forward(
    x: FloatTensor<Flex>,
    w: FloatTensor<Flex>,
    window: Window,
    bias: Option<FloatTensor<Flex>>,
    activation: Activation,
) -> FloatTensor<Flex> {
    let (x, w) = (x.to_contiguous(), w.to_contiguous());
    let bias = bias.map(|bias| bias.to_contiguous());
    let [outputs, _, kernel, _] = dims(&w);
    let conv = window.conv(dims(&x), [outputs, kernel]);
    let weights = pack_forward(&conv, slice(&w), window.mode()).expect(FITS);
    run(&conv, &x, &weights, Epilogue { bias: bias.as_ref().map(slice), activation })
}

fn run(conv: &Conv, x: &FlexTensor, weights: &PackedWeights, epilogue: Epilogue<'_>) -> FlexTensor {
    let [rows, cols] = conv.out_size().expect(FITS);
    let [_, _, len] = conv.lens().expect(FITS);
    let y =
        made(len, |room| doppelray_kernels::forward(conv, slice(x), weights, epilogue, room)).expect(FITS);
    tensor(y, [conv.batch, conv.out_channels, rows, cols])
}

/// The gradient at the input from the one at the output.
fn run_back(conv: &Conv, dy: &FlexTensor, weights: &PackedWeights) -> FlexTensor {
    let [len, ..] = conv.lens().expect(FITS);
    let dx = made(len, |room| doppelray_kernels::input_gradient(conv, slice(dy), weights, room)).expect(FITS);
    let [height, width] = conv.in_size();
    tensor(dx, [conv.batch, conv.in_channels, height, width])
}

impl Convolutions for Flex {
    fn convolve(x: FloatTensor<Self>, w: FloatTensor<Self>, window: Window) -> FloatTensor<Self> {
        forward(x, w, window, None, Activation::Identity)
    }

    fn convolve_whole(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        window: Window,
        activation: Activation,
    ) -> FloatTensor<Self> {
        forward(x, w, window, Some(bias), activation)
    }

    fn convolve_frozen(
        x: FloatTensor<Self>,
        frozen: Frozen,
        window: Window,
        activation: Activation,
    ) -> FloatTensor<Self> {
        let x = x.to_contiguous();
        let conv = window.conv(dims(&x), frozen.values.sizes);
        let weights = frozen.packed(&conv, window, Direction::Forward);
        run(&conv, &x, &weights, Epilogue { bias: Some(&frozen.values.bias), activation })
    }

    fn transposed(
        dy: FloatTensor<Self>,
        w: FloatTensor<Self>,
        size: [usize; 2],
        window: Window,
    ) -> FloatTensor<Self> {
        let (dy, w) = (dy.to_contiguous(), w.to_contiguous());
        let [outputs, inputs, kernel, _] = dims(&w);
        let full = [dims(&dy)[0], inputs * window.groups, size[0], size[1]];
        let conv = window.conv(full, [outputs, kernel]);
        run_back(&conv, &dy, &pack_input_gradient(&conv, slice(&w), window.mode()).expect(FITS))
    }

    fn transposed_frozen(
        dy: FloatTensor<Self>,
        frozen: Frozen,
        size: [usize; 2],
        window: Window,
    ) -> FloatTensor<Self> {
        let dy = dy.to_contiguous();
        let Values { weight, sizes: [outputs, kernel], .. } = &*frozen.values;
        let inputs = weight.len() / (outputs * kernel * kernel) * window.groups;
        let conv = window.conv([dims(&dy)[0], inputs, size[0], size[1]], [*outputs, *kernel]);
        run_back(&conv, &dy, &frozen.packed(&conv, window, Direction::Back))
    }

    fn weight_gradient(
        x: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        kernel: usize,
        window: Window,
    ) -> FloatTensor<Self> {
        let (x, dy) = (x.to_contiguous(), dy.to_contiguous());
        let outputs = dims(&dy)[1];
        let conv = window.conv(dims(&x), [outputs, kernel]);
        let mut dw = zeros(conv.lens().expect(FITS)[1]);
        doppelray_kernels::weight_gradient(&conv, slice(&x), slice(&dy), window.mode(), &mut dw).expect(FITS);
        tensor(dw, [outputs, conv.in_channels / window.groups, kernel, kernel])
    }

    fn masked_sums(
        y: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        activation: Activation,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let y = y.to_contiguous();
        let (mut dx, shape) = owned(dy);
        let sums =
            passes::activation_gradient_sums(channels(&y), slice(&y), activation, &mut dx).expect(FITS);
        let count = sums.len();
        (tensor(dx, shape), tensor(sums, [count]))
    }
}

impl<B: Convolutions, C: CheckpointStrategy> Convolutions for Autodiff<B, C> {
    fn convolve(x: FloatTensor<Self>, w: FloatTensor<Self>, window: Window) -> FloatTensor<Self> {
        match Convolve.prepare::<C>([x.node(), w.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                // Each gradient needs the other factor.
                let x_kept = w.is_tracked().then(|| prep.checkpoint(&x));
                let w_kept = x.is_tracked().then(|| prep.checkpoint(&w));
                let shapes = [x.shape().dims(), w.shape().dims()];
                let y = B::convolve(x.into_primitive(), w.into_primitive(), window);
                prep.finish((Kept { x: x_kept, w: w_kept, shapes }, window), y)
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(B::convolve(x.into_primitive(), w.into_primitive(), window))
            }
        }
    }

    fn convolve_whole(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        window: Window,
        activation: Activation,
    ) -> FloatTensor<Self> {
        match Whole.prepare::<C>([x.node(), w.node(), bias.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let x_kept = w.is_tracked().then(|| prep.checkpoint(&x));
                let w_kept = x.is_tracked().then(|| prep.checkpoint(&w));
                let shapes = [x.shape().dims(), w.shape().dims()];
                let bias = bias.into_primitive();
                let y = B::convolve_whole(x.into_primitive(), w.into_primitive(), bias, window, activation);
                prep.finish((Kept { x: x_kept, w: w_kept, shapes }, window, y.clone(), activation), y)
            }
            OpsKind::UnTracked(prep) => {
                let [x, w, bias] = [x, w, bias].map(|tensor| tensor.into_primitive());
                prep.finish(B::convolve_whole(x, w, bias, window, activation))
            }
        }
    }

    fn convolve_frozen(
        x: FloatTensor<Self>,
        frozen: Frozen,
        window: Window,
        activation: Activation,
    ) -> FloatTensor<Self> {
        match ByFrozen.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let [_, _, height, width] = x.shape().dims();
                let y = B::convolve_frozen(x.into_primitive(), frozen.clone(), window, activation);
                prep.finish((frozen, [height, width], window, y.clone(), activation), y)
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(B::convolve_frozen(x.into_primitive(), frozen, window, activation))
            }
        }
    }

    fn transposed(
        dy: FloatTensor<Self>,
        w: FloatTensor<Self>,
        size: [usize; 2],
        window: Window,
    ) -> FloatTensor<Self> {
        match Transposed.prepare::<C>([dy.node(), w.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let nodes = [prep.checkpoint(&dy), prep.checkpoint(&w)];
                let dx = B::transposed(dy.into_primitive(), w.into_primitive(), size, window);
                prep.finish((nodes, window), dx)
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(B::transposed(dy.into_primitive(), w.into_primitive(), size, window))
            }
        }
    }

    fn transposed_frozen(_: FloatTensor<Self>, _: Frozen, _: [usize; 2], _: Window) -> FloatTensor<Self> {
        unreachable!("{OFF_TAPE}")
    }

    fn weight_gradient(_: FloatTensor<Self>, _: FloatTensor<Self>, _: usize, _: Window) -> FloatTensor<Self> {
        unreachable!("{OFF_TAPE}")
    }

    fn masked_sums(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: Activation,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("{OFF_TAPE}")
    }
}

/// What a convolution keeps for its gradients.
#[derive(Clone, Debug)]
struct Kept {
    /// The argument, if the weights' gradient is wanted.
    x: Option<NodeId>,
    /// The weights, if the argument's gradient is wanted.
    w: Option<NodeId>,
    shapes: [[usize; 4]; 2],
}

impl Kept {
    /// The gradients by the argument and by the weights, of those wanted.
    fn gradients<B: Convolutions>(
        &self,
        dy: FloatTensor<B>,
        window: Window,
        checkpointer: &mut Checkpointer,
    ) -> [Option<FloatTensor<B>>; 2] {
        let [[_, _, height, width], [_, _, kernel, _]] = self.shapes;
        let dx = self.w.map(|w| {
            let w: FloatTensor<B> = checkpointer.retrieve_node_output(w);
            B::transposed(dy.clone(), w, [height, width], window)
        });
        let dw = self.x.map(|x| {
            let x: FloatTensor<B> = checkpointer.retrieve_node_output(x);
            B::weight_gradient(x, dy, kernel, window)
        });
        [dx, dw]
    }
}

#[derive(Debug)]
struct Convolve;

impl<B: Convolutions> Backward<B, 2> for Convolve {
    type State = (Kept, Window);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let (kept, window) = ops.state;
        let dy = grads.consume::<B>(&ops.node);
        for (node, gradient) in ops.parents.into_iter().zip(kept.gradients::<B>(dy, window, checkpointer)) {
            if let (Some(node), Some(gradient)) = (node, gradient) {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

#[derive(Debug)]
struct Whole;

impl<B: Convolutions> Backward<B, 3> for Whole {
    /// With the output, which tells the activation's slope.
    type State = (Kept, Window, FloatTensor<B>, Activation);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let (kept, window, y, activation) = ops.state;
        let (dy, sums) = B::masked_sums(y, grads.consume::<B>(&ops.node), activation);
        let [dx, dw] = kept.gradients::<B>(dy, window, checkpointer);
        for (node, gradient) in ops.parents.into_iter().zip([dx, dw, Some(sums)]) {
            if let (Some(node), Some(gradient)) = (node, gradient) {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

#[derive(Debug)]
struct ByFrozen;

impl<B: Convolutions> Backward<B, 1> for ByFrozen {
    /// With the argument's size and the output.
    type State = (Frozen, [usize; 2], Window, FloatTensor<B>, Activation);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (frozen, size, window, y, activation) = ops.state;
        let dy = grads.consume::<B>(&ops.node);
        if let [Some(node)] = ops.parents {
            let (dy, _) = B::masked_sums(y, dy, activation);
            grads.register::<B>(node.id, B::transposed_frozen(dy, frozen, size, window));
        }
    }
}

#[derive(Debug)]
struct Transposed;

impl<B: Convolutions> Backward<B, 2> for Transposed {
    type State = ([NodeId; 2], Window);

    /// `sum(g * transposed(dy, w)) = sum(dy * convolve(g, w))`: the gradients are those of the right side.
    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let ([dy, w], window) = ops.state;
        let g = grads.consume::<B>(&ops.node);
        let dy: FloatTensor<B> = checkpointer.retrieve_node_output(dy);
        let w: FloatTensor<B> = checkpointer.retrieve_node_output(w);
        let [parent_dy, parent_w] = ops.parents;
        let kernel = w.shape()[2];
        if let Some(node) = parent_dy {
            grads.register::<B>(node.id, B::convolve(g.clone(), w, window));
        }
        if let Some(node) = parent_w {
            grads.register::<B>(node.id, B::weight_gradient(g, dy, kernel, window));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{close, draw, same};
    use super::*;

    #[test]
    fn each_operation_and_its_gradients_are_those_of_burn() {
        for (kernel, stride, padding, size) in [(3, 1, 1, 9), (4, 2, 1, 11), (4, 2, 1, 8), (1, 1, 0, 5)] {
            let window = Window::new(stride, padding);
            let arguments = [draw([2, 3, size, size], 0), draw([5, 3, kernel, kernel], 1)];
            same(arguments.clone(), Vec::<Tensor<1>>::new(), |[x, w], _| {
                convolution(x.clone(), w.clone(), window)
            });
            let dy = draw(convolution(arguments[0].clone(), arguments[1].clone(), window).dims(), 2);
            same([dy, arguments[1].clone()], Vec::<Tensor<1>>::new(), |[dy, w], _| {
                transposed_convolution(dy.clone(), w.clone(), [size; 2], window)
            });
            for activation in [Activation::RELU, Activation::LeakyRelu(0.2), Activation::Clipped(0.7)] {
                same(arguments.clone(), vec![draw([5], 3)], |[x, w], bias| {
                    convolution_bias_activation(x.clone(), w.clone(), bias[0].clone(), window, activation)
                });
            }
        }
    }

    #[test]
    fn what_is_upsampled_on_the_way_is_as_if_it_had_been_before_and_so_are_its_gradients() {
        for (kernel, stride, padding) in [(3, 1, 1), (4, 2, 1), (1, 1, 0)] {
            let window = Window::new(stride, padding);
            let arguments =
                || [draw([3, 5, 6, 7], 0), draw([4, 5, kernel, kernel], 1)].map(Tensor::require_grad);
            let run = |[x, w]: [Tensor<4>; 2], y: Tensor<4>| {
                let gradients = (y.clone() * draw(y.dims(), 2)).sum().backward();
                [y.inner(), x.grad(&gradients).unwrap(), w.grad(&gradients).unwrap()]
            };
            let [x, w] = arguments();
            let before = run([x.clone(), w.clone()], convolution(super::super::upsample(x), w, window));
            let [x, w] = arguments();
            let fused = run([x.clone(), w.clone()], convolution(x, w, window.upsampled()));
            for (before, fused) in before.into_iter().zip(fused) {
                close(fused, before);
            }
        }
    }

    #[test]
    fn groups_of_channels_are_those_of_burn() {
        let window = Window::new(2, 1).groups(6);
        same([draw([2, 6, 9, 7], 0), draw([6, 1, 3, 3], 1)], vec![draw([6], 2)], |[x, w], bias| {
            let activation = Activation::LeakyRelu(0.1);
            convolution_bias_activation(x.clone(), w.clone(), bias[0].clone(), window, activation)
        });
    }

    #[test]
    fn frozen_weights_give_the_argument_the_gradient_that_free_ones_give_it() {
        for (window, shape, activation) in [
            (Window::new(1, 1), [5, 4, 3, 3], Activation::LeakyRelu(0.2)),
            (Window::new(2, 1).groups(4), [4, 1, 3, 3], Activation::RELU6),
            (Window::new(1, 0), [5, 4, 1, 1], Activation::Identity),
        ] {
            let (w, bias) = (draw(shape, 1), draw::<1>([shape[0]], 2));
            let values = |data: TensorData| data.try_into_vec::<f32>().unwrap();
            let device = Device::flex().autodiff();
            let frozen = Frozen::new(values(w.to_data()), shape, values(bias.to_data()), &device);
            // Of two sizes, by the same packed weights.
            for side in [9, 6] {
                let x = draw([2, 4, side, side], 0).require_grad();
                let run = |convolve: &dyn Fn(Tensor<4>) -> Tensor<4>| {
                    let y = convolve(x.clone());
                    let gradients = (y.clone() * draw(y.dims(), 3)).sum().backward();
                    (y.inner(), x.grad(&gradients).unwrap())
                };
                let (y, dx) = run(&|x| frozen.convolve(x, window, activation));
                let (free_y, free_dx) =
                    run(&|x| convolution_bias_activation(x, w.clone(), bias.clone(), window, activation));
                close(y, free_y);
                close(dx, free_dx);
            }
            assert_eq!(frozen.values.packed.lock().unwrap().len(), 2);
        }
    }

    #[test]
    fn mixed_precision_is_near_and_nearer_where_the_machine_multiplies_no_bfloat16() {
        let [x, w] = [draw([2, 16, 9, 9], 0), draw([5, 16, 3, 3], 1)].map(Tensor::require_grad);
        let window = Window::new(1, 1);
        let [plain, mixed] = [Precision::F32, Precision::Mixed].map(|precision| {
            let y = convolution(x.clone(), w.clone(), window.precision(precision));
            let gradients = (y.clone() * draw(y.dims(), 2)).sum().backward();
            [y.inner(), x.grad(&gradients).unwrap(), w.grad(&gradients).unwrap()]
        });
        for (plain, mixed) in plain.into_iter().zip(mixed) {
            let power = |t: Tensor<4>| t.powf_scalar(2.0).sum().into_scalar::<f32>();
            let share = power(plain.clone() - mixed) / power(plain);
            // Factors within 2^-9 each, the errors of which add up as their squares.
            let rounds = doppelray_kernels::Level::detect() == doppelray_kernels::Level::Bf16;
            assert!((share > 1e-7) == rounds && share < 2e-5, "{share:e}");
        }
    }
}
