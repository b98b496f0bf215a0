//! The parts that every page is made of.

use super::messages::Language;
use super::state::State;
use crate::report::html::text::escape;

/// One page.
pub(crate) struct Page<'a> {
    pub(crate) title: &'a str,
    /// Of `<body>`.
    pub(crate) class: &'a str,
    /// Further attributes of `<body>`, as markup.
    pub(crate) attributes: String,
    /// Scripts below /assets/.
    pub(crate) scripts: &'a [&'a str],
    /// As markup.
    pub(crate) body: String,
}

impl Page<'_> {
    /// The whole document.
    pub(crate) fn draw(&self, language: &Language) -> String {
        let script = |name: &&str| format!("<script src=\"/assets/{name}\" defer></script>\n");
        let scripts: String = self.scripts.iter().map(script).collect();
        format!(
            "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n\
             <link rel=\"icon\" href=\"data:,\">\n<link rel=\"stylesheet\" href=\"/assets/style.css\">\n{scripts}</head>\n\
             <body class=\"{}\"{}>\n{}</body>\n</html>\n",
            language.code(),
            escape(self.title),
            self.class,
            self.attributes,
            self.body
        )
    }
}

/// The foot of a page: whom to ask, and the other languages.
pub(crate) fn foot(state: &State, language: &Language) -> String {
    let contact = state.about().contact.trim();
    let contact = match contact {
        "" => String::new(),
        contact => {
            format!("<span>{}</span>", escape(&language.fill("footer.contact", &[("contact", contact)])))
        }
    };
    let others: String = state
        .languages()
        .filter(|(code, _)| *code != language.code())
        .map(|(code, name)| {
            format!("<a href=\"/language/{code}\" lang=\"{code}\" hreflang=\"{code}\">{}</a>", escape(name))
        })
        .collect();
    format!("<footer>{contact}<span>{others}</span></footer>\n")
}

/// A page of one sentence, for those who cannot have what they asked for.
pub(crate) fn notice(text: &str, language: &Language) -> String {
    let body = format!("<main><h1>{}</h1></main>\n", escape(text));
    Page { title: text, class: "quiet", attributes: String::new(), scripts: &[], body }.draw(language)
}
