//! What must not get through.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use doppelray_study::design::Design;
use doppelray_study::reader::Role;
use serde_json::json;

use super::fixture::{NOW, Site, form};
use crate::web::Place;

#[tokio::test]
async fn forged_expired_and_revoked_links_are_refused_alike_and_then_slowed_down() {
    let site = Site::new(Design::Grading, 4);
    let forged =
        site.send(Request::get(format!("/enter/{}", "0".repeat(40))).body(Body::empty()).unwrap()).await;
    let old = site.store().invite(NOW - 40 * 86_400_000, "console", (Role::Reader, "Old", 30)).unwrap();
    let expired =
        site.send(Request::get(format!("/enter/{}", old.secret)).body(Body::empty()).unwrap()).await;
    let gone = site.store().invite(NOW, "console", (Role::Reader, "Gone", 30)).unwrap();
    site.store().revoke(NOW, "console", gone.person.number).unwrap();
    let revoked = site.send(form("/enter", "", &format!("secret={}", gone.secret))).await;
    for refused in [&forged, &expired, &revoked] {
        assert_eq!((refused.status, &refused.body), (StatusCode::UNAUTHORIZED, &forged.body));
    }
    for _ in 0..30 {
        site.send(Request::get("/enter/guess").body(Body::empty()).unwrap()).await;
    }
    let slowed = site.send(Request::get("/enter/guess").body(Body::empty()).unwrap()).await;
    assert_eq!(slowed.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn behind_a_proxy_everyone_is_who_it_says_and_cookies_are_for_https() {
    let site = Site::new(Design::Grading, 4).at(Place { encrypted: true, proxied: true });
    let guess = async |forwarded: &str| {
        let request = Request::get("/enter/guess").header("x-forwarded-for", forwarded);
        site.send(request.body(Body::empty()).unwrap()).await.status.as_u16()
    };
    for n in 0..20 {
        assert_eq!(
            guess(&format!("10.0.0.{n}, 192.0.2.1")).await,
            401,
            "what a reader writes before is not believed"
        );
    }
    assert_eq!(guess("10.0.0.99, 192.0.2.1").await, 429);
    assert_eq!(guess("192.0.2.2").await, 401, "others are not held back");
    let entered = site.send(form("/enter", "", &format!("secret={}", site.invite(Role::Reader)))).await;
    assert!(entered.headers["set-cookie"].to_str().unwrap().ends_with("; Secure"));
    assert!(entered.headers.contains_key("strict-transport-security"));
}

#[tokio::test]
async fn sessions_that_do_not_exist_take_no_readers_place() {
    let site = Site::new(Design::Grading, 4);
    for n in 0..5000 {
        let request = Request::get("/read").header("cookie", format!("session={n}"));
        site.send(request.body(Body::empty()).unwrap()).await;
    }
    let reader = site.enter(Role::Reader).await;
    assert_eq!(reader.get("/read").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_revoked_reader_is_out_at_once() {
    let site = Site::new(Design::Grading, 4);
    let reader = site.enter(Role::Reader).await;
    assert_eq!(reader.get("/read").await.status, StatusCode::OK);
    site.store().revoke(NOW, "console", 1).unwrap();
    assert_eq!(reader.get("/read").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn roles_do_not_mix() {
    let site = Site::new(Design::Grading, 4);
    let (reader, coordinator) = (site.enter(Role::Reader).await, site.enter(Role::Coordinator).await);
    reader.consent().await;
    let setup = reader.setup().await.unwrap();
    assert_eq!(reader.get("/coordinate").await.status, StatusCode::NOT_FOUND);
    for act in ["invite", "revoke", "deadline", "freeze", "unblind"] {
        let body = format!("key={}&sure=yes&name=x&person=1&date=2030-01-01", setup.form);
        assert_eq!(reader.post(&format!("/coordinate/{act}"), &body).await.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(coordinator.answer(&setup, 0, "12345678").await.status, StatusCode::NOT_FOUND);
    assert_eq!(coordinator.get(&format!("/image/{}/0/0", setup.stretch)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(coordinator.get("/read").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn another_sites_form_changes_nothing() {
    let site = Site::new(Design::Grading, 4);
    let (reader, other) = (site.enter(Role::Reader).await, site.enter(Role::Reader).await);
    reader.consent().await;
    other.consent().await;
    let (mine, theirs) = (reader.setup().await.unwrap(), other.setup().await.unwrap());
    let stolen = reader
        .answer_with(
            &mine,
            0,
            json!({ "form": theirs.form, "values": { "grade": "1", "quality": "1", "confidence": "1" } }),
        )
        .await;
    assert_eq!(stolen.status, StatusCode::FORBIDDEN);
    for (name, value) in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")] {
        let mut request = form("/consent", &reader.cookie, &format!("key={}&agree=yes", mine.form));
        request.headers_mut().insert(name, value.parse().unwrap());
        request.headers_mut().insert("host", "study.example".parse().unwrap());
        assert_eq!(site.send(request).await.status, StatusCode::FORBIDDEN, "{name}");
    }
    assert_eq!(reader.setup().await.unwrap().next, 0);
}

#[tokio::test]
async fn bodies_that_are_too_long_or_no_text_are_refused() {
    let site = Site::new(Design::Grading, 4);
    let reader = site.enter(Role::Reader).await;
    reader.consent().await;
    let post = async |body: Vec<u8>| {
        let request = Request::post("/answer")
            .header("cookie", &reader.cookie)
            .header("content-type", "application/json")
            .body(Body::from(body))
            .unwrap();
        site.send(request).await.status.as_u16()
    };
    assert_eq!(post(vec![b' '; 100 << 20]).await, 413);
    assert_eq!(post(b"{\"form\":\"\xff\xfe\"}".to_vec()).await, 422);
    assert_eq!(post(b"[[[[[[".repeat(2000)).await, 422);
    assert_eq!(post(b"{}".to_vec()).await, 422);
    assert_eq!(reader.setup().await.unwrap().next, 0);
}

#[tokio::test]
async fn there_is_no_way_out_of_the_site() {
    let site = Site::new(Design::Grading, 4);
    let reader = site.enter(Role::Reader).await;
    for path in [
        "/assets/..%2f..%2fstudy.db",
        "/assets/%2e%2e/study.toml",
        "/study.db",
        "/assets/",
        "/../study.db",
        "/pixels.bin",
    ] {
        let status = reader.get(path).await.status;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn every_answer_forbids_inline_scripts_frames_and_caches() {
    let site = Site::new(Design::Grading, 4);
    let reader = site.enter(Role::Reader).await;
    reader.consent().await;
    let setup = reader.setup().await.unwrap();
    for path in ["/read", "/assets/work.js", "/nothing", &format!("/image/{}/0/0", setup.stretch)] {
        let got = reader.get(path).await;
        let policy = got.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"));
        assert_eq!(got.headers["cache-control"], "no-store");
        assert_eq!(got.headers["referrer-policy"], "no-referrer");
    }
    assert!(
        !setup.html.contains("<script>")
            && !setup.html.contains(" style=")
            && !setup.html.contains("onclick")
    );
}
