//! The papers of a package, written from the decision and the reports alone: cards, citation, licence.

use std::fmt::Write;

use serde_json::Value;

use super::figure::{Reports, find};
use super::gate::Judged;
use super::{Images, Release};
use crate::report::html::text::number;

/// `README.md`: the dataset card, with the front matter that Hugging Face reads.
pub(crate) fn data(release: &Release, reports: &Reports) -> String {
    let images = &release.images;
    let mut card = front_matter(release);
    let _ = write!(
        card,
        "\n# {}\n\n**Every image in this data set is synthetic. None shows a person.** {} knee radiographs of {} x {} pixels and {} \
         bits, drawn by a generative network for given Kellgren-Lawrence grades (0 none to 4 severe osteoarthritis).\n\n\
         | grade | images |\n|---|---|\n{}\n",
        release.title,
        images.count,
        images.size,
        images.size,
        images.bits,
        grades(images)
    );
    card += LOADING;
    card += &decision(release);
    card += &scorecard(release, reports);
    card += &marks(release);
    card += LIMITS;
    let _ = write!(
        card,
        "## Papers\n\n`release.json` holds the decision and every figure it rests on, `reports/` the reports themselves, `policy.toml` the \
         demands, `MODEL_CARD.md` what is known of the model, `CITATION.cff` how to cite, `LICENSE.txt` the licence ({}), \
         `croissant.json` the same for machines.\n\nMade by {} with doppelray {}.\n",
        release.licence,
        release.authors.join(", "),
        release.version
    );
    card
}

const LOADING: &str = "
## Loading

```python
from datasets import load_dataset          # images with their grade as the label
data = load_dataset(\"PATH/OF/THIS/FOLDER\")

from torchvision.datasets import ImageFolder
data = ImageFolder(\"PATH/OF/THIS/FOLDER/images/synthetic\")
```

`manifest.csv` has a line an image: file, grade, the seed that it was drawn from, and hashes.

";

const LIMITS: &str = "
## What it is not for

- Diagnosis, or the training of a product, without a test on real patients of the place where it is to be used.
- Counting diseases: grades are as often as they were drawn, not as they are in any population.
- Anything about a person: there is none. Do not search for one; report a likeness that worries you to the authors.
- A generator repeats what its training images had and lacked: their scanners, their people, their errors of grading.

";

fn front_matter(release: &Release) -> String {
    let quoted = |text: &str| Value::from(text).to_string();
    let size = match release.images.count {
        ..1_000 => "n<1K",
        1_000..10_000 => "1K<n<10K",
        10_000..100_000 => "10K<n<100K",
        100_000.. => "100K<n<1M",
    };
    format!(
        "---\npretty_name: {}\nlicense: {}\ntask_categories:\n- image-classification\ntags:\n- medical\n- radiography\n- knee\n\
         - osteoarthritis\n- synthetic\nsize_categories:\n- {size}\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    \
         path: images/**\n---\n",
        quoted(&release.title),
        release.licence.to_lowercase()
    )
}

fn grades(images: &Images) -> String {
    images.grades.iter().map(|(grade, count)| format!("| {grade} | {count} |\n")).collect()
}

/// The policy's lines with what was found.
fn decision(release: &Release) -> String {
    let row = |line: &Judged| {
        let figures: Vec<String> = line.figures.iter().map(|f| plain(&f.figure)).collect();
        let said = line.said();
        let said = if line.overridden.is_some() { format!("**{said}**") } else { said.to_owned() };
        format!("| {} | {} | {} | {said} | {} |\n", line.name, line.demand, figures.join(", "), line.why)
    };
    let mut text = format!(
        "## Why it was released\n\nThe policy `policy.toml` was held against reports that speak of exactly these images.\n\n\
         | line | demanded | found | | why |\n|---|---|---|---|---|\n{}\n",
        release.lines.iter().map(row).collect::<String>()
    );
    for one in &release.overrides {
        let _ = writeln!(
            text,
            "> **The line `{}` does not hold. {} let it pass:** {}\n",
            one.line, one.by, one.reason
        );
    }
    let _ = write!(
        text,
        "{} of {} images were left out one by one; `release.json` lists them.\n\n",
        release.dropped.len(),
        release.source.count
    );
    text
}

/// The seven questions of the scorecard for synthetic medical data (Zamzmi et al. 2025), answered from the proof.
fn scorecard(release: &Release, reports: &Reports) -> String {
    let of = |paths: &[(&str, &str)]| {
        let said: Vec<String> = paths.iter().flat_map(|(name, path)| figures(reports, name, path)).collect();
        if said.is_empty() { "not measured".to_owned() } else { said.join("; ") }
    };
    let rows = [
        (
            "congruence",
            "is it like real data?",
            of(&[
                ("Frechet distance", "evaluate.spaces.*.overall.frechet"),
                ("precision", "evaluate.spaces.*.overall.precision"),
            ]),
        ),
        (
            "coverage",
            "is all of real data there?",
            of(&[
                ("recall", "evaluate.spaces.*.overall.recall"),
                ("coverage", "evaluate.spaces.*.overall.coverage"),
            ]),
        ),
        ("constraint", "does it keep to anatomy?", of(&[("", "evaluate.anatomy.verdict")])),
        ("completeness", "is anything missing?", {
            format!("every image has a file, a grade and hashes; {} left out", release.dropped.len())
        }),
        ("compliance", "is anybody's privacy at stake?", of(&[("audit", "audit.verdict")])),
        (
            "comprehension",
            "can it be understood?",
            "these papers; seeds and hashes of every image".to_owned(),
        ),
        (
            "consistency",
            "does it hold for every grade?",
            of(&[("Frechet distance, by grade", "evaluate.spaces.*.grades.*.frechet")]),
        ),
    ];
    let rows: String = rows.map(|(name, asked, said)| format!("| {name} | {asked} | {said} |\n")).concat();
    format!(
        "## Scorecard\n\nAfter the scorecard for synthetic medical data of Zamzmi et al. (2025). Estimates with their 95% interval; the \
         floor is what real images give against each other.\n\n| | | |\n|---|---|---|\n{rows}"
    )
}

fn figures(reports: &Reports, name: &str, path: &str) -> Vec<String> {
    let one = |at: &str, value: &Value| {
        let space = at.split('.').skip(2).filter(|key| !path.contains(key)).collect::<Vec<_>>().join(" ");
        let space = if space.is_empty() { space } else { format!(" ({space})") };
        format!("{name}{space} {}", plain(value)).trim().to_owned()
    };
    find(reports, path).iter().map(|f| one(&f.at, f.value)).collect()
}

/// A figure for people: a text, a number, or an estimate with its interval.
pub(crate) fn plain(value: &Value) -> String {
    let part = |key: &str| value.get(key).and_then(Value::as_f64).map(number);
    match value {
        Value::String(text) => text.clone(),
        Value::Number(n) => number(n.as_f64().unwrap_or(f64::NAN)),
        Value::Null => "missing".to_owned(),
        _ => match (part("value"), part("low"), part("high"), part("floor")) {
            (Some(v), Some(low), Some(high), Some(floor)) => format!("{v} ({low} to {high}; floor {floor})"),
            (Some(v), Some(low), Some(high), None) => format!("{v} ({low} to {high})"),
            _ => "not a figure".to_owned(),
        },
    }
}

fn marks(release: &Release) -> String {
    let Some(marks) = &release.marks else { return String::new() };
    format!(
        "\n## Marks\n\nEvery file says so (\u{201c}{}\u{201d}, and as XMP's DigitalSourceType), and every image carries an invisible \
         watermark of {} bits, made to outlive 8-bit conversion, halving and JPEG of quality 80 (article 50 of the EU's AI Act asks for marks that \
         machines can read). Marked and unmarked pixels differ by {} dB (PSNR). `doppelray verify IMAGE` tells whether an image carries it; {} \
         right bits are taken for a mark, which chance gives one image in 100 million.\n",
        marks.statement,
        marks.bits,
        number(marks.psnr),
        marks.enough
    )
}

/// `MODEL_CARD.md`.
pub(crate) fn model(release: &Release, reports: &Reports) -> String {
    let source = &release.source;
    let known = |text: &str| if text.is_empty() { "not known".to_owned() } else { format!("`{text}`") };
    let setting = |key: &str| source.settings.get(key).map_or_else(|| "not known".to_owned(), plain);
    let verdicts: String = ["evaluate", "audit", "utility", "study"]
        .iter()
        .flat_map(|name| find(reports, &format!("{name}.verdict")).into_iter().map(move |f| (name, f)))
        .map(|(name, f)| format!("- {name}: {}\n", plain(f.value)))
        .collect();
    format!(
        "# The model behind \u{201c}{}\u{201d}\n\n\
         A generative adversarial network that draws a knee radiograph from a seed and a Kellgren-Lawrence grade. It is not in this package.\n\n\
         | | |\n|---|---|\n| model file (SHA-256) | {} |\n| trained on (hash of the collection's manifest) | {} |\n| seeds | {} |\n\
         | grades drawn | {} |\n| mix of grades | {} |\n| drawn by | doppelray {} |\n| images drawn | {} |\n\n\
         ## What was found of its images\n\n{verdicts}\n\
         The items of CLAIM 2024 (Tejani et al.) that concern data and reference standard are answered by `release.json` and `reports/`: source \
         and selection (`source`), preprocessing (`source.settings`), size and grades (`images`), evaluation with intervals and against the \
         real-to-real floor (`reports/evaluate.json`), privacy (`reports/audit.json`). What a package cannot hold, since it would be patients' \
         data: the training images, their dates and their people; ask the authors.\n",
        release.title,
        known(&source.model),
        setting("trained_on"),
        setting("seeds"),
        setting("grades"),
        setting("mix"),
        source.made_by,
        source.count
    )
}

/// `CITATION.cff`, version 1.2.0.
pub(crate) fn citation(release: &Release) -> String {
    let quoted = |text: &str| Value::from(text).to_string();
    let authors: String =
        release.authors.iter().map(|name| format!("  - name: {}\n", quoted(name))).collect();
    format!(
        "cff-version: 1.2.0\nmessage: \"If you use this data set, please cite it.\"\ntype: dataset\ntitle: {}\nauthors:\n{authors}license: {}\n\
         abstract: {}\nkeywords:\n  - synthetic data\n  - knee\n  - osteoarthritis\n  - radiography\nidentifiers:\n  - type: other\n    value: {}\n    \
         description: SHA-256 of the source collection's manifest\n",
        quoted(&release.title),
        quoted(&release.licence),
        quoted(&format!("{} synthetic knee radiographs; none shows a person.", release.images.count)),
        quoted(&release.source.hash)
    )
}

/// `LICENSE.txt`.
pub(crate) fn licence(release: &Release) -> String {
    format!(
        "\u{201c}{}\u{201d} by {} is licensed under {} (SPDX).\nThe licence's text: https://spdx.org/licenses/{}.html\n",
        release.title,
        release.authors.join(", "),
        release.licence,
        release.licence
    )
}
