//! Coming in by a personal link.
//!
//! The link shows a page whose button posts the secret: a mail program that opens links to look at them begins no session,
//! and the cookie, which other sites' links do not carry, is there from the next page on.

use axum::extract::{Form, Path, State as Shared};
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::{Extension, extract::FromRequestParts};
use doppelray_study::Error;
use doppelray_study::reader::Role;
use serde::Deserialize;

use super::error::Trouble;
use super::guard::Peer;
use super::page::{Page, foot};
use super::session::{self, LANGUAGE, SESSION, Session, set_cookie};
use super::state::State;
use crate::report::html::text::escape;

/// The language that a browser asks for.
pub(crate) struct Wanted(String);

impl FromRequestParts<State> for Wanted {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Self::Rejection> {
        Ok(Self(session::language(&parts.headers, state)))
    }
}

/// There is nothing without a link.
pub(crate) async fn nothing() -> Trouble {
    Trouble::Study(Error::NoEntry)
}

/// Who the link is for, and a button.
pub(crate) async fn welcome(
    Shared(state): Shared<State>,
    Path(secret): Path<String>,
    Extension(peer): Extension<Peer>,
    Wanted(wanted): Wanted,
) -> Result<Html<String>, Trouble> {
    let person = bearer(&state, &peer, &secret)?;
    let words = state.language(Some(&wanted));
    let deadline = match state.store().deadline()?.as_str() {
        "" => String::new(),
        date => format!("<p>{}</p>\n", escape(&words.fill("welcome.deadline", &[("date", date)]))),
    };
    let title = &state.about().title;
    let body = format!(
        "<main>\n<p class=\"kind\">{}</p>\n<h1>{}</h1>\n<p class=\"lead\">{}</p>\n{deadline}\
         <form method=\"post\" action=\"/enter\"><input type=\"hidden\" name=\"secret\" value=\"{}\">\
         <button class=\"main\" autofocus>{}</button></form>\n</main>\n{}",
        escape(title),
        escape(&words.fill("welcome.hello", &[("name", &person.name)])),
        escape(words.get("welcome.text")),
        escape(&secret),
        escape(words.get("welcome.begin")),
        foot(&state, words)
    );
    Ok(Html(Page { title, class: "quiet", attributes: String::new(), scripts: &[], body }.draw(words)))
}

/// What the button of the welcome page sends.
#[derive(Deserialize)]
pub(crate) struct Entry {
    secret: String,
}

/// Begins a session.
pub(crate) async fn enter(
    Shared(state): Shared<State>,
    Extension(peer): Extension<Peer>,
    Form(entry): Form<Entry>,
) -> Result<Response, Trouble> {
    let person = bearer(&state, &peer, &entry.secret)?;
    let now = state.now();
    let session = state.write(move |store| store.enter(now, &entry.secret)).await?;
    Ok(go(home_of(person.role), &set_cookie(&state, SESSION, &session)))
}

/// Who a link is for; wrong ones are counted.
fn bearer(state: &State, peer: &Peer, secret: &str) -> Result<doppelray_study::reader::Person, Trouble> {
    let now = state.now();
    if state.guesses().spent(&peer.0, now) {
        return Err(Trouble::Hurried);
    }
    let found = state.store().bearer(now, secret);
    if found.is_err() {
        state.guesses().take(&peer.0, now);
    }
    Ok(found?)
}

/// Changes the language and goes back to where the person belongs.
pub(crate) async fn language(Shared(state): Shared<State>, Path(code): Path<String>) -> Response {
    let known = state.language(Some(&code)).code();
    go("/home", &set_cookie(&state, LANGUAGE, known))
}

/// The page of whoever has a session.
pub(crate) async fn home(session: Session) -> Redirect {
    Redirect::to(home_of(session.person.role))
}

fn home_of(role: Role) -> &'static str {
    match role {
        Role::Coordinator => "/coordinate",
        Role::Reader => "/read",
    }
}

fn go(to: &str, cookie: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let header = |text: &str| HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""));
    response.headers_mut().insert(LOCATION, header(to));
    response.headers_mut().insert(SET_COOKIE, header(cookie));
    response
}
