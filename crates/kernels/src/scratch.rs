//! Work buffers that each thread keeps: fresh pages are dear, and a training step asks for them thousands of times.

use std::cell::{Cell, RefCell};

use crate::gather::Runs;
use crate::product::{Place, TILES};
use crate::stage::Spots;
use crate::winograd;

/// A cache line: what work buffers are aligned to.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; 16]);

/// A buffer of `f32` that starts on a cache line and keeps its memory.
#[derive(Clone, Default)]
pub(crate) struct Lines(Vec<Line>);

impl Lines {
    /// `len` zeros.
    pub(crate) fn zeros(len: usize) -> Lines {
        Lines(vec![Line([0.0; 16]); len.div_ceil(16)])
    }

    /// The first `len` lanes, whatever they hold, after growing to them.
    pub(crate) fn take(&mut self, len: usize) -> &mut [f32] {
        if self.0.len() < len.div_ceil(16) {
            self.0.resize(len.div_ceil(16), Line([0.0; 16]));
        }
        &mut self.as_mut()[..len]
    }
}

impl AsRef<[f32]> for Lines {
    fn as_ref(&self) -> &[f32] {
        // SAFETY: a `Line` is 16 `f32` without padding, so the lines are `16 * len` of them.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), self.0.len() * 16) }
    }
}

impl AsMut<[f32]> for Lines {
    fn as_mut(&mut self) -> &mut [f32] {
        // SAFETY: as in `as_ref`, and the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), self.0.len() * 16) }
    }
}

/// What one tile of work needs.
#[derive(Default)]
pub(crate) struct Scratch {
    /// The gathered factor.
    pub(crate) panel: Lines,
    /// Sums of a tile.
    pub(crate) sums: Lines,
    /// The other factor, where it is not packed weights.
    pub(crate) other: Lines,
    /// Where the tile's pixels come from.
    pub(crate) runs: Runs,
    /// Where they go, tile by tile.
    pub(crate) places: [Vec<Place>; TILES],
    /// Where tiles begin that are one stretch of the output.
    pub(crate) directs: Vec<Option<usize>>,
    /// What a task reads, set out for its tiles.
    pub(crate) staged: Lines,
    /// Where a tile's pixels stand in it.
    pub(crate) spots: Spots,
    /// A strip of tiles on its way through a transformed product.
    pub(crate) filter: winograd::Strip,
    /// The same of a gradient by weights.
    pub(crate) filter_gradient: winograd::GradientStrip,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
    static PARTIALS: Cell<Lines> = Cell::default();
}

/// Runs `work` with `len` lanes that this thread keeps and that hold anything. `work` may hand work to rayon: what
/// comes back here meanwhile finds no buffer and makes its own.
pub(crate) fn with_partials<R>(len: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    let mut lines = PARTIALS.take();
    let result = work(lines.take(len));
    PARTIALS.set(lines);
    result
}

/// Runs `work` with this thread's buffers. `work` hands nothing to rayon, which might come back here.
pub(crate) fn with<R>(work: impl FnOnce(&mut Scratch) -> R) -> R {
    SCRATCH.with_borrow_mut(work)
}
