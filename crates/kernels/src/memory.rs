//! Room for what is computed.

use std::mem::MaybeUninit;

use rayon::prelude::*;

/// Elements that one thread clears at a time.
const CHUNK: usize = 1 << 16;

/// So many zeros, cleared by all threads: an output of a convolution is tens of megabytes, and one thread alone would keep the
/// others waiting.
pub fn zeros(len: usize) -> Vec<f32> {
    let mut values = Vec::with_capacity(len);
    values.spare_capacity_mut()[..len]
        .par_chunks_mut(CHUNK)
        .for_each(|part| part.fill(MaybeUninit::new(0.0)));
    // SAFETY: there is room for `len` values, and each of them was just written.
    unsafe { values.set_len(len) };
    values
}

/// Room for an output, of which nothing is read before it was written: values that are there already, or memory that holds none.
pub struct Room<'a>(&'a mut [MaybeUninit<f32>]);

impl<'a> From<&'a mut [f32]> for Room<'a> {
    fn from(values: &'a mut [f32]) -> Self {
        let len = values.len();
        // SAFETY: the layouts are one. What is written through a room are values, never their absence.
        Self(unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), len) })
    }
}

impl<'a> From<&'a mut Vec<f32>> for Room<'a> {
    fn from(values: &'a mut Vec<f32>) -> Self {
        values.as_mut_slice().into()
    }
}

impl<'a, const N: usize> From<&'a mut [f32; N]> for Room<'a> {
    fn from(values: &'a mut [f32; N]) -> Self {
        values.as_mut_slice().into()
    }
}

impl<'a> Room<'a> {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The first element, for whoever writes each by itself.
    pub(crate) fn start(&mut self) -> *mut f32 {
        self.0.as_mut_ptr().cast()
    }

    /// Parts of `size` elements, each cleared when its turn comes, so that it is in the cache when it is written.
    pub(crate) fn parts(&mut self, size: usize) -> impl IndexedParallelIterator<Item = &mut [f32]> {
        self.0.par_chunks_mut(size).map(|part| Room(part).cleared())
    }

    /// Smaller rooms of `size` elements.
    pub(crate) fn samples(&mut self, size: usize) -> impl IndexedParallelIterator<Item = Room<'_>> {
        self.0.par_chunks_mut(size).map(Room)
    }

    /// The same, one after the other.
    pub(crate) fn in_turn(&mut self, size: usize) -> impl Iterator<Item = Room<'_>> {
        self.0.chunks_mut(size).map(Room)
    }

    /// The first elements, and the others.
    pub(crate) fn split(self, first: usize) -> [Room<'a>; 2] {
        let (first, second) = self.0.split_at_mut(first);
        [Room(first), Room(second)]
    }

    /// All of it, zero.
    pub(crate) fn cleared(self) -> &'a mut [f32] {
        self.0.fill(MaybeUninit::new(0.0));
        // SAFETY: each element was just written.
        unsafe { self.written() }
    }

    /// A copy of as many values.
    pub(crate) fn copied(self, values: &[f32]) -> &'a mut [f32] {
        self.0.write_copy_of_slice(values)
    }

    /// What was written.
    ///
    /// # Safety
    /// Each element was.
    pub(crate) unsafe fn written(self) -> &'a mut [f32] {
        // SAFETY: the caller's.
        unsafe { self.0.assume_init_mut() }
    }
}

/// `len` values that `write` makes: it gets room for them, and what it gives back is that room, written. So nothing is cleared that
/// is written anyway.
///
/// # Errors
/// What `write` says.
///
/// # Panics
/// Where `write` gives back something else.
pub fn made<E>(
    len: usize,
    write: impl for<'a> FnOnce(Room<'a>) -> Result<&'a mut [f32], E>,
) -> Result<Vec<f32>, E> {
    let mut values: Vec<f32> = Vec::with_capacity(len);
    let room = &mut values.spare_capacity_mut()[..len];
    let start = room.as_ptr().cast();
    let written = write(Room(room))?;
    assert!(std::ptr::eq(written.as_ptr(), start) && written.len() == len, "another place was written");
    // SAFETY: there is room for `len` values, and a slice of them is proof that each was written.
    unsafe { values.set_len(len) };
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_what_was_written() {
        let counted = |len: usize| {
            made(len, |mut room| {
                let parts = room.parts(7).enumerate();
                parts.for_each(|(at, part)| part.iter_mut().for_each(|v| *v += at as f32));
                // SAFETY: every part was cleared.
                Ok::<_, ()>(unsafe { room.written() })
            })
        };
        assert_eq!(counted(16).unwrap(), (0..16).map(|at| (at / 7) as f32).collect::<Vec<_>>());
        assert_eq!(counted(0), Ok(Vec::new()));
        assert_eq!(made(3, |_| Err(4)), Err(4));
    }

    #[test]
    #[should_panic(expected = "another place was written")]
    fn values_from_elsewhere_are_not_taken_for_those_that_were_asked_for() {
        let _ = made(2, |_| Ok::<_, ()>(&mut []));
    }

    #[test]
    fn all_are_zero_however_many() {
        for len in [0, 1, CHUNK - 1, 3 * CHUNK + 5] {
            let zeros = zeros(len);
            assert_eq!(zeros.len(), len);
            assert!(zeros.iter().all(|v| v.to_bits() == 0));
        }
    }
}
