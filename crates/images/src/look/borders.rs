//! Blank borders: the padding of a scanner or a screenshot, and what a collimator or a shutter left without exposure.

use crate::Image;

/// A rectangle of an image, in its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The first column.
    pub left: u32,
    /// The first row.
    pub top: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// Of a blank line, all but this share is of one value: dust and a marker's edge may lie in it.
const STRAY: f64 = 0.02;

/// How far values may differ and still count as one, as a share of the image's range.
const ALIKE: f64 = 0.012;

/// Where a border ends, the mean must jump by this share of the range within [`EDGE`] lines. Air beside a leg fades; the
/// edge of padding or of a shutter does not.
const JUMP: f64 = 0.06;

/// Lines within which a border's edge must lie: a collimator's is blurred by the focal spot.
const EDGE: u32 = 4;

/// The least share of either length that must remain; an image that is blank beyond it is left whole.
const LEAST: f64 = 0.2;

/// The part of an image that blank borders surround. Sides are peeled line by line: a line is blank if nearly all of it is
/// the image's darkest or lightest value. What would leave less than a fifth of a length leaves the image whole.
pub fn content(image: &Image) -> Part {
    let all = Part::all(image);
    let (low, high) = image.pixels().iter().fold((u16::MAX, 0), |(l, h), v| (l.min(*v), h.max(*v)));
    if high <= low {
        return all;
    }
    let scale = Scale { low: f64::from(low), high: f64::from(high) };
    let mut part = all;
    // A line that crosses another side's border is judged by what is left of it, so once around is not enough.
    loop {
        let before = part;
        for side in SIDES {
            part = peeled(image, part, side, &scale);
        }
        if part == before {
            break;
        }
    }
    let enough = |length: u32, of: u32| f64::from(length) >= LEAST * f64::from(of);
    if enough(part.width, all.width) && enough(part.height, all.height) { part } else { all }
}

struct Scale {
    low: f64,
    high: f64,
}

#[derive(Clone, Copy)]
enum From {
    Left,
    Right,
    Top,
    Bottom,
}

const SIDES: [From; 4] = [From::Left, From::Right, From::Top, From::Bottom];

/// The part without the blank lines at one side, if they end in an edge.
fn peeled(image: &Image, part: Part, side: From, scale: &Scale) -> Part {
    let lines = match side {
        From::Left | From::Right => part.width,
        From::Top | From::Bottom => part.height,
    };
    let Some(level) = (lines > 0).then(|| level(image, part, (side, 0), scale)).flatten() else {
        return part;
    };
    let blank = (0..lines).take_while(|at| is_level(image, part, (side, *at), (level, scale))).count() as u32;
    let range = scale.high - scale.low;
    let jumps = (blank..lines.min(blank + EDGE))
        .any(|at| (mean(image, part, (side, at)) - level).abs() > JUMP * range);
    if !jumps {
        return part;
    }
    match side {
        From::Left => Part { left: part.left + blank, width: part.width - blank, ..part },
        From::Right => Part { width: part.width - blank, ..part },
        From::Top => Part { top: part.top + blank, height: part.height - blank, ..part },
        From::Bottom => Part { height: part.height - blank, ..part },
    }
}

/// The extreme value that a line is made of, if any.
fn level(image: &Image, part: Part, line: (From, u32), scale: &Scale) -> Option<f64> {
    [scale.low, scale.high].into_iter().find(|level| is_level(image, part, line, (*level, scale)))
}

fn is_level(image: &Image, part: Part, line: (From, u32), (level, scale): (f64, &Scale)) -> bool {
    let near = ((scale.high - scale.low) * ALIKE).max(1.0);
    let (mut all, mut stray) = (0, 0);
    values(image, part, line).for_each(|value| {
        all += 1;
        stray += usize::from((value - level).abs() > near);
    });
    stray as f64 <= STRAY * all as f64
}

fn mean(image: &Image, part: Part, line: (From, u32)) -> f64 {
    let (sum, n) = values(image, part, line).fold((0.0, 0.0), |(sum, n), value| (sum + value, n + 1.0));
    sum / f64::max(n, 1.0)
}

/// The values of the line that lies `at` lines inside one side of a part.
fn values(image: &Image, part: Part, (side, at): (From, u32)) -> impl Iterator<Item = f64> {
    let Part { left, top, width, height } = part;
    let (first, step, count) = match side {
        From::Left => ((left + at, top), image.width(), height),
        From::Right => ((left + width - 1 - at, top), image.width(), height),
        From::Top => ((left, top + at), 1, width),
        From::Bottom => ((left, top + height - 1 - at), 1, width),
    };
    let first = first.1 as usize * image.width() as usize + first.0 as usize;
    (0..count as usize).map(move |i| f64::from(image.pixels()[first + i * step as usize]))
}

impl Part {
    /// All of an image.
    pub fn all(image: &Image) -> Self {
        Self { left: 0, top: 0, width: image.width(), height: image.height() }
    }

    /// This part of `image`.
    pub fn of(&self, image: Image) -> Image {
        if *self == Self::all(&image) {
            return image;
        }
        let Self { left, top, width, height } = *self;
        let rows = image.pixels().chunks_exact(image.width() as usize).skip(top as usize);
        let rows = rows.take(height as usize);
        let pixels = rows.flat_map(|row| &row[left as usize..(left + width) as usize]).copied().collect();
        Image::new(width, height, image.depth(), pixels)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::look::invert;
    use crate::phantom::render;
    use crate::{Depth, Side};

    /// The image in a frame of one value: left, right, top, bottom.
    pub(in crate::look) fn framed(image: &Image, [l, r, t, b]: [u32; 4], value: u16) -> Image {
        let (width, height) = (image.width() + l + r, image.height() + t + b);
        let pixel = |i: u32| {
            let (x, y) = ((i % width).wrapping_sub(l), (i / width).wrapping_sub(t));
            let inside = x < image.width() && y < image.height();
            if inside { image.pixels()[(y * image.width() + x) as usize] } else { value }
        };
        Image::new(width, height, image.depth(), (0..width * height).map(pixel).collect())
    }

    /// A film whose air is not quite black, so that a black frame ends somewhere.
    fn film(subject: u64) -> Image {
        let film = render(2, subject, Side::Left, 96).image;
        let lifted = film.pixels().iter().map(|value| 7000 + value / 10 * 8).collect();
        Image::new(96, 96, Depth::Sixteen, lifted)
    }

    #[test]
    fn a_frame_is_cut_off_to_the_pixel_on_every_side_black_or_white() {
        for (subject, frame) in
            [(1, [10, 0, 0, 0]), (2, [0, 25, 3, 0]), (3, [7, 8, 9, 10]), (4, [0, 0, 40, 40])]
        {
            for value in [0, u16::MAX] {
                let padded = framed(&film(subject), frame, value);
                let [left, _, top, _] = frame;
                let part = Part { left, top, width: 96, height: 96 };
                assert_eq!(content(&padded), part, "{frame:?} {value}");
                assert_eq!(part.of(padded), film(subject));
            }
        }
    }

    #[test]
    fn films_without_a_frame_stay_whole_whether_positive_or_negative() {
        for subject in 0..20 {
            for image in [film(subject), invert(&film(subject)), film(subject).at(Depth::Eight)] {
                assert_eq!(content(&image), Part::all(&image), "subject {subject}");
            }
        }
    }

    #[test]
    fn a_frame_with_dust_and_noise_goes_and_a_blank_image_stays() {
        let mut pixels = framed(&film(1).at(Depth::Eight), [12, 12, 0, 0], 0).pixels().to_vec();
        let width = 96 + 24;
        (0..96).for_each(|row| pixels[row * width + 3] = 1);
        pixels[40 * width + 5] = 200;
        let noisy = Image::new(width as u32, 96, Depth::Eight, pixels);
        assert_eq!(content(&noisy), Part { left: 12, top: 0, width: 96, height: 96 });
        let blank = framed(&Image::new(4, 4, Depth::Eight, vec![200; 16]), [40; 4], 0);
        assert_eq!(content(&blank), Part::all(&blank));
        let flat = Image::new(9, 9, Depth::Eight, vec![3; 81]);
        assert_eq!(content(&flat), Part::all(&flat));
    }
}
