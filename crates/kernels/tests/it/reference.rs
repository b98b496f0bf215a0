//! Convolution and its gradients as their definitions say, in `f64`.

use doppelray_kernels::Conv;

/// What the argument is made of where it is upsampled, by its definition: calls `each(x index, large index, share)`.
fn shares(conv: &Conv, mut each: impl FnMut(usize, usize, f64)) {
    let [small, large] = [2, 1].map(|by| [conv.height / by, conv.width / by]);
    // Half-pixel centres, a quarter of a pixel beside; edges repeated.
    let along = |at: usize, size: usize| {
        let other =
            if at.is_multiple_of(2) { (at / 2).saturating_sub(1) } else { (at / 2 + 1).min(size - 1) };
        [(at / 2, 0.75), (other, 0.25)]
    };
    for plane in 0..conv.batch * conv.in_channels {
        for index in 0..large[0] * large[1] {
            for (row, down) in along(index / large[1], small[0]) {
                for (col, right) in along(index % large[1], small[1]) {
                    let from = (plane * small[0] + row) * small[1] + col;
                    each(from, plane * large[0] * large[1] + index, down * right);
                }
            }
        }
    }
}

/// The places of the map that the products read which a value of the argument reaches.
pub(crate) fn places(conv: &Conv, value: usize) -> Vec<usize> {
    let mut places = if conv.upsampled { Vec::new() } else { vec![value] };
    if conv.upsampled {
        shares(conv, |from, to, _| places.extend((from == value).then_some(to)));
    }
    places
}

/// The argument as the products read it.
fn large(conv: &Conv, x: &[f32]) -> Vec<f64> {
    if !conv.upsampled {
        return x.iter().map(|v| f64::from(*v)).collect();
    }
    let mut large = vec![0.0; 4 * x.len()];
    shares(conv, |from, to, share| large[to] += share * f64::from(x[from]));
    large
}

/// Calls `each(x index, w index, y index)` for every product of the convolution, of the large map where it upsamples.
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
    let x = large(conv, x);
    products(conv, |i, k, o| out[o] += x[i] * f64::from(w[k]));
    out
}

/// The gradient of `sum(dy * conv(x, w))` by `x`.
pub(crate) fn input_gradient(conv: &Conv, dy: &[f32], w: &[f32]) -> Vec<f64> {
    let len = conv.lens().unwrap()[0];
    let mut out = vec![0.0; if conv.upsampled { 4 * len } else { len }];
    products(conv, |i, k, o| out[i] += f64::from(dy[o]) * f64::from(w[k]));
    if !conv.upsampled {
        return out;
    }
    let mut small = vec![0.0; len];
    shares(conv, |to, from, share| small[to] += share * out[from]);
    small
}

/// The gradient of `sum(dy * conv(x, w))` by `w`.
pub(crate) fn weight_gradient(conv: &Conv, x: &[f32], dy: &[f32]) -> Vec<f64> {
    let mut out = vec![0.0; conv.lens().unwrap()[1]];
    let x = large(conv, x);
    products(conv, |i, k, o| out[k] += x[i] * f64::from(dy[o]));
    out
}
