//! Trabecular texture: spongy bone is not a solid, and its plates run along the load.

use super::field::Field;
use super::outline::Point;
use doppelray_measures::rng::Stream;

/// Width of a cell of the texture, mm.
const CELL_MM: f64 = 0.3;
/// Cells across: enough for the largest field and its rotation.
const CELLS: usize = 440;

/// Relative density about 0, of variance near 1, over the plane of the detector.
pub(super) struct Texture(Field);

impl Texture {
    /// A texture drawn from `stream`.
    pub(super) fn new(stream: &mut Stream) -> Self {
        let mut layer = |across_mm: f64, along_mm: f64| {
            let values = stream.uniforms(CELLS * CELLS);
            Field { n: CELLS, values }.blurred(across_mm / CELL_MM, along_mm / CELL_MM).standardised()
        };
        let plates = layer(0.22, 1.5);
        let sponge = layer(0.28, 0.4);
        let patches = layer(2.2, 3.2);
        let mix = |i: usize| 0.6 * plates.values[i] + 0.7 * sponge.values[i] + 0.45 * patches.values[i];
        Self(Field { n: CELLS, values: (0..CELLS * CELLS).map(mix).collect() })
    }

    /// The value at a place. Plates fan out from the shaft to the joint: where the bone narrows, so do they.
    pub(super) fn at(&self, p: Point) -> f32 {
        let narrowing = if p[1] > 0.0 { 0.008 * p[1] } else { -0.003 * p[1] };
        let x = p[0] * (1.0 + narrowing);
        let cell = |mm: f64| (mm / CELL_MM + 0.5 * CELLS as f64) as f32;
        self.0.at(cell(x), cell(p[1] + 8.0))
    }
}
