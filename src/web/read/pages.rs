//! The reader's pages. A page holds the words and questions of its part and of no other.

use serde_json::json;

use super::Stretch;
use crate::report::html::text::escape;
use crate::web::messages::Language;
use crate::web::page::{Page, foot};
use crate::web::state::State;
use doppelray_study::design::Task;

/// What taking part means.
pub(super) fn consent(state: &State, words: &Language, key: &str) -> String {
    let count = state.store().lengths().first().map_or(0, |part| part[1]).to_string();
    let items: String = ["what", "saved", "alone", "names", "free"]
        .map(|name| {
            format!("<li>{}</li>\n", escape(&words.fill(&format!("consent.{name}"), &[("count", &count)])))
        })
        .concat();
    let body = format!(
        "<main>\n<p class=\"kind\">{}</p>\n<h1>{}</h1>\n<ul class=\"plain\">\n{items}</ul>\n\
         <form method=\"post\" action=\"/consent\"><input type=\"hidden\" name=\"key\" value=\"{key}\">\
         <label class=\"tick\"><input type=\"checkbox\" name=\"agree\" value=\"yes\" required> {}</label>\
         <button class=\"main\">{}</button></form>\n</main>\n{}",
        escape(&state.about().title),
        escape(words.get("consent.title")),
        escape(words.get("consent.agree")),
        escape(words.get("consent.begin")),
        foot(state, words)
    );
    quiet(state, words, body)
}

/// Nothing to do: `which` is "done", "closed" or "late".
pub(super) fn ending(state: &State, words: &Language, which: &str) -> String {
    let body = format!(
        "<main>\n<p class=\"kind\">{}</p>\n<h1>{}</h1>\n<p class=\"lead\">{}</p>\n</main>\n{}",
        escape(&state.about().title),
        escape(words.get(&format!("{which}.title"))),
        escape(words.get(&format!("{which}.text"))),
        foot(state, words)
    );
    quiet(state, words, body)
}

fn quiet(state: &State, words: &Language, body: String) -> String {
    Page { title: &state.about().title, class: "quiet", attributes: String::new(), scripts: &[], body }
        .draw(words)
}

/// Where images are read.
pub(super) fn work(state: &State, words: &Language, stretch: &Stretch, key: &str) -> String {
    let about = state.about();
    let images = if stretch.task == Task::Pair { 2 } else { 1 };
    let mut said = words.under("work.");
    said.extend(words.under("view."));
    let setup = json!({
        "form": key, "stretch": stretch.name, "next": stretch.next, "total": stretch.total, "example": stretch.example,
        "images": images, "size": about.images.size, "bits": u8::from(about.images.depth), "words": said,
    });
    let canvases: String = (0..images)
        .map(|i| format!("<canvas tabindex=\"0\" role=\"img\" data-image=\"{i}\"></canvas>\n"))
        .collect();
    let intro = if stretch.next == 0 { intro(words, stretch) } else { String::new() };
    let body = format!(
        "<noscript><p class=\"banner\">{noscript}</p></noscript>\n{intro}\
         <div id=\"work\"{hidden}>\n<header><p id=\"progress\"><progress max=\"{total}\" value=\"{next}\"></progress> <span></span></p>\
         <button type=\"button\" id=\"pause\">{pause}</button></header>\n\
         <main>\n<section class=\"view\" aria-label=\"{view}\">\n<div class=\"films films-{images}\">\n{canvases}</div>\n{tools}</section>\n\
         <form id=\"answer\" class=\"panel\" novalidate>\n<p id=\"changing\" class=\"note\" hidden>{changing}</p>\n{questions}\
         <p id=\"feedback\" class=\"feedback\" role=\"status\" hidden></p>\n<p id=\"missing\" class=\"missing\" role=\"alert\"></p>\n\
         <button class=\"main\" id=\"submit\">{submit}</button>\n<button type=\"button\" class=\"link\" id=\"undo\" hidden>{undo}</button>\n</form>\n</main>\n\
         <p id=\"banner\" class=\"banner\" role=\"status\" hidden></p>\n<p id=\"said\" class=\"unseen\" aria-live=\"polite\"></p>\n{foot}</div>\n{dialogs}",
        noscript = escape(words.get("work.noscript")),
        hidden = if intro.is_empty() { "" } else { " hidden" },
        total = stretch.total,
        next = stretch.next,
        pause = escape(words.get("work.pause")),
        view = escape(words.get("view.tools")),
        changing = escape(words.get("work.changing")),
        tools = tools(words),
        questions = questions(words, stretch.task),
        submit = escape(words.get(if stretch.example { "work.check" } else { "work.next" })),
        undo = escape(words.get("work.undo")),
        foot = foot(state, words),
        dialogs = dialogs(words, stretch.task),
    );
    let attributes = format!(" data-setup=\"{}\"", escape(&setup.to_string()));
    let scripts: &[&str] = if stretch.task == Task::Judge {
        &["view.js", "mark.js", "work.js"]
    } else {
        &["view.js", "work.js"]
    };
    Page { title: &about.title, class: "work", attributes, scripts, body }.draw(words)
}

/// What this stretch is, before its first image.
fn intro(words: &Language, stretch: &Stretch) -> String {
    let part = stretch.task.name();
    let count = stretch.total.to_string();
    let examples = if stretch.example { "intro.examples" } else { "intro.cases" };
    let before = match (stretch.task, stretch.part) {
        (Task::Judge, 1..) => format!("<p>{}</p>\n", escape(words.get("judge.before"))),
        _ => String::new(),
    };
    format!(
        "<section id=\"intro\" class=\"intro\">\n<h1>{}</h1>\n<p class=\"lead\">{}</p>\n{before}<p>{}</p>\n<p class=\"note\">{}</p>\n\
         <button type=\"button\" class=\"main\" id=\"start\" autofocus>{}</button>\n</section>\n",
        escape(words.get(&format!("{part}.title"))),
        escape(words.get(&format!("{part}.text"))),
        escape(&words.fill(examples, &[("count", &count)])),
        escape(words.get("intro.keys")),
        escape(words.get("intro.start"))
    )
}

fn tools(words: &Language) -> String {
    let button = |id: &str, key: &str, sign: &str| {
        let name = escape(words.get(key));
        format!(
            "<button type=\"button\" id=\"{id}\" title=\"{name}\" aria-label=\"{name}\">{sign}</button>\n"
        )
    };
    let slider = |id: &str, key: &str| {
        format!(
            "<label>{} <input type=\"range\" id=\"{id}\" min=\"-100\" max=\"100\" value=\"0\"></label>\n",
            escape(words.get(key))
        )
    };
    let icon = |path: &str| {
        format!(
            "<svg viewBox=\"0 0 24 24\" width=\"20\" height=\"20\" aria-hidden=\"true\"><path d=\"{path}\"/></svg>"
        )
    };
    [
        "<div class=\"tools\">\n".to_owned(),
        button("zoom-out", "view.out", &icon("M5 12h14")),
        button("zoom-in", "view.in", &icon("M12 5v14M5 12h14")),
        slider("brightness", "view.brightness"),
        slider("contrast", "view.contrast"),
        button("invert", "view.invert", &icon("M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18")),
        button("reset", "view.reset", &icon("M5 12a7 7 0 1 0 2.2-5.1M5 4v4h4")),
        button("help", "view.help", "?"),
        "</div>\n".to_owned(),
    ]
    .concat()
}

/// One question with its choices; the digit keys choose by `value` order from `first`.
fn choices(legend: &str, name: &str, options: &[(String, String, String)]) -> String {
    let option = |(value, big, small): &(String, String, String)| {
        let small =
            if small.is_empty() { String::new() } else { format!(" <small>{}</small>", escape(small)) };
        format!(
            "<label><input type=\"radio\" name=\"{name}\" value=\"{value}\" required><span><b>{}</b>{small}</span></label>\n",
            escape(big)
        )
    };
    format!(
        "<fieldset class=\"choices of-{}\">\n<legend>{}</legend>\n<div>\n{}</div>\n</fieldset>\n",
        options.len(),
        escape(legend),
        options.iter().map(option).collect::<String>()
    )
}

/// 1 to 5 with a word at either end.
fn scale(words: &Language, [legend, low, high]: [&str; 3], name: &str) -> String {
    let end = |i: u8| match i {
        1 => words.get(low),
        5 => words.get(high),
        _ => "",
    };
    let options: Vec<_> = (1..=5).map(|i| (i.to_string(), i.to_string(), end(i).to_owned())).collect();
    choices(words.get(legend), name, &options)
}

fn questions(words: &Language, task: Task) -> String {
    let sure = scale(words, ["confidence", "confidence.low", "confidence.high"], "confidence");
    let two = |legend: &str, name: &str, values: [&str; 2]| {
        let prefix = legend.split('.').next().unwrap_or_default();
        let options =
            values.map(|v| (v.to_owned(), words.get(&format!("{prefix}.{v}")).to_owned(), String::new()));
        choices(words.get(legend), name, &options)
    };
    match task {
        Task::Grade => {
            let grades: Vec<_> = (0..5)
                .map(|g| (g.to_string(), g.to_string(), words.get(&format!("grade.{g}")).to_owned()))
                .collect();
            let quality = scale(words, ["grade.quality", "grade.poor", "grade.excellent"], "quality");
            choices(words.get("grade.grade"), "grade", &grades) + &quality + &sure
        }
        Task::Judge => {
            let more = format!(
                "<div class=\"more\">\n<p>{} <button type=\"button\" class=\"link\" id=\"unmark\" hidden>{}</button></p>\n\
                 <input type=\"hidden\" name=\"mark\" value=\"\">\n<label>{}<textarea name=\"reason\" rows=\"2\" maxlength=\"300\"></textarea></label>\n</div>\n",
                escape(words.get("judge.mark")),
                escape(words.get("judge.unmark")),
                escape(words.get("judge.reason"))
            );
            two("judge.verdict", "verdict", ["real", "synthetic"]) + &sure + &more
        }
        Task::Pair => two("pair.which", "which", ["left", "right"]) + &sure,
    }
}

fn dialogs(words: &Language, task: Task) -> String {
    let row = |keys: &str, key: &str| {
        let keys: String = keys.split(' ').map(|k| format!("<kbd>{k}</kbd> ")).collect();
        format!("<dt>{keys}</dt><dd>{}</dd>\n", escape(words.get(key)))
    };
    let numbers = if task == Task::Grade { "0 \u{2013} 5" } else { "1 \u{2013} 5" };
    let mut rows = [
        row(numbers, "keys.numbers"),
        row("Enter", "keys.enter"),
        row("U", "keys.undo"),
        row("+ \u{2212}", "keys.zoom"),
        row("\u{2190} \u{2191} \u{2192} \u{2193}", "keys.pan"),
        row("B D C V", "keys.window"),
        row("I", "keys.invert"),
        row("R", "keys.reset"),
        row("P", "keys.pause"),
    ]
    .concat();
    if task == Task::Judge {
        rows += &row("M", "judge.mark.keys");
    }
    format!(
        "<dialog id=\"keys\" aria-labelledby=\"keys-title\">\n<h2 id=\"keys-title\">{}</h2>\n<dl>\n{rows}</dl>\n\
         <label class=\"tick\"><input type=\"checkbox\" id=\"single-keys\" checked> {}</label>\n\
         <form method=\"dialog\"><button class=\"main\">{}</button></form>\n</dialog>\n\
         <dialog id=\"paused\" aria-labelledby=\"paused-title\">\n<h2 id=\"paused-title\">{}</h2>\n<p>{}</p>\n\
         <form method=\"dialog\"><button class=\"main\">{}</button></form>\n</dialog>\n",
        escape(words.get("keys.title")),
        escape(words.get("keys.off")),
        escape(words.get("keys.close")),
        escape(words.get("work.paused")),
        escape(words.get("work.paused.text")),
        escape(words.get("work.continue"))
    )
}
