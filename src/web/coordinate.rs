//! The coordinator's page: who is where, and the acts that are theirs. It knows no answer and no truth.

use axum::extract::{Form, State as Shared};
use axum::http::HeaderMap;
use axum::response::{Html, Redirect};
use doppelray_study::reader::{Person, Role};
use doppelray_study::step::Step;
use doppelray_study::store::Progress;
use doppelray_study::{Store, day};
use serde::Deserialize;

use super::error::Trouble;
use super::messages::Language;
use super::page::{Page, foot};
use super::session::Coordinator;
use super::state::State;
use crate::report::html::text::escape;

/// How long a link lasts that is made here, in days.
const LINK_DAYS: u32 = 60;

/// The page.
pub(crate) async fn page(Shared(state): Shared<State>, me: Coordinator) -> Result<Html<String>, Trouble> {
    draw(&state, &me, "")
}

/// What every form sends.
#[derive(Deserialize)]
pub(crate) struct Act {
    key: String,
    /// The box "I mean it".
    sure: Option<String>,
}

/// A name to invite.
#[derive(Deserialize)]
pub(crate) struct Invite {
    key: String,
    name: String,
}

/// The last day.
#[derive(Deserialize)]
pub(crate) struct Deadline {
    key: String,
    /// YYYY-MM-DD, or nothing.
    date: String,
}

/// Whose link to take back.
#[derive(Deserialize)]
pub(crate) struct Revoke {
    key: String,
    person: usize,
}

/// Makes a link and shows it, once.
pub(crate) async fn invite(
    Shared(state): Shared<State>,
    me: Coordinator,
    headers: HeaderMap,
    Form(form): Form<Invite>,
) -> Result<Html<String>, Trouble> {
    me.0.check(&form.key)?;
    let (now, by) = (state.now(), me.0.person.actor());
    let invited =
        state.write(move |store| store.invite(now, &by, (Role::Reader, &form.name, LINK_DAYS))).await?;
    let host = headers.get("host").and_then(|h| h.to_str().ok()).unwrap_or("localhost");
    let scheme = if state.place().encrypted { "https" } else { "http" };
    let words = me.0.words(&state);
    let made = format!(
        "<div class=\"made\" role=\"status\"><p>{}</p><p><code>{scheme}://{}/enter/{}</code></p></div>\n",
        escape(&words.fill("coordinate.invited", &[("name", &invited.person.name)])),
        escape(host),
        invited.secret
    );
    draw(&state, &me, &made)
}

/// Takes a link back.
pub(crate) async fn revoke(
    Shared(state): Shared<State>,
    me: Coordinator,
    Form(form): Form<Revoke>,
) -> Result<Redirect, Trouble> {
    me.0.check(&form.key)?;
    let (now, by) = (state.now(), me.0.person.actor());
    state.write(move |store| store.revoke(now, &by, form.person)).await?;
    Ok(Redirect::to("/coordinate"))
}

/// Sets the last day.
pub(crate) async fn deadline(
    Shared(state): Shared<State>,
    me: Coordinator,
    Form(form): Form<Deadline>,
) -> Result<Redirect, Trouble> {
    me.0.check(&form.key)?;
    let (now, by) = (state.now(), me.0.person.actor());
    state.write(move |store| store.set_deadline(now, &by, &form.date)).await?;
    Ok(Redirect::to("/coordinate"))
}

/// Closes the study.
pub(crate) async fn freeze(
    Shared(state): Shared<State>,
    me: Coordinator,
    Form(form): Form<Act>,
) -> Result<Redirect, Trouble> {
    for_good(&state, &me, form, Store::freeze).await
}

/// Lets the truth be looked at.
pub(crate) async fn unblind(
    Shared(state): Shared<State>,
    me: Coordinator,
    Form(form): Form<Act>,
) -> Result<Redirect, Trouble> {
    for_good(&state, &me, form, Store::unblind).await
}

/// What cannot be undone: only with the box ticked.
async fn for_good(
    state: &State,
    me: &Coordinator,
    form: Act,
    act: fn(&Store, i64, &str) -> doppelray_study::Result<()>,
) -> Result<Redirect, Trouble> {
    me.0.check(&form.key)?;
    if form.sure.is_some() {
        let (now, by) = (state.now(), me.0.person.actor());
        state.write(move |store| act(store, now, &by)).await?;
    }
    Ok(Redirect::to("/coordinate"))
}

/// What the page is drawn from.
struct View<'a> {
    words: &'a Language,
    key: &'a str,
    now: i64,
    people: Vec<Person>,
    progress: Vec<Progress>,
    total: usize,
    deadline: String,
    late: bool,
    frozen: bool,
    unblinded: bool,
}

fn draw(state: &State, me: &Coordinator, made: &str) -> Result<Html<String>, Trouble> {
    let words = me.0.words(state);
    let (view, head) = {
        let store = state.store();
        let view = View {
            words,
            key: &me.0.form_key,
            now: state.now(),
            people: store.people()?,
            progress: store.progress()?,
            total: store.lengths().iter().map(|part| part[1]).sum(),
            deadline: store.deadline()?,
            late: store.late(state.now())?,
            frozen: store.frozen()?,
            unblinded: store.unblinded()?,
        };
        (view, store.head()?)
    };
    let title = &state.about().title;
    let status = match (view.frozen, view.unblinded) {
        (false, _) if view.late => "coordinate.late",
        (false, _) => "coordinate.open",
        (true, false) => "coordinate.frozen",
        (true, true) => "coordinate.unblinded",
    };
    let log = words.fill("coordinate.log", &[("lines", &head.0.to_string()), ("hash", &head.1)]);
    let body = format!(
        "<main>\n<p class=\"kind\">{}</p>\n<h1>{}</h1>\n<p class=\"lead\">{}</p>\n{made}\
         <section><h2>{}</h2>\n{}{}</section>\n<section><h2>{}</h2>\n{}</section>\n{}{}\
         <p class=\"note log\">{}</p>\n</main>\n{}",
        escape(words.get("coordinate.title")),
        escape(title),
        escape(words.get(status)),
        escape(words.get("coordinate.readers")),
        view.table(),
        view.invite_form(),
        escape(words.get("coordinate.reminder")),
        view.reminder(title),
        view.deadline_form(),
        view.acts(),
        escape(&log),
        foot(state, words)
    );
    Ok(Html(Page { title, class: "coordinate", attributes: String::new(), scripts: &[], body }.draw(words)))
}

impl View<'_> {
    fn table(&self) -> String {
        let words = self.words;
        let readers: Vec<&Person> = self.people.iter().filter(|p| p.role == Role::Reader).collect();
        if readers.is_empty() {
            return format!("<p>{}</p>\n", escape(words.get("coordinate.none")));
        }
        let heads: String = ["name", "where", "pace", "seen", "link"]
            .map(|key| format!("<th scope=\"col\">{}</th>", escape(words.get(&format!("coordinate.{key}")))))
            .concat();
        let rows: String = readers.into_iter().map(|person| self.row(person)).collect();
        format!(
            "<div class=\"wide\"><table>\n<thead><tr>{heads}<th></th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n"
        )
    }

    fn row(&self, person: &Person) -> String {
        let words = self.words;
        let progress = self.progress.iter().find(|p| p.reader == person.number);
        let answered = progress.map_or(0, |p| p.answered);
        let place = match person.step {
            Step::Consent => escape(words.get("coordinate.waiting")),
            Step::Done => escape(words.get("coordinate.finished")),
            _ => {
                let counts = [("n", &*answered.to_string()), ("total", &*self.total.to_string())];
                let text = escape(&words.fill("coordinate.answered", &counts));
                format!(
                    "<progress max=\"{}\" value=\"{answered}\" aria-label=\"{text}\"></progress> {text}",
                    self.total
                )
            }
        };
        let dash = || "\u{2013}".to_owned();
        let pace = progress.map_or_else(dash, |p| format!("{:.0} s", p.median_ms as f64 / 1000.0));
        let seen = progress.map_or_else(dash, |p| day::text(p.last));
        let (link, button) = match () {
            () if person.revoked => (escape(words.get("coordinate.revoked")), String::new()),
            () if person.expires <= self.now => (escape(words.get("coordinate.expired")), String::new()),
            () => (
                escape(&words.fill("coordinate.valid", &[("date", &day::text(person.expires))])),
                format!(
                    "<form method=\"post\" action=\"/coordinate/revoke\"><input type=\"hidden\" name=\"key\" value=\"{}\">\
                     <input type=\"hidden\" name=\"person\" value=\"{}\"><button aria-label=\"{2}: {3}\">{2}</button></form>",
                    self.key,
                    person.number,
                    escape(words.get("coordinate.revoke")),
                    escape(&person.name)
                ),
            ),
        };
        format!(
            "<tr><th scope=\"row\"><small>{}</small> {}</th><td>{place}</td><td>{pace}</td><td>{seen}</td><td>{link}</td><td>{button}</td></tr>\n",
            person.number,
            escape(&person.name)
        )
    }

    fn invite_form(&self) -> String {
        if self.frozen {
            return String::new();
        }
        format!(
            "<form class=\"inline\" method=\"post\" action=\"/coordinate/invite\"><input type=\"hidden\" name=\"key\" value=\"{}\">\
             <label>{} <input name=\"name\" required maxlength=\"80\" autocomplete=\"off\" placeholder=\"{}\"></label> <button>{}</button></form>\n",
            self.key,
            escape(self.words.get("coordinate.invite")),
            escape(self.words.get("coordinate.name")),
            escape(self.words.get("coordinate.invite.button"))
        )
    }

    fn reminder(&self, title: &str) -> String {
        let words = self.words;
        if self.late {
            return format!("<p>{}</p>\n", escape(words.get("coordinate.reminder.late")));
        }
        let date =
            if self.deadline.is_empty() { words.get("coordinate.reminder.soon") } else { &self.deadline };
        let text = words.fill("coordinate.reminder.text", &[("title", title), ("date", date)]);
        let name = escape(words.get("coordinate.reminder"));
        format!("<textarea readonly rows=\"8\" aria-label=\"{name}\">{}</textarea>\n", escape(&text))
    }

    fn deadline_form(&self) -> String {
        if self.frozen {
            return String::new();
        }
        let name = escape(self.words.get("coordinate.deadline"));
        format!(
            "<section><h2>{name}</h2>\n<p>{}</p>\n<form class=\"inline\" method=\"post\" action=\"/coordinate/deadline\">\
             <input type=\"hidden\" name=\"key\" value=\"{}\"><input type=\"date\" name=\"date\" value=\"{}\" aria-label=\"{name}\"> \
             <button>{}</button></form></section>\n",
            escape(self.words.get("coordinate.deadline.text")),
            self.key,
            escape(&self.deadline),
            escape(self.words.get("coordinate.deadline.button"))
        )
    }

    fn acts(&self) -> String {
        let act = match (self.frozen, self.unblinded) {
            (false, _) => "freeze",
            (true, false) => "unblind",
            (true, true) => return String::new(),
        };
        format!(
            "<section><h2>{}</h2>\n<p>{}</p>\n<form class=\"inline\" method=\"post\" action=\"/coordinate/{act}\">\
             <input type=\"hidden\" name=\"key\" value=\"{}\"><label class=\"tick\"><input type=\"checkbox\" name=\"sure\" value=\"yes\" required> {}</label> \
             <button>{}</button></form></section>\n",
            escape(self.words.get("coordinate.acts")),
            escape(self.words.get(&format!("coordinate.{act}.text"))),
            self.key,
            escape(self.words.get("coordinate.sure")),
            escape(self.words.get(&format!("coordinate.{act}")))
        )
    }
}
