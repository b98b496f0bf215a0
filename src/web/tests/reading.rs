//! Answers through the site.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use doppelray_study::design::Design;
use doppelray_study::reader::Role;
use serde_json::json;

use super::fixture::{NOW, Site};

#[tokio::test]
async fn a_reader_goes_through_both_parts_to_the_end() {
    let site = Site::new(Design::TwoPhase, 6);
    let reader = site.enter(Role::Reader).await;
    reader.consent().await;
    let mut stretches = Vec::new();
    while let Some(stretch) = reader.finish_stretch().await {
        stretches.push(stretch);
    }
    assert_eq!(stretches.len(), 4);
    assert!(reader.get("/read").await.text().contains("Thank you"));
    assert_eq!(site.store().readings().unwrap().len(), 24);
    site.store().log().unwrap();
}

#[tokio::test]
async fn an_example_says_what_it_was_only_with_its_answer() {
    let site = Site::new(Design::RealOrFake, 6);
    let reader = site.enter(Role::Reader).await;
    reader.consent().await;
    let setup = reader.setup().await.unwrap();
    let told = reader.answer(&setup, 0, "first-key").await.json();
    assert!(told["feedback"].as_str().unwrap().starts_with("This example is"), "{told}");
    assert_eq!(reader.answer(&setup, 0, "first-key").await.json(), told, "sent again it is told again");
}

#[tokio::test]
async fn stale_windows_double_sends_and_revisions_are_right() {
    let site = Site::new(Design::Grading, 6);
    let reader = site.enter(Role::Reader).await;
    reader.consent().await;
    reader.finish_stretch().await.unwrap();
    let setup = reader.setup().await.unwrap();
    assert_eq!(reader.answer(&setup, 0, "window-one").await.json()["next"], 1);
    assert_eq!(reader.answer(&setup, 0, "window-one").await.json()["next"], 1);
    assert_eq!(reader.answer(&setup, 0, "window-two").await.status, StatusCode::CONFLICT);
    assert_eq!(reader.answer(&setup, 2, "far-ahead").await.status, StatusCode::CONFLICT);
    let values = json!({ "grade": "4", "quality": "1", "confidence": "5" });
    let revised =
        reader.answer_with(&setup, 0, json!({ "key": "revision", "revises": true, "values": values })).await;
    assert_eq!(revised.json()["next"], 1);
    assert_eq!(site.store().readings().unwrap().len(), 1);
    assert_eq!(site.store().readings().unwrap()[0].revised, 1);
}

#[tokio::test]
async fn answers_that_no_form_sends_are_refused() {
    let site = Site::new(Design::RealOrFake, 6);
    let reader = site.enter(Role::Reader).await;
    reader.consent().await;
    let setup = reader.setup().await.unwrap();
    let bad = [
        json!({ "grade": "1", "quality": "1", "confidence": "1" }),
        json!({ "verdict": "maybe", "confidence": "1" }),
        json!({ "verdict": "real", "confidence": "6" }),
        json!({ "verdict": "real", "confidence": "1", "mark": "2 2" }),
        json!({ "verdict": "real", "confidence": "1", "mark": "NaN 0" }),
        json!({ "verdict": "real", "confidence": "1", "mark": "here" }),
        json!({ "verdict": "real", "confidence": "1", "reason": "x".repeat(301) }),
        json!({}),
    ];
    for values in bad {
        let told = reader.answer_with(&setup, 0, json!({ "values": values })).await;
        assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY, "{values}");
    }
    let elsewhere = reader.answer_with(&setup, 0, json!({ "stretch": "abcdef", "values": {} })).await;
    assert_eq!(elsewhere.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_browser_with_a_wrong_clock_loses_its_time_and_not_its_answer() {
    let site = Site::new(Design::Grading, 6);
    let (reader, coordinator) = (site.enter(Role::Reader).await, site.enter(Role::Coordinator).await);
    reader.consent().await;
    reader.finish_stretch().await.unwrap();
    let setup = reader.setup().await.unwrap();
    let values = json!({ "grade": "4", "quality": "1", "confidence": "5" });
    let told = reader.answer_with(&setup, 0, json!({ "ms": u64::MAX, "values": values })).await;
    assert_eq!(told.status, StatusCode::OK, "{}", told.text());
    assert!(coordinator.get("/coordinate").await.text().contains("1 of 12"));
}

#[tokio::test]
async fn a_frozen_study_says_so_and_takes_nothing() {
    let site = Site::new(Design::Grading, 6);
    let (reader, coordinator) = (site.enter(Role::Reader).await, site.enter(Role::Coordinator).await);
    reader.consent().await;
    let setup = reader.setup().await.unwrap();
    let page = coordinator.get("/coordinate").await.text();
    let key = page.split("name=\"key\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    coordinator.post("/coordinate/freeze", &format!("key={key}")).await;
    assert!(!site.store().frozen().unwrap(), "only with the box ticked");
    coordinator.post("/coordinate/freeze", &format!("key={key}&sure=yes")).await;
    assert_eq!(reader.answer(&setup, 0, "too-late-1").await.status, StatusCode::GONE);
    assert!(reader.get("/read").await.text().contains("The study is closed"));
    let page = coordinator.get("/coordinate").await.text();
    assert!(page.contains("The truth is still sealed"), "{page}");
    coordinator.post("/coordinate/unblind", &format!("key={key}&sure=yes")).await;
    assert!(site.store().unblinded().unwrap());
}

#[tokio::test]
async fn after_the_last_day_nothing_is_taken_until_the_coordinator_sets_another() {
    let site = Site::new(Design::Grading, 6);
    let (reader, coordinator) = (site.enter(Role::Reader).await, site.enter(Role::Coordinator).await);
    reader.consent().await;
    let setup = reader.setup().await.unwrap();
    let page = coordinator.get("/coordinate").await.text();
    let key = page.split("name=\"key\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let set =
        async |date: &str| coordinator.post("/coordinate/deadline", &format!("key={key}&date={date}")).await;
    assert_eq!(set("2030-01-01").await.status, StatusCode::SEE_OTHER);
    assert!(coordinator.get("/coordinate").await.text().contains("the last day is over"));
    let late = reader.answer(&setup, 0, "too-late-1").await;
    assert_eq!(late.status, StatusCode::GONE);
    assert!(late.text().contains("2030-01-01"), "{}", late.text());
    assert!(reader.get("/read").await.text().contains("The last day is over"));
    assert_eq!(set("never").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    set("2031-01-01").await;
    assert_eq!(reader.answer(&setup, 0, "too-late-1").await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_coordinator_sees_who_is_where_and_no_answer() {
    let site = Site::new(Design::RealOrFake, 6);
    let (reader, coordinator) = (site.enter(Role::Reader).await, site.enter(Role::Coordinator).await);
    reader.consent().await;
    reader.finish_stretch().await.unwrap();
    let setup = reader.setup().await.unwrap();
    reader.answer(&setup, 0, "first-one").await;
    let page = coordinator.get("/coordinate").await.text();
    assert!(page.contains("1 of 12") && page.contains("2030-06-30"), "{page}");
    assert!(!page.contains("too smooth") && !page.contains("synthetic") && !page.contains("network-"));
    let key = page.split("name=\"key\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let invited = coordinator.post("/coordinate/invite", &format!("key={key}&name=<b>Bob")).await.text();
    assert!(invited.contains("/enter/") && invited.contains("&lt;b&gt;Bob") && !invited.contains("<b>Bob"));
    assert!(!coordinator.get("/coordinate").await.text().contains("/enter/"), "shown once");
}

#[tokio::test]
async fn pages_speak_the_language_that_is_asked_for() {
    let site = Site::new(Design::Grading, 6);
    let mut reader = site.enter(Role::Reader).await;
    assert!(reader.get("/read").await.text().contains("Before you begin"));
    let chosen = reader.get("/language/fi").await;
    assert_eq!(chosen.status, StatusCode::SEE_OTHER);
    reader.cookie += "; language=fi";
    let page = reader.get("/read").await.text();
    assert!(page.contains("lang=\"fi\"") && page.contains("Ennen kuin aloitat"));
    reader.cookie = reader.cookie.replace("language=fi", "language=../../x");
    assert!(reader.get("/read").await.text().contains("Before you begin"));
    let request = Request::get("/read").header("cookie", &reader.cookie);
    let request = request.header("accept-language", "sv-FI,sv;q=0.9,fi;q=0.8,en;q=0.7");
    let page = site.send(request.body(Body::empty()).unwrap()).await.text();
    assert!(page.contains("lang=\"fi\""), "the first that there is");
}

#[tokio::test]
async fn refusals_speak_the_language_that_is_asked_for_as_a_page_or_to_a_script() {
    let site = Site::new(Design::Grading, 6);
    let ask = async |path: &str, language: &str| {
        let request = Request::get(path).header("accept-language", language).body(Body::empty()).unwrap();
        site.send(request).await
    };
    let page = ask("/nothing", "fi").await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.text().contains("lang=\"fi\"") && page.text().contains("Täällä ei ole mitään."));
    assert!(ask("/", "fi-FI").await.text().contains("Tämä linkki ei ole enää voimassa."));
    assert!(ask("/", "en").await.text().contains("This link is not valid any more."));

    let mut reader = site.enter(Role::Reader).await;
    reader.consent().await;
    let setup = reader.setup().await.unwrap();
    reader.cookie += "; language=fi";
    let ahead = reader.answer(&setup, 3, "far-ahead").await;
    assert_eq!(ahead.status, StatusCode::CONFLICT);
    assert!(ahead.json()["reason"].as_str().unwrap().starts_with("Tämä on jo tehty"), "{}", ahead.text());
    // The framework's own refusal: a form without its field.
    let unread = reader.post("/consent", "agree=yes").await;
    assert_eq!(unread.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(unread.text().contains("Lähetetty tieto on puutteellinen"), "{}", unread.text());
}

#[tokio::test]
async fn an_answer_is_on_the_disk_when_it_is_confirmed() {
    let site = Site::new(Design::Grading, 6);
    let reader = site.enter(Role::Reader).await;
    reader.consent().await;
    let setup = reader.setup().await.unwrap();
    let before = site.store().head().unwrap().0;
    reader.answer(&setup, 0, "confirmed").await;
    // Another connection, as after a kill, sees it.
    assert_eq!(site.store().head().unwrap().0, before + 1);
    assert!(site.store().log().unwrap().last().unwrap().at == NOW);
}
