//! A report's seal: the hash of all that it says, so that a figure that was changed by hand shows.
//!
//! It holds off slips, not forgers: who edits a report can seal it again. What was released is held by a signature.

use std::fs;
use std::path::Path;

use anyhow::{Context, ensure};
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::remote::as_typed;

const KEY: &str = "seal";

/// The report as JSON with its seal at the end.
pub(crate) fn sealed(report: &impl Serialize) -> anyhow::Result<String> {
    // Through text and back: what is hashed is what a reader of the file will have.
    let mut value: Value = serde_json::from_str(&as_typed(&serde_json::to_string(report)?))?;
    let hash = hash(&value);
    value.as_object_mut().context("a report is an object")?.insert(KEY.to_owned(), hash.into());
    Ok(serde_json::to_string_pretty(&value)?)
}

/// A report whose seal holds, and the SHA-256 of its file.
pub(crate) fn open(path: &Path) -> anyhow::Result<(Value, String)> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("{}: cannot be read; make the report again", path.display()))?;
    let mut value: Value = serde_json::from_str(&text)
        .with_context(|| format!("{}: is not JSON; make the report again", path.display()))?;
    let found = value.as_object_mut().and_then(|report| report.remove(KEY));
    let found = found.as_ref().and_then(Value::as_str);
    ensure!(
        found.is_some(),
        "{}: carries no seal (an earlier doppelray's report?); make the report again",
        path.display()
    );
    ensure!(
        found == Some(hash(&value).as_str()),
        "{}: was changed after it was made: its seal does not hold; make the report again",
        path.display()
    );
    Ok((value, hex(text.as_bytes())))
}

/// SHA-256 of bytes, in hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

fn hash(report: &Value) -> String {
    hex(sorted(report).to_string().as_bytes())
}

/// With the keys in order at every level, whatever order a build of serde_json keeps.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut all: Vec<(&String, &Value)> = fields.iter().collect();
            all.sort_by_key(|(key, _)| *key);
            Value::Object(
                all.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect::<Map<_, _>>(),
            )
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        plain => plain.clone(),
    }
}

#[cfg(test)]
mod tests {
    use doppelray_images::files::write_whole;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_figure_that_was_changed_shows_and_layout_does_not_matter() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("evaluate.json");
        let put = |text: &str| write_whole(&path, |file| file.write_all(text.as_bytes())).unwrap();
        let text = sealed(&json!({ "b": 0.1 + 0.2, "a": [1e-9, { "y": 1, "x": null }] })).unwrap();
        put(&text);
        let (report, _) = open(&path).unwrap();
        assert_eq!(report["b"], 0.1 + 0.2);
        put(&serde_json::from_str::<Value>(&text).unwrap().to_string());
        open(&path).unwrap();
        put(&text.replace("1e-9", "2e-9"));
        assert!(
            open(&path).unwrap_err().to_string().contains("evaluate.json: was changed after it was made")
        );
        put("{}");
        assert!(open(&path).unwrap_err().to_string().contains("carries no seal"));
        put("[");
        assert!(open(&path).unwrap_err().to_string().contains("is not JSON"));
    }
}
