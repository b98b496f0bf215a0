//! Convolutions as the networks call them.

use rayon::prelude::*;

use crate::depthwise;
use crate::finish::{at_most, leaky_relu};
use crate::gather::Source;
use crate::level::Mode;
use crate::memory::{Room, made};
use crate::passes::{Planes, upsample_bilinear, upsample_bilinear_gradient};
use crate::product::{Layout, product};
use crate::scratch;
use crate::weights::{Direction, MadeFor, NONE, PackedWeights, Pairs, Way};
use crate::winograd;

/// Values of a large map that are there at a time, about, on the way back to the small one.
const LARGE: usize = 2 << 20;

/// A 2-D convolution: `x [batch, in_channels, height, width]`, weights
/// `[out_channels, in_channels / groups, kernel]`, `y [batch, out_channels, out_height, out_width]`, where an
/// output size is `(size + 2 padding - kernel) / stride + 1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv {
    /// Images.
    pub batch: usize,
    /// Channels of `x`, over all groups.
    pub in_channels: usize,
    /// Channels of `y`, over all groups.
    pub out_channels: usize,
    /// Height of `x`.
    pub height: usize,
    /// Width of `x`.
    pub width: usize,
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Vertical and horizontal step.
    pub stride: [usize; 2],
    /// Zeros above and below, left and right.
    pub padding: [usize; 2],
    /// Groups of channels that do not mix.
    pub groups: usize,
    /// Whether `x` is half as high and wide and is upsampled by two first, bilinearly, as
    /// [`upsample_bilinear`](crate::passes::upsample_bilinear) does: height, width and padding are then those of the large map, of
    /// which no more is in memory than is worked on.
    pub upsampled: bool,
}

/// What is wrong with the shapes of a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// A size that must be positive is 0.
    #[error("{0} is 0")]
    Zero(&'static str),
    /// Channels do not fall into equal groups.
    #[error("{groups} groups do not divide {channels} channels")]
    Groups {
        /// Groups asked for.
        groups: usize,
        /// Channels to divide.
        channels: usize,
    },
    /// The kernel is larger than the padded image.
    #[error("a kernel of {kernel} does not fit an image of {size} with its padding")]
    Kernel {
        /// Size of the kernel along one axis.
        kernel: usize,
        /// Size of the padded image along it.
        size: usize,
    },
    /// A map of odd size is no upsampled one.
    #[error("a map of {0:?} is none that was upsampled by two")]
    Odd([usize; 2]),
    /// A tensor would hold more elements than memory can address.
    #[error("the tensors of {0:?} are too large")]
    TooLarge(Box<Conv>),
    /// A slice holds another number of elements than the shape.
    #[error("{name} holds {given} elements where the shape has {wanted}")]
    Length {
        /// Which argument.
        name: &'static str,
        /// Its length.
        given: usize,
        /// The length that the shape asks for.
        wanted: usize,
    },
    /// Weights were packed for another convolution or direction.
    #[error("the weights were packed for another convolution or direction")]
    Weights,
}

/// What is applied to each output.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub enum Activation {
    /// Nothing.
    #[default]
    Identity,
    /// `x` where `x > 0`, else `slope * x`; a slope of 0 is ReLU.
    LeakyRelu(f32),
    /// `x` within 0 and this; up to 6 it is ReLU6.
    Clipped(f32),
}

impl Activation {
    /// The larger of `x` and 0.
    pub const RELU: Self = Self::LeakyRelu(0.0);
    /// `x` within 0 and 6.
    pub const RELU6: Self = Self::Clipped(6.0);

    /// Of a number; NaN stays.
    #[inline(always)]
    pub(crate) fn of(self, x: f32) -> f32 {
        match self {
            Self::Identity => x,
            Self::LeakyRelu(slope) => leaky_relu(x, slope),
            Self::Clipped(top) => at_most(leaky_relu(x, 0.0), top),
        }
    }

    /// The derivative where the activation gave `y`.
    #[inline(always)]
    pub(crate) fn slope(self, y: f32) -> f32 {
        match self {
            Self::Identity => 1.0,
            Self::LeakyRelu(slope) => {
                if y <= 0.0 {
                    slope
                } else {
                    1.0
                }
            }
            Self::Clipped(top) => {
                if y <= 0.0 || y >= top {
                    0.0
                } else {
                    1.0
                }
            }
        }
    }
}

/// What follows the sums of an output: `activation(sum + bias[channel])`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Epilogue<'a> {
    /// `[out_channels]`.
    pub bias: Option<&'a [f32]>,
    /// Applied last.
    pub activation: Activation,
}

impl Conv {
    /// A convolution that keeps the size: stride 1, padding `kernel / 2`, one group; `x` is
    /// `[batch, channels, height, width]`.
    pub fn same([batch, channels, height, width]: [usize; 4], out_channels: usize, kernel: usize) -> Conv {
        Conv {
            batch,
            in_channels: channels,
            out_channels,
            height,
            width,
            kernel: [kernel; 2],
            stride: [1; 2],
            padding: [kernel / 2; 2],
            groups: 1,
            upsampled: false,
        }
    }

    /// Height and width of `x`.
    pub fn in_size(&self) -> [usize; 2] {
        [self.height, self.width].map(|size| if self.upsampled { size / 2 } else { size })
    }

    /// Height and width of `y`.
    ///
    /// # Errors
    /// Where the shape makes no sense.
    pub fn out_size(&self) -> Result<[usize; 2], ShapeError> {
        self.check_positive()?;
        let axis = |size: usize, axis: usize| {
            let padded = self.padding[axis].checked_mul(2).and_then(|both| both.checked_add(size));
            let size = padded.ok_or_else(|| ShapeError::TooLarge(Box::new(*self)))?;
            let kernel = self.kernel[axis];
            let room = size.checked_sub(kernel).ok_or(ShapeError::Kernel { kernel, size })?;
            Ok(room / self.stride[axis] + 1)
        };
        Ok([axis(self.height, 0)?, axis(self.width, 1)?])
    }

    /// Elements of `x`, of the weights and of `y`.
    ///
    /// # Errors
    /// Where the shape makes no sense or a tensor is larger than memory.
    pub fn lens(&self) -> Result<[usize; 3], ShapeError> {
        let [rows, cols] = self.out_size()?;
        let len = |sizes: [usize; 4]| {
            let product = sizes.into_iter().try_fold(4usize, |product, size| product.checked_mul(size));
            let fits = product.filter(|&bytes| isize::try_from(bytes).is_ok());
            fits.map(|bytes| bytes / 4).ok_or_else(|| ShapeError::TooLarge(Box::new(*self)))
        };
        // One image at least, so that an empty batch is no way around the check.
        let [height, width] = self.in_size();
        len([self.batch.max(1), self.in_channels, self.height, self.width])?;
        let x = len([self.batch.max(1), self.in_channels, height, width])?;
        let w = len([self.out_channels, self.in_channels / self.groups, self.kernel[0], self.kernel[1]])?;
        let y = len([self.batch.max(1), self.out_channels, rows, cols])?;
        Ok(if self.batch == 0 { [0, w, 0] } else { [x, w, y] })
    }

    /// Multiplications and additions of one product (a gradient has as many), padding counted as data.
    ///
    /// # Errors
    /// As [`Conv::lens`].
    pub fn flops(&self) -> Result<f64, ShapeError> {
        let [_, w, y] = self.lens()?;
        Ok(2.0 * y as f64 * (w / self.out_channels) as f64)
    }

    fn check_positive(&self) -> Result<(), ShapeError> {
        let sizes = [
            (self.in_channels, "in_channels"),
            (self.out_channels, "out_channels"),
            (self.height, "height"),
            (self.width, "width"),
            (self.kernel[0].min(self.kernel[1]), "kernel"),
            (self.stride[0].min(self.stride[1]), "stride"),
            (self.groups, "groups"),
        ];
        if let Some(&(_, name)) = sizes.iter().find(|(size, _)| *size == 0) {
            return Err(ShapeError::Zero(name));
        }
        for channels in [self.in_channels, self.out_channels] {
            if channels % self.groups != 0 {
                return Err(ShapeError::Groups { groups: self.groups, channels });
            }
        }
        if self.upsampled && [self.height, self.width].iter().any(|size| !size.is_multiple_of(2)) {
            return Err(ShapeError::Odd([self.height, self.width]));
        }
        Ok(())
    }

    /// Where each tap of the kernel reads, from a position times the stride.
    pub(crate) fn taps(&self) -> Vec<[isize; 2]> {
        let [rows, cols] = self.kernel;
        let at = |index: usize, axis: usize| index as isize - self.padding[axis] as isize;
        (0..rows * cols).map(|tap| [at(tap / cols, 0), at(tap % cols, 1)]).collect()
    }

    pub(crate) fn made_for(&self, direction: Direction) -> MadeFor {
        MadeFor { direction, kernel: self.kernel, stride: self.stride, padding: self.padding }
    }

    /// What is read.
    pub(crate) fn source(&self) -> Source {
        let Conv { in_channels, height, width, stride, upsampled, .. } = *self;
        Source { channels: in_channels, height, width, step: stride, upsampled }
    }

    /// The planes of `x`, where it is upsampled.
    fn small_planes(&self) -> Planes {
        let [height, width] = self.in_size();
        Planes { count: self.batch * self.in_channels, height, width }
    }

    /// The convolution of the large map, and that map, for ways that take no other.
    pub(crate) fn upsampling(&self, x: &[f32]) -> Result<(Conv, Vec<f32>), ShapeError> {
        let large = made(4 * x.len(), |room| upsample_bilinear(self.small_planes(), x, room))?;
        Ok((Conv { upsampled: false, ..*self }, large))
    }

    fn inputs(&self) -> usize {
        self.in_channels / self.groups
    }

    fn outputs(&self) -> usize {
        self.out_channels / self.groups
    }

    fn check_weights(&self, weights: &PackedWeights, direction: Direction) -> Result<(), ShapeError> {
        let (inputs, outputs) = match direction {
            Direction::Forward => (self.inputs(), self.outputs()),
            Direction::InputGradient => (self.outputs(), self.inputs()),
        };
        let (inputs, outputs, groups) = match weights.way {
            Way::Pixels | Way::Planes => (inputs, outputs, self.groups),
            Way::Tiles(kind) => {
                let [inputs, outputs] = kind.channels(self, direction);
                (inputs, outputs, kind.points())
            }
        };
        let fits = weights.made_for == self.made_for(direction)
            && [weights.groups, weights.inputs, weights.outputs] == [groups, inputs, outputs];
        if fits { Ok(()) } else { Err(ShapeError::Weights) }
    }
}

pub(crate) fn check_len(name: &'static str, given: usize, wanted: usize) -> Result<(), ShapeError> {
    if given == wanted { Ok(()) } else { Err(ShapeError::Length { name, given, wanted }) }
}

/// Packs `w [out_channels, in_channels / groups, kernel]` for [`forward`]; good for any batch and image size.
///
/// # Errors
/// Where the shape makes no sense or `w` has another length.
pub fn pack_forward(conv: &Conv, w: &[f32], mode: Mode) -> Result<PackedWeights, ShapeError> {
    check_len("w", w.len(), conv.lens()?[1])?;
    let (inputs, outputs, [rows, cols]) = (conv.inputs(), conv.outputs(), conv.kernel);
    let mode = mode.checked();
    if depthwise::applies(conv) {
        return Ok(depthwise::pack(conv, w, mode, Direction::Forward));
    }
    if let Some(kind) = winograd::kind(conv, mode, Direction::Forward) {
        return Ok(winograd::pack(kind, conv, w, mode, Direction::Forward));
    }
    let pairs = match mode.is_paired() {
        // A last column without a second would multiply the next one by 0, which is no sum of its own where that
        // one is infinite.
        true if conv.stride[1] == 2 && cols % 2 == 0 => Pairs::Columns,
        true => Pairs::Channels,
        false => Pairs::None,
    };
    let made_for = conv.made_for(Direction::Forward);
    let mut packed = PackedWeights {
        mode,
        pairs,
        way: Way::Pixels,
        groups: conv.groups,
        inputs,
        outputs,
        parts: Vec::new(),
        made_for,
    };
    let step = if pairs == Pairs::Columns { 2 } else { 1 };
    let second = |tap: usize| if step == 2 { tap + 1 } else { NONE };
    let kernel: Vec<_> = (0..rows * cols).step_by(step).map(|tap| [tap, second(tap)]).collect();
    let taps = conv.taps();
    packed.add_part([0, 0], kernel.iter().map(|&[tap, _]| taps[tap]).collect(), kernel);
    packed.pack(w, [inputs * rows * cols, rows * cols], rows * cols);
    Ok(packed)
}

/// Packs `w` for [`input_gradient`]: channels change sides and the kernel is turned over, in one part for each
/// phase of the stride. A position `h` of phase `a = h mod stride` sums over the rows `k` of the kernel with
/// `stride | a + padding - k`, at row `(h + padding - k) / stride` of `dy`.
///
/// # Errors
/// As [`pack_forward`].
pub fn pack_input_gradient(conv: &Conv, w: &[f32], mode: Mode) -> Result<PackedWeights, ShapeError> {
    check_len("w", w.len(), conv.lens()?[1])?;
    let (inputs, outputs, [rows, cols]) = (conv.inputs(), conv.outputs(), conv.kernel);
    let mode = mode.checked();
    if depthwise::applies(conv) {
        return Ok(depthwise::pack(conv, w, mode, Direction::InputGradient));
    }
    if let Some(kind) = winograd::kind(conv, mode, Direction::InputGradient) {
        return Ok(winograd::pack(kind, conv, w, mode, Direction::InputGradient));
    }
    let mut packed = PackedWeights {
        mode,
        way: Way::Pixels,
        pairs: if mode.is_paired() { Pairs::Channels } else { Pairs::None },
        groups: conv.groups,
        inputs: outputs,
        outputs: inputs,
        parts: Vec::new(),
        made_for: conv.made_for(Direction::InputGradient),
    };
    for phase in 0..conv.stride[0] * conv.stride[1] {
        let first = [phase / conv.stride[1], phase % conv.stride[1]];
        let (mut taps, mut kernel) = (Vec::new(), Vec::new());
        for (row, down) in phase_taps(conv, 0, first[0]) {
            for (col, right) in phase_taps(conv, 1, first[1]) {
                taps.push([down, right]);
                kernel.push([row * cols + col, NONE]);
            }
        }
        packed.add_part(first, taps, kernel);
    }
    packed.pack(w, [rows * cols, inputs * rows * cols], rows * cols);
    Ok(packed)
}

/// The kernel indices that reach phase `phase` of one axis, and where in `dy` they read.
pub(crate) fn phase_taps(
    conv: &Conv,
    axis: usize,
    phase: usize,
) -> impl Iterator<Item = (usize, isize)> + use<> {
    let (stride, padding) = (conv.stride[axis] as isize, conv.padding[axis] as isize);
    (0..conv.kernel[axis]).rev().filter_map(move |index| {
        let reach = phase as isize + padding - index as isize;
        (reach % stride == 0).then_some((index, reach / stride))
    })
}

/// `y = activation(conv(x, w) + bias)`.
///
/// # Errors
/// Where a slice's length is not the shape's, or the weights were packed for another convolution.
pub fn forward<'y>(
    conv: &Conv,
    x: &[f32],
    weights: &PackedWeights,
    epilogue: Epilogue<'_>,
    y: impl Into<Room<'y>>,
) -> Result<&'y mut [f32], ShapeError> {
    let y = y.into();
    let [x_len, _, y_len] = conv.lens()?;
    check_len("x", x.len(), x_len)?;
    check_len("y", y.len(), y_len)?;
    conv.check_weights(weights, Direction::Forward)?;
    if let Some(bias) = epilogue.bias {
        check_len("bias", bias.len(), conv.out_channels)?;
    }
    let layout = Layout { images: conv.batch, source: conv.source(), size: conv.out_size()?, step: [1, 1] };
    if conv.upsampled && !layout.is_set_out(weights) {
        let (conv, x) = conv.upsampling(x)?;
        return forward(&conv, &x, weights, epilogue, y);
    }
    if weights.way == Way::Planes {
        return Ok(depthwise::forward(conv, x, weights.planes(), epilogue, y));
    }
    Ok(product(layout, weights, x, epilogue, y))
}

/// `dx`, the gradient by `x` of `sum(dy * conv(x, w))`; also the transposed convolution of `dy`.
///
/// # Errors
/// As [`forward`].
pub fn input_gradient<'y>(
    conv: &Conv,
    dy: &[f32],
    weights: &PackedWeights,
    dx: impl Into<Room<'y>>,
) -> Result<&'y mut [f32], ShapeError> {
    let dx = dx.into();
    let [x_len, _, y_len] = conv.lens()?;
    check_len("dy", dy.len(), y_len)?;
    check_len("dx", dx.len(), x_len)?;
    conv.check_weights(weights, Direction::InputGradient)?;
    if conv.upsampled {
        return upsampled_input_gradient(conv, dy, weights, dx);
    }
    if weights.way == Way::Planes {
        return Ok(depthwise::input_gradient(conv, dy, weights.planes(), dx));
    }
    let [height, width] = conv.out_size()?;
    let source = Source { channels: conv.out_channels, height, width, step: [1, 1], upsampled: false };
    let layout = Layout { images: conv.batch, source, size: [conv.height, conv.width], step: conv.stride };
    Ok(product(layout, weights, dy, Epilogue::default(), dx))
}

/// [`input_gradient`] of a convolution that upsamples: some images at a time, so that the large map stays in the caches.
fn upsampled_input_gradient<'y>(
    conv: &Conv,
    dy: &[f32],
    weights: &PackedWeights,
    mut dx: Room<'y>,
) -> Result<&'y mut [f32], ShapeError> {
    let image = conv.in_channels * conv.height * conv.width;
    let batch = (LARGE / image).clamp(1, conv.batch.max(1));
    let [_, _, out] = Conv { batch: 1, ..*conv }.lens()?;
    scratch::with_partials(batch * image, |large| {
        for (dy, dx) in dy.chunks(batch * out).zip(dx.in_turn(batch * image / 4)) {
            let part = Conv { batch: dy.len() / out, ..*conv };
            let large = &mut large[..part.batch * image];
            let large = input_gradient(&Conv { upsampled: false, ..part }, dy, weights, large)?;
            upsample_bilinear_gradient(part.small_planes(), large, dx)?;
        }
        Ok(())
    })?;
    // SAFETY: the parts are all images, and each was written whole.
    Ok(unsafe { dx.written() })
}

/// [`forward`] with weights packed for this call alone, in `f32` at the machine's best level.
///
/// # Errors
/// As [`forward`].
pub fn convolve(
    conv: &Conv,
    x: &[f32],
    w: &[f32],
    epilogue: Epilogue<'_>,
    y: &mut [f32],
) -> Result<(), ShapeError> {
    forward(conv, x, &pack_forward(conv, w, Mode::default())?, epilogue, y).map(|_| ())
}

/// `db [out_channels]`, the gradient by the bias: `dy` summed over images and positions.
///
/// # Errors
/// As [`forward`].
pub fn bias_gradient(conv: &Conv, dy: &[f32], db: &mut [f32]) -> Result<(), ShapeError> {
    check_len("dy", dy.len(), conv.lens()?[2])?;
    check_len("db", db.len(), conv.out_channels)?;
    let [rows, cols] = conv.out_size()?;
    db.par_iter_mut().enumerate().for_each(|(channel, sum)| {
        let planes = dy.chunks_exact(rows * cols).skip(channel).step_by(conv.out_channels);
        *sum = planes.map(crate::finish::sum).sum();
    });
    Ok(())
}
