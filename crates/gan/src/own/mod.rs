//! The feature network that comes along: SqueezeNet 1.1's convolutions, which have seen phantoms alone.
//!
//! What it learned is what the phantoms know of themselves (grade, joint space, axis, spacing) and what was done to their
//! films (turned, moved, magnified, exposed, blurred, made noisy): no patient's image, nothing to download. `lesson`
//! draws what it learns from, `school` trains; `bench/own.rs` made the file.

mod lesson;
mod school;

use std::path::Path;

use burn::tensor::Device;

use crate::error::Result;
use crate::pretrained::{Opened, Weights};
use crate::squeezenet::SqueezeNet;

pub use lesson::{Lesson, Lessons, SHOWN, TRUTHS};
pub use school::{Schooling, train};

/// What `game.features` calls it.
pub const NAME: &str = "own";

/// Its weights, in half precision, by torchvision's names.
const FILE: &[u8] = include_bytes!("features.safetensors");

/// The network.
pub(crate) fn network(device: &Device) -> Result<SqueezeNet> {
    SqueezeNet::of(
        &Weights::new(Path::new("the built-in features"), &Opened::built_in(FILE), "SqueezeNet 1.1", device)?,
        device,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_network_is_whole_and_tells_films_apart() {
        let network = network(&Device::flex()).unwrap();
        let side = crate::pretrained::SIDE;
        let film = |subject| {
            let knee =
                doppelray_images::phantom::render(1, subject, doppelray_images::Side::Left, side as u32);
            network.features(knee.image.to_unit())
        };
        let (one, other) = (film(1), film(2));
        assert_eq!(one, film(1));
        let apart = one.iter().zip(&other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart > 1e-3 && one.iter().all(|v| v.is_finite()), "{apart}");
    }
}
