//! What a browser is told when something cannot be done. Nothing here depends on an image.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use doppelray_study::Error;

use super::page;
use crate::report::html::text::sentence;

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

    fn reason(&self) -> String {
        match self {
            Self::Missing => "There is nothing here.".to_owned(),
            Self::Forged => "This page is out of date. Go back and load it again.".to_owned(),
            Self::Hurried => "Too many requests. Wait a little and try again.".to_owned(),
            Self::Study(Error::NoEntry) => "This link is not valid any more. Ask for another one.".to_owned(),
            // Reasons of the database or a file are for the log, not for a browser.
            Self::Study(Error::Database(_) | Error::Lost(_) | Error::File { .. } | Error::Images(_)) => {
                "The server cannot keep this now. Nothing was saved; try again.".to_owned()
            }
            Self::Study(error) => sentence(&error.to_string()),
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

    /// For a script.
    pub(crate) fn json(&self) -> Response {
        self.log();
        (self.status(), Json(serde_json::json!({ "reason": self.reason() }))).into_response()
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        self.log();
        (self.status(), Html(page::notice(&self.reason()))).into_response()
    }
}

/// All that is not on the site map.
pub(crate) async fn not_found() -> Trouble {
    Trouble::Missing
}
