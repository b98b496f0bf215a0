//! The page of a collection.

use std::collections::{BTreeMap, BTreeSet};

use doppelray_images::collection::UNGRADED;
use doppelray_images::import::{Account, Lookalike};

use super::shell::{figure, page, paragraph, section, table};
use super::text::{count, escape, number, png_address};
use crate::report::collection::Shown;

/// Lines of a list of files; the rest is in import.json.
const LINES: usize = 100;

/// Pairs of look-alikes with pictures.
const PAIRS: usize = 30;

pub(super) type Film<'a> = &'a dyn Fn(&str) -> anyhow::Result<Vec<u8>>;

/// Draws the page; `film` gives the PNG to show for a file of the collection.
pub(crate) fn draw(shown: &Shown, film: Film) -> anyhow::Result<String> {
    let title = if shown.about.title.is_empty() { "A collection" } else { &shown.about.title };
    let kind = format!("{title}, {}.", serde_json::to_string(&shown.about.kind)?.trim_matches('"'));
    let mut body = paragraph("note", &kind);
    body += &shown.notes.iter().map(|note| paragraph("lead", note)).collect::<String>();
    let all = |grade: &str| shown.counts.values().filter_map(|grades| grades.get(grade)).sum();
    body += &section("Films", &films(&shown.films, &all, film)?);
    body += &section("Counts", &counts(&shown.counts));
    for (file, caption) in &shown.sheets {
        let address = png_address(&film(file)?);
        let sheet = format!("<img class=\"sheet\" src=\"{address}\" alt=\"{}\">\n", escape(file));
        let heading = if file == "look.png" { "Before and after" } else { "Do they show one person?" };
        body += &section(heading, &figure("", &sheet, caption));
    }
    if !shown.lookalikes.is_empty() {
        body += &section("Look-alikes", &lookalikes(&shown.lookalikes, film));
    }
    body += &files("Refused", "reason", &shown.refused);
    body += &files("Duplicates", "repeats", &shown.duplicates);
    body += &section("What made this", &provenance(shown));
    Ok(page("collection", &shown.headline, &body))
}

/// Some films of each grade; `all` tells how many there are of it.
pub(super) fn films(
    films: &BTreeMap<String, Vec<String>>,
    all: &dyn Fn(&str) -> usize,
    film: Film,
) -> anyhow::Result<String> {
    let mut out = String::new();
    for (grade, files) in films {
        let name = if grade == UNGRADED { "Ungraded".to_owned() } else { format!("Grade {grade}") };
        out += &format!(
            "<h3>{}<small>{}</small></h3>\n<div class=\"films small\">\n",
            escape(&name),
            count(all(grade))
        );
        for file in files {
            let (address, name) = (png_address(&film(file)?), escape(file));
            out += &format!("<img src=\"{address}\" alt=\"{name}\" title=\"{name}\">\n");
        }
        out += "</div>\n";
    }
    Ok(figure("", &out, "Chosen at random, not by looking."))
}

/// A table of grades by split, and each split's share of grades as bars.
fn counts(counts: &BTreeMap<String, BTreeMap<String, usize>>) -> String {
    let grades: BTreeSet<&String> = counts.values().flat_map(BTreeMap::keys).collect();
    let mut head = vec![String::new()];
    head.extend(grades.iter().map(|grade| escape(grade)));
    head.push("all".to_owned());
    let row = |(split, of): (&String, &BTreeMap<String, usize>)| {
        let all: usize = of.values().sum();
        let cell = |grade: &&String| {
            let n = of.get(*grade).copied().unwrap_or(0);
            let share = 100.0 * n as f64 / all.max(1) as f64;
            let bar = format!("<span class=\"bar\"><span style=\"width:{share:.1}%\"></span></span>");
            format!("{} <span class=\"interval\">{}%</span>{bar}", count(n), number(share))
        };
        let mut cells = vec![escape(split)];
        cells.extend(grades.iter().map(cell));
        cells.push(count(all));
        cells
    };
    let rows: Vec<Vec<String>> = counts.iter().map(row).collect();
    figure("", &table(&head, &rows), "Images of each grade in each split, and their share of the split.")
}

fn lookalikes(pairs: &[Lookalike], film: Film) -> String {
    let show = |file: &str| match film(file) {
        Ok(bytes) => format!(
            "<img class=\"thumb\" src=\"{}\" alt=\"{1}\" title=\"{1}\">",
            png_address(&bytes),
            escape(file)
        ),
        // One that was refused is in the gallery above alone.
        Err(_) => escape(file),
    };
    let row = |pair: &Lookalike| {
        let mirrored = if pair.mirrored { ", mirrored" } else { "" };
        vec![
            format!("{}{mirrored}", number(pair.likeness)),
            show(&pair.a),
            show(&pair.b),
            format!("<code>{}</code><br><code>{}</code>", escape(&pair.a), escape(&pair.b)),
            escape(&pair.decision),
        ]
    };
    let head = ["likeness", "", "", "files", "decision"].map(str::to_owned);
    let rows: Vec<Vec<String>> = pairs.iter().take(PAIRS).map(row).collect();
    let rest = pairs.len().saturating_sub(PAIRS);
    let more = if rest > 0 {
        paragraph("note", &format!("And {rest} more, in import.json."))
    } else {
        String::new()
    };
    table(&head, &rows) + &more
}

/// Files of one outcome; nothing where there are none.
fn files(heading: &str, what: &str, accounts: &[Account]) -> String {
    if accounts.is_empty() {
        return String::new();
    }
    let row = |account: &Account| {
        vec![
            format!("<code>{}</code>", escape(&account.file)),
            format!("<span class=\"note\">{}</span>", escape(&account.detail)),
        ]
    };
    let rows: Vec<Vec<String>> = accounts.iter().take(LINES).map(row).collect();
    let rest = accounts.len().saturating_sub(LINES);
    let more = if rest > 0 {
        paragraph("note", &format!("And {rest} more, in import.json."))
    } else {
        String::new()
    };
    let title = format!("{heading}: {}", accounts.len());
    section(&title, &(table(&["file".to_owned(), what.to_owned()], &rows) + &more))
}

fn provenance(shown: &Shown) -> String {
    let about = &shown.about;
    let said = |text: &str| if text.is_empty() { "unknown".to_owned() } else { escape(text) };
    let mut rows = vec![
        ("size", format!("{0} x {0} pixels of {1} bits", about.size, u8::from(about.depth))),
        ("subjects", count(shown.subjects)),
        ("licence", said(&about.licence)),
        ("source", said(&about.source)),
        ("made by", format!("doppelray {}", escape(&about.made_by))),
        ("manifest", format!("<code>{}</code>", escape(&shown.hash))),
    ];
    let flags: Vec<String> =
        shown.flags.iter().map(|(flag, n)| format!("{} {}", count(*n), escape(flag))).collect();
    if !flags.is_empty() {
        rows.push(("flags", flags.join(", ")));
    }
    let settings = about
        .settings
        .iter()
        .map(|(key, value)| vec![escape(key), format!("<code>{}</code>", escape(&value.to_string()))]);
    let rows: Vec<Vec<String>> =
        rows.into_iter().map(|(key, value)| vec![key.to_owned(), value]).chain(settings).collect();
    table(&["".to_owned(), "".to_owned()], &rows)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use doppelray_images::Depth;
    use doppelray_images::collection::{About, Kind};

    use super::*;

    #[test]
    fn a_page_shows_films_counts_and_what_was_refused_and_escapes_names() {
        let settings = toml::Table::from_iter([("kept".into(), "pixels".into())]);
        let about = About {
            kind: Kind::Real,
            title: "Ward <3>".into(),
            size: 32,
            depth: Depth::Eight,
            licence: String::new(),
            source: String::new(),
            made_by: "0".into(),
            settings,
        };
        let grades = BTreeMap::from([("0".to_owned(), 3), ("4".to_owned(), 1)]);
        let refused = Account::refused(Path::new("a<b>.png"), "is empty");
        let shown = Shown {
            headline: "4 images".into(),
            about,
            hash: "ab".into(),
            subjects: 2,
            counts: BTreeMap::from([("train".to_owned(), grades)]),
            flags: BTreeMap::from([("mirrored".to_owned(), 2)]),
            films: BTreeMap::from([("0".to_owned(), vec!["images/train/0/1.png".to_owned()])]),
            sheets: vec![("look.png".into(), "before".into())],
            refused: vec![refused],
            duplicates: Vec::new(),
            lookalikes: Vec::new(),
            notes: vec!["mind this".into()],
        };
        let page = draw(&shown, &|_| Ok(vec![1, 2, 3])).unwrap();
        assert_eq!(page.matches("data:image/png;base64,AQID").count(), 2);
        for part in
            ["Ward &lt;3&gt;", "75.0%", "a&lt;b&gt;.png", "is empty", "mind this", "2 mirrored", "Refused: 1"]
        {
            assert!(page.contains(part), "{part}");
        }
        assert!(!page.contains("Duplicates") && !page.contains("http"));
    }
}
