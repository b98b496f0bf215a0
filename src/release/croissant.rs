//! `croissant.json`: the package for machines, as Croissant 1.0 (MLCommons, 2024) with its part on responsible AI.

use serde_json::{Value, json};

use super::{Release, manifest};

/// The file's name.
pub(crate) const NAME: &str = "croissant.json";

/// The context that the specification gives.
const CONTEXT: &str = include_str!("croissant.json");

/// The description of a package whose manifest has this SHA-256.
pub(crate) fn describe(release: &Release, manifest_sha256: &str) -> Value {
    let context: Value = serde_json::from_str(CONTEXT).expect("a file of ours; a test reads it");
    let creators: Vec<Value> =
        release.authors.iter().map(|name| json!({ "@type": "sc:Organization", "name": name })).collect();
    let mut all = json!({
        "@context": context,
        "@type": "sc:Dataset",
        "name": release.title,
        "description": format!(
            "{} synthetic knee radiographs with Kellgren-Lawrence grades, drawn by a generative network. None shows a person.",
            release.images.count
        ),
        "conformsTo": ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"],
        "license": format!("https://spdx.org/licenses/{}.html", release.licence),
        "creator": creators,
        "version": "1.0.0",
        "keywords": ["synthetic data", "radiography", "knee", "osteoarthritis"],
        "distribution": [
            {
                "@type": "cr:FileObject", "@id": manifest::NAME, "name": manifest::NAME, "contentUrl": manifest::NAME,
                "encodingFormat": "text/csv", "sha256": manifest_sha256
            },
            {
                "@type": "cr:FileSet", "@id": "images", "name": "images", "includes": "images/**/*.png",
                "encodingFormat": "image/png"
            }
        ],
        "recordSet": [{
            "@type": "cr:RecordSet", "@id": "table", "name": "table", "description": "A line an image.",
            "key": { "@id": "table/file" }, "field": fields()
        }]
    });
    if let (Value::Object(all), Value::Object(more)) = (&mut all, responsible(release)) {
        all.extend(more);
    }
    all
}

fn fields() -> Vec<Value> {
    [
        ("file", "sc:Text", "Path below the package."),
        ("id", "sc:Text", "Unique in the package."),
        ("grade", "sc:Integer", "Kellgren-Lawrence grade that was asked of the model, 0 to 4."),
        ("seed", "sc:Integer", "What the model drew the image from."),
        ("sha256", "sc:Text", "Hash of the file."),
        ("source_sha256", "sc:Text", "Hash of the file before it was marked; what the proof is about."),
    ]
    .map(|(name, kind, about)| {
        json!({
            "@type": "cr:Field", "@id": format!("table/{name}"), "name": name, "description": about, "dataType": kind,
            "source": { "fileObject": { "@id": manifest::NAME }, "extract": { "column": name } }
        })
    })
    .to_vec()
}

/// The properties of the RAI vocabulary that are known here.
fn responsible(release: &Release) -> Value {
    let decided: Vec<String> =
        release.lines.iter().map(|line| format!("{} ({})", line.name, line.demand)).collect();
    json!({
        "rai:dataCollection": format!(
            "Drawn by a generative adversarial network (model {}); {} of {} drawn images were left out by the release policy.",
            if release.source.model.is_empty() { "not known" } else { &release.source.model },
            release.dropped.len(),
            release.source.count
        ),
        "rai:dataCollectionType": ["Others"],
        "rai:dataAnnotationProtocol": "The grade is the one that the network was asked to draw; no person graded the images.",
        "rai:dataUseCases": ["Training", "Testing"],
        "rai:dataLimitations": "Not for diagnosis; grades are as often as they were drawn, not as in a population.",
        "rai:dataBiases": "The network repeats what its training images had and lacked: their scanners, people and errors of grading.",
        "rai:personalSensitiveInformation": ["None: no image shows a person. What was done to make sure is in reports/."],
        "rai:dataReleaseMaintenancePlan": format!("Released as it is; decided by: {}.", decided.join(", ")),
        "rai:dataSocialImpact": "Lets radiographs be shared where patients' may not be; taken for patients' they mislead, so each is marked."
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_context_is_json() {
        assert!(serde_json::from_str::<Value>(CONTEXT).unwrap()["recordSet"] == "cr:recordSet");
    }
}
