//! Whose name an image bears: pseudonyms that only who holds the key can trace.
//!
//! A pseudonym is HMAC-SHA256 (RFC 2104, FIPS 180-4) of what the source calls a subject, keyed by 32 secret bytes, cut to
//! 60 bits and written as `S` and 18 digits, so that names made of it read back by the default pattern. Without the key it
//! says nothing, even to someone who has a list of all patients: that is what a plain hash would not withstand.

use std::borrow::Cow;
use std::fs;
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::report::{Account, Outcome, Report};
use crate::collection::{Writer, hex};
use crate::error::{Error, Result};
use crate::files::{owner_alone, write_private};

/// What subjects are called in a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subjects {
    /// As names and tables call them: for sources that hold pseudonyms already.
    AsGiven,
    /// By a pseudonym of a key that the lab keeps: one subject has one pseudonym in every import.
    Keyed(Key),
    /// By a pseudonym of a key that is drawn for this import and forgotten: there is no way back.
    Drawn,
}

/// 32 secret bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 32]);

/// A key file is this word and 64 hexadecimal digits.
const HEAD: &str = "doppelray-key-1 ";

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({})", self.fingerprint())
    }
}

impl Key {
    /// Reads a key file, which nobody but its owner may read.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(Error::file(path))?;
        let key = text.trim().strip_prefix(HEAD).and_then(unhex);
        let key = key.ok_or_else(|| Error::content(path, "is no key file; make one with --new-key FILE"))?;
        owner_alone(path)?;
        Ok(Self(key))
    }

    /// Draws a key from the system and writes it to a new file that only its owner can read.
    pub fn create(path: &Path) -> Result<Self> {
        if path.exists() {
            return Err(Error::content(path, "is there already; use it with --key, or choose another name"));
        }
        let key = Self::draw();
        let text = format!("{HEAD}{}\n", hex(&key.0));
        write_private(path, text.as_bytes()).map_err(Error::unwritten(path))?;
        Ok(key)
    }

    fn draw() -> Self {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).expect("the system has a source of randomness");
        Self(bytes)
    }

    /// Eight digits that tell keys apart and give nothing away.
    pub fn fingerprint(&self) -> String {
        hex(&self.mac("fingerprint", "")[..4])
    }

    /// `S` and 18 digits.
    pub(super) fn subject(&self, name: &str) -> String {
        format!("S{}", self.digits("subject", name))
    }

    /// What a source file is called in an account that leaves the lab: `F` and 18 digits.
    fn file(&self, path: &str) -> String {
        format!("F{}", self.digits("file", path))
    }

    fn digits(&self, what: &str, text: &str) -> String {
        let mac = self.mac(what, text);
        let number = u64::from_be_bytes(mac[..8].try_into().expect("a tag has 32 bytes"));
        // 2^60 is above 10^18 by less than a sixth: the digits are near enough to even.
        format!("{:018}", (number >> 4) % 1_000_000_000_000_000_000)
    }

    /// The tag of `text`, parted by `what` from those for other ends.
    fn mac(&self, what: &str, text: &str) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("any length keys an HMAC");
        mac.update(what.as_bytes());
        mac.update(&[0]);
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

/// What an import calls things. `None` keeps names as given.
pub(super) struct Names(Option<Key>);

impl Names {
    /// The names for a collection in the making. A key that was drawn lies in the unfinished folder, so that an interrupted
    /// import goes on, and goes with it.
    pub(super) fn of(subjects: &Subjects, writer: &Writer) -> Result<Self> {
        match subjects {
            Subjects::AsGiven => Ok(Self(None)),
            Subjects::Keyed(key) => Ok(Self(Some(key.clone()))),
            Subjects::Drawn => {
                let path = writer.scratch().join("key");
                let key = if path.exists() { Key::read(&path) } else { Key::create(&path) };
                Ok(Self(Some(key?)))
            }
        }
    }

    /// What the subject is called whom the import knows as `person`.
    pub(super) fn subject(&self, subjects: &Subjects, person: &str) -> String {
        match (subjects, &self.0) {
            (Subjects::Drawn, Some(key)) => key.subject(person),
            _ => person.to_owned(),
        }
    }

    /// The account as it may leave the lab: files by pseudonym, and nothing quoted from the source.
    pub(super) fn conceal<'a>(&self, report: &'a Report) -> Cow<'a, Report> {
        let Some(key) = &self.0 else { return Cow::Borrowed(report) };
        let mut report = report.clone();
        for Account { file, outcome, detail, .. } in &mut report.files {
            *file = key.file(file);
            if *outcome == Outcome::Refused {
                *detail = unquoted(detail);
            }
        }
        report.files.sort_by(|a, b| a.file.cmp(&b.file));
        report.notes = report.notes.iter().map(|note| unquoted(note)).collect();
        Cow::Owned(report)
    }
}

impl Subjects {
    /// Whom the import takes an image for before pseudonyms of a drawn key are given.
    pub(super) fn person(&self, name: &str) -> String {
        match self {
            Self::Keyed(key) => key.subject(name),
            _ => name.to_owned(),
        }
    }

    /// What tells whether a source lists the same again, and without the key nothing of what it lists; `None` where the key
    /// is not kept.
    pub fn seal(&self, listing: &str) -> Option<String> {
        match self {
            Self::AsGiven => Some(hex(&Sha256::digest(listing))),
            Self::Keyed(key) => Some(hex(&key.mac("listing", listing))),
            Self::Drawn => None,
        }
    }

    /// For collection.toml: how subjects are called, and what is kept of what was known. Nothing else leaves.
    pub fn settings(&self) -> toml::Table {
        let how = match self {
            Self::AsGiven => "as given".to_owned(),
            Self::Keyed(key) => format!("HMAC-SHA256 by the key of fingerprint {}", key.fingerprint()),
            Self::Drawn => "HMAC-SHA256 by a key that was drawn and not kept".to_owned(),
        };
        let kept: &[&str] = match self {
            Self::AsGiven => &[
                "pixels",
                "name of the file",
                "name of the subject",
                "side",
                "grade",
                "split",
                "pixel spacing",
            ],
            _ => &["pixels", "pseudonym of the subject", "side", "grade", "split", "pixel spacing"],
        };
        let kept: Vec<toml::Value> = kept.iter().map(|what| (*what).into()).collect();
        toml::Table::from_iter([("subjects".into(), how.into()), ("kept".into(), kept.into())])
    }
}

/// A text without what it quotes: names, cells, paths stand between `` or "".
fn unquoted(text: &str) -> String {
    let mut open = None;
    let mut out = String::new();
    for c in text.chars() {
        match open {
            Some(mark) if c == mark => open = None,
            Some(_) => continue,
            None if matches!(c, '`' | '"') => {
                open = Some(c);
                out.push_str("(withheld)");
            }
            None => out.push(c),
        }
    }
    out
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect();
    let digits = digits.filter(|digits| digits.len() == 64)?;
    let mut bytes = [0; 32];
    bytes.iter_mut().zip(digits.chunks_exact(2)).for_each(|(byte, pair)| *byte = pair[0] << 4 | pair[1]);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_is_that_of_rfc_4231() {
        // Case 2 of RFC 4231, its key filled up with zeros as HMAC itself does.
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(b"what do ya want for nothing?");
        let tag = hex(&mac.finalize().into_bytes());
        assert_eq!(tag, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn one_key_gives_one_subject_one_name_and_another_key_another() {
        let [a, b] = [Key([1; 32]), Key([2; 32])];
        assert_eq!(a.subject("Doe^Jane"), a.subject("Doe^Jane"));
        assert_ne!(a.subject("Doe^Jane"), b.subject("Doe^Jane"));
        assert_ne!(a.subject("Doe^Jane"), a.subject("Doe^John"));
        assert_ne!(a.subject("x")[1..], a.file("x")[1..]);
        assert_eq!(a.subject("x").len(), 19);
        assert_ne!(a.fingerprint(), b.fingerprint());
        assert!(!format!("{a:?}").contains("0101"));
    }

    #[test]
    fn a_key_file_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lab.key");
        let key = Key::create(&path).unwrap();
        assert_eq!(Key::read(&path).unwrap(), key);
        assert!(Key::create(&path).unwrap_err().to_string().contains("use it with --key"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            assert!(Key::read(&path).unwrap_err().to_string().contains("chmod 600"));
        }
        let other = folder.path().join("other");
        write_private(&other, b"doppelray-key-1 12").unwrap();
        assert!(Key::read(&other).unwrap_err().to_string().contains("is no key file"));
    }

    #[test]
    fn what_is_quoted_from_a_source_is_withheld() {
        assert_eq!(unquoted("its folder `DOE_JANE` is no grade"), "its folder (withheld) is no grade");
        assert_eq!(unquoted("side \"x`y\" is neither"), "side (withheld) is neither");
        assert_eq!(unquoted("one ` open"), "one (withheld)");
    }
}
