//! Traditional augmentation: a radiograph as it might have been taken a little differently.

use doppelray_measures::rng::Stream;

use crate::Image;

/// A small change of position and exposure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// To the right and down, as a share of the side.
    pub shift: [f64; 2],
    /// Clockwise, in degrees.
    pub turn: f64,
    /// Magnification.
    pub zoom: f64,
    /// Exponent on the values.
    pub gamma: f64,
    /// Factor on the values.
    pub gain: f64,
}

impl Change {
    /// A random change of the size that positioning and exposure have: up to 5% of shift, 7 degrees, 8% of magnification,
    /// gamma and gain within 15%. Never mirrored: a knee's sides differ.
    pub fn draw(draws: &mut Stream) -> Self {
        Self {
            shift: [draws.range(-0.05, 0.05), draws.range(-0.05, 0.05)],
            turn: draws.range(-7.0, 7.0),
            zoom: draws.range(0.92, 1.08),
            gamma: draws.range(0.85, 1.15),
            gain: draws.range(0.85, 1.15),
        }
    }

    /// The image so changed, by bilinear interpolation; what comes from outside repeats the border.
    pub fn of(&self, image: &Image) -> Image {
        let (width, height) = (image.width() as usize, image.height() as usize);
        let source = image.to_unit();
        let at = |x: f64, y: f64| {
            let (x, y) = (x.clamp(0.0, (width - 1) as f64), y.clamp(0.0, (height - 1) as f64));
            let (left, top) = (x as usize, y as usize);
            let (right, below) = ((left + 1).min(width - 1), (top + 1).min(height - 1));
            let (u, v) = ((x - left as f64) as f32, (y - top as f64) as f32);
            let row = |y: usize| source[y * width + left] * (1.0 - u) + source[y * width + right] * u;
            row(top) * (1.0 - v) + row(below) * v
        };
        let (sin, cos) = self.turn.to_radians().sin_cos();
        let [cx, cy] = [width, height].map(|side| 0.5 * (side - 1) as f64);
        let exposed = |value: f32| (self.gain as f32) * value.max(0.0).powf(self.gamma as f32);
        let mut values = Vec::with_capacity(source.len());
        for y in 0..height {
            for x in 0..width {
                let dx = (x as f64 - cx - self.shift[0] * width as f64) / self.zoom;
                let dy = (y as f64 - cy - self.shift[1] * height as f64) / self.zoom;
                values.push(exposed(at(cx + cos * dx + sin * dy, cy - sin * dx + cos * dy)));
            }
        }
        Image::from_unit(image.width(), image.height(), image.depth(), &values)
    }
}

#[cfg(test)]
mod tests {
    use doppelray_measures::rng::{Purpose, stream};

    use super::*;
    use crate::Depth;

    const NONE: Change = Change { shift: [0.0; 2], turn: 0.0, zoom: 1.0, gamma: 1.0, gain: 1.0 };

    fn image() -> Image {
        Image::new(21, 21, Depth::Eight, (0..441).map(|i| (i * 37 % 256) as u16).collect())
    }

    #[test]
    fn no_change_changes_nothing_and_a_quarter_turn_is_exact() {
        let image = image();
        assert_eq!(NONE.of(&image), image);
        let turned = Change { turn: 90.0, ..NONE }.of(&image);
        let pixel = |image: &Image, x: usize, y: usize| image.pixels()[y * 21 + x];
        // Clockwise: what was at the top is at the right.
        assert!(pixel(&turned, 20, 5).abs_diff(pixel(&image, 5, 0)) <= 1);
        let shifted = Change { shift: [2.0 / 21.0, 0.0], ..NONE }.of(&image);
        assert!(pixel(&shifted, 7, 9).abs_diff(pixel(&image, 5, 9)) <= 1);
    }

    #[test]
    fn drawn_changes_are_small_and_differ() {
        let image = image();
        let change = |copy| Change::draw(&mut stream(0, Purpose::UtilityAugment, copy));
        assert_ne!(change(0).of(&image), change(1).of(&image));
        assert!((0..100).map(change).all(|c| c.turn.abs() <= 7.0 && (0.9..1.1).contains(&c.zoom)));
    }
}
