//! Random convolutions and their data.

use doppelray_kernels::{Conv, Level, Mode, Precision};
use proptest::prelude::*;

/// Small convolutions of every kind, one in five such as mixed precision computes by tiles, one of channels by themselves; a
/// quarter of maps that are upsampled first.
pub(crate) fn convs() -> impl Strategy<Value = Conv> {
    let plain = prop_oneof![3 => any_convs(), 1 => tiled_convs(), 1 => any_convs().prop_map(depthwise)];
    (plain, 0..4).prop_map(|(conv, upsampled)| if upsampled == 0 { of_half(conv) } else { conv })
}

/// The same of a map of even sizes, which is upsampled on the way.
fn of_half(conv: Conv) -> Conv {
    let [height, width] = [conv.height, conv.width].map(|size| size.next_multiple_of(2));
    Conv { height, width, upsampled: true, ..conv }
}

fn depthwise(conv: Conv) -> Conv {
    Conv { out_channels: conv.in_channels, groups: conv.in_channels, ..conv }
}

/// 3x3 that moves by 1 and 4x4 that moves by 2, of enough channels.
fn tiled_convs() -> impl Strategy<Value = Conv> {
    let sizes = (0usize..4, 16usize..40, 16usize..40, 3usize..30, 3usize..40);
    (sizes, 0usize..3, 0usize..3, 0usize..2).prop_filter_map(
        "the kernel fits",
        |((batch, inputs, outputs, height, width), down, right, which)| {
            let (kernel, stride) = [(3, 1), (4, 2)][which];
            let conv = Conv {
                padding: [down, right],
                stride: [stride; 2],
                ..Conv::same([batch, inputs, height, width], outputs, kernel)
            };
            conv.out_size().is_ok().then_some(conv)
        },
    )
}

/// Whether a mode computes a convolution by tiles, where a value reaches all outputs of its tiles.
pub(crate) fn is_tiled(conv: &Conv, mode: Mode) -> bool {
    let Conv { kernel, stride, groups, .. } = *conv;
    let wide = conv.in_channels.min(conv.out_channels) >= 16;
    let plain = [kernel, stride] == [[3, 3], [1, 1]] && wide && conv.padding.iter().all(|&p| p <= 2);
    let halving = [kernel, stride] == [[4, 4], [2, 2]] && conv.in_channels >= 4 && conv.out_channels >= 16;
    // Also those of a few pixels, which are not.
    let filtered = match mode.precision {
        Precision::Filtered => true,
        precision => precision == Precision::Mixed && mode.level < Level::Bf16,
    };
    (plain || halving) && groups == 1 && filtered
}

/// Kernels 1-7, strides 1-3, any padding, groups, odd sizes.
fn any_convs() -> impl Strategy<Value = Conv> {
    let channels = (1usize..4, 1usize..40, 1usize..40);
    let sizes = (0usize..4, 1usize..20, 1usize..40);
    let axis = || (1usize..8, 1usize..4, 0usize..5);
    (channels, sizes, axis(), axis()).prop_filter_map("the kernel fits", |(channels, sizes, down, right)| {
        let groups = channels.0;
        let shrink = if groups > 1 { 4 } else { 1 };
        let conv = Conv {
            batch: sizes.0,
            in_channels: groups * channels.1.div_ceil(shrink),
            out_channels: groups * channels.2.div_ceil(shrink),
            height: sizes.1,
            width: sizes.2,
            kernel: [down.0, right.0],
            stride: [down.1, right.1],
            padding: [down.2, right.2],
            groups,
            upsampled: false,
        };
        conv.out_size().is_ok().then_some(conv)
    })
}

/// `len` numbers between -1 and 1 that `seed` decides.
pub(crate) fn numbers(len: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

/// Every mode that this machine can run, and what its products may be off by, relative to the largest sum of
/// magnitudes: half a unit in the last place of a factor, twice, and the rounding of the sums.
pub(crate) fn modes() -> impl Iterator<Item = (Mode, f64)> {
    Level::available().flat_map(|level| {
        [
            (Mode { level, precision: Precision::F32 }, 1e-6),
            (Mode { level, precision: Precision::Filtered }, 5e-6),
            // By tiles, where factors are not rounded.
            (
                Mode { level, precision: Precision::Mixed },
                if level < Level::Bf16 { 5e-6 } else { 2.0 / 256.0 + 1e-6 },
            ),
            (Mode { level, precision: Precision::Rounded }, 2.0 / 256.0 + 1e-6),
        ]
    })
}

/// Asserts that `got` is `wanted` up to `tolerance * scale`, where `scale` bounds a sum's magnitude.
pub(crate) fn assert_close(got: &[f32], wanted: &[f64], allowed: f64, what: &str) {
    assert_eq!(got.len(), wanted.len());
    for (index, (&got, &wanted)) in got.iter().zip(wanted).enumerate() {
        let error = (f64::from(got) - wanted).abs();
        assert!(error <= allowed, "{what}: element {index} is {got}, not {wanted} (allowed {allowed:e})");
    }
}
