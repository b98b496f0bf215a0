//! Grey level run lengths (IBSI section 3.7; Galloway 1975).

use super::{Binned, DIRECTIONS, LEVELS, sized};

pub(super) const NAMES: [&str; 16] = [
    "glrlm_ShortRunEmphasis",
    "glrlm_LongRunEmphasis",
    "glrlm_GrayLevelNonUniformity",
    "glrlm_GrayLevelNonUniformityNormalized",
    "glrlm_RunLengthNonUniformity",
    "glrlm_RunLengthNonUniformityNormalized",
    "glrlm_RunPercentage",
    "glrlm_GrayLevelVariance",
    "glrlm_RunVariance",
    "glrlm_RunEntropy",
    "glrlm_LowGrayLevelRunEmphasis",
    "glrlm_HighGrayLevelRunEmphasis",
    "glrlm_ShortRunLowGrayLevelEmphasis",
    "glrlm_ShortRunHighGrayLevelEmphasis",
    "glrlm_LongRunLowGrayLevelEmphasis",
    "glrlm_LongRunHighGrayLevelEmphasis",
];

/// The mean over the directions.
pub(super) fn features(image: &Binned) -> [f64; 16] {
    let all = DIRECTIONS.map(|direction| sized(&table(image, direction), image.levels.len() as f64));
    std::array::from_fn(|at| all.iter().map(|f| f[at]).sum::<f64>() / all.len() as f64)
}

/// Runs by level and length.
fn table(image: &Binned, (dx, dy): (isize, isize)) -> Vec<Vec<f64>> {
    let mut table = vec![vec![0.0; image.width.max(image.height)]; LEVELS];
    for (x, y, level) in image.places() {
        if image.at(x - dx, y - dy) == Some(level) {
            continue;
        }
        let length = (1..).take_while(|k| image.at(x + k * dx, y + k * dy) == Some(level)).count();
        table[level][length] += 1.0;
    }
    table
}
