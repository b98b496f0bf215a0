//! Arrays in safetensors files: data, never code. Every length is checked against the file before it is believed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use doppelray_images::files;
use half::f16;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::parameters::{Array, Parameters};

/// The header's key under which our own metadata stands, as JSON.
const KEY: &str = "doppelray";

/// How wide values are written.
#[derive(Clone, Copy)]
pub(crate) enum Width {
    /// As they are, in single precision.
    Single,
    /// Arrays of [`LARGE`] values and more in half precision.
    Half,
}

/// Values from which an array counts as large: weights, not biases and statistics.
const LARGE: usize = 2048;

impl Width {
    fn bytes(self, array: &Array) -> (Dtype, Vec<u8>) {
        let fits = |v: &f32| v.abs() <= f16::MAX.to_f32();
        match self {
            Self::Half if array.values.len() >= LARGE && array.values.iter().all(fits) => {
                (Dtype::F16, array.values.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect())
            }
            _ => (Dtype::F32, array.values.iter().flat_map(|v| v.to_le_bytes()).collect()),
        }
    }
}

/// Writes arrays and metadata to `path`, whole.
pub(crate) fn write(path: &Path, arrays: &Parameters, about: &impl Serialize, width: Width) -> Result<()> {
    let json = serde_json::to_string(about).expect("metadata are plain values");
    let bytes: Vec<_> = arrays.iter().map(|(name, array)| (name, &array.shape, width.bytes(array))).collect();
    let views = bytes.iter().map(|(name, shape, (dtype, bytes))| {
        (name, TensorView::new(*dtype, shape.to_vec(), bytes).expect("shape and values agree"))
    });
    let header = [(KEY.to_owned(), json)].into_iter().collect();
    let whole = safetensors::serialize(views, Some(header)).expect("names are unique");
    files::write_whole(path, |file| file.write_all(&whole)).map_err(Error::unwritten(path))
}

/// Reads arrays and metadata back.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<(Parameters, T)> {
    parse(path, &fs::read(path).map_err(Error::file(path))?)
}

/// What the bytes of the file at `path` hold.
pub(crate) fn parse<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<(Parameters, T)> {
    let bad = |reason: String| Error::content(path, reason);
    let damaged =
        |e| bad(format!("not a whole safetensors file ({e}); copy it again from where it was made"));
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let json = header
        .metadata()
        .as_ref()
        .and_then(|m| m.get(KEY))
        .ok_or_else(|| bad("holds tensors, but was not written by doppelray".into()))?;
    let about = serde_json::from_str(json)
        .map_err(|e| bad(format!("its header is not understood ({e}); it may be of another version")))?;
    let file = SafeTensors::deserialize(bytes).map_err(damaged)?;
    let arrays: Result<BTreeMap<_, _>> = file
        .iter()
        .map(|(name, view)| {
            let bytes = view.data();
            let values = match view.dtype() {
                Dtype::F32 => bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
                Dtype::F16 => bytes.as_chunks().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect(),
                other => return Err(bad(format!("tensor `{name}` is {other:?}, expected F32 or F16"))),
            };
            Ok((name.to_owned(), Array { shape: view.shape().to_vec(), values }))
        })
        .collect();
    Ok((arrays?, about))
}

/// The arrays with their names behind `prefix`.
pub(crate) fn under(prefix: &str, arrays: &Parameters) -> impl Iterator<Item = (String, Array)> {
    arrays.iter().map(move |(name, array)| (format!("{prefix}/{name}"), array.clone()))
}

/// The arrays whose names stand behind `prefix`, without it.
pub(crate) fn below(prefix: &str, arrays: &Parameters) -> Parameters {
    let strip = |(name, array): (&String, &Array)| {
        Some((name.strip_prefix(prefix)?.strip_prefix('/')?.to_owned(), array.clone()))
    };
    arrays.iter().filter_map(strip).collect()
}
