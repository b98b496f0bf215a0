//! The reader study in a browser: `app(state) -> Router`, pages, errors, assets; and a run that trains, live. axum is used
//! here alone.

mod assets;
mod coordinate;
mod enter;
mod error;
mod guard;
mod limit;
mod listen;
pub(crate) mod live;
mod messages;
mod page;
mod read;
mod session;
mod state;
#[cfg(test)]
mod tests;

use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum::{Router, middleware};

pub(crate) use listen::{Listening, serve};
pub(crate) use messages::codes as languages;
pub(crate) use state::{Place, State};

/// The longest body that is read: an answer is some hundred bytes.
const LONGEST_BODY: usize = 16 * 1024;

/// The site.
pub(crate) fn app(state: State) -> Router {
    Router::new()
        .route("/", get(enter::nothing))
        .route("/enter/{secret}", get(enter::welcome))
        .route("/enter", post(enter::enter))
        .route("/home", get(enter::home))
        .route("/language/{code}", get(enter::language))
        .route("/read", get(read::page))
        .route("/consent", post(read::consent))
        .route("/image/{stage}/{n}/{which}", get(read::image))
        .route("/answer", post(read::answer))
        .route("/coordinate", get(coordinate::page))
        .route("/coordinate/invite", post(coordinate::invite))
        .route("/coordinate/revoke", post(coordinate::revoke))
        .route("/coordinate/deadline", post(coordinate::deadline))
        .route("/coordinate/freeze", post(coordinate::freeze))
        .route("/coordinate/unblind", post(coordinate::unblind))
        .route("/assets/{name}", get(assets::asset))
        .fallback(error::not_found)
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(middleware::from_fn_with_state(state.clone(), guard::guard))
        .with_state(state)
}
