//! What a reader sees and sends. Where they are is known here; an address holds a place in their order and nothing else.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{Form, Path, State as Shared};
use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::{Json, extract::FromRequest};
use doppelray_study::answer::{Answer, LONGEST_LOOK, Submission};
use doppelray_study::cases::Truth;
use doppelray_study::design::Task;
use doppelray_study::reader::Person;
use doppelray_study::step::Step;
use doppelray_study::store::Accepted;
use doppelray_study::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::Trouble;
use super::session::Reader;
use super::state::State;

mod pages;

/// How far ahead of the next answer images may be fetched, so that a reader can go on without a connection for a while.
const AHEAD: usize = 3;

/// The reader's present page.
pub(crate) async fn page(
    Shared(state): Shared<State>,
    reader: Result<Reader, Trouble>,
) -> Result<Response, Trouble> {
    let reader = match reader {
        // A coordinator's page is another one.
        Err(Trouble::Missing) => return Ok(Redirect::to("/coordinate").into_response()),
        other => other?,
    };
    let words = reader.0.words(&state);
    let (frozen, late) = {
        let store = state.store();
        (store.frozen()?, store.late(state.now())?)
    };
    let step = reader.0.person.step;
    let page = match step {
        _ if frozen => pages::ending(&state, words, "closed"),
        Step::Done => pages::ending(&state, words, "done"),
        _ if late => pages::ending(&state, words, "late"),
        Step::Consent => pages::consent(&state, words, &reader.0.form_key),
        Step::Example { .. } | Step::Case { .. } => {
            pages::work(&state, words, &Stretch::of(&state, &reader.0.person, step)?, &reader.0.form_key)
        }
    };
    Ok(Html(page).into_response())
}

/// What the consent page sends.
#[derive(Deserialize)]
pub(crate) struct Consent {
    key: String,
    /// The box that was ticked; a browser sends nothing otherwise.
    agree: Option<String>,
}

/// The reader agrees.
pub(crate) async fn consent(
    Shared(state): Shared<State>,
    reader: Reader,
    Form(form): Form<Consent>,
) -> Result<Redirect, Trouble> {
    reader.0.check(&form.key)?;
    if form.agree.is_some() {
        let (now, number) = (state.now(), reader.0.person.number);
        state.write(move |store| store.consent(now, number)).await?;
    }
    Ok(Redirect::to("/read"))
}

/// A run of examples or cases, as a browser knows it.
pub(crate) struct Stretch {
    pub(crate) part: usize,
    pub(crate) task: Task,
    pub(crate) example: bool,
    pub(crate) next: usize,
    pub(crate) total: usize,
    /// What addresses and answers call it: tells nothing, not even which part it is.
    pub(crate) name: String,
}

impl Stretch {
    pub(crate) fn of(state: &State, person: &Person, step: Step) -> Result<Self> {
        let (part, next, example) = match step {
            Step::Example { part, n } => (part, n, true),
            Step::Case { part, n } => (part, n, false),
            _ => return Err(Error::Refused("this question was answered already, or is not the next one")),
        };
        let about = state.about();
        let task = about.design.tasks()[part];
        let total = state.store().lengths()[part][usize::from(!example)];
        let told = format!("{} {} {part} {example}", about.images.sha256, person.number);
        let name = Sha256::digest(told.as_bytes())[..6].iter().map(|b| format!("{b:02x}")).collect();
        Ok(Self { part, task, example, next, total, name })
    }

    fn step(&self, n: usize) -> Step {
        let part = self.part;
        if self.example { Step::Example { part, n } } else { Step::Case { part, n } }
    }
}

/// The pixels of the `which`-th image of the `n`-th showing: the present one, a few after it, and the one before.
pub(crate) async fn image(
    Shared(state): Shared<State>,
    reader: Reader,
    Path((name, n, which)): Path<(String, usize, usize)>,
) -> Result<Response, Trouble> {
    let person = &reader.0.person;
    let stretch = Stretch::of(&state, person, person.step)?;
    let near = n + 1 >= stretch.next && n <= stretch.next + AHEAD && n < stretch.total;
    if stretch.name != name || !near {
        return Err(Trouble::Missing);
    }
    let shown = state.store().shown(person.number, stretch.step(n))?;
    let number = *shown.get(which).ok_or(Trouble::Missing)?;
    let bytes = state.pixels().read(number).map_err(|e| Error::Lost(e.to_string()))?;
    Ok(([(CONTENT_TYPE, "application/octet-stream")], bytes).into_response())
}

/// An answer as a page sends it: what stood in the form, under the names that it had there.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sent {
    form: String,
    key: String,
    stretch: String,
    n: usize,
    revises: bool,
    ms: u64,
    values: BTreeMap<String, String>,
}

/// What a page is told.
#[derive(Serialize)]
struct Told {
    /// Reload: another stretch has begun.
    turn: bool,
    /// The next showing of this stretch.
    next: usize,
    /// What an example really was, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    feedback: Option<String>,
}

/// A JSON body, refused like everything else.
pub(crate) struct Body(Sent);

impl FromRequest<State> for Body {
    type Rejection = Response;

    async fn from_request(request: axum::extract::Request, state: &State) -> Result<Self, Response> {
        let bytes = Bytes::from_request(request, state).await.map_err(IntoResponse::into_response)?;
        let unread = |_| Trouble::Study(Error::Invalid("the answer cannot be read")).into_response();
        serde_json::from_slice(&bytes).map(Self).map_err(unread)
    }
}

/// Takes an answer; when this says so, it is on the disk.
pub(crate) async fn answer(
    Shared(state): Shared<State>,
    reader: Result<Reader, Trouble>,
    body: Result<Body, Response>,
) -> Response {
    match (reader, body) {
        (Ok(reader), Ok(body)) => take(&state, &reader, body.0).await.map(Json).into_response(),
        (Err(trouble), _) => trouble.into_response(),
        (_, Err(unread)) => unread,
    }
}

async fn take(state: &State, reader: &Reader, sent: Sent) -> Result<Told, Trouble> {
    reader.0.check(&sent.form)?;
    let number = reader.0.person.number;
    let stretch = stretch_named(state, &reader.0.person, &sent.stretch)?;
    let answer = read_answer(stretch.task, &sent.values)?;
    let Sent { key, n, revises, ms, .. } = sent;
    // A browser whose clock is wrong loses its time, not its answer.
    let ms = ms.min(LONGEST_LOOK);
    let submission = Submission { key, part: stretch.part, example: stretch.example, n, revises, ms, answer };
    let now = state.now();
    let Accepted { next, .. } = state.write(move |store| store.answer(now, number, &submission)).await?;
    let feedback = stretch.example.then(|| feedback(state, reader, &stretch, n)).transpose()?;
    Ok(match next {
        Step::Example { part, n } if stretch.example && part == stretch.part => {
            Told { turn: false, next: n, feedback }
        }
        Step::Case { part, n } if !stretch.example && part == stretch.part => {
            Told { turn: false, next: n, feedback }
        }
        _ => Told { turn: true, next: 0, feedback },
    })
}

/// The stretch of a name: the present one, or the one before it, whose last answer may be sent again.
fn stretch_named(state: &State, person: &Person, name: &str) -> Result<Stretch, Trouble> {
    let parts = state.about().design.tasks().len();
    let all = (0..parts).flat_map(|part| [Step::Example { part, n: 0 }, Step::Case { part, n: 0 }]);
    let mut named = all.filter_map(|step| Stretch::of(state, person, step).ok());
    let found = named.find(|stretch| stretch.name == name);
    found.ok_or(Trouble::Study(Error::Refused("this question was answered already, or is not the next one")))
}

/// The form's values as an answer.
fn read_answer(task: Task, values: &BTreeMap<String, String>) -> Result<Answer> {
    let unfit = Error::Invalid("an answer is missing or not one of those offered");
    let text = |name: &str| values.get(name).map(String::as_str);
    let number = |name: &str| text(name).and_then(|v| v.parse::<u8>().ok());
    let choice = |name: &str, [no, yes]: [&str; 2]| match text(name) {
        Some(v) if v == no => Some(false),
        Some(v) if v == yes => Some(true),
        _ => None,
    };
    let read = match task {
        Task::Grade => number("grade")
            .zip(number("quality"))
            .zip(number("confidence"))
            .map(|((grade, quality), confidence)| Answer::Grade { grade, quality, confidence }),
        Task::Judge => choice("verdict", ["real", "synthetic"])
            .zip(number("confidence"))
            .map(|(synthetic, confidence)| {
                let mark = text("mark").filter(|m| !m.is_empty()).map(point);
                let reason = text("reason").unwrap_or_default().trim().to_owned();
                (mark, Answer::Judge { synthetic, confidence, mark: mark.flatten(), reason })
            })
            // A mark that cannot be read is no answer without a mark.
            .and_then(|(mark, answer)| (mark != Some(None)).then_some(answer)),
        Task::Pair => choice("which", ["left", "right"])
            .zip(number("confidence"))
            .map(|(right, confidence)| Answer::Pair { right, confidence }),
    };
    read.ok_or(unfit)
}

fn point(text: &str) -> Option<[f64; 2]> {
    let (x, y) = text.split_once(' ')?;
    Some([x.parse().ok()?, y.parse().ok()?])
}

/// What the example was, in the reader's language.
fn feedback(state: &State, reader: &Reader, stretch: &Stretch, n: usize) -> Result<String, Trouble> {
    let words = reader.0.words(state);
    let (truth, grade) = state.store().example_truth(reader.0.person.number, stretch.part, n)?;
    Ok(match (stretch.task, truth) {
        (Task::Grade, _) => words.fill("grade.feedback", &[("grade", &grade.to_string())]),
        (Task::Judge, truth) => words
            .get(if truth == Truth::Real { "judge.feedback.real" } else { "judge.feedback.synthetic" })
            .to_owned(),
        // The truth told is that of the right one.
        (Task::Pair, truth) => words
            .get(if truth == Truth::Real { "pair.feedback.right" } else { "pair.feedback.left" })
            .to_owned(),
    })
}
