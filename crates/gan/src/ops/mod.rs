//! The operations that carry the work, by our own kernels where tensors are in single precision on the CPU, by
//! burn's own operations elsewhere. Networks call these and do not know.
//!
//! A file is one kind of operation: what networks call, what the CPU does by `doppelray-kernels`, and what autodiff
//! makes of it. Gradients are again operations off the tape: burn is first-order.

mod activation;
mod augmentation;
mod convolution;
mod joining;
mod noise;
mod normalisation;
mod resampling;
mod sum;

pub use activation::{glu, leaky_relu, leaky_relu_mask, tanh};
pub use augmentation::augment;
pub use convolution::{
    Frozen, Precision, Window, convolution, convolution_bias_activation, transposed_convolution,
};
pub use doppelray_kernels::Activation;
pub use joining::join;
pub use noise::add_noise;
pub use normalisation::{NormRule, affine, normalise, pixel_norm};
pub use resampling::{max_pool, resize, upsample};
pub use sum::scaled_sum;

use burn::backend::flex::FlexTensor;
use burn::tensor::{DType, Shape, Tensor, TensorData};
use doppelray_kernels::passes::Channels;

/// Why a shape error of the kernels cannot be.
const FITS: &str = "shapes were checked by the caller";

/// Why an operation is never on the tape.
const OFF_TAPE: &str = "only backward passes ask for it, and they are off the tape";

/// True where the kernels do the work.
fn ours<const D: usize>(tensor: &Tensor<D>) -> bool {
    tensor.dtype() == DType::F32 && tensor.device().inner() == burn::tensor::Device::flex()
}

fn slice(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice::<f32>().expect("contiguous single precision")
}

/// The values to change in place: those of the tensor where nothing else holds them, else a copy.
fn owned(tensor: FlexTensor) -> (Vec<f32>, Shape) {
    let shape = tensor.layout().shape().clone();
    (tensor.into_data().try_into_vec().expect("single precision"), shape)
}

fn dims(tensor: &FlexTensor) -> [usize; 4] {
    let shape = tensor.layout().shape();
    [shape[0], shape[1], shape[2], shape[3]]
}

/// Batch, channels and pixels of `[b, c, h, w]`.
fn channels(tensor: &FlexTensor) -> Channels {
    let [batch, channels, height, width] = dims(tensor);
    Channels { batch, channels, pixels: height * width }
}

fn tensor(values: Vec<f32>, shape: impl Into<Shape>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape.into()))
}

#[cfg(test)]
mod tests {
    //! What the tests of the operations share.

    use burn::tensor::{Device, Tensor, TensorData};
    use doppelray_measures::rng::{Purpose, stream};

    /// Normal numbers on the tape.
    pub(super) fn draw<const D: usize>(shape: [usize; D], index: u64) -> Tensor<D> {
        let values = stream(5, Purpose::Batch, index).normals(shape.iter().product());
        Tensor::from_data(TensorData::new(values, shape), &Device::flex().autodiff())
    }

    /// Asserts that two tensors are equal up to 1e-5 of the largest value.
    pub(super) fn close<const D: usize>(ours: Tensor<D>, burns: Tensor<D>) {
        assert_eq!(ours.dims(), burns.dims());
        let [a, b] = [ours, burns].map(|t| t.into_data().convert::<f32>().try_into_vec::<f32>().unwrap());
        let scale = b.iter().fold(1e-3f32, |m, v| m.max(v.abs()));
        let worst =
            a.iter().zip(&b).fold(0f32, |m, (a, b)| if (a - b).abs() <= m { m } else { (a - b).abs() });
        assert!(worst <= 1e-5 * scale, "{worst:e} of {scale}");
    }

    /// The same values in double precision, where burn's own operations compute.
    pub(super) fn double<const D: usize>(tensor: &Tensor<D>) -> Tensor<D> {
        let values: Vec<f64> = tensor.to_data().convert::<f64>().try_into_vec().unwrap();
        let device = Device::flex().autodiff();
        Tensor::from_data(TensorData::new(values, tensor.dims()), (&device, burn::tensor::DType::F64))
    }

    /// Asserts that `f` in single precision, by our kernels, and in double precision, by burn, give the same
    /// values and the same gradients by every argument.
    pub(super) fn same<const D: usize, const E: usize, const N: usize>(
        arguments: [Tensor<D>; N],
        others: Vec<Tensor<E>>,
        f: impl Fn(&[Tensor<D>; N], &[Tensor<E>]) -> Tensor<4>,
    ) {
        let run = |a: [Tensor<D>; N], b: Vec<Tensor<E>>| {
            let (a, b) =
                (a.map(Tensor::require_grad), b.into_iter().map(Tensor::require_grad).collect::<Vec<_>>());
            let y = f(&a, &b);
            let dy = draw(y.dims(), 77);
            let dy = if y.dtype() == burn::tensor::DType::F64 { double(&dy) } else { dy };
            let gradients = (y.clone() * dy).sum().backward();
            let of_a = a.map(|t| t.grad(&gradients).unwrap());
            (y.inner(), of_a, b.iter().map(|t| t.grad(&gradients).unwrap()).collect::<Vec<_>>())
        };
        let wide = run(arguments.each_ref().map(double), others.iter().map(double).collect());
        let ours = run(arguments, others);
        close(ours.0, wide.0);
        ours.1.into_iter().zip(wide.1).for_each(|(a, b)| close(a, b));
        ours.2.into_iter().zip(wide.2).for_each(|(a, b)| close(a, b));
    }
}
