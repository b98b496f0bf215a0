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

#[cfg(test)]
mod tests {
    #[test]
    fn all_are_zero_however_many() {
        for len in [0, 1, super::CHUNK - 1, 3 * super::CHUNK + 5] {
            let zeros = super::zeros(len);
            assert_eq!(zeros.len(), len);
            assert!(zeros.iter().all(|v| v.to_bits() == 0));
        }
    }
}
