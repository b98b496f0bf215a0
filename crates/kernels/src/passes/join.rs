//! Channels beside channels.

use rayon::prelude::*;

use crate::conv::{ShapeError, check_len};
use crate::memory::Room;

/// `y`, of which each sample is `a`'s sample of `lens[0]` values and then `b`'s of `lens[1]`.
///
/// # Errors
/// Where a slice's length is not that of as many samples as the others have.
pub fn join<'y>(
    lens: [usize; 2],
    [a, b]: [&[f32]; 2],
    y: impl Into<Room<'y>>,
) -> Result<&'y mut [f32], ShapeError> {
    let mut y = y.into();
    check(lens, [a.len(), b.len()], y.len())?;
    if lens[0] == 0 || lens[1] == 0 {
        return Ok(y.copied(if lens[0] == 0 { b } else { a }));
    }
    let parts = a.par_chunks(lens[0]).zip(b.par_chunks(lens[1]));
    y.samples(lens[0] + lens[1]).zip(parts).for_each(|(y, (a, b))| {
        let [first, second] = y.split(lens[0]);
        first.copied(a);
        second.copied(b);
    });
    // SAFETY: both parts of each sample were written.
    Ok(unsafe { y.written() })
}

/// What [`join`] joined, apart again.
///
/// # Errors
/// As there.
pub fn part(lens: [usize; 2], y: &[f32], [a, b]: [&mut [f32]; 2]) -> Result<(), ShapeError> {
    check(lens, [a.len(), b.len()], y.len())?;
    if lens[0] > 0 && lens[1] > 0 {
        let parts = a.par_chunks_mut(lens[0]).zip(b.par_chunks_mut(lens[1]));
        y.par_chunks(lens[0] + lens[1]).zip(parts).for_each(|(y, (a, b))| {
            let (first, second) = y.split_at(lens[0]);
            a.copy_from_slice(first);
            b.copy_from_slice(second);
        });
    } else {
        if lens[0] == 0 { b } else { a }.copy_from_slice(y);
    }
    Ok(())
}

fn check(lens: [usize; 2], [a, b]: [usize; 2], y: usize) -> Result<(), ShapeError> {
    let samples = y.checked_div(lens[0] + lens[1]).unwrap_or(0);
    check_len("y", y, samples * (lens[0] + lens[1]))?;
    check_len("a", a, samples * lens[0])?;
    check_len("b", b, samples * lens[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_joined_comes_apart_again_and_other_lengths_are_refused() {
        for lens in [[2, 3], [0, 3], [4, 0], [0, 0]] {
            let [a, b] = lens.map(|len| (0..3 * len).map(|v| v as f32).collect::<Vec<_>>());
            let mut y = vec![-1.0; a.len() + b.len()];
            join(lens, [&a, &b], &mut y).unwrap();
            if lens == [2, 3] {
                assert_eq!(y[5..10], [2.0, 3.0, 3.0, 4.0, 5.0]);
            }
            let mut apart = lens.map(|len| vec![-1.0; 3 * len]);
            let [c, d] = &mut apart;
            part(lens, &y, [c, d]).unwrap();
            assert_eq!(apart, [a, b]);
        }
        assert!(join([2, 3], [&[0.0; 4], &[0.0; 3]], &mut [0.0; 10]).is_err());
        assert!(part([2, 3], &[0.0; 9], [&mut [0.0; 4], &mut [0.0; 6]]).is_err());
    }
}
