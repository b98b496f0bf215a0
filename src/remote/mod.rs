//! Collections, runs, proofs and packages that live in an object store: `s3://`, `gs://`, `az://`, `file://`.
//!
//! A command works on folders. What it is told by address is fetched before it begins into a mirror, a folder of this machine,
//! and what it changed there is stored after it ended well: `mirror` decides what to move, `store` moves it. A command that was
//! cut off finds its work in the mirror and goes on.

mod mirror;
mod store;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, bail};
use doppelray_images::progress::{Event, Listener};

use self::mirror::Mirror;
use crate::console::Usage;

/// What addresses begin with.
const SCHEMES: [&str; 3] = ["s3://", "gs://", "az://"];
/// Here already.
const FILE: &str = "file://";
/// Commands that need a folder: what readers answer is in a database, and jobs are for a scheduler of this machine.
const LOCAL: [&str; 2] = ["study", "submit"];
/// How often a command that works for hours stores what it has.
const PERIOD: Duration = Duration::from_secs(300);

/// What this process calls by another name: its mirrors, and the addresses that were typed.
static TYPED: OnceLock<Vec<(String, String)>> = OnceLock::new();

/// The addresses on a command line.
pub(crate) struct Addresses {
    arguments: Vec<OsString>,
    places: Vec<Arc<Place>>,
}

/// An address and its mirror.
struct Place {
    mirror: Mirror,
    /// Whether the command writes there by its own account.
    out: bool,
}

impl Addresses {
    /// Finds the addresses among arguments, the program's name first, and says the arguments with mirrors in their places.
    pub(crate) fn of(arguments: impl Iterator<Item = OsString>) -> anyhow::Result<Self> {
        let typed: Vec<OsString> = arguments.collect();
        let command = typed.iter().skip(1).find(|word| !word.to_string_lossy().starts_with('-'));
        let local = command.and_then(|word| LOCAL.into_iter().find(|local| word == local));
        let mut found = Self { arguments: Vec::new(), places: Vec::new() };
        let mut rest = typed.into_iter();
        while let Some(word) = rest.next() {
            if word == "--" {
                found.arguments.push(word);
                found.arguments.extend(rest);
                break;
            }
            let word = found.localised(word, local)?;
            found.arguments.push(word);
        }
        let names = |place: &Arc<Place>| {
            (place.mirror.folder().display().to_string(), place.mirror.address().to_owned())
        };
        let _once = TYPED.set(found.places.iter().map(names).collect());
        Ok(found)
    }

    /// A word as the command reads it: with the mirror's folder for an address, also behind `--name=`.
    fn localised(&mut self, word: OsString, local: Option<&str>) -> anyhow::Result<OsString> {
        let Some(text) = word.to_str() else { return Ok(word) };
        let (flag, address) = match text.split_once('=') {
            Some((flag, value)) if flag.starts_with("--") => (Some(flag), value),
            _ => (None, text),
        };
        let path = if let Some(path) = address.strip_prefix(FILE) {
            PathBuf::from(path)
        } else if SCHEMES.iter().any(|scheme| address.starts_with(scheme)) {
            if let Some(command) = local {
                let reason = format!("{address}: `{command}` needs a folder of this machine");
                return Err(Usage(reason).into());
            }
            let before = self.arguments.last().map(OsString::as_os_str);
            let out = flag.map(OsStr::new).or(before) == Some(OsStr::new("--out"));
            self.mirrored(address, out)?
        } else {
            return Ok(word);
        };
        Ok(match flag {
            Some(flag) => format!("{flag}={}", path.display()).into(),
            None => path.into_os_string(),
        })
    }

    /// The mirror of an address, one for each however often it is named.
    fn mirrored(&mut self, address: &str, out: bool) -> anyhow::Result<PathBuf> {
        let address = address.trim_end_matches('/');
        if let Some(place) = self.places.iter().find(|place| place.mirror.address() == address) {
            return Ok(place.mirror.folder().to_owned());
        }
        let mirror = Mirror::open(address, &home()?)?;
        let folder = mirror.folder().to_owned();
        self.places.push(Arc::new(Place { mirror, out }));
        Ok(folder)
    }

    /// The arguments, the program's name first.
    pub(crate) fn arguments(&self) -> &[OsString] {
        &self.arguments
    }

    /// Fetches what the stores hold and the mirrors do not.
    pub(crate) fn fetch(&self, listener: Listener) -> anyhow::Result<()> {
        self.places.iter().try_for_each(|place| place.mirror.fetch(listener))
    }

    /// Stores what the command changed. What it merely keeps beside its inputs may stay here, and is said.
    pub(crate) fn store(&self, listener: Listener) -> anyhow::Result<()> {
        for place in &self.places {
            match place.mirror.store(listener) {
                Err(error) if !place.out => {
                    listener(Event::Note(format!(
                        "{error:#}; what was computed of it is kept on this machine alone"
                    )));
                }
                stored => stored?,
            }
        }
        Ok(())
    }

    /// Stores what a long command writes while it works, until the guard is dropped.
    pub(crate) fn storing(&self) -> Storing {
        let (stop, stopped) = channel::<()>();
        let places: Vec<Arc<Place>> = self.places.iter().filter(|place| place.out).cloned().collect();
        let work = move || {
            while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                // What cannot be stored now is stored at the end, or that says why not.
                places.iter().for_each(|place| drop(place.mirror.store(&|_| ())));
            }
        };
        let thread = (!self.places.is_empty()).then(|| std::thread::spawn(work));
        Storing { stop: Some(stop), thread }
    }
}

/// As long as it lives, what a command writes is stored from time to time.
pub(crate) struct Storing {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Storing {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _its_end = thread.join();
        }
    }
}

/// A text with the addresses that were typed in the places of their mirrors.
pub(crate) fn as_typed(text: &str) -> String {
    let names = TYPED.get().map_or(&[][..], Vec::as_slice);
    names.iter().fold(text.to_owned(), |text, (mirror, address)| renamed(&text, mirror, address))
}

/// A text with a new name for a folder and all that is in it, but not for what is beside it and called alike.
fn renamed(text: &str, folder: &str, name: &str) -> String {
    let mut parts = text.split(folder);
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for rest in parts {
        let goes_on =
            rest.trim_start_matches('.').starts_with(|c: char| c.is_alphanumeric() || "_-".contains(c));
        whole += if goes_on { folder } else { name };
        whole += rest;
    }
    whole
}

/// Where mirrors are: DOPPELRAY_MIRRORS, or the user's cache.
fn home() -> anyhow::Result<PathBuf> {
    if let Some(folder) = std::env::var_os("DOPPELRAY_MIRRORS") {
        return Ok(folder.into());
    }
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    let cache = cache
        .or_else(home)
        .context("no place for mirrors of object stores; set DOPPELRAY_MIRRORS to a folder")?;
    if !cache.is_absolute() {
        bail!("{}: the folder for mirrors must be absolute; set DOPPELRAY_MIRRORS", cache.display());
    }
    Ok(cache.join("doppelray/mirrors"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn localised(line: &str) -> anyhow::Result<Vec<String>> {
        let words = line.split(' ').map(OsString::from);
        let found = Addresses::of(words)?;
        Ok(found.arguments().iter().map(|word| word.to_string_lossy().into_owned()).collect())
    }

    #[test]
    fn addresses_become_folders_and_all_else_stays() {
        let words =
            localised("doppelray evaluate s3://a/knees file:///b/fakes --out=s3://a/proof --seed 1").unwrap();
        assert!(words[2].ends_with("/knees") && !words[2].contains("://"), "{words:?}");
        assert_eq!((words[3].as_str(), words[5].as_str()), ("/b/fakes", "--seed"));
        assert!(words[4].starts_with("--out=/") && words[4].ends_with("/proof"), "{words:?}");
        let same = localised("doppelray merge s3://a/x/ s3://a/x --out y -- s3://a/x").unwrap();
        assert_eq!((&same[2], same[7].as_str()), (&same[3], "s3://a/x"));
    }

    #[test]
    fn a_mirror_is_called_by_its_address_and_what_is_beside_it_is_not() {
        let text = "in /m/knees: /m/knees/a.png, /m/knees.html, /m/knees-2, and /m/knees.";
        let said = "in s3://knees: s3://knees/a.png, /m/knees.html, /m/knees-2, and s3://knees.";
        assert_eq!(renamed(text, "/m/knees", "s3://knees"), said);
    }

    #[test]
    fn a_study_needs_a_folder() {
        let error = localised("doppelray --quiet study serve s3://a/study").unwrap_err();
        assert!(error.is::<Usage>() && error.to_string().contains("needs a folder"), "{error}");
    }
}
