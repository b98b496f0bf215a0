//! Styles and scripts, from the binary.

use axum::extract::{Path, State as Shared};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use doppelray_study::design::Task;
use doppelray_study::step::Step;

use super::error::Trouble;
use super::session::Reader;
use super::state::State;

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// An asset. What belongs to a part is there for those who are in it alone: for others it does not exist.
pub(crate) async fn asset(
    Shared(state): Shared<State>,
    Path(name): Path<String>,
    reader: Result<Reader, Trouble>,
) -> Result<Response, Trouble> {
    let (kind, text) = match name.as_str() {
        "style.css" => (CSS, include_str!("assets/style.css")),
        "view.js" => (SCRIPT, include_str!("assets/view.js")),
        "work.js" => (SCRIPT, include_str!("assets/work.js")),
        "mark.js" if reader.is_ok_and(|r| judging(&state, r.0.person.step)) => {
            (SCRIPT, include_str!("assets/mark.js"))
        }
        _ => return Err(Trouble::Missing),
    };
    Ok(([(CONTENT_TYPE, kind)], text).into_response())
}

fn judging(state: &State, step: Step) -> bool {
    match step {
        Step::Example { part, .. } | Step::Case { part, .. } => {
            state.about().design.tasks().get(part) == Some(&Task::Judge)
        }
        _ => false,
    }
}
