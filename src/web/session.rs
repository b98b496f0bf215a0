//! Who asks: the person of the session's cookie, and their language.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use axum::http::request::Parts;
use doppelray_study::Error;
use doppelray_study::reader::{Person, Role, form_key, same};

use super::error::Trouble;
use super::messages::Language;
use super::state::State;

/// The cookie that holds the session.
pub(crate) const SESSION: &str = "session";
/// The cookie that holds the language.
pub(crate) const LANGUAGE: &str = "language";

/// A reader or a coordinator who came in.
pub(crate) struct Session {
    pub(crate) person: Person,
    pub(crate) form_key: String,
    pub(crate) language: String,
}

/// A reader.
pub(crate) struct Reader(pub(crate) Session);

/// A coordinator.
pub(crate) struct Coordinator(pub(crate) Session);

impl Session {
    /// Refuses a form that was not made for this session.
    pub(crate) fn check(&self, form_key: &str) -> Result<(), Trouble> {
        if same(form_key, &self.form_key) { Ok(()) } else { Err(Trouble::Forged) }
    }

    pub(crate) fn words<'a>(&self, state: &'a State) -> &'a Language {
        state.language(Some(&self.language))
    }

    fn of(parts: &Parts, state: &State) -> Result<Self, Trouble> {
        let secret = cookie(&parts.headers, SESSION).ok_or(Error::NoEntry)?;
        let now = state.now();
        let form_key = form_key(&secret);
        // Before its rate: sessions that do not exist must not take the places of those that do.
        let person = state.store().session(now, &secret)?;
        if !state.sessions().take(&form_key, now) {
            return Err(Trouble::Hurried);
        }
        Ok(Self { person, form_key, language: language(&parts.headers, state) })
    }
}

impl FromRequestParts<State> for Session {
    type Rejection = Trouble;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Trouble> {
        Self::of(parts, state)
    }
}

impl FromRequestParts<State> for Reader {
    type Rejection = Trouble;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Trouble> {
        let session = Session::of(parts, state)?;
        if session.person.role == Role::Reader { Ok(Self(session)) } else { Err(Trouble::Missing) }
    }
}

impl FromRequestParts<State> for Coordinator {
    type Rejection = Trouble;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Trouble> {
        let session = Session::of(parts, state)?;
        if session.person.role == Role::Coordinator { Ok(Self(session)) } else { Err(Trouble::Missing) }
    }
}

/// The language that was chosen, or the first of the browser's that we have; empty where there is neither.
pub(crate) fn language(headers: &HeaderMap, state: &State) -> String {
    let header = headers.get("accept-language").and_then(|v| v.to_str().ok()).unwrap_or_default();
    let accepted = header.split(',').filter_map(|one| one.split([';', '-']).next());
    let mut wanted = cookie(headers, LANGUAGE).into_iter().chain(accepted.map(|code| code.trim().to_owned()));
    wanted.find(|code| state.speaks(code)).unwrap_or_default()
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(COOKIE).iter().filter_map(|v| v.to_str().ok());
    let mut pairs = all.flat_map(|v| v.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}

/// A cookie that scripts cannot read and other sites do not send.
pub(crate) fn set_cookie(state: &State, name: &str, value: &str) -> String {
    let secure = if state.place().encrypted { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200{secure}")
}
