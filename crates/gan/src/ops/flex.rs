//! The operations on the CPU, by the kernels crate.

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::tensor::{Shape, TensorData};
use doppelray_kernels::{Conv, Epilogue, Mode, pack_forward, pack_input_gradient, passes};

use super::Kernels;

const FITS: &str = "shapes were checked by the caller";

fn slice(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice::<f32>().expect("contiguous single precision")
}

fn dims(tensor: &FlexTensor) -> [usize; 4] {
    let shape = tensor.layout().shape();
    [shape[0], shape[1], shape[2], shape[3]]
}

fn tensor(values: Vec<f32>, shape: impl Into<Shape>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape.into()))
}

/// The convolution from `[b, i, height, width]` with weights `[o, i, k, k]`.
fn shape(
    [batch, in_channels, height, width]: [usize; 4],
    [out_channels, kernel]: [usize; 2],
    window: [usize; 2],
) -> Conv {
    let [stride, padding] = window.map(|v| [v; 2]);
    Conv { batch, in_channels, out_channels, height, width, kernel: [kernel; 2], stride, padding, groups: 1 }
}

impl Kernels for Flex {
    fn convolve(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self> {
        let (x, w) = (x.to_contiguous(), w.to_contiguous());
        let [outputs, _, kernel, _] = dims(&w);
        let conv = shape(dims(&x), [outputs, kernel], [stride, padding]);
        let [rows, cols] = conv.out_size().expect(FITS);
        let mut y = vec![0.0; conv.lens().expect(FITS)[2]];
        let weights = pack_forward(&conv, slice(&w), Mode::default()).expect(FITS);
        doppelray_kernels::forward(&conv, slice(&x), &weights, Epilogue::default(), &mut y).expect(FITS);
        tensor(y, [conv.batch, outputs, rows, cols])
    }

    fn transposed(
        dy: FloatTensor<Self>,
        w: FloatTensor<Self>,
        size: [usize; 2],
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self> {
        let (dy, w) = (dy.to_contiguous(), w.to_contiguous());
        let [outputs, inputs, kernel, _] = dims(&w);
        let full = [dims(&dy)[0], inputs, size[0], size[1]];
        let conv = shape(full, [outputs, kernel], [stride, padding]);
        let mut dx = vec![0.0; conv.lens().expect(FITS)[0]];
        let weights = pack_input_gradient(&conv, slice(&w), Mode::default()).expect(FITS);
        doppelray_kernels::input_gradient(&conv, slice(&dy), &weights, &mut dx).expect(FITS);
        tensor(dx, full)
    }

    fn weight_gradient(
        x: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        kernel: usize,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self> {
        let (x, dy) = (x.to_contiguous(), dy.to_contiguous());
        let outputs = dims(&dy)[1];
        let conv = shape(dims(&x), [outputs, kernel], [stride, padding]);
        let mut dw = vec![0.0; conv.lens().expect(FITS)[1]];
        doppelray_kernels::weight_gradient(&conv, slice(&x), slice(&dy), Mode::default(), &mut dw)
            .expect(FITS);
        tensor(dw, [outputs, conv.in_channels, kernel, kernel])
    }

    fn leaky(x: FloatTensor<Self>, slope: f32) -> FloatTensor<Self> {
        let x = x.to_contiguous();
        let mut y = slice(&x).to_vec();
        passes::leaky_relu(&mut y, slope);
        tensor(y, x.layout().shape().clone())
    }

    fn masked(y: FloatTensor<Self>, dy: FloatTensor<Self>, slope: f32) -> FloatTensor<Self> {
        let (y, dy) = (y.to_contiguous(), dy.to_contiguous());
        let mut dx = slice(&dy).to_vec();
        passes::leaky_relu_gradient(slice(&y), slope, &mut dx).expect(FITS);
        tensor(dx, dy.layout().shape().clone())
    }
}
