//! A study of small images, and a browser without a screen.

use std::path::Path;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use doppelray_images::collection::{About as CollectionAbout, Begun, Kind, Writer};
use doppelray_images::progress::silent;
use doppelray_images::{Collection, Depth, Image, Row};
use doppelray_measures::rng::{Purpose, stream};
use doppelray_study::design::Design;
use doppelray_study::draw::{Request as Drawing, draw, write};
use doppelray_study::reader::Role;
use doppelray_study::study::{About, FORMAT};
use doppelray_study::{Store, Study};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::web::{Place, State, app};

/// The time in all tests, in ms since 1970.
pub(super) const NOW: i64 = 1_900_000_000_000;

pub(super) struct Site {
    _folder: tempfile::TempDir,
    pub(super) study: Study,
    pub(super) app: Router,
}

/// What came back.
pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answered {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }
}

/// Eighty images of noise, in all grades; synthetic ones are smoother, so that a compressed file would be smaller.
fn collection(folder: &Path, name: &str, smooth: u16) -> Collection {
    let about = CollectionAbout {
        kind: Kind::Phantom,
        title: name.into(),
        size: 32,
        depth: Depth::Sixteen,
        licence: String::new(),
        source: String::new(),
        made_by: "0".into(),
        settings: toml::Table::new(),
    };
    let Begun::Open(writer) = Writer::begin(&folder.join(name), about).unwrap() else {
        panic!("a new folder")
    };
    let row = |index: u64| {
        let mut draws = stream(u64::from(smooth), Purpose::Panel, index);
        let pixels = (0..32 * 32).map(|_| draws.below(65_536) as u16 / smooth * smooth).collect();
        let grade = Some((index % 5) as u8);
        let id = format!("{name}-{index}");
        let file = Writer::place("all", grade, &id);
        let (subject, split, sha256, flags) = (Some(id.clone()), "all".into(), String::new(), String::new());
        let row = Row { file, id, subject, side: None, grade, split, seed: None, sha256, flags };
        writer.put(row, &Image::new(32, 32, Depth::Sixteen, pixels)).unwrap()
    };
    let rows = (0..60).map(row).collect();
    writer.finish(rows).unwrap()
}

impl Site {
    /// A site of `count` images of either kind.
    pub(super) fn new(design: Design, count: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (real, synthetic) =
            (collection(folder.path(), "patient", 1), collection(folder.path(), "network", 4096));
        let request = Drawing {
            real: &real,
            real_split: None,
            synthetic: &synthetic,
            count,
            size: None,
            design,
            seed: 1,
        };
        let drawn = draw(&request, &silent).unwrap();
        let about = About {
            format: FORMAT,
            title: "Reading knees".into(),
            design,
            seed: 1,
            repeats: 0,
            margin: 0.1,
            deadline: "2030-06-30".into(),
            contact: "ada@example.org".into(),
            language: "en".into(),
            images: drawn.described(&request),
            made_by: "0".into(),
        };
        let study = write(&folder.path().join("study"), about, &drawn, NOW).unwrap();
        let state = State::open(&study, Place::default(), || NOW).unwrap();
        Self { _folder: folder, study, app: app(state) }
    }

    /// The same site, seen from the network otherwise.
    pub(super) fn at(self, place: Place) -> Self {
        let state = State::open(&self.study, place, || NOW).unwrap();
        Self { app: app(state), ..self }
    }

    pub(super) fn store(&self) -> Store {
        Store::open(&self.study.database(), self.study.about()).unwrap()
    }

    /// A link's secret.
    pub(super) fn invite(&self, role: Role) -> String {
        self.store().invite(NOW, "console", (role, "Ada", 30)).unwrap().secret
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Answered {
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answered { status: parts.status, headers: parts.headers, body }
    }

    /// Someone who has come in.
    pub(super) async fn enter(&self, role: Role) -> Visitor<'_> {
        let secret = self.invite(role);
        let entered = self.send(form("/enter", "", &format!("secret={secret}"))).await;
        assert_eq!(entered.status, StatusCode::SEE_OTHER, "{}", entered.text());
        let cookie = entered.headers["set-cookie"].to_str().unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
        Visitor { site: self, cookie: cookie.split(';').next().unwrap().to_owned() }
    }
}

/// A form that is posted.
pub(super) fn form(path: &str, cookie: &str, body: &str) -> Request<Body> {
    Request::post(path)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("cookie", cookie)
        .body(Body::from(body.to_owned()))
        .unwrap()
}

/// One person with a session.
pub(super) struct Visitor<'a> {
    pub(super) site: &'a Site,
    pub(super) cookie: String,
}

/// What a page of images says of itself.
pub(super) struct Setup {
    pub(super) form: String,
    pub(super) stretch: String,
    pub(super) next: usize,
    pub(super) total: usize,
    pub(super) html: String,
}

impl Visitor<'_> {
    pub(super) async fn get(&self, path: &str) -> Answered {
        let request = Request::get(path).header("cookie", &self.cookie).body(Body::empty()).unwrap();
        self.site.send(request).await
    }

    pub(super) async fn post(&self, path: &str, body: &str) -> Answered {
        self.site.send(form(path, &self.cookie, body)).await
    }

    /// Agrees to take part.
    pub(super) async fn consent(&self) {
        let page = self.get("/read").await.text();
        let key = page.split("name=\"key\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let agreed = self.post("/consent", &format!("key={key}&agree=yes")).await;
        assert_eq!(agreed.status, StatusCode::SEE_OTHER, "{}", agreed.text());
    }

    /// The page of images, and what it says.
    pub(super) async fn setup(&self) -> Option<Setup> {
        let html = self.get("/read").await.text();
        let data = html
            .split("data-setup=\"")
            .nth(1)?
            .split('"')
            .next()?
            .replace("&quot;", "\"")
            .replace("&amp;", "&");
        let data: Value = serde_json::from_str(&data).unwrap();
        let text = |key: &str| data[key].as_str().unwrap().to_owned();
        let number = |key: &str| data[key].as_u64().unwrap() as usize;
        Some(Setup {
            form: text("form"),
            stretch: text("stretch"),
            next: number("next"),
            total: number("total"),
            html,
        })
    }

    /// Sends an answer with what a form of any part would hold.
    pub(super) async fn answer(&self, setup: &Setup, n: usize, key: &str) -> Answered {
        let values = if setup.html.contains("name=\"grade\"") {
            json!({ "grade": "2", "quality": "4", "confidence": "3" })
        } else if setup.html.contains("name=\"which\"") {
            json!({ "which": "left", "confidence": "3" })
        } else {
            json!({ "verdict": "synthetic", "confidence": "3", "mark": "0.5 0.25", "reason": "=too smooth" })
        };
        self.answer_with(setup, n, json!({ "key": key, "values": values })).await
    }

    /// Sends an answer with some fields of one's own.
    pub(super) async fn answer_with(&self, setup: &Setup, n: usize, own: Value) -> Answered {
        let mut body = json!({ "form": setup.form, "stretch": setup.stretch, "n": n, "revises": false, "ms": 900, "key": "12345678", "values": {} });
        own.as_object().unwrap().iter().for_each(|(k, v)| body[k] = v.clone());
        let request = Request::post("/answer")
            .header("cookie", &self.cookie)
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        self.site.send(request).await
    }

    /// Answers everything of the present stretch; its name.
    pub(super) async fn finish_stretch(&self) -> Option<String> {
        let setup = self.setup().await?;
        for n in setup.next..setup.total {
            let key = format!("{}-{n}", setup.stretch);
            let told = self.answer(&setup, n, &key).await;
            assert_eq!(told.status, StatusCode::OK, "{}", told.text());
        }
        Some(setup.stretch)
    }
}
