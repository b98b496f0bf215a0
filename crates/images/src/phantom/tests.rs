//! What a phantom knee promises.

use super::anatomy::{Anatomy, COMPARTMENTS};
use super::film::Film;
use super::outline::{Point, least_distance};
use super::traits::Person;
use super::{Knee, render, render_graded};
use crate::side::Side;

/// Correlation of two samples.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (ma, mb) = (mean(a), mean(b));
    let cross = |x: &[f64], mx: f64, y: &[f64], my: f64| -> f64 {
        x.iter().zip(y).map(|(x, y)| (x - mx) * (y - my)).sum()
    };
    cross(a, ma, b, mb) / (cross(a, ma, a, ma) * cross(b, mb, b, mb)).sqrt()
}

/// Ranks with ties shared.
fn ranks(values: &[f64]) -> Vec<f64> {
    let below = |v: f64| values.iter().filter(|w| **w < v).count() as f64;
    let same = |v: f64| values.iter().filter(|w| **w == v).count() as f64;
    values.iter().map(|v| below(*v) + 0.5 * same(*v)).collect()
}

fn unit(knee: &Knee) -> Vec<f64> {
    knee.image.to_unit().into_iter().map(f64::from).collect()
}

fn mirrored(values: &[f64], size: usize) -> Vec<f64> {
    values.chunks(size).flat_map(|row| row.iter().rev().copied()).collect()
}

fn minimum_jsw(seed: u64, subject: u64, side: Side, grade: u8) -> f64 {
    let truth = Anatomy::new(&Person::new(seed, subject, side), grade).truth(1.0);
    truth.medial_jsw_mm.min(truth.lateral_jsw_mm)
}

#[test]
fn the_same_key_draws_the_same_knee_and_another_key_another() {
    let knee = render(3, 5, Side::Left, 48);
    assert_eq!(knee, render(3, 5, Side::Left, 48));
    assert_eq!(knee, render_graded(3, 5, Side::Left, knee.grade, 48));
    for other in [render(4, 5, Side::Left, 48), render(3, 6, Side::Left, 48), render(3, 5, Side::Right, 48)] {
        assert_ne!(knee.image, other.image);
        assert_ne!(knee.truth, other.truth);
    }
}

#[test]
fn two_knees_of_a_person_are_more_alike_than_knees_of_two_people() {
    let size = 48;
    let distance = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt();
    let pairs: Vec<[Vec<f64>; 2]> = (0..24)
        .map(|subject| {
            let right = unit(&render_graded(0, subject, Side::Right, 1, size));
            [unit(&render_graded(0, subject, Side::Left, 1, size)), mirrored(&right, size as usize)]
        })
        .collect();
    let own: f64 = pairs.iter().map(|[l, r]| distance(l, r)).sum::<f64>() / 24.0;
    let foreign: f64 = (0..24).map(|i| distance(&pairs[i][0], &pairs[(i + 1) % 24][1])).sum::<f64>() / 24.0;
    assert!(own < 0.6 * foreign, "own {own}, foreign {foreign}");
}

#[test]
fn grades_are_spread_as_in_the_osteoarthritis_initiative_and_agree_within_a_person() {
    let grades = |side| (0..4000).map(move |s| Person::new(0, s, side).grade());
    let (left, right): (Vec<u8>, Vec<u8>) = (grades(Side::Left).collect(), grades(Side::Right).collect());
    for (grade, expected) in [0.39, 0.18, 0.26, 0.13, 0.04].into_iter().enumerate() {
        let share = left.iter().filter(|g| usize::from(**g) == grade).count() as f64 / 4000.0;
        // Three standard errors of a share at n = 4000 are at most 0.024.
        assert!((share - expected).abs() < 0.024, "grade {grade}: {share}");
    }
    let real = |grades: &[u8]| grades.iter().map(|g| f64::from(*g)).collect::<Vec<_>>();
    let alike = correlation(&real(&left), &real(&right));
    assert!((0.45..0.7).contains(&alike), "{alike}");
}

#[test]
fn joint_space_falls_with_grade_and_grades_overlap() {
    let (mut grades, mut widths, mut by_grade) = (Vec::new(), Vec::new(), vec![Vec::new(); 5]);
    for subject in 0..100 {
        for grade in 0..=4 {
            let width = minimum_jsw(0, 5 * subject + u64::from(grade), Side::Left, grade);
            grades.push(f64::from(grade));
            widths.push(width);
            by_grade[usize::from(grade)].push(width);
        }
    }
    let spearman = correlation(&ranks(&grades), &ranks(&widths));
    assert!((-0.95..-0.75).contains(&spearman), "{spearman}");
    by_grade.iter_mut().for_each(|widths| widths.sort_by(f64::total_cmp));
    for pair in by_grade.windows(2) {
        assert!(pair[1][50] < pair[0][50], "the median falls");
    }
    for pair in by_grade[..4].windows(2) {
        assert!(pair[1][90] > pair[0][10], "neighbours overlap: {} {}", pair[1][90], pair[0][10]);
    }
}

#[test]
fn a_knee_worn_on_one_side_bows_to_that_side() {
    let (mut gaps, mut angles) = (Vec::new(), Vec::new());
    for subject in 0..200 {
        let truth = Anatomy::new(&Person::new(1, subject, Side::Right), 3).truth(1.0);
        gaps.push(truth.lateral_jsw_mm - truth.medial_jsw_mm);
        angles.push(truth.alignment_deg);
    }
    let together = correlation(&gaps, &angles);
    assert!(together > 0.5, "{together}");
}

/// The bone edges that bound the joint space in a column of a picture, mm from the top: where the profile is
/// half-way from the dark of the space to the bone 3 mm around it.
fn edges(column: &[f64], spacing: f64, middle: f64) -> [f64; 2] {
    let near = (4.0 / spacing) as usize;
    let start = (middle / spacing) as usize;
    let dark =
        (start - near..=start + near).min_by(|a, b| column[*a].total_cmp(&column[*b])).expect("not empty");
    let cross = |step: isize| {
        let at = |k: isize| column[(dark as isize + step * k) as usize];
        // Across the widest space and into the bone beyond it.
        let reach = (10.0 / spacing) as isize;
        let bright = (0..reach).map(at).fold(0.0, f64::max);
        let half = 0.5 * (column[dark] + bright);
        let k = (1..reach).find(|k| at(*k) > half).expect("bone on both sides");
        let part = (half - at(k - 1)) / (at(k) - at(k - 1));
        (dark as f64 + 0.5 + step as f64 * (k as f64 - 1.0 + part)) * spacing
    };
    [cross(-1), cross(1)]
}

#[test]
fn the_gap_in_the_pixels_is_the_gap_in_the_truth() {
    let (size, mut seen, mut errors) = (448, 0, Vec::new());
    for subject in 0..12 {
        let person = Person::new(2, subject, Side::Left);
        let anatomy = Anatomy::new(&person, (subject % 4) as u8);
        let film = Film::plain(&person);
        let spacing = film.field_mm / size as f64;
        let grey = film.expose(&anatomy, size as u32);
        let truth = anatomy.truth(spacing);
        for (side, wanted) in [truth.medial_jsw_mm, truth.lateral_jsw_mm].into_iter().enumerate() {
            // Below 2 mm the two edges' blur runs together and no threshold finds them.
            if wanted < 2.0 {
                continue;
            }
            let [low, high] = COMPARTMENTS[side];
            let (mut femur, mut tibia): (Vec<Point>, Vec<Point>) = (Vec::new(), Vec::new());
            let [left, right] = [low, high].map(|x| ((x + 0.5 * film.field_mm) / spacing) as usize);
            for x in left..right {
                let column: Vec<f64> = (0..size).map(|y| f64::from(grey[y * size + x])).collect();
                let [top, bottom] = edges(&column, spacing, film.joint_mm() - 0.5 * wanted + 0.5);
                femur.push([x as f64 * spacing, top]);
                tibia.push([x as f64 * spacing, bottom]);
            }
            errors.push(least_distance(&femur, &tibia) - wanted);
            seen += 1;
        }
    }
    assert!(seen > 15, "{seen} gaps");
    // Half a millimetre is 1 pixel of 224 across; readers of real films differ by 0.2 to 0.5 mm.
    let worst = errors.iter().fold(0.0, |worst: f64, e| worst.max(e.abs()));
    assert!(worst < 0.6, "{errors:.2?}");
    let bias = errors.iter().sum::<f64>() / errors.len() as f64;
    assert!(bias.abs() < 0.3, "{bias}");
}

#[test]
fn the_fibula_is_on_the_viewers_right_of_a_left_knee() {
    // Beside the tibia's shaft only the fibula is dense: the lower lateral corner is brighter on average.
    let size = 64;
    let corner = |image: &[f64], columns: std::ops::Range<usize>| -> f64 {
        (54..64).flat_map(|y| columns.clone().map(move |x| (x, y))).map(|(x, y)| image[y * size + x]).sum()
    };
    let lateral_is_right = |side: Side| -> usize {
        (0..20)
            .filter(|subject| {
                let image = unit(&render_graded(0, *subject, side, 0, size as u32));
                corner(&image, 54..64) > corner(&image, 0..10)
            })
            .count()
    };
    assert!(lateral_is_right(Side::Left) >= 18);
    assert!(lateral_is_right(Side::Right) <= 2);
}

#[test]
fn exposures_range_from_dark_to_bright_and_use_the_depth() {
    let means: Vec<f64> = (0..60)
        .map(|subject| {
            let knee = render(0, subject, Side::Left, 32);
            assert!(knee.image.pixels().iter().any(|p| p % 257 != 0), "more than 8 bits");
            unit(&knee).iter().sum::<f64>() / 1024.0
        })
        .collect();
    let low = means.iter().copied().fold(f64::INFINITY, f64::min);
    let high = means.iter().copied().fold(0.0, f64::max);
    assert!(low < 0.45 && high > 0.75, "{low} {high}");
}

#[test]
fn a_small_picture_is_the_large_one_averaged() {
    let (large, small) = (unit(&render(0, 1, Side::Left, 192)), unit(&render(0, 1, Side::Left, 48)));
    let block = |x: usize, y: usize| -> f64 {
        (0..16).map(|i| large[(4 * y + i / 4) * 192 + 4 * x + i % 4]).sum::<f64>() / 16.0
    };
    let averaged: Vec<f64> = (0..48 * 48).map(|i| block(i % 48, i / 48)).collect();
    let worst = averaged.iter().zip(&small).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    // Photon noise is drawn pixel by pixel, so it differs; anatomy, exposure and grain do not.
    assert!(worst < 0.05, "{worst}");
}
