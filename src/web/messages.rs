//! Every word on the pages, in each language. A new one is a file beside the others and a line here.

use std::collections::BTreeMap;

const FILES: [(&str, &str); 2] =
    [("en", include_str!("messages/en.toml")), ("fi", include_str!("messages/fi.toml"))];

/// The words of one language.
pub(crate) struct Language {
    code: &'static str,
    words: BTreeMap<String, String>,
}

impl Language {
    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    /// The text of a key; the key itself where it is missing, which a test rules out.
    pub(crate) fn get<'a>(&'a self, key: &'a str) -> &'a str {
        self.words.get(key).map_or(key, String::as_str)
    }

    /// The text with `{name}` filled in.
    pub(crate) fn fill(&self, key: &str, with: &[(&str, &str)]) -> String {
        with.iter()
            .fold(self.get(key).to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
    }

    /// Those whose key begins with `prefix`, which is cut off.
    pub(crate) fn under(&self, prefix: &str) -> BTreeMap<&str, &str> {
        self.words.iter().filter_map(|(key, text)| Some((key.strip_prefix(prefix)?, text.as_str()))).collect()
    }
}

/// The codes of all languages.
pub(crate) fn codes() -> impl Iterator<Item = &'static str> {
    FILES.into_iter().map(|(code, _)| code)
}

/// All languages by code.
pub(crate) fn languages() -> BTreeMap<&'static str, Language> {
    let read = |(code, text): (&'static str, &str)| {
        let words = toml::from_str(text).expect("a message file is a flat table of texts; a test reads it");
        (code, Language { code, words })
    };
    FILES.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Vec<&str> {
        let mut found: Vec<&str> =
            text.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn every_language_has_every_text_with_the_same_fields() {
        let all = languages();
        let english = &all["en"].words;
        for (code, language) in &all {
            let keys: Vec<&String> = language.words.keys().collect();
            assert_eq!(keys, english.keys().collect::<Vec<_>>(), "{code}");
            english.iter().for_each(|(key, text)| {
                assert_eq!(fields(text), fields(&language.words[key]), "{code}: {key}")
            });
        }
    }

    #[test]
    fn nothing_said_in_the_first_part_hints_at_the_second() {
        for (code, language) in languages() {
            for (key, text) in &language.words {
                let later = ["judge.", "pair.", "coordinate."].iter().any(|p| key.starts_with(p));
                let text = text.to_lowercase();
                let hints =
                    ["synth", "synteet", "fake", "artificial", "keino", "generated", "part 2", "doppelray"];
                assert!(later || !hints.iter().any(|hint| text.contains(hint)), "{code}: {key}: {text}");
            }
        }
    }
}
