//! What holds for every request and every answer: where it may come from, and what the browser may do with it.

use std::net::{IpAddr, Ipv6Addr};

use axum::extract::{Request, State as Shared};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::{Trouble, say};
use super::listen::Remote;
use super::session::language;
use super::state::State;

/// The same on every answer, whatever it is about.
const HEADERS: [(HeaderName, &str); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

/// Who asks, as far as the network knows.
#[derive(Clone)]
pub(crate) struct Peer(pub(crate) String);

/// Lets a request through where it may come from, and dresses the answer.
pub(crate) async fn guard(Shared(state): Shared<State>, mut request: Request, next: Next) -> Response {
    let connected = request.extensions().get::<Remote>().map(|remote| remote.0.ip());
    let forwarded = request.headers().get("x-forwarded-for").and_then(|v| v.to_str().ok());
    // The last entry is the proxy's own; what stands before it anybody can write.
    let told = forwarded.and_then(|v| v.rsplit(',').next()).and_then(|v| v.trim().parse().ok());
    let peer = if state.place().proxied { told.or(connected) } else { connected };
    request.extensions_mut().insert(Peer(peer.map(network).unwrap_or_default()));
    let ours =
        request.method() == Method::GET || request.method() == Method::HEAD || same_site(request.headers());
    let wanted = language(request.headers(), &state);
    let scripted = request.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    let mut response = if ours { next.run(request).await } else { Trouble::Forged.into_response() };
    if response.status().is_client_error() || response.status().is_server_error() {
        response = say(&response, state.language(Some(&wanted)), scripted);
    }
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    if state.place().encrypted {
        let lasting = HeaderValue::from_static("max-age=31536000");
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, lasting);
    }
    response
}

/// What is held to one rate: an address, of IPv6 the network of 64 bits, all of whose addresses one household has.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).to_string(),
    }
}

/// Whether what changes something comes from our own page: browsers say so in Sec-Fetch-Site or Origin.
fn same_site(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    match (text("origin"), text("host")) {
        (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, from)| from == host),
        // No browser: it has no one's cookies to misuse.
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_many_addresses_is_one() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.7"), "192.0.2.7");
        assert_ne!(of("192.0.2.7"), of("192.0.2.8"));
    }
}
