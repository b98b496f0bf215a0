//! The kernels against plain sums in `f64`, at every level that this machine has.

mod convolution;
mod invariants;
mod passes;
mod reference;
mod shapes;
mod training;
