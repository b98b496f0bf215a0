//! `doppelray show`: a page of what a folder holds.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, bail};
use clap::Args;
use doppelray_gan::model::Model;
use doppelray_gan::run::Record;
use doppelray_images::Collection;
use doppelray_images::import;
use doppelray_images::progress::Event;
use serde::Serialize;

use super::Common;
use crate::console::Console;
use crate::proof;
use crate::report::collection::picture;
use crate::report::html::run::Served;
use crate::report::{film, html, overview, package, run};
use crate::web;

/// Make a page of a collection, of a run, of a proof or of a package.
///
/// Of a collection: its films by grade, its counts, what was refused, who looks alike. Of a run: samples through time, curves,
/// one knee at every grade, the training images nearest to drawn ones. Of a proof: what each report says, and whether all speak of
/// the same images. Of a package: its films, why it may travel, who answers for it (`verify` checks that). The page holds everything it
/// shows and needs no network.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  doppelray show knees --open\n  doppelray show run --live\n  doppelray show proof --open"
)]
pub(crate) struct Show {
    /// The collection, the run, the proof or the package.
    #[arg(value_name = "COLLECTION|RUN|PROOF|PACKAGE")]
    path: PathBuf,
    /// The page to write [default: NAME.html beside it, index.html in a proof].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Open it in the browser.
    #[arg(long)]
    open: bool,
    /// Serve the page of a run that trains, to this machine alone, and keep it up to date.
    #[arg(long, conflicts_with = "out")]
    live: bool,
    /// The port to serve it on; 0 takes a free one.
    #[arg(long, default_value_t = 0, requires = "live")]
    port: u16,
}

/// What a path turned out to be.
enum Thing {
    Collection,
    Run,
    Proof,
    Package,
}

/// A page that is to be written.
struct Page {
    /// Where, unless the user says.
    usual: PathBuf,
    html: String,
    /// What is said of it on the terminal.
    said: String,
}

#[derive(Serialize)]
struct Report<'a, T> {
    page: &'a Path,
    shown: &'a T,
}

impl Show {
    pub(crate) fn run(self, common: Common) -> anyhow::Result<()> {
        let console = Console::new(common);
        match thing(&self.path)? {
            Thing::Collection | Thing::Proof | Thing::Package if self.live => {
                bail!("{}: does not change; --live is for runs", self.path.display())
            }
            Thing::Collection => {
                let collection = Collection::open(&self.path)?;
                let import = self.path.join("import.json");
                let import = import.is_file().then(|| import::earlier(&self.path)).transpose()?;
                let shown = picture(&collection, import);
                let page = html::collection::draw(&shown, &|file| bytes(&self.path.join(file)))?;
                let said = shown.headline.clone();
                self.finish(&console, Page { usual: beside(&self.path), html: page, said }, &shown)
            }
            Thing::Run if self.live => self.watch(&console),
            Thing::Run => {
                let (shown, drawn) = pictured(&self.path, Compare::Yes)?;
                let page = html::run::draw(&shown, drawn.as_ref(), Served::File)?;
                let said = shown.headline.clone();
                self.finish(&console, Page { usual: beside(&self.path), html: page, said }, &shown)
            }
            Thing::Proof => {
                let shown = overview::picture(&self.path)?;
                let reports = match &self.out {
                    Some(_) => format!("{}/", self.path.canonicalize()?.display()),
                    None => String::new(),
                };
                let (html, said) = (html::overview::draw(&shown, &reports), shown.text());
                self.finish(&console, Page { usual: self.path.join("index.html"), html, said }, &shown)
            }
            Thing::Package => {
                let shown = package::picture(&self.path)?;
                let inside = match &self.out {
                    Some(_) => format!("{}/", self.path.canonicalize()?.display()),
                    None => format!("{}/", shown.name),
                };
                let html = html::package::draw(&shown, &inside, &|file| bytes(&self.path.join(file)))?;
                let said = shown.headline.clone();
                self.finish(&console, Page { usual: beside(&self.path), html, said }, &shown)
            }
        }
    }

    fn finish(&self, console: &Console, page: Page, shown: &impl Serialize) -> anyhow::Result<()> {
        let out = self.out.clone().unwrap_or(page.usual);
        proof::put(&out, &page.html)?;
        if self.open {
            browse(out.as_os_str())?;
        }
        console.finish(&format!("{}\nThe page: {}", page.said, out.display()), &Report { page: &out, shown })
    }

    fn watch(&self, console: &Console) -> anyhow::Result<()> {
        let watched = Arc::new(Watching { run: self.path.clone(), drawn: Mutex::new(None) });
        let ready = |address: SocketAddr| {
            let address = format!("http://{address}/");
            console.listen(Event::Note(format!("{address}  (Ctrl-C ends)")));
            if self.open && browse(OsStr::new(&address)).is_err() {
                console
                    .listen(Event::Note("no browser can be started; open the address yourself".to_owned()));
            }
        };
        tokio::runtime::Runtime::new()?.block_on(web::live::watch(watched, self.port, ready))
    }
}

/// Whether drawn images are compared with the training images, which takes a while.
#[derive(Clone, Copy, PartialEq)]
enum Compare {
    Yes,
    No,
}

/// What a run's page shows, and what its model draws, where there is one yet.
fn pictured(run: &Path, compare: Compare) -> anyhow::Result<(run::Shown, Option<run::Drawn>)> {
    let mut shown = run::picture(run)?;
    if !run.join("model.safetensors").is_file() {
        shown.notes.push(
            "No model has been written yet; what it draws is shown from the first snapshot on.".to_owned(),
        );
        return Ok((shown, None));
    }
    let model = Model::open(run)?;
    let training = if compare == Compare::Yes { training(run, &mut shown) } else { None };
    let drawn = run::draw(&model, training.as_ref())?;
    Ok((shown, Some(drawn)))
}

/// The collection that the run learns from, where it is still there and unchanged.
fn training(run: &Path, shown: &mut run::Shown) -> Option<Collection> {
    let config = Record::read(run).ok()?.config;
    let found = Collection::open(Path::new(&config.collection)).ok().filter(|c| c.hash() == shown.data);
    if found.is_none() {
        let note = format!(
            "Nothing is compared with the training images: {} is not there, or is not what the run learned from.",
            config.collection
        );
        shown.notes.push(note);
    }
    found
}

/// A run and the last page of it.
struct Watching {
    run: PathBuf,
    drawn: Mutex<Option<(String, String)>>,
}

impl web::live::Watched for Watching {
    fn step(&self) -> anyhow::Result<String> {
        let record = Record::read(&self.run)?;
        Ok(record.ticks.last().map_or(0, |tick| tick.step).to_string())
    }

    fn page(&self) -> anyhow::Result<String> {
        let step = self.step()?;
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, page)) = drawn.as_ref().filter(|(at, _)| *at == step) {
            return Ok(page.clone());
        }
        let (shown, pictures) = pictured(&self.run, Compare::No)?;
        let page = html::run::draw(&shown, pictures.as_ref(), Served::Live)?;
        *drawn = Some((step, page.clone()));
        Ok(page)
    }
}

/// Tells what stands at a path by what it holds.
fn thing(path: &Path) -> anyhow::Result<Thing> {
    if path.join("collection.toml").is_file() {
        return Ok(Thing::Collection);
    }
    if path.join("release.json").is_file() {
        return Ok(Thing::Package);
    }
    if path.join("config.toml").is_file() {
        return Ok(Thing::Run);
    }
    if overview::is_proof(path) {
        return Ok(Thing::Proof);
    }
    let why = if path.exists() {
        "is neither a collection nor a run nor a proof nor a package"
    } else {
        "is not there"
    };
    bail!(
        "{}: {why}; make one with `doppelray import SRC --out COLLECTION` or `doppelray train COLLECTION --out RUN`",
        path.display()
    )
}

/// A film as small as a page needs it; a sheet as it is.
fn bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    let is_sheet = path.ends_with("look.png") || path.ends_with("lookalikes.png");
    if is_sheet { std::fs::read(path).with_context(|| path.display().to_string()) } else { film::small(path) }
}

/// `COLLECTION.html`, also where the path ends in `/` or is `.`.
fn beside(path: &Path) -> PathBuf {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name =
        path.file_name().map_or_else(|| "collection".into(), |name| name.to_string_lossy().into_owned());
    let beside = path.with_file_name(format!("{name}.html"));
    // As short as it was typed, where it lies below this folder.
    let here = std::env::current_dir().unwrap_or_default();
    beside.strip_prefix(here).map_or(beside.clone(), Path::to_owned)
}

fn browse(page: &OsStr) -> anyhow::Result<()> {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let mut command = Command::new(program);
    command.arg(page).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
        .spawn()
        .with_context(|| format!("{program} cannot be started; open {} yourself", page.display()))?;
    Ok(())
}
