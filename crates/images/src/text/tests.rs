//! Text that was planted is found and painted over; knees without any are left alone.

use super::*;
use crate::Side;
use crate::phantom::render;
use crate::text::font::ink;

fn written(image: &Image, ink: &[(usize, usize)], value: u16) -> Image {
    let mut pixels = image.pixels().to_vec();
    ink.iter().for_each(|(x, y)| pixels[y * image.width() as usize + x] = value);
    Image::new(image.width(), image.height(), image.depth(), pixels)
}

fn covered(parts: &[Part], ink: &[(usize, usize)]) -> f64 {
    let holds = |part: &Part, (x, y): (usize, usize)| {
        let inside =
            |at: usize, first: u32, length: u32| (first as usize..(first + length) as usize).contains(&at);
        inside(x, part.left, part.width) && inside(y, part.top, part.height)
    };
    let count = ink.iter().filter(|dot| parts.iter().any(|part| holds(part, **dot))).count();
    count as f64 / ink.len() as f64
}

fn film(subject: u64, size: u32) -> Image {
    render(6, subject, Side::BOTH[(subject % 2) as usize], size).image
}

#[test]
fn names_dates_and_numbers_are_found_over_tissue_at_all_sizes_and_contrasts() {
    let mut missed = Vec::new();
    let mut tried = 0;
    for (at, text) in ["DOE JANE", "12.03.1957", "8312745", "LEON 2024-11-03"].iter().enumerate() {
        for scale in [1, 2, 3] {
            let film = film(at as u64, 320);
            for (number, value) in [u16::MAX, 0, 20_000].into_iter().enumerate() {
                // A grey that stands out of what is there, where it is neither white nor black.
                let place = (14 + 9 * number, [30, 150, 270][number]);
                let ground = film.pixels()[place.1 * 320 + 160];
                let value = if value == 20_000 { ground.saturating_add(16_000) } else { value };
                let ink = ink(text, place, scale);
                tried += 1;
                if covered(&find(&written(&film, &ink, value)), &ink) < 0.95 {
                    missed.push((text, scale, number));
                }
            }
        }
    }
    assert!(missed.len() * 10 <= tried, "{} of {tried} were missed: {missed:?}", missed.len());
}

#[test]
fn large_films_are_searched_for_large_letters() {
    let film = resize::square(&film(3, 224), 900);
    let ink = ink("DOE JANE", (100, 60), 12);
    let found = find(&written(&film, &ink, u16::MAX));
    assert!(covered(&found, &ink) > 0.95, "{found:?}");
}

#[test]
fn of_knees_without_text_hardly_one_is_touched() {
    // docs/text.md has the rate on real knees.
    let alarms: Vec<u64> = (0..40).filter(|subject| !find(&film(*subject, 224)).is_empty()).collect();
    assert!(alarms.len() <= 1, "{alarms:?}");
}

#[test]
fn a_side_marker_on_flat_ground_is_found_and_one_over_tissue_is_taken_for_metal() {
    let mut pixels = film(1, 224).pixels().to_vec();
    pixels.chunks_exact_mut(224).for_each(|row| row[..40].fill(300));
    let film = Image::new(224, 224, Depth::Sixteen, pixels);
    assert!(find(&film).is_empty());
    let ink = |place| ink("R", place, 3);
    assert!(covered(&find(&written(&film, &ink((10, 100)), 60_000)), &ink((10, 100))) == 1.0);
    assert!(find(&written(&film, &ink((110, 120)), 60_000)).is_empty());
}

#[test]
fn what_is_masked_cannot_be_found_again_and_the_rest_is_untouched() {
    let film = film(2, 224);
    let ink = ink("8312745", (60, 40), 2);
    let written = written(&film, &ink, u16::MAX);
    let parts = find(&written);
    let masked = mask(&written, &parts);
    assert!(find(&masked).is_empty());
    let changed = |i: &usize| masked.pixels()[*i] != film.pixels()[*i];
    let all: Vec<(usize, usize)> = (0..224 * 224).filter(changed).map(|i| (i % 224, i / 224)).collect();
    assert_eq!(covered(&parts, &all), 1.0);
    assert!(ink.iter().all(|(x, y)| masked.pixels()[y * 224 + x] != u16::MAX));
}
