//! Matrix products: the 1x1 convolution and its two gradients under another name.

use crate::conv::{
    Conv, Epilogue, ShapeError, check_len, forward, input_gradient, pack_forward, pack_input_gradient,
};
use crate::level::Mode;
use crate::weight_gradient::weight_gradient;

/// Which factor of a product is read by columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turned {
    /// `c = a b`, `a [m, k]`, `b [k, n]`.
    Neither,
    /// `c = aᵀ b`, `a [k, m]`, `b [k, n]`.
    Left,
    /// `c = a bᵀ`, `a [m, k]`, `b [n, k]`.
    Right,
}

/// A matrix product of row-major matrices, `c [m, n]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matmul {
    /// Rows of `c`.
    pub m: usize,
    /// Terms of each sum.
    pub k: usize,
    /// Columns of `c`.
    pub n: usize,
    /// Which factor is read by columns.
    pub turned: Turned,
}

/// Computes `c`.
///
/// # Errors
/// Where a slice's length is not the shape's.
pub fn matmul(shape: Matmul, a: &[f32], b: &[f32], mode: Mode, c: &mut [f32]) -> Result<(), ShapeError> {
    let Matmul { m, k, n, turned } = shape;
    let (inputs, outputs, pixels) = match turned {
        Turned::Neither => (k, m, n),
        Turned::Left => (m, k, n),
        Turned::Right => (n, m, k),
    };
    let conv = Conv::same([1, inputs.max(1), 1, pixels.max(1)], outputs.max(1), 1);
    conv.lens()?;
    check_len("a", a.len(), m * k)?;
    check_len("b", b.len(), k * n)?;
    check_len("c", c.len(), m * n)?;
    if m * k * n == 0 {
        c.fill(0.0);
        return Ok(());
    }
    match turned {
        Turned::Neither => {
            forward(&conv, b, &pack_forward(&conv, a, mode)?, Epilogue::default(), c)?;
        }
        Turned::Left => {
            input_gradient(&conv, b, &pack_input_gradient(&conv, a, mode)?, c)?;
        }
        Turned::Right => weight_gradient(&conv, b, a, mode, c)?,
    }
    Ok(())
}
