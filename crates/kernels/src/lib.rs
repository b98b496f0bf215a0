//! Convolutions, their gradients and matrix products in `f32`, and in bfloat16 with `f32` sums, at the
//! machine's limit. Images are `[batch, channels, height, width]`, weights `[out, in / groups, height, width]`,
//! contiguous: burn's own layout.
//!
//! A convolution is one matrix product whose right factor never stands in memory: a tile of 48 output pixels is
//! gathered (`gather`, `pack`) into a panel that fits the second cache, multiplied by weights packed once
//! (`weights`) with a register tile (`tile`), and written out with bias and activation (`finish`).
//! An input gradient is the same product with the weights turned over (one product for each phase of the
//! stride); a weight gradient sums over pixels instead (`weight_gradient`).
//!
//! Where every channel is convolved by itself, rows are weighed and added up instead (`depthwise`). Where precision is mixed and the machine multiplies no bfloat16, 3x3 goes by transformed tiles instead (`winograd`).
//!
//! Each output is one sum in an order that the shape alone decides, so its bits depend neither on the number of
//! threads nor on where in the batch an image stands. They may differ between [`Level`]s.

mod conv;
mod depthwise;
mod finish;
mod gather;
mod lanes;
mod level;
mod matmul;
mod memory;
mod pack;
pub mod passes;
mod product;
mod scratch;
mod stage;
mod tile;
mod transpose;
mod weight_gradient;
mod weights;
mod winograd;

pub use conv::{
    Activation, Conv, Epilogue, ShapeError, bias_gradient, convolve, forward, input_gradient, pack_forward,
    pack_input_gradient,
};
pub use level::{Level, Mode, Precision};
pub use matmul::{Matmul, Turned, matmul};
pub use memory::{Room, made, zeros};
pub use weight_gradient::weight_gradient;
pub use weights::PackedWeights;
