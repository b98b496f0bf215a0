//! A run that trains, in a browser on the same machine: one page, drawn anew when the run has gone on.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

use super::listen::{Listening, serve};

/// What is watched.
pub(crate) trait Watched: Send + Sync + 'static {
    /// Names how far it has come.
    fn step(&self) -> anyhow::Result<String>;
    /// The page of where it stands.
    fn page(&self) -> anyhow::Result<String>;
}

type Shared = State<Arc<dyn Watched>>;

/// The site.
pub(crate) fn app(watched: Arc<dyn Watched>) -> Router {
    Router::new().route("/", get(page)).route("/step", get(step)).with_state(watched)
}

async fn page(State(watched): Shared) -> Response {
    answer(tokio::task::spawn_blocking(move || watched.page()).await.map(|page| page.map(Html)))
}

async fn step(State(watched): Shared) -> Response {
    answer(tokio::task::spawn_blocking(move || watched.step()).await)
}

fn answer<T: IntoResponse>(found: Result<anyhow::Result<T>, tokio::task::JoinError>) -> Response {
    match found {
        Ok(Ok(found)) => found.into_response(),
        Ok(Err(error)) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")).into_response(),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "a bug in doppelray").into_response(),
    }
}

/// Serves it on this machine alone until interrupted; `ready` hears the address.
pub(crate) async fn watch(
    watched: Arc<dyn Watched>,
    port: u16,
    ready: impl FnOnce(SocketAddr),
) -> anyhow::Result<()> {
    let listening = Listening::open((Ipv4Addr::LOCALHOST, port).into(), None).await?;
    ready(listening.address());
    // Without a handler Ctrl-C ends the process all the same.
    serve(app(watched), listening, async { tokio::signal::ctrl_c().await.unwrap_or_default() }).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;

    struct Fixed(Option<&'static str>);

    impl Watched for Fixed {
        fn step(&self) -> anyhow::Result<String> {
            Ok("12".to_owned())
        }
        fn page(&self) -> anyhow::Result<String> {
            self.0.map(str::to_owned).ok_or_else(|| anyhow::anyhow!("run: the log is not there"))
        }
    }

    async fn get(watched: Fixed, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = app(Arc::new(watched)).oneshot(request).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn the_page_and_the_step_are_served_and_an_error_is_told() {
        assert_eq!(get(Fixed(Some("<p>")), "/").await, (StatusCode::OK, "<p>".into()));
        assert_eq!(get(Fixed(None), "/step").await, (StatusCode::OK, "12".into()));
        let (status, text) = get(Fixed(None), "/").await;
        assert_eq!((status, text.as_str()), (StatusCode::INTERNAL_SERVER_ERROR, "run: the log is not there"));
        assert_eq!(get(Fixed(None), "/else").await.0, StatusCode::NOT_FOUND);
    }
}
