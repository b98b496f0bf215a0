//! Truth does not leave the server: all that a browser gets but the pixels is the same for real and synthetic images.

use std::collections::BTreeSet;

use doppelray_study::cases::Truth;
use doppelray_study::design::Design;
use doppelray_study::reader::Role;
use doppelray_study::step::Step;

use super::fixture::{NOW, Site, Visitor};

/// Everything but the pixels, of one showing's image.
async fn traits(reader: &Visitor<'_>, stretch: &str, n: usize) -> String {
    let got = reader.get(&format!("/image/{stretch}/{n}/0")).await;
    assert_eq!(got.status, 200);
    let mut headers: Vec<String> = got.headers.iter().map(|(k, v)| format!("{k}: {v:?}")).collect();
    headers.sort_unstable();
    format!("{} {} {}", got.status, got.body.len(), headers.join("; "))
}

#[tokio::test]
async fn nothing_but_the_pixels_differs_between_images() {
    let site = Site::new(Design::TwoPhase, 10);
    let reader = site.enter(Role::Reader).await;
    reader.consent().await;
    let mut seen = BTreeSet::new();
    let mut truths = Vec::new();
    while let Some(setup) = reader.setup().await {
        for n in setup.next..setup.total {
            seen.insert(traits(&reader, &setup.stretch, n).await);
            let told = reader.answer(&setup, n, &format!("{}-{n}", setup.stretch)).await;
            if !setup.html.contains("\"example\":true") && !setup.html.contains("&quot;example&quot;:true") {
                let fields: Vec<String> = told.json().as_object().unwrap().keys().cloned().collect();
                assert_eq!(fields, ["next", "turn"], "an answer to a case is told nothing");
                truths.push(n);
            }
        }
    }
    assert_eq!(truths.len(), 2 * 20, "both parts were read");
    assert_eq!(seen.len(), 1, "{seen:#?}");
    let header = seen.first().unwrap();
    ["etag", "last-modified", "date:", "server", "x-"].iter().for_each(|h| {
        assert!(!header.contains(&format!("; {h}")) || *h == "x-", "{header}");
    });
}

#[tokio::test]
async fn the_first_part_does_not_let_the_second_be_guessed() {
    let site = Site::new(Design::TwoPhase, 10);
    let reader = site.enter(Role::Reader).await;
    let hints = [
        "synth",
        "fake",
        "real",
        "judge",
        "pair",
        "verdict",
        "mark",
        "part",
        "phase",
        "doppelray",
        "patient-",
        "network-",
    ];
    let clean = |text: &str| {
        let text = text.to_lowercase();
        hints.iter().for_each(|hint| assert!(!text.contains(hint), "{hint}: {text}"));
    };
    // "Taking part" is said in the consent.
    clean(&reader.get("/read").await.text().replace("part", ""));
    reader.consent().await;
    let examples = reader.setup().await.unwrap();
    clean(&examples.html);
    for asset in ["view.js", "work.js", "style.css"] {
        let text = reader.get(&format!("/assets/{asset}")).await.text();
        let text = text.replace("createMark", "").replace("mark", "").replace("part", "");
        ["synth", "fake", "judge", "verdict"].iter().for_each(|h| assert!(!text.contains(h), "{asset}: {h}"));
    }
    assert_eq!(reader.get("/assets/mark.js").await.status, 404);
    assert_eq!(reader.get("/assets/none.js").await.text(), reader.get("/assets/mark.js").await.text());
    let first = reader.finish_stretch().await.unwrap();
    let cases = reader.setup().await.unwrap();
    clean(&cases.html);
    assert_ne!(first, cases.stretch);
    reader.finish_stretch().await.unwrap();
    let second = reader.setup().await.unwrap();
    assert!(second.html.contains("Real or synthetic?"));
    assert_eq!(reader.get("/assets/mark.js").await.status, 200);
}

/// Over many readers the place in the order says nothing: what any reader could learn by comparing with others.
#[test]
fn the_order_tells_nothing() {
    let site = Site::new(Design::RealOrFake, 20);
    let store = site.store();
    (0..40).for_each(|_| {
        store.invite(NOW, "console", (Role::Reader, "Ada", 30)).unwrap();
    });
    store.freeze(NOW, "console").unwrap();
    store.unblind(NOW, "console").unwrap();
    let cases = store.unblinded_cases().unwrap().to_vec();
    let mut places = [Vec::new(), Vec::new()];
    for reader in 1..=40 {
        for n in 0..40 {
            let image = store.shown(reader, Step::Case { part: 0, n }).unwrap()[0];
            places[usize::from(cases[image].truth == Truth::Synthetic)].push(n as f64);
        }
    }
    let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
    // Readers come in twos that see mirrored orders: the means are equal exactly.
    assert!((mean(&places[0]) - mean(&places[1])).abs() < 1e-9);
    let numbers =
        |truth| mean(&cases.iter().filter(|c| c.truth == truth).map(|c| c.number as f64).collect::<Vec<_>>());
    // Places in pixels.bin: the standard error of the difference is about 4 of 44.
    assert!((numbers(Truth::Real) - numbers(Truth::Synthetic)).abs() < 14.0);
}

#[tokio::test]
async fn images_far_ahead_or_of_another_stretch_or_reader_do_not_exist() {
    let site = Site::new(Design::RealOrFake, 10);
    let (reader, other) = (site.enter(Role::Reader).await, site.enter(Role::Reader).await);
    reader.consent().await;
    other.consent().await;
    let (mine, theirs) = (reader.setup().await.unwrap(), other.setup().await.unwrap());
    assert_ne!(mine.stretch, theirs.stretch);
    assert_eq!(reader.get(&format!("/image/{}/0/0", theirs.stretch)).await.status, 404);
    reader.finish_stretch().await.unwrap();
    let cases = reader.setup().await.unwrap();
    let status = async |path: String| reader.get(&path).await.status.as_u16();
    assert_eq!(status(format!("/image/{}/0/0", mine.stretch)).await, 404);
    assert_eq!(status(format!("/image/{}/3/0", cases.stretch)).await, 200);
    assert_eq!(status(format!("/image/{}/4/0", cases.stretch)).await, 404);
    assert_eq!(status(format!("/image/{}/0/1", cases.stretch)).await, 404);
    assert_eq!(status(format!("/image/{}/99999999999999999999/0", cases.stretch)).await, 400);
    assert_eq!(status(format!("/image/{}/..%2f..%2fstudy.db/0", cases.stretch)).await, 400);
}
