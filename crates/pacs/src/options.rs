//! How an archive is spoken to.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::address::Own;

/// How an archive is spoken to.
#[derive(Clone, Debug)]
pub struct Options {
    /// What we call ourselves: an AE title.
    pub calling: String,
    /// Where an archive is to send what it is asked for (C-MOVE); `None` takes it on the same connection (C-GET).
    pub move_to: Option<Own>,
    /// Who we are to a web server.
    pub login: Option<Login>,
    /// Certificates in PEM that stand for a web server's, in place of the world's authorities.
    pub authorities: Option<Vec<u8>>,
    /// How long silence is borne.
    pub patience: Duration,
    /// The most bytes of an object.
    pub most: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            calling: "DOPPELRAY".to_owned(),
            move_to: None,
            login: None,
            authorities: None,
            patience: Duration::from_secs(60),
            // As for a zip's member: a native film of 64 Mi pixels and its header.
            most: 256 << 20,
        }
    }
}

/// The value of an `Authorization` header, which is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Login(String);

impl Login {
    /// Reads `USER:PASSWORD` (basic, RFC 7617) or `Bearer TOKEN` (RFC 6750).
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let plain = !text.contains(char::is_control);
        match text.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                let whole = plain && !token.trim().is_empty();
                whole.then(|| Self(format!("Bearer {}", token.trim())))
            }
            _ => (plain && text.contains(':')).then(|| Self(format!("Basic {}", STANDARD.encode(text)))),
        }
    }

    pub(crate) fn header(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_read_and_never_shown() {
        // The example of RFC 7617.
        let login = Login::parse("Aladdin:open sesame\n").unwrap();
        assert_eq!(login.header(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(Login::parse("bearer abc").unwrap().header(), "Bearer abc");
        assert!(!format!("{login:?}").contains("QWxh"));
        for text in ["", "nobody", "Bearer ", "a:b\r\nX: y"] {
            assert_eq!(Login::parse(text), None, "{text}");
        }
    }
}
