//! Where the pixels of a tile come from: geometry without data.

/// Lanes of one gathered vector, at every level.
pub(crate) const GATHER: usize = 16;

/// Output positions `[images, rows, cols]`, taken flat, so that tiles go on from one image to the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid {
    pub(crate) images: usize,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
}

impl Grid {
    /// Positions of one image.
    pub(crate) fn plane(self) -> usize {
        self.rows * self.cols
    }

    pub(crate) fn len(self) -> usize {
        self.images * self.plane()
    }

    /// Calls `each(lane, image, row, col, len)` for the parts of `[first, first + len)` that stay in one row.
    pub(crate) fn rows_of(self, first: usize, len: usize, mut each: impl FnMut(RowPart)) {
        let (mut image, rest) = (first / self.plane(), first % self.plane());
        let (mut row, mut col) = (rest / self.cols, rest % self.cols);
        let mut lane = 0;
        while lane < len {
            let part = (self.cols - col).min(len - lane);
            each(RowPart { lane, image, row, col, len: part });
            lane += part;
            col = 0;
            row += 1;
            if row == self.rows {
                (image, row) = (image + 1, 0);
            }
        }
    }
}

/// A stretch of one row of a [`Grid`], and the lane of the tile where it begins.
#[derive(Clone, Copy)]
pub(crate) struct RowPart {
    pub(crate) lane: usize,
    pub(crate) image: usize,
    pub(crate) row: usize,
    pub(crate) col: usize,
    pub(crate) len: usize,
}

/// The tensor that is gathered from, `[images, channels, height, width]`: position `(row, col)` of the grid reads
/// `(row * step + tap)` of it, and 0 outside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    pub(crate) channels: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) step: [usize; 2],
    /// Whether the tensor is half as high and wide, and is upsampled as it is set out. Such a one is set out always.
    pub(crate) upsampled: bool,
}

impl Source {
    pub(crate) fn plane(self) -> usize {
        self.height * self.width
    }
}

/// Lanes of one vector whose values lie `step` apart in the source. Rows that follow one another without a gap
/// are one run, as all rows of an image are in a convolution that keeps the size; lanes in the padding are holes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// Which lanes, a bit each.
    pub(crate) lanes: u16,
    /// Where lane 0 would lie, from the start of the source's first plane: perhaps outside.
    pub(crate) base: isize,
}

/// The runs of every (tap, vector) of a tile.
#[derive(Default)]
pub(crate) struct Runs {
    runs: Vec<Run>,
    /// First run of each (tap, vector), and the end of the last.
    starts: Vec<usize>,
    parts: Vec<RowPart>,
    vectors: usize,
}

impl Runs {
    /// Finds the runs of the tile `[first, first + len)` of `grid` for all `taps`.
    pub(crate) fn find(&mut self, grid: Grid, source: Source, taps: &[[isize; 2]], tile: [usize; 2]) {
        let [first, len] = tile;
        self.runs.clear();
        self.starts.clear();
        self.parts.clear();
        self.vectors = len.div_ceil(GATHER);
        for lane in (0..len).step_by(GATHER) {
            grid.rows_of(first + lane, GATHER.min(len - lane), |part| {
                self.parts.push(RowPart { lane: lane + part.lane, ..part });
            });
        }
        for &tap in taps {
            self.find_tap(grid, source, tap);
        }
        self.starts.push(self.runs.len());
    }

    fn find_tap(&mut self, grid: Grid, source: Source, tap: [isize; 2]) {
        let cols = inside(tap[1], source.step[1], source.width, grid.cols);
        let mut vector = usize::MAX;
        for part in &self.parts {
            if part.lane / GATHER != vector {
                vector = part.lane / GATHER;
                self.starts.push(self.runs.len());
            }
            let row = (part.row * source.step[0]) as isize + tap[0];
            let (low, high) = (cols[0].max(part.col), cols[1].min(part.col + part.len));
            if row < 0 || row >= source.height as isize || low >= high {
                continue;
            }
            let lane = part.lane % GATHER + (low - part.col);
            let from = (part.image * source.channels * source.plane()) as isize
                + row * source.width as isize
                + (low * source.step[1]) as isize
                + tap[1];
            let run = Run { lanes: stretch(lane, high - low), base: from - (lane * source.step[1]) as isize };
            let start = self.starts[self.starts.len() - 1];
            match self.runs[start..].last_mut() {
                Some(last) if last.base == run.base => last.lanes |= run.lanes,
                _ => self.runs.push(run),
            }
        }
    }

    /// Vectors in the tile.
    pub(crate) fn vectors(&self) -> usize {
        self.vectors
    }

    /// The runs of one vector under one tap.
    pub(crate) fn of(&self, tap: usize, vector: usize) -> &[Run] {
        let at = tap * self.vectors + vector;
        &self.runs[self.starts[at]..self.starts[at + 1]]
    }
}

/// `len` bits from `first` on.
fn stretch(first: usize, len: usize) -> u16 {
    ((((1u32 << len) - 1) << first) & 0xffff) as u16
}

/// The `[from, to)` of `0..count` whose `i * step + tap` lies in `0..size`.
pub(crate) fn inside(tap: isize, step: usize, size: usize, count: usize) -> [usize; 2] {
    let low = if tap >= 0 { 0 } else { tap.unsigned_abs().div_ceil(step) };
    let room = size as isize - tap;
    let high = if room <= 0 { 0 } else { (room as usize).div_ceil(step).min(count) };
    [low.min(high), high]
}
