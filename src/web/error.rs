//! What a browser is told when something cannot be done. Nothing here depends on an image.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use doppelray_study::Error;

use super::messages::Language;
use super::page;

/// Why a request was not served.
pub(crate) enum Trouble {
    /// There is no such page, or not for this person.
    Missing,
    /// The form's key is not the session's, or the request comes from another site.
    Forged,
    /// Too many requests.
    Hurried,
    /// The study's own refusals.
    Study(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Study(error)
    }
}

impl Trouble {
    fn status(&self) -> StatusCode {
        match self {
            Self::Missing => StatusCode::NOT_FOUND,
            Self::Forged => StatusCode::FORBIDDEN,
            Self::Hurried => StatusCode::TOO_MANY_REQUESTS,
            Self::Study(Error::NoEntry) => StatusCode::UNAUTHORIZED,
            Self::Study(Error::Refused(_) | Error::Blinded) => StatusCode::CONFLICT,
            Self::Study(Error::Invalid(_)) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Study(Error::Frozen | Error::Late(_)) => StatusCode::GONE,
            Self::Study(Error::Full) => StatusCode::INSUFFICIENT_STORAGE,
            Self::Study(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What the browser is not told, for whoever runs the server.
    fn log(&self) {
        match self {
            Self::Study(error) if self.status().is_server_error() => tracing::error!("{error}"),
            Self::Study(error) => tracing::debug!("{error}"),
            _ => {}
        }
    }
}

impl IntoResponse for Trouble {
    /// Without words: the guard, which knows the language, finds them by [`say`].
    fn into_response(self) -> Response {
        self.log();
        let mut response = self.status().into_response();
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// The same refusal in words: as JSON for a script, else as a page. Refusals of the framework are put into words by status.
pub(crate) fn say(refusal: &Response, words: &Language, scripted: bool) -> Response {
    let status = refusal.status();
    let reason = match refusal.extensions().get::<Arc<Trouble>>().map(AsRef::as_ref) {
        Some(Trouble::Study(Error::Late(date))) => words.fill("trouble.late", &[("date", date)]),
        Some(Trouble::Study(Error::Frozen)) => words.get("trouble.closed").to_owned(),
        _ => words.get(key(status)).to_owned(),
    };
    if scripted {
        (status, Json(serde_json::json!({ "reason": reason }))).into_response()
    } else {
        (status, Html(page::notice(&reason, words))).into_response()
    }
}

fn key(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => "trouble.missing",
        StatusCode::FORBIDDEN => "trouble.forged",
        StatusCode::TOO_MANY_REQUESTS => "trouble.hurried",
        StatusCode::UNAUTHORIZED => "trouble.entry",
        StatusCode::CONFLICT => "trouble.elsewhere",
        StatusCode::PAYLOAD_TOO_LARGE => "trouble.long",
        StatusCode::INSUFFICIENT_STORAGE => "trouble.full",
        _ if status.is_client_error() => "trouble.invalid",
        _ => "trouble.lost",
    }
}

/// All that is not on the site map.
pub(crate) async fn not_found() -> Trouble {
    Trouble::Missing
}
