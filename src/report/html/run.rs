//! The page of a run.

use doppelray_images::{Image, png};

use super::curve::chart;
use super::shell::{figure, page, paragraph, section, table};
use super::text::{escape, png_address};
use crate::report::run::{Drawn, Shown, losses};

/// Moves the slider's grid into view.
const SLIDE: &str = include_str!("slide.js");
/// Asks the server whether there is more to see.
const LIVE: &str = include_str!("live.js");

/// Whether the page is a file or is served, and looks for news.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Served {
    File,
    Live,
}

/// Draws the page.
pub(crate) fn draw(shown: &Shown, drawn: Option<&Drawn>, served: Served) -> anyhow::Result<String> {
    let mut body: String = shown.notes.iter().map(|note| paragraph("lead", note)).collect();
    body += &section("Samples through time", &grids(shown)?);
    if !shown.ticks.is_empty() {
        body += &section("Curves", &curves(shown));
    }
    if let Some(drawn) = drawn {
        body += &section("One knee, grade by grade", &ladders(drawn)?);
        body += &section("From knee to knee", &walk(drawn)?);
        if !drawn.neighbours.is_empty() {
            body += &section("Nearest training images", &neighbours(drawn)?);
        }
    }
    body += &section("What made this", &provenance(shown));
    body += &format!("<script>\n{SLIDE}</script>\n");
    if served == Served::Live {
        body += &format!("<script>\n{LIVE}</script>\n");
    }
    Ok(page("run", &shown.headline, &body))
}

fn grids(shown: &Shown) -> anyhow::Result<String> {
    let Some(last) = shown.grids.len().checked_sub(1) else {
        return Ok(paragraph("note", "No grid has been drawn yet."));
    };
    let mut out = String::new();
    for (i, (kimg, path)) in shown.grids.iter().enumerate() {
        let bytes = std::fs::read(path).map_err(|e| anyhow::anyhow!("{}: {e}", path.display()))?;
        let hidden = if i == last { "" } else { " hidden" };
        out += &format!(
            "<img class=\"sheet grid\" src=\"{}\" alt=\"samples after {kimg} thousand images\"{hidden}>\n",
            png_address(&bytes)
        );
    }
    let slider = format!(
        "<label class=\"slider\"><input type=\"range\" min=\"0\" max=\"{last}\" value=\"{last}\"> \
         <output>{} thousand images</output></label>\n",
        shown.grids[last].0
    );
    let caption = "Each row a grade, from the lowest; each column one latent, the same at every tick.";
    Ok(figure("", &(slider + &out), caption))
}

fn curves(shown: &Shown) -> String {
    let places: Vec<f64> = shown.ticks.iter().map(|tick| tick.images as f64 / 1000.0).collect();
    let mut out = String::from("<div class=\"charts\">\n");
    for (name, values) in losses(&shown.ticks) {
        // A loss that began later, as after a change of version, belongs to the last ticks.
        out += &chart(name, &places[places.len() - values.len()..], &values);
    }
    let of = |value: fn(&doppelray_gan::run::Tick) -> f64| shown.ticks.iter().map(value).collect::<Vec<_>>();
    out += &chart("images a second", &places, &of(|tick| tick.images_per_second));
    out += &chart("peak memory, MiB", &places, &of(|tick| tick.memory_mib as f64));
    out += "</div>\n";
    figure("", &out, "Over images seen; the mean of each tick, the last value at the right.")
}

fn encoded(image: &Image) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    png::encode(image, &mut bytes)?;
    Ok(png_address(&bytes))
}

fn film(image: &Image, name: &str) -> anyhow::Result<String> {
    Ok(format!("<img src=\"{}\" alt=\"{1}\" title=\"{1}\">\n", encoded(image)?, escape(name)))
}

fn ladders(drawn: &Drawn) -> anyhow::Result<String> {
    let first = f64::from(drawn.grades[0]);
    let mut out = String::new();
    for (seed, ladder) in drawn.ladders.iter().enumerate() {
        let films = ladder.iter().enumerate().map(|(step, image)| {
            film(image, &format!("seed {seed}, grade {:.1}", first + step as f64 / 2.0))
        });
        out += "<div class=\"films small\">\n";
        out += &films.collect::<anyhow::Result<String>>()?;
        out += "</div>\n";
    }
    let last = drawn.grades[drawn.grades.len() - 1];
    let caption = format!(
        "Each row one latent and one noise; only the grade moves, from {first} to {last} in steps of a half. What changes \
         along a row is what the generator takes the grade to be."
    );
    Ok(figure("", &out, &caption))
}

fn walk(drawn: &Drawn) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    png::animate(&drawn.walk, &mut bytes)?;
    let moving = format!(
        "<img class=\"film walk\" src=\"{}\" alt=\"a walk through the latents\">\n",
        png_address(&bytes)
    );
    let grade = drawn.grades[drawn.grades.len() / 2];
    let caption = format!(
        "Grade {grade}, along the arc from one latent to the next. A jump would be a gap in what it learned."
    );
    Ok(figure("", &moving, &caption))
}

fn neighbours(drawn: &Drawn) -> anyhow::Result<String> {
    let mut out = String::new();
    for (image, near) in &drawn.neighbours {
        out += "<div class=\"films\">\n";
        out += &film(image, "drawn")?;
        out += &near.iter().map(|image| film(image, "training image")).collect::<anyhow::Result<String>>()?;
        out += "</div>\n";
    }
    let caption = "Left, drawn; then the training images that are nearest when brightness and contrast are taken out. A drawn \
                   image that is one of them is a copy. This is a look, not a proof: `doppelray audit` measures.";
    Ok(figure("", &out, caption))
}

fn provenance(shown: &Shown) -> String {
    let mut rows = vec![
        vec!["data".to_owned(), format!("<code>{}</code>", escape(&shown.data))],
        vec!["made by".to_owned(), format!("doppelray {}", escape(&shown.made_by))],
    ];
    rows.extend(flat("", &shown.settings));
    table(&[String::new(), String::new()], &rows)
}

/// The settings with dotted keys.
fn flat(prefix: &str, settings: &toml::Table) -> Vec<Vec<String>> {
    let row = |(key, value): (&String, &toml::Value)| match value {
        toml::Value::Table(inner) => flat(&format!("{prefix}{key}."), inner),
        value => vec![vec![
            escape(&format!("{prefix}{key}")),
            format!("<code>{}</code>", escape(&value.to_string())),
        ]],
    };
    settings.iter().flat_map(row).collect()
}
