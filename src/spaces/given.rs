//! Features that someone else computed: a .npy or .safetensors file for each collection.

use std::path::Path;

use anyhow::{Context, bail};
use safetensors::tensor::{Dtype, SafeTensors};

/// A matrix of features, a row an image.
#[derive(Debug, PartialEq)]
pub(super) struct Matrix {
    pub(super) rows: usize,
    pub(super) width: usize,
    pub(super) values: Vec<f32>,
}

/// Reads a two-dimensional array of single or double precision.
pub(super) fn read(path: &Path) -> anyhow::Result<(Matrix, Vec<u8>)> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    let matrix = match path.extension().and_then(|e| e.to_str()) {
        Some("npy") => npy(&bytes),
        _ => tensors(&bytes),
    };
    Ok((matrix.with_context(|| path.display().to_string())?, bytes))
}

/// NumPy's format, versions 1 to 3: magic, version, length of the header, header, values.
fn npy(bytes: &[u8]) -> anyhow::Result<Matrix> {
    const MEND: &str = "save a two-dimensional float32 or float64 array with numpy.save";
    if bytes.get(..6) != Some(b"\x93NUMPY") {
        bail!("is no .npy file; {MEND}");
    }
    let (size, start) = match (bytes.get(6), bytes.get(8..12)) {
        (Some(1), Some(n)) => (usize::from(u16::from_le_bytes([n[0], n[1]])), 10),
        (Some(2 | 3), Some(n)) => (u32::from_le_bytes([n[0], n[1], n[2], n[3]]) as usize, 12),
        _ => bail!("is of a version of .npy that is not known; {MEND}"),
    };
    let header = bytes.get(start..start + size).context("ends within its header; copy it again")?;
    let header = String::from_utf8_lossy(header);
    let field = |name: &str| header.split_once(&format!("'{name}':")).map(|(_, rest)| rest.trim_start());
    let dtype = match field("descr").and_then(|d| d.get(..5)) {
        Some("'<f4'") => Dtype::F32,
        Some("'<f8'") => Dtype::F64,
        other => bail!("holds {} values; {MEND}", other.unwrap_or("unknown")),
    };
    if field("fortran_order").is_none_or(|order| !order.starts_with("False")) {
        bail!("is stored column by column; {MEND} of numpy.ascontiguousarray(x)");
    }
    let shape = field("shape").and_then(|s| s.strip_prefix('(')?.split_once(')'));
    let sizes: Option<Vec<usize>> = shape.and_then(|(sizes, _)| {
        let words = sizes.split(',').map(str::trim).filter(|word| !word.is_empty());
        words.map(|word| word.parse().ok()).collect()
    });
    let sizes = sizes.with_context(|| format!("has a shape that cannot be read; {MEND}"))?;
    matrix(&sizes, dtype, &bytes[start + size..])
}

/// The tensor `features`, or the only one.
fn tensors(bytes: &[u8]) -> anyhow::Result<Matrix> {
    let file = SafeTensors::deserialize(bytes).context("is no whole safetensors file")?;
    let names = file.names();
    let name = match names.as_slice() {
        [only] => only,
        _ => "features",
    };
    let tensor = file.tensor(name).ok().context("holds several tensors and none named `features`")?;
    matrix(tensor.shape(), tensor.dtype(), tensor.data())
}

fn matrix(sizes: &[usize], dtype: Dtype, bytes: &[u8]) -> anyhow::Result<Matrix> {
    let &[rows, width] = sizes else {
        bail!(
            "holds an array of shape {sizes:?}; a row for each image and a column for each feature are needed"
        );
    };
    let size = match dtype {
        Dtype::F32 => 4,
        Dtype::F64 => 8,
        other => bail!("holds {other:?} values; save them as float32 or float64"),
    };
    let needed = rows.checked_mul(width).and_then(|n| n.checked_mul(size));
    if width == 0 || needed != Some(bytes.len()) {
        bail!("says it holds {rows} x {width} values but has {} bytes of them; copy it again", bytes.len());
    }
    let value = |b: &[u8]| match b {
        [a, b, c, d] => f32::from_le_bytes([*a, *b, *c, *d]),
        _ => f64::from_le_bytes(b.try_into().expect("eight bytes")) as f32,
    };
    Ok(Matrix { rows, width, values: bytes.chunks_exact(size).map(value).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(descr: &str, shape: &str, values: &[u8]) -> Vec<u8> {
        let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(values);
        bytes
    }

    #[test]
    fn numpy_arrays_of_either_precision_are_read() {
        let single: Vec<u8> =
            [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0].iter().flat_map(|v| v.to_le_bytes()).collect();
        let double: Vec<u8> = [0.5f64, -1.0].iter().flat_map(|v| v.to_le_bytes()).collect();
        let read = npy(&file("<f4", "(2, 3)", &single)).unwrap();
        assert_eq!(read, Matrix { rows: 2, width: 3, values: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0] });
        assert_eq!(npy(&file("<f8", "(2, 1)", &double)).unwrap().values, [0.5, -1.0]);
    }

    #[test]
    fn what_is_no_matrix_is_refused_by_its_fault() {
        for (bytes, reason) in [
            (b"PK".to_vec(), "no .npy file"),
            (file("<i8", "(2, 1)", &[0; 16]), "'<i8'"),
            (file("<f4", "(4,)", &[0; 16]), "[4]"),
            (file("<f4", "(1000000000, 1000000000)", &[0; 16]), "has 16 bytes"),
            (file("<f4", "(2, 2)", &[0; 15]), "has 15 bytes"),
            (b"\x93NUMPY\x01\x00\xff\xff".to_vec(), "not known"),
            (b"\x93NUMPY\x01\x00\xff\xff{'descr'".to_vec(), "within its header"),
        ] {
            let error = format!("{:#}", npy(&bytes).unwrap_err());
            assert!(error.contains(reason), "{error}");
        }
    }
}
