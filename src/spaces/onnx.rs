//! Any ONNX network as a feature space, run by rten: its first output, flattened.
//!
//! What the network is shown is told by the shape of its input and by a file beside it, `NAME.toml` for `NAME.onnx`, which may be
//! absent: `size` in pixels where the shape leaves it open, and `scale`, `mean` and `deviation`: a grey value `v` in 0..1 is shown
//! as `(scale v - mean) / deviation`, in each channel.

use std::path::Path;

use anyhow::{Context, anyhow, bail, ensure};
use doppelray_images::{Image, resize};
use rten::{Dimension, Model, Value};
use serde::Deserialize;

use crate::report::seal::hex;

/// A network ready to describe images.
pub(super) struct Network {
    model: Model,
    channels: usize,
    side: usize,
    /// Values of the output.
    width: usize,
    look: Look,
    /// SHA-256 of the network.
    pub(super) hash: String,
    /// SHA-256 of the network and of how images are shown to it.
    pub(super) key: String,
}

/// How images are shown.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Look {
    size: Option<usize>,
    scale: f32,
    mean: Vec<f32>,
    deviation: Vec<f32>,
}

impl Default for Look {
    fn default() -> Self {
        Self { size: None, scale: 1.0, mean: vec![0.0], deviation: vec![1.0] }
    }
}

/// The most values of an output that is a description, not a map.
const WIDEST: usize = 16_384;
/// Sides of images that a network may ask for.
const SIDES: std::ops::RangeInclusive<usize> = 8..=1024;

impl Network {
    /// Reads a network and the file beside it, and shows it one image.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let place = path.display();
        let bytes = std::fs::read(path).with_context(|| place.to_string())?;
        let beside = path.with_extension("toml");
        let told = match beside.is_file() {
            true => std::fs::read_to_string(&beside).with_context(|| beside.display().to_string())?,
            false => String::new(),
        };
        let look: Look =
            toml::from_str(&told).map_err(|e| anyhow!("{}: {}", beside.display(), e.message()))?;
        let (hash, key) = (hex(&bytes), hex(&[&bytes, told.as_bytes()].concat()));
        // What a file cannot hold, such as weights in a second file, is not looked for elsewhere.
        let model = Model::load(bytes).map_err(|e| {
            anyhow!("{place}: cannot be read as an ONNX network ({e}); export it again, with plain operators and its weights inside")
        })?;
        let [channels, side] = input(&model, &look, &beside).with_context(|| place.to_string())?;
        look.check(channels).with_context(|| beside.display().to_string())?;
        let mut network = Self { model, channels, side, width: 0, look, hash, key };
        let shown = network.run(&vec![0.5; side * side]);
        network.width =
            shown.with_context(|| format!("{place}: cannot be run; export it for one image"))?.len();
        ensure!(
            (1..=WIDEST).contains(&network.width),
            "{place}: gives {} values an image, where 1 to {WIDEST} are a description; export it up to a pooled layer",
            network.width
        );
        Ok(network)
    }

    /// Features an image.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// The features of an image; not finite where the network fails, which whoever takes them refuses.
    pub(super) fn describe(&self, image: &Image) -> Vec<f32> {
        let grey = resize::square(image, self.side as u32).to_unit();
        let found = self.run(&grey).ok().filter(|values| values.len() == self.width);
        found.unwrap_or_else(|| vec![f32::NAN; self.width])
    }

    fn run(&self, grey: &[f32]) -> anyhow::Result<Vec<f32>> {
        let Look { scale, mean, deviation, .. } = &self.look;
        let of = |values: &[f32], channel: usize| values[channel.min(values.len() - 1)];
        let channels = (0..self.channels).flat_map(|channel| {
            let (mean, deviation) = (of(mean, channel), of(deviation, channel));
            grey.iter().map(move |v| (scale * v - mean) / deviation)
        });
        let shown =
            Value::from_shape([1, self.channels, self.side, self.side], channels.collect::<Vec<f32>>())?;
        let output = *self.model.output_ids().first().context("gives nothing")?;
        let mut found = self.model.run(vec![(self.model.input_ids()[0], shown.into())], &[output], None)?;
        match found.pop() {
            Some(Value::FloatTensor(values)) => Ok(values.into_data()),
            _ => bail!("gives no floating point numbers"),
        }
    }
}

impl Look {
    fn check(&self, channels: usize) -> anyhow::Result<()> {
        for (name, values) in [("mean", &self.mean), ("deviation", &self.deviation)] {
            let fits = [1, channels].contains(&values.len()) && values.iter().all(|v| v.is_finite());
            ensure!(
                fits && (name == "mean" || !values.contains(&0.0)),
                "`{name}` needs one number, or one for each of {channels} channels, none of them 0"
            );
        }
        Ok(())
    }
}

/// Channels and side of the images that a network takes, or why it takes none.
fn input(model: &Model, look: &Look, beside: &Path) -> anyhow::Result<[usize; 2]> {
    let inputs = model.input_ids().len();
    ensure!(inputs == 1, "takes {inputs} inputs; one image is all there is to give");
    let dims: Vec<Option<usize>> = model.input_shape(0).unwrap_or_default().iter().map(fixed).collect();
    let words: Vec<String> =
        dims.iter().map(|dim| dim.map_or("?".to_owned(), |dim| dim.to_string())).collect();
    let takes = format!("takes [{}]", words.join(", "));
    let [batch, channels, height, width] = dims[..] else {
        bail!("{takes}, not images as [batch, channels, height, width]");
    };
    ensure!(batch.is_none_or(|batch| batch == 1), "{takes}: several images at once; export it for one");
    let Some(channels @ (1 | 3)) = channels else {
        bail!("{takes}: images of 1 or 3 channels come before height and width");
    };
    let (Some(height), Some(width)) = (height.or(look.size), width.or(look.size)) else {
        bail!("{takes}: the size is open; write it into {}: size = 224", beside.display());
    };
    ensure!(
        height == width && SIDES.contains(&height),
        "{takes}: images must be square, of {} to {} pixels a side",
        SIDES.start(),
        SIDES.end()
    );
    if let Some(size) = look.size.filter(|size| *size != height) {
        bail!("{takes}, where {} says {size}; leave `size` out there", beside.display());
    }
    Ok([channels, height])
}

fn fixed(dim: &Dimension) -> Option<usize> {
    match dim {
        Dimension::Fixed(size) => Some(*size),
        Dimension::Symbolic(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use doppelray_images::Depth;
    use doppelray_images::files::write_whole;

    /// A field of a protobuf message: of bytes, and of a number.
    fn bytes(field: u8, value: &[u8]) -> Vec<u8> {
        let mut out = vec![field << 3 | 2];
        out.extend(varint(value.len() as u64));
        out.extend(value);
        out
    }

    fn number(field: u8, value: u64) -> Vec<u8> {
        [vec![field << 3], varint(value)].concat()
    }

    fn varint(mut value: u64) -> Vec<u8> {
        let mut out = Vec::new();
        while value >= 128 {
            out.push(value as u8 | 128);
            value >>= 7;
        }
        out.push(value as u8);
        out
    }

    /// A value's name, type and shape; a dimension of 0 is open.
    fn value(name: &str, shape: &[u64]) -> Vec<u8> {
        let dim = |dim: &u64| bytes(1, &if *dim == 0 { bytes(2, b"n") } else { number(1, *dim) });
        let shape: Vec<u8> = shape.iter().flat_map(dim).collect();
        let tensor = [number(1, 1), bytes(2, &shape)].concat();
        [bytes(1, name.as_bytes()), bytes(2, &bytes(1, &tensor))].concat()
    }

    /// A network of one operator from an image of `shape`.
    fn network(operator: &str, shape: &[u64], output: &[u64]) -> Vec<u8> {
        let node =
            [bytes(1, b"x"), bytes(2, b"y"), bytes(3, b"node"), bytes(4, operator.as_bytes())].concat();
        let graph = [
            bytes(1, &node),
            bytes(2, b"graph"),
            bytes(11, &value("x", shape)),
            bytes(12, &value("y", output)),
        ];
        [number(1, 8), bytes(7, &graph.concat()), bytes(8, &number(2, 13))].concat()
    }

    fn read(network: &[u8], told: &str) -> anyhow::Result<Network> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("net.onnx");
        write_whole(&path, |file| file.write_all(network)).unwrap();
        if !told.is_empty() {
            write_whole(&path.with_extension("toml"), |file| file.write_all(told.as_bytes())).unwrap();
        }
        Network::read(&path)
    }

    const POOL: &str = "GlobalAveragePool";

    #[test]
    fn the_output_is_flattened_and_what_the_network_is_shown_is_as_told() {
        let image = Image::new(16, 16, Depth::Eight, vec![51; 256]);
        let plain = read(&network(POOL, &[1, 1, 16, 16], &[1, 1, 1, 1]), "").unwrap();
        assert!((plain.describe(&image)[0] - 0.2).abs() < 1e-6);
        let told = "size = 32\nscale = 255\nmean = [1, 2, 3]\ndeviation = [2]";
        let told = read(&network(POOL, &[0, 3, 0, 0], &[0, 3, 1, 1]), told).unwrap();
        let found = told.describe(&image);
        assert!(found.iter().zip([25.0, 24.5, 24.0]).all(|(a, b)| (a - b).abs() < 1e-4), "{found:?}");
        assert!(plain.key != told.key && plain.width() == 1);
    }

    #[test]
    fn what_cannot_describe_an_image_is_refused_by_its_fault() {
        let square = [1, 3, 16, 16];
        for (bytes, told, reason) in [
            (b"PK\x03\x04 no network".to_vec(), "", "cannot be read as an ONNX network"),
            (network(POOL, &[1, 3, 0, 0], &[1, 3, 1, 1]), "", "net.toml: size = 224"),
            (network(POOL, &[1, 3, 16, 24], &[1, 3, 1, 1]), "", "must be square"),
            (network(POOL, &[4, 3, 16, 16], &[4, 3, 1, 1]), "", "export it for one"),
            (network(POOL, &[1, 16, 16, 3], &[1, 16, 1, 1]), "", "come before height and width"),
            (network(POOL, &[1, 768], &[1, 768]), "", "takes [1, 768], not images"),
            (network("Relu", &[1, 3, 128, 128], &[1, 3, 128, 128]), "", "gives 49152 values"),
            (network("Divine", &square, &square), "", "Divine"),
            (network(POOL, &square, &[1, 3, 1, 1]), "size = 17", "leave `size` out there"),
            (network(POOL, &square, &[1, 3, 1, 1]), "means = [1]", "unknown field `means`"),
            (network(POOL, &square, &[1, 3, 1, 1]), "mean = [1, 2]", "one for each of 3 channels"),
            (network(POOL, &square, &[1, 3, 1, 1]), "deviation = [0]", "none of them 0"),
        ] {
            let error = format!("{:#}", read(&bytes, told).err().expect(reason));
            assert!(error.contains("net.") && error.contains(reason), "{reason}: {error}");
        }
    }

    #[test]
    fn a_network_whose_features_are_no_numbers_gives_none() {
        // The logarithm of what is below 0.
        let log = read(&network("Log", &[1, 1, 8, 8], &[1, 1, 8, 8]), "mean = [0.4]").unwrap();
        let dark = Image::new(8, 8, Depth::Eight, vec![0; 64]);
        assert!(log.describe(&dark).iter().all(|v| v.is_nan()));
    }
}
