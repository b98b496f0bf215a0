//! The parts that every report's page is made of.

use super::text::escape;

const STYLE: &str = include_str!("page.css");

/// A whole page. `kind` names the report ("evaluation"), `verdict` is its one sentence, `body` is markup.
pub(crate) fn page(kind: &str, verdict: &str, body: &str) -> String {
    let (kind, verdict) = (escape(kind), escape(verdict));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>doppelray {kind}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header>\n<p class=\"kind\">doppelray <span>{kind}</span></p>\n<h1>{verdict}</h1>\n</header>\n\
         {body}</body>\n</html>\n"
    )
}

/// A part of the page under a heading; `body` is markup.
pub(crate) fn section(heading: &str, body: &str) -> String {
    format!("<section>\n<h2>{}</h2>\n{body}</section>\n", escape(heading))
}

/// A paragraph of plain text.
pub(crate) fn paragraph(class: &str, text: &str) -> String {
    format!("<p class=\"{class}\">{}</p>\n", escape(text))
}

/// A table; cells are markup, the first of each row names it.
pub(crate) fn table(head: &[String], rows: &[Vec<String>]) -> String {
    let heads: String = head.iter().map(|cell| format!("<th scope=\"col\">{cell}</th>")).collect();
    let row = |cells: &Vec<String>| {
        let cell = |(i, cell): (usize, &String)| match i {
            0 => format!("<th scope=\"row\">{cell}</th>"),
            _ => format!("<td>{cell}</td>"),
        };
        format!("<tr>{}</tr>\n", cells.iter().enumerate().map(cell).collect::<String>())
    };
    let rows: String = rows.iter().map(row).collect();
    format!(
        "<div class=\"wide\"><table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n"
    )
}

/// What is shown with a caption of plain text; `body` is markup.
pub(crate) fn figure(class: &str, body: &str, caption: &str) -> String {
    format!("<figure class=\"{class}\">\n{body}<figcaption>{}</figcaption>\n</figure>\n", escape(caption))
}
