//! What happens to a tile's sums on their way out.

use std::marker::PhantomData;
use std::mem::MaybeUninit;

use crate::conv::{Activation, Epilogue};
use crate::lanes::Lanes;
use crate::memory::Room;

/// An output that several tiles write at once, each its own pixels.
pub(crate) struct Shared<'a> {
    start: *mut f32,
    len: usize,
    borrow: PhantomData<&'a mut [f32]>,
}

// SAFETY: writes go through `part` and `Out::write`, whose callers answer for their being disjoint.
unsafe impl Sync for Shared<'_> {}

impl<'a> Shared<'a> {
    pub(crate) fn new(out: &'a mut [f32]) -> Shared<'a> {
        Shared { start: out.as_mut_ptr(), len: out.len(), borrow: PhantomData }
    }

    /// Over memory that may hold no values yet.
    pub(crate) fn over(room: &'a mut Room<'_>) -> Shared<'a> {
        Shared { start: room.start(), len: room.len(), borrow: PhantomData }
    }

    /// The `len` elements from `first` on.
    ///
    /// # Safety
    /// They hold values, and nothing else holds or writes these elements meanwhile.
    #[expect(clippy::mut_from_ref, reason = "the caller answers for the elements being its own")]
    pub(crate) unsafe fn part(&self, first: usize, len: usize) -> &mut [f32] {
        let start = self.place(first, len);
        // SAFETY: the elements are there, and the caller owns them.
        unsafe { std::slice::from_raw_parts_mut(start, len) }
    }

    /// The same where there may be no values yet.
    ///
    /// # Safety
    /// Nothing else holds or writes these elements meanwhile.
    #[expect(clippy::mut_from_ref, reason = "the caller answers for the elements being its own")]
    pub(crate) unsafe fn room(&self, first: usize, len: usize) -> &mut [MaybeUninit<f32>] {
        let start = self.place(first, len).cast();
        // SAFETY: the elements are there, and the caller owns them.
        unsafe { std::slice::from_raw_parts_mut(start, len) }
    }

    fn place(&self, first: usize, len: usize) -> *mut f32 {
        assert!(first <= self.len && len <= self.len - first, "the geometry fits the tensor");
        // SAFETY: the assertion bounds the elements.
        unsafe { self.start.add(first) }
    }
}

/// Where the register tile writes sums that are done, row by row `stride` apart, and what it does to them.
#[derive(Clone, Copy)]
pub(crate) struct Out<'a> {
    pub(crate) y: &'a Shared<'a>,
    pub(crate) first: usize,
    pub(crate) stride: usize,
    /// One for each row.
    pub(crate) bias: Option<&'a [f32]>,
    pub(crate) activation: Activation,
}

impl Out<'_> {
    /// Finishes and writes `rows` of vectors.
    ///
    /// # Safety
    /// The machine has the instructions of `V`, and no other thread writes these elements.
    #[inline(always)]
    pub(crate) unsafe fn write<V: Lanes, const M: usize, const N: usize>(&self, sums: &[[V; N]; M]) {
        assert!(
            self.first + (M - 1) * self.stride + N * V::WIDTH <= self.y.len,
            "the geometry fits the tensor"
        );
        assert!(self.bias.is_none_or(|bias| bias.len() >= M));
        for (index, row) in sums.iter().enumerate() {
            for (vector, &sum) in row.iter().enumerate() {
                // SAFETY: the caller's, and the assertions bound every element.
                unsafe {
                    let mut value = sum;
                    if let Some(bias) = self.bias {
                        value = value.add(V::splat(bias.as_ptr().add(index)));
                    }
                    match self.activation {
                        Activation::Identity => {}
                        Activation::LeakyRelu(slope) => value = value.leaky_relu(V::splat(&raw const slope)),
                        Activation::Clipped(top) => {
                            value = value.leaky_relu(V::zero()).at_most(V::splat(&raw const top));
                        }
                    }
                    value.store(self.y.start.add(self.first + index * self.stride + vector * V::WIDTH));
                }
            }
        }
    }
}

/// Adds the bias of `channel` and applies the activation.
pub(crate) fn finish(epilogue: Epilogue<'_>, channel: usize, sums: &mut [f32]) {
    let bias = epilogue.bias.map_or(0.0, |bias| bias[channel]);
    match epilogue.activation {
        Activation::Identity if epilogue.bias.is_none() => {}
        Activation::Identity => sums.iter_mut().for_each(|sum| *sum += bias),
        activation @ Activation::LeakyRelu(_) => {
            sums.iter_mut().for_each(|sum| *sum = activation.of(*sum + bias))
        }
        activation @ Activation::Clipped(_) => {
            sums.iter_mut().for_each(|sum| *sum = activation.of(*sum + bias))
        }
    }
}

/// `x` where it is positive or NaN, else `slope * x`.
pub(crate) fn leaky_relu(x: f32, slope: f32) -> f32 {
    if x <= 0.0 { slope * x } else { x }
}

/// `x`, or `top` where it is above; NaN stays.
pub(crate) fn at_most(x: f32, top: f32) -> f32 {
    if x > top { top } else { x }
}

/// The sum of `values`, in sixteen strands.
pub(crate) fn sum(values: &[f32]) -> f32 {
    let (whole, rest) = values.as_chunks::<16>();
    let mut strands = [0.0; 16];
    for chunk in whole {
        strands.iter_mut().zip(chunk).for_each(|(strand, value)| *strand += value);
    }
    strands.iter().chain(rest).sum()
}
