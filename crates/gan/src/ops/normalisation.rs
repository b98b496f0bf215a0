//! Batch and pixel-wise normalisation with a gain and bias for each channel of each sample and leaky ReLU, and the affine map
//! alone.

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, backend_extension};
use burn::tensor::Tensor;
use doppelray_kernels::passes::{self, Channels, Moments, Normalisation, PixelGradients, PixelNorm};
use doppelray_kernels::{made, zeros};

use super::{FITS, OFF_TAPE, channels, dims, ours, owned, slice, tensor};

/// Batch normalisation (Ioffe and Szegedy 2015) of `x [b, c, h, w]` by its own statistics, with a gain and a bias
/// `[b, c]` for each channel of each sample: `(x - mean) / sqrt(variance + epsilon) * gain + bias`; then leaky ReLU.
///
/// Also gives the mean and the biased variance of each channel over batch and pixels, for running statistics.
pub fn normalise(
    x: Tensor<4>,
    gain: Tensor<2>,
    bias: Tensor<2>,
    rule: NormRule,
) -> (Tensor<4>, Vec<f32>, Vec<f32>) {
    if ours(&x) {
        let moments = moments(&x);
        let [x, g, b] = [x.into_dispatch(), gain.into_dispatch(), bias.into_dispatch()];
        let y = Dispatch::normalised(x, g, b, Batch { moments: moments.clone(), rule });
        return (Tensor::from_dispatch(y), moments.mean, moments.variance);
    }
    let [batch, channels, ..] = x.dims();
    let mean = x.clone().mean_dim(0).mean_dim(2).mean_dim(3); // [1, c, 1, 1]
    let centred = x - mean.clone();
    let variance = centred.clone().powf_scalar(2.0).mean_dim(0).mean_dim(2).mean_dim(3);
    let plain = centred / (variance.clone() + f64::from(rule.epsilon)).sqrt();
    let [gain, bias] = [gain, bias].map(|t| t.reshape([batch, channels, 1, 1]));
    let values = |t: Tensor<4>| t.into_data().convert::<f32>().try_into_vec().expect("just converted");
    let y = burn::tensor::activation::leaky_relu(plain * gain + bias, f64::from(rule.slope));
    (y, values(mean), values(variance))
}

/// `x [b, c, h, w] * gain + bias`, gain and bias `[b, c]`.
pub fn affine(x: Tensor<4>, gain: Tensor<2>, bias: Tensor<2>) -> Tensor<4> {
    if ours(&x) {
        let [x, g, b] = [x.into_dispatch(), gain.into_dispatch(), bias.into_dispatch()];
        return Tensor::from_dispatch(Dispatch::affine(x, g, b));
    }
    let [batch, channels, ..] = x.dims();
    let [gain, bias] = [gain, bias].map(|t| t.reshape([batch, channels, 1, 1]));
    x * gain + bias
}

/// Pixel-wise normalisation (Karras et al. 2018) of `x [b, c, h, w]` after a shift of each channel, `[c]`: each pixel's vector
/// of channels over its root mean square; then a gain and a bias, and leaky ReLU. `style [b, 2 c]` holds for each sample
/// the gains less 1, and the biases.
pub fn pixel_norm(x: Tensor<4>, shift: Tensor<1>, style: Tensor<2>, rule: NormRule) -> Tensor<4> {
    if ours(&x) {
        let [x, shift, style] = [x.into_dispatch(), shift.into_dispatch(), style.into_dispatch()];
        return Tensor::from_dispatch(Dispatch::pixel_normalised(x, shift, style, rule));
    }
    let [batch, channels, ..] = x.dims();
    let x = x + shift.reshape([1, channels, 1, 1]);
    let power = x.clone().powf_scalar(2.0).mean_dim(1) + f64::from(rule.epsilon); // [b, 1, h, w]
    let style = style.reshape([batch, 2 * channels, 1, 1]);
    let (gain, bias) = (style.clone().narrow(1, 0, channels) + 1.0, style.narrow(1, channels, channels));
    burn::tensor::activation::leaky_relu(x / power.sqrt() * gain + bias, f64::from(rule.slope))
}

/// The constants of [`normalise`] and [`pixel_norm`].
#[derive(Clone, Copy, Debug)]
pub struct NormRule {
    /// Added to the variance or the mean square.
    pub epsilon: f32,
    /// Slope of leaky ReLU below 0; 1 for none.
    pub slope: f32,
}

/// How a batch is normalised: by its moments.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    moments: Moments,
    rule: NormRule,
}

/// The moments of a tensor that is on the CPU in single precision.
fn moments(x: &Tensor<4>) -> Moments {
    let x = if x.is_autodiff() { x.clone().inner() } else { x.clone() };
    let x = x.try_into_primitive::<Flex>().expect("`ours` let it through").to_contiguous();
    passes::moments(channels(&x), slice(&x)).expect(FITS)
}

/// What the CPU does by its own kernels, and what autodiff makes of it.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait Normalisations: Backend {
    /// `[b, c, h, w]` and the style, `[b, c]` and `[b, c]`, to `[b, c, h, w]`; the moments are those of `x`.
    fn normalised(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        batch: Batch,
    ) -> FloatTensor<Self>;

    /// The gradients by `x`, and by gain and bias, of `sum(dy * normalised(x))`.
    fn normalised_gradient(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        batch: Batch,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// `leaky((x + shift) / root mean square over channels * gain + bias)`.
    fn pixel_normalised(
        x: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        style: FloatTensor<Self>,
        rule: NormRule,
    ) -> FloatTensor<Self>;

    /// The gradients by `x`, `shift` and `style` of `sum(dy * pixel_normalised(x))`.
    fn pixel_gradient(
        x: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        style: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        rule: NormRule,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// `x * gain + bias`.
    fn affine(x: FloatTensor<Self>, gain: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self>;

    /// The gradients by `x`, `gain` and `bias` of `sum(dy * affine(x))`.
    fn affine_gradient(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        dy: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

type Three<B> = (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>);

/// The gradients by an argument, by its gain and by its bias, of which `work` makes the first out of `dy`.
fn gradients(
    dy: FlexTensor,
    work: impl FnOnce(passes::Gradients<'_>) -> Result<(), doppelray_kernels::ShapeError>,
) -> Three<Flex> {
    let Channels { batch, channels, .. } = channels(&dy);
    let (mut x, shape) = owned(dy);
    let [mut gain, mut bias] = [0, 1].map(|_| vec![0.0; batch * channels]);
    work(passes::Gradients { x: &mut x, gain: &mut gain, bias: &mut bias }).expect(FITS);
    (tensor(x, shape), tensor(gain, [batch, channels]), tensor(bias, [batch, channels]))
}

/// The gains and the biases of a style, `[b, c]` each.
fn styled(style: &FlexTensor, channels: usize) -> [Vec<f32>; 2] {
    let rows = || slice(style).chunks_exact(2 * channels);
    let gains = rows().flat_map(|row| &row[..channels]).map(|gain| gain + 1.0).collect();
    [gains, rows().flat_map(|row| &row[channels..]).copied().collect()]
}

impl Batch {
    fn of<'a>(&'a self, sizes: Channels, [gain, bias]: [&'a FlexTensor; 2]) -> Normalisation<'a> {
        let Batch { moments, rule: NormRule { epsilon, slope } } = self;
        let (gain, bias, epsilon, slope) = (slice(gain), slice(bias), *epsilon, *slope);
        Normalisation { sizes, moments, epsilon, gain, bias, slope }
    }
}

impl NormRule {
    fn by_pixel<'a>(
        self,
        sizes: Channels,
        shift: &'a FlexTensor,
        [gain, bias]: &'a [Vec<f32>; 2],
    ) -> PixelNorm<'a> {
        let NormRule { epsilon, slope } = self;
        PixelNorm { sizes, shift: slice(shift), gain, bias, epsilon, slope }
    }
}

impl Normalisations for Flex {
    fn normalised(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        batch: Batch,
    ) -> FloatTensor<Self> {
        let [x, gain, bias] = [x, gain, bias].map(|t| t.to_contiguous());
        let rule = batch.of(channels(&x), [&gain, &bias]);
        let y = made(slice(&x).len(), |room| passes::normalise(rule, slice(&x), room)).expect(FITS);
        tensor(y, dims(&x))
    }

    fn normalised_gradient(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        batch: Batch,
    ) -> Three<Self> {
        let [x, gain, bias] = [x, gain, bias].map(|t| t.to_contiguous());
        let rule = batch.of(channels(&x), [&gain, &bias]);
        gradients(dy, |to| passes::normalise_gradient(rule, slice(&x), to))
    }

    fn pixel_normalised(
        x: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        style: FloatTensor<Self>,
        rule: NormRule,
    ) -> FloatTensor<Self> {
        let [x, shift, style] = [x, shift, style].map(|t| t.to_contiguous());
        let sizes = channels(&x);
        let style = styled(&style, sizes.channels);
        let mut y = zeros(slice(&x).len());
        passes::pixel_norm(rule.by_pixel(sizes, &shift, &style), slice(&x), &mut y).expect(FITS);
        tensor(y, dims(&x))
    }

    fn pixel_gradient(
        x: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        style: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        rule: NormRule,
    ) -> Three<Self> {
        let [x, shift, style] = [x, shift, style].map(|t| t.to_contiguous());
        let sizes = channels(&x);
        let count = sizes.channels;
        let style = styled(&style, count);
        let (mut dx, shape) = owned(dy);
        let (mut to_shift, [mut gain, mut bias]) =
            (vec![0.0; count], style.each_ref().map(|s| vec![0.0; s.len()]));
        let to = PixelGradients { x: &mut dx, shift: &mut to_shift, gain: &mut gain, bias: &mut bias };
        passes::pixel_norm_gradient(rule.by_pixel(sizes, &shift, &style), slice(&x), to).expect(FITS);
        let rows = gain.chunks_exact(count).zip(bias.chunks_exact(count));
        let style = rows.flat_map(|(gain, bias)| [gain, bias].concat()).collect();
        (tensor(dx, shape), tensor(to_shift, [count]), tensor(style, [sizes.batch, 2 * count]))
    }

    fn affine(x: FloatTensor<Self>, gain: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        let (x, gain, bias) = (x.to_contiguous(), gain.to_contiguous(), bias.to_contiguous());
        let sizes: Channels = channels(&x);
        let factors = [slice(&gain), slice(&bias)];
        let y = made(slice(&x).len(), |room| passes::affine(sizes, slice(&x), factors, room)).expect(FITS);
        tensor(y, dims(&x))
    }

    fn affine_gradient(x: FloatTensor<Self>, gain: FloatTensor<Self>, dy: FloatTensor<Self>) -> Three<Self> {
        let (x, gain) = (x.to_contiguous(), gain.to_contiguous());
        gradients(dy, |to| passes::affine_gradient(channels(&x), slice(&gain), slice(&x), to))
    }
}

impl<B: Normalisations, C: CheckpointStrategy> Normalisations for Autodiff<B, C> {
    fn normalised(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        batch: Batch,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), gain.node(), bias.node()];
        match Normalise.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let kept = [&x, &gain, &bias].map(|t| prep.checkpoint(t));
                let [x, gain, bias] = [x, gain, bias].map(|t| t.into_primitive());
                let y = B::normalised(x, gain, bias, batch.clone());
                prep.finish((kept, batch), y)
            }
            OpsKind::UnTracked(prep) => {
                let [x, gain, bias] = [x, gain, bias].map(|t| t.into_primitive());
                prep.finish(B::normalised(x, gain, bias, batch))
            }
        }
    }

    fn normalised_gradient(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: Batch,
    ) -> Three<Self> {
        unreachable!("{OFF_TAPE}")
    }

    fn pixel_normalised(
        x: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        style: FloatTensor<Self>,
        rule: NormRule,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), shift.node(), style.node()];
        match PixelNormalise.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let kept = [&x, &shift, &style].map(|t| prep.checkpoint(t));
                let [x, shift, style] = [x, shift, style].map(|t| t.into_primitive());
                prep.finish((kept, rule), B::pixel_normalised(x, shift, style, rule))
            }
            OpsKind::UnTracked(prep) => {
                let [x, shift, style] = [x, shift, style].map(|t| t.into_primitive());
                prep.finish(B::pixel_normalised(x, shift, style, rule))
            }
        }
    }

    fn pixel_gradient(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: NormRule,
    ) -> Three<Self> {
        unreachable!("{OFF_TAPE}")
    }

    fn affine(x: FloatTensor<Self>, gain: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [x.node(), gain.node(), bias.node()];
        match Affine.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let kept = [prep.checkpoint(&x), prep.checkpoint(&gain)];
                let [x, gain, bias] = [x, gain, bias].map(|t| t.into_primitive());
                prep.finish(kept, B::affine(x, gain, bias))
            }
            OpsKind::UnTracked(prep) => {
                let [x, gain, bias] = [x, gain, bias].map(|t| t.into_primitive());
                prep.finish(B::affine(x, gain, bias))
            }
        }
    }

    fn affine_gradient(_: FloatTensor<Self>, _: FloatTensor<Self>, _: FloatTensor<Self>) -> Three<Self> {
        unreachable!("{OFF_TAPE}")
    }
}

#[derive(Debug)]
struct Normalise;

impl<B: Normalisations> Backward<B, 3> for Normalise {
    type State = ([NodeId; 3], Batch);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let (kept, batch) = ops.state;
        let dy = grads.consume::<B>(&ops.node);
        let [x, gain, bias] = kept.map(|node| checkpointer.retrieve_node_output::<FloatTensor<B>>(node));
        let (dx, dgain, dbias) = B::normalised_gradient(x, gain, bias, dy, batch);
        for (node, gradient) in ops.parents.into_iter().zip([dx, dgain, dbias]) {
            if let Some(node) = node {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

#[derive(Debug)]
struct PixelNormalise;

impl<B: Normalisations> Backward<B, 3> for PixelNormalise {
    type State = ([NodeId; 3], NormRule);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let (kept, rule) = ops.state;
        let dy = grads.consume::<B>(&ops.node);
        let [x, shift, style] = kept.map(|node| checkpointer.retrieve_node_output::<FloatTensor<B>>(node));
        let (dx, dshift, dstyle) = B::pixel_gradient(x, shift, style, dy, rule);
        for (node, gradient) in ops.parents.into_iter().zip([dx, dshift, dstyle]) {
            if let Some(node) = node {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

#[derive(Debug)]
struct Affine;

impl<B: Normalisations> Backward<B, 3> for Affine {
    type State = [NodeId; 2];

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let dy = grads.consume::<B>(&ops.node);
        let [x, gain] = ops.state.map(|node| checkpointer.retrieve_node_output::<FloatTensor<B>>(node));
        let (dx, dgain, dbias) = B::affine_gradient(x, gain, dy);
        for (node, gradient) in ops.parents.into_iter().zip([dx, dgain, dbias]) {
            if let Some(node) = node {
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
    fn normalisation_and_the_affine_map_and_their_gradients_are_those_of_burn() {
        let styles = || vec![draw([3, 4], 1), draw([3, 4], 2)];
        for slope in [1.0, 0.2] {
            let rule = NormRule { epsilon: 1e-5, slope };
            same([draw([3, 4, 7, 5], 0) * 3.0 + 2.0], styles(), |[x], style| {
                normalise(x.clone(), style[0].clone(), style[1].clone(), rule).0
            });
        }
        same([draw([3, 4, 7, 5], 0)], styles(), |[x], style| {
            affine(x.clone(), style[0].clone(), style[1].clone())
        });
    }

    #[test]
    fn pixel_wise_normalisation_and_its_gradients_are_those_of_burn() {
        let rule = NormRule { epsilon: 1e-6, slope: 0.2 };
        let (x, shift) = (draw([3, 4, 17, 19], 0) * 3.0, draw::<1>([4], 1));
        let styles = vec![draw([3, 8], 2), shift.unsqueeze::<2>()];
        same([x], styles, |[x], style| {
            pixel_norm(x.clone(), style[1].clone().reshape([4]), style[0].clone(), rule)
        });
    }

    #[test]
    fn both_ways_give_the_same_moments() {
        let x = draw([3, 4, 7, 5], 0) * 3.0 + 2.0;
        let style = || [draw([3, 4], 1), draw([3, 4], 2)];
        let rule = NormRule { epsilon: 1e-5, slope: 1.0 };
        let [gain, bias] = style();
        let (_, mean, variance) = normalise(x.clone(), gain, bias, rule);
        let [gain, bias] = style().map(|t| super::super::tests::double(&t));
        let (_, burns_mean, burns_variance) = normalise(super::super::tests::double(&x), gain, bias, rule);
        for (a, b) in mean.iter().chain(&variance).zip(burns_mean.iter().chain(&burns_variance)) {
            assert!((a - b).abs() < 1e-6 * b.abs().max(1.0), "{a} {b}");
        }
    }
}
