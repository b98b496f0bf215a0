//! Grey level zone sizes (IBSI section 3.8; Thibault et al. 2014).

use std::collections::BTreeMap;

use super::{Binned, LEVELS, sized};

pub(super) const NAMES: [&str; 16] = [
    "glszm_SmallAreaEmphasis",
    "glszm_LargeAreaEmphasis",
    "glszm_GrayLevelNonUniformity",
    "glszm_GrayLevelNonUniformityNormalized",
    "glszm_SizeZoneNonUniformity",
    "glszm_SizeZoneNonUniformityNormalized",
    "glszm_ZonePercentage",
    "glszm_GrayLevelVariance",
    "glszm_ZoneVariance",
    "glszm_ZoneEntropy",
    "glszm_LowGrayLevelZoneEmphasis",
    "glszm_HighGrayLevelZoneEmphasis",
    "glszm_SmallAreaLowGrayLevelEmphasis",
    "glszm_SmallAreaHighGrayLevelEmphasis",
    "glszm_LargeAreaLowGrayLevelEmphasis",
    "glszm_LargeAreaHighGrayLevelEmphasis",
];

pub(super) fn features(image: &Binned) -> [f64; 16] {
    let mut counts = BTreeMap::<(usize, usize), f64>::new();
    zones(image).into_iter().for_each(|zone| *counts.entry(zone).or_default() += 1.0);
    let largest = counts.keys().map(|(_, size)| *size).max().unwrap_or(1);
    let mut table = vec![Vec::new(); LEVELS];
    for ((level, size), count) in counts {
        // Rows are as long as their level's largest zone: a zone may be the whole image.
        let row: &mut Vec<f64> = &mut table[level];
        row.resize(size.min(largest), 0.0);
        row[size - 1] = count;
    }
    sized(&table, image.levels.len() as f64)
}

/// Level and size of each set of equal pixels that touch, corners included.
fn zones(image: &Binned) -> Vec<(usize, usize)> {
    let mut seen = vec![false; image.levels.len()];
    let mut zones = Vec::new();
    let mut open = Vec::new();
    for (x, y, level) in image.places() {
        let mut size = 0;
        open.push((x, y));
        while let Some((x, y)) = open.pop() {
            if image.at(x, y) != Some(level)
                || std::mem::replace(&mut seen[y as usize * image.width + x as usize], true)
            {
                continue;
            }
            size += 1;
            let around = (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (x + dx, y + dy)));
            open.extend(around);
        }
        if size > 0 {
            zones.push((level, size));
        }
    }
    zones
}
