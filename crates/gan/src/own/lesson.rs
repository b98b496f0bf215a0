//! What the built-in network learns from: films of phantoms, with what is true of each.

use doppelray_images::Side;
use doppelray_images::phantom::render_graded;
use doppelray_measures::rng::{Purpose, Stream, stream};
use rayon::prelude::*;

/// Width and height of a film, at the size at which generators draw.
const FILM: usize = 224;
/// Width and height of the part that is shown.
pub const SHOWN: usize = 144;
/// Numbers that are asked for beside the grade.
pub const TRUTHS: usize = 13;
/// Of them, those that the phantom knows; the others are what was done to its film.
const KNOWN: usize = 4;

/// One film and its truth.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesson {
    /// [`SHOWN`] x [`SHOWN`] values, mostly in 0..1.
    pub pixels: Vec<f32>,
    /// Kellgren-Lawrence grade.
    pub grade: u8,
    /// Of mean 0 and deviation 1 over all lessons.
    pub truths: [f32; TRUTHS],
}

/// Films to draw lessons from.
pub struct Lessons {
    seed: u64,
    films: Vec<Film>,
}

struct Film {
    pixels: Vec<f32>,
    grade: u8,
    known: [f32; KNOWN],
}

impl Lessons {
    /// Renders `count` phantoms, as many of each grade, of the seed's population.
    pub fn new(seed: u64, count: u64) -> Self {
        let render = |subject: u64| {
            let side = if subject.is_multiple_of(2) { Side::Left } else { Side::Right };
            let grade = (subject / 2 % 5) as u8;
            let knee = render_graded(seed, subject, side, grade, FILM as u32);
            let truth = knee.truth;
            let known = [truth.medial_jsw_mm, truth.lateral_jsw_mm, truth.alignment_deg, truth.spacing_mm]
                .map(|v| v as f32);
            Film { pixels: knee.image.to_unit(), grade, known }
        };
        let mut films: Vec<Film> = (0..count).into_par_iter().map(render).collect();
        for at in 0..KNOWN {
            let mean = films.iter().map(|film| film.known[at]).sum::<f32>() / count as f32;
            let square = films.iter().map(|film| (film.known[at] - mean).powi(2)).sum::<f32>() / count as f32;
            films
                .iter_mut()
                .for_each(|film| film.known[at] = (film.known[at] - mean) / square.sqrt().max(1e-6));
        }
        Self { seed, films }
    }

    /// The lesson of an index.
    pub fn lesson(&self, index: u64) -> Lesson {
        let mut draws = stream(self.seed, Purpose::Lesson, index);
        let film = &self.films[draws.below(self.films.len())];
        let change = Change::draw(&mut draws);
        let mut truths = [0.0; TRUTHS];
        truths[..KNOWN].copy_from_slice(&film.known);
        truths[KNOWN..].copy_from_slice(&change.0);
        Lesson { pixels: change.of(&film.pixels, &mut draws), grade: film.grade, truths }
    }
}

/// What is done to a film, each of mean 0 and deviation 1: turned, magnified, moved right and down, made brighter, of more
/// contrast, of another gradation, blurred, made noisy.
struct Change([f32; TRUTHS - KNOWN]);

impl Change {
    fn draw(draws: &mut Stream) -> Self {
        let reach = 3f64.sqrt();
        Self([0.0; TRUTHS - KNOWN].map(|_: f32| draws.range(-reach, reach) as f32))
    }

    fn of(&self, film: &[f32], draws: &mut Stream) -> Vec<f32> {
        let [turn, scale, right, down, brightness, contrast, gradation, blur, noise] = self.0;
        let (sin, cos) = (0.12 * turn).sin_cos();
        let (scale, middle) = ((0.1 * scale).exp(), (FILM as f32 - 1.0) / 2.0);
        let at = |i: usize| {
            let [x, y] = [i % SHOWN, i / SHOWN].map(|v| v as f32 - (SHOWN as f32 - 1.0) / 2.0);
            let x0 = middle + 18.0 * right + (cos * x - sin * y) * scale;
            let y0 = middle + 18.0 * down + (sin * x + cos * y) * scale;
            between(film, x0, y0)
        };
        let mut pixels: Vec<f32> = (0..SHOWN * SHOWN).map(at).collect();
        soften(&mut pixels, 0.5 * (blur + 3f32.sqrt()));
        let gradation = (0.25 * gradation).exp();
        let grain = draws.normals(pixels.len());
        for (pixel, grain) in pixels.iter_mut().zip(grain) {
            let exposed = (pixel.clamp(0.0, 1.0).powf(gradation) - 0.5) * (1.0 + 0.2 * contrast) + 0.5;
            *pixel = exposed + 0.1 * brightness + 0.02 * (noise + 3f32.sqrt()) * grain;
        }
        pixels
    }
}

/// The film's value between pixels; beyond the edge, the edge's.
fn between(film: &[f32], x: f32, y: f32) -> f32 {
    let [x, y] = [x, y].map(|v| v.clamp(0.0, FILM as f32 - 1.001));
    let (left, top) = (x as usize, y as usize);
    let (right, down) = (x - left as f32, y - top as f32);
    let row = |top: usize| {
        let at = top * FILM + left;
        film[at] + (film[at + 1] - film[at]) * right
    };
    row(top) + (row(top + 1) - row(top)) * down
}

/// A Gaussian blur of a deviation in pixels.
fn soften(pixels: &mut [f32], deviation: f32) {
    if deviation < 0.2 {
        return;
    }
    let reach = (3.0 * deviation).ceil() as isize;
    let weight = |d: isize| (-0.5 * (d as f32 / deviation).powi(2)).exp();
    let sum: f32 = (-reach..=reach).map(weight).sum();
    let kernel: Vec<f32> = (-reach..=reach).map(|d| weight(d) / sum).collect();
    for step in [1, SHOWN] {
        let from = pixels.to_vec();
        let start = |i: usize| if step == 1 { i / SHOWN * SHOWN } else { i % SHOWN };
        for (i, pixel) in pixels.iter_mut().enumerate() {
            let (start, place) = (start(i), if step == 1 { i % SHOWN } else { i / SHOWN });
            let value = |k: usize| {
                let place = (place as isize + k as isize - reach).clamp(0, SHOWN as isize - 1) as usize;
                from[start + place * step]
            };
            *pixel = kernel.iter().enumerate().map(|(k, weight)| weight * value(k)).sum();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lesson_is_a_function_of_its_index_and_its_truths_are_standardised() {
        let lessons = Lessons::new(3, 20);
        assert_eq!(lessons.lesson(7), lessons.lesson(7));
        let some: Vec<Lesson> = (0..60).map(|index| lessons.lesson(index)).collect();
        for at in 0..TRUTHS {
            let mean = some.iter().map(|l| l.truths[at]).sum::<f32>() / 60.0;
            let square = some.iter().map(|l| l.truths[at].powi(2)).sum::<f32>() / 60.0;
            assert!(mean.abs() < 0.5 && (0.5..1.6).contains(&square), "{at}: {mean} {square}");
        }
        assert!(
            some.iter().all(|l| l.pixels.len() == SHOWN * SHOWN && l.pixels.iter().all(|v| v.is_finite()))
        );
    }

    #[test]
    fn a_blur_keeps_the_sum_and_spreads_a_point() {
        let mut pixels = vec![0.0; SHOWN * SHOWN];
        pixels[SHOWN * 70 + 70] = 1.0;
        soften(&mut pixels, 1.0);
        assert!((pixels.iter().sum::<f32>() - 1.0).abs() < 1e-4);
        assert!(
            (pixels[SHOWN * 70 + 71] - pixels[SHOWN * 71 + 70]).abs() < 1e-6 && pixels[SHOWN * 70 + 70] < 0.2
        );
    }
}
