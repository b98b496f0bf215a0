//! `doppelray show`: a page of what a folder holds.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use clap::Args;
use doppelray_images::Collection;
use doppelray_images::files::write_whole;
use doppelray_images::import;
use serde::Serialize;

use super::Common;
use crate::console::Console;
use crate::report::collection::{Shown, picture};
use crate::report::{film, html};

/// Make a page of a collection: its films by grade, its counts, what was refused, who looks alike.
///
/// The page holds everything it shows and needs no network.
#[derive(Args)]
#[command(after_help = "Example:\n  doppelray show knees --open")]
pub(crate) struct Show {
    /// The collection.
    #[arg(value_name = "COLLECTION")]
    path: PathBuf,
    /// The page to write [default: COLLECTION.html beside it].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Open it in the browser.
    #[arg(long)]
    open: bool,
}

/// What a path turned out to be.
enum Thing {
    Collection,
}

#[derive(Serialize)]
struct Report<'a> {
    page: &'a Path,
    shown: &'a Shown,
}

impl Show {
    pub(crate) fn run(self, common: Common) -> anyhow::Result<()> {
        let console = Console::new(common);
        let out = self.out.clone().unwrap_or_else(|| beside(&self.path));
        match thing(&self.path)? {
            Thing::Collection => {
                let collection = Collection::open(&self.path)?;
                let import = self.path.join("import.json");
                let import = import.is_file().then(|| import::earlier(&self.path)).transpose()?;
                let shown = picture(&collection, import);
                let page = html::collection::draw(&shown, &|file| bytes(&self.path.join(file)))?;
                write_whole(&out, |file| file.write_all(page.as_bytes()))
                    .with_context(|| out.display().to_string())?;
                if self.open {
                    browse(&out)?;
                }
                let summary = format!("{}\nThe page: {}", shown.headline, out.display());
                console.finish(&summary, &Report { page: &out, shown: &shown })
            }
        }
    }
}

/// Tells what stands at a path by what it holds.
fn thing(path: &Path) -> anyhow::Result<Thing> {
    if path.join("collection.toml").is_file() {
        return Ok(Thing::Collection);
    }
    let why = if path.exists() { "is no collection" } else { "is not there" };
    bail!("{}: {why}; make one with `doppelray import SRC --out COLLECTION`", path.display())
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

fn browse(page: &Path) -> anyhow::Result<()> {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let mut command = Command::new(program);
    command.arg(page).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
        .spawn()
        .with_context(|| format!("{program} cannot be started; open {} yourself", page.display()))?;
    Ok(())
}
