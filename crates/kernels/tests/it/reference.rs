//! Convolution and its gradients as their definitions say, in `f64`.

use doppelray_kernels::Conv;

/// Calls `each(x index, w index, y index)` for every product of the convolution.
pub(crate) fn products(conv: &Conv, mut each: impl FnMut(usize, usize, usize)) {
    let [rows, cols] = conv.out_size().unwrap();
    let (inputs, outputs) = (conv.in_channels / conv.groups, conv.out_channels / conv.groups);
    let [tall, wide] = conv.kernel;
    for y in 0..conv.batch * conv.out_channels * rows * cols {
        let (image, channel) = (y / (cols * rows * conv.out_channels), y / (cols * rows) % conv.out_channels);
        let (row, col) = (y / cols % rows, y % cols);
        for w in 0..inputs * tall * wide {
            let (input, down, right) = (w / (tall * wide), w / wide % tall, w % wide);
            let from_row = (row * conv.stride[0] + down).checked_sub(conv.padding[0]);
            let from_col = (col * conv.stride[1] + right).checked_sub(conv.padding[1]);
            if let (Some(h), Some(v)) = (from_row, from_col)
                && h < conv.height
                && v < conv.width
            {
                let plane = image * conv.in_channels + channel / outputs * inputs + input;
                each((plane * conv.height + h) * conv.width + v, channel * inputs * tall * wide + w, y);
            }
        }
    }
}

/// `conv(x, w)`.
pub(crate) fn forward(conv: &Conv, x: &[f32], w: &[f32]) -> Vec<f64> {
    let mut out = vec![0.0; conv.lens().unwrap()[2]];
    products(conv, |i, k, o| out[o] += f64::from(x[i]) * f64::from(w[k]));
    out
}

/// The gradient of `sum(dy * conv(x, w))` by `x`.
pub(crate) fn input_gradient(conv: &Conv, dy: &[f32], w: &[f32]) -> Vec<f64> {
    let mut out = vec![0.0; conv.lens().unwrap()[0]];
    products(conv, |i, k, o| out[i] += f64::from(dy[o]) * f64::from(w[k]));
    out
}

/// The gradient of `sum(dy * conv(x, w))` by `w`.
pub(crate) fn weight_gradient(conv: &Conv, x: &[f32], dy: &[f32]) -> Vec<f64> {
    let mut out = vec![0.0; conv.lens().unwrap()[1]];
    products(conv, |i, k, o| out[k] += f64::from(x[i]) * f64::from(dy[o]));
    out
}
