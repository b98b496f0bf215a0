//! What all requests share: the study, a queue to its one writer, and readers of its database.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use doppelray_study::pixels::Pixels;
use doppelray_study::store::Job;
use doppelray_study::study::About;
use doppelray_study::{Error, Result, Store, Study};
use tokio::sync::oneshot;

use super::limit::{self, Limits};
use super::messages::{Language, languages};

/// Connections that read. More would wait for the two or four cores anyway.
const READERS: usize = 4;
/// Acts that are made durable by one sync at most.
const TOGETHER: usize = 256;

/// Where the server stands towards the network.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    /// Browsers reach it by https, here or at the proxy: cookies are for https alone.
    pub(crate) encrypted: bool,
    /// A proxy in front says who asks, in X-Forwarded-For.
    pub(crate) proxied: bool,
}

/// Shared by all requests; cloning shares it.
#[derive(Clone)]
pub(crate) struct State(Arc<Inner>);

struct Inner {
    about: About,
    pixels: Pixels,
    jobs: Sender<Job>,
    readers: Vec<Mutex<Store>>,
    turn: AtomicUsize,
    clock: fn() -> i64,
    languages: BTreeMap<&'static str, Language>,
    sessions: Limits,
    guesses: Limits,
    place: Place,
}

impl State {
    /// Opens a study to serve it; `clock` gives ms since 1970.
    pub(crate) fn open(study: &Study, place: Place, clock: fn() -> i64) -> Result<Self> {
        let (about, path) = (study.about().clone(), study.database());
        let writer = Store::open(&path, &about)?;
        let readers = (0..READERS).map(|_| Ok(Mutex::new(Store::open_to_read(&path, &about)?)));
        let readers = readers.collect::<Result<_>>()?;
        let (jobs, queue) = channel();
        // Ends when the last sender is gone, after what is queued.
        std::thread::spawn(move || work(writer, &queue));
        let inner = Inner {
            pixels: Pixels::open(&study.pixels(), &about.images)?,
            about,
            jobs,
            readers,
            turn: AtomicUsize::new(0),
            clock,
            languages: languages(),
            sessions: Limits::new(limit::SESSION),
            guesses: Limits::new(limit::WRONG_LINKS),
            place,
        };
        Ok(Self(Arc::new(inner)))
    }

    /// What the study is.
    pub(crate) fn about(&self) -> &About {
        &self.0.about
    }

    /// Its images.
    pub(crate) fn pixels(&self) -> &Pixels {
        &self.0.pixels
    }

    /// Now, in ms since 1970.
    pub(crate) fn now(&self) -> i64 {
        (self.0.clock)()
    }

    /// What a session may ask for.
    pub(crate) fn sessions(&self) -> &Limits {
        &self.0.sessions
    }

    /// What an address may try in vain.
    pub(crate) fn guesses(&self) -> &Limits {
        &self.0.guesses
    }

    pub(crate) fn place(&self) -> Place {
        self.0.place
    }

    /// The language of a code, or the study's.
    pub(crate) fn language(&self, code: Option<&str>) -> &Language {
        let known = code.and_then(|code| self.0.languages.get(code));
        let own = || self.0.languages.get(self.0.about.language.as_str());
        known.or_else(own).unwrap_or_else(|| &self.0.languages["en"])
    }

    /// Whether there is a language of that code.
    pub(crate) fn speaks(&self, code: &str) -> bool {
        self.0.languages.contains_key(code)
    }

    /// The codes and names of all languages.
    pub(crate) fn languages(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.languages.iter().map(|(code, language)| (*code, language.get("name")))
    }

    /// A database to read from.
    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        let turn = self.0.turn.fetch_add(1, Ordering::Relaxed) % READERS;
        self.0.readers[turn].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something to the database; when this returns well, it is on the disk.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Store) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (tell, told) = oneshot::channel();
        let job: Job = Box::new(move |store| {
            let done = store.attempt(act);
            Box::new(move |broken| {
                let outcome = match broken {
                    None => done,
                    Some(Error::Full) => Err(Error::Full),
                    Some(other) => Err(Error::Lost(other.to_string())),
                };
                // Whoever asked may have gone; what was done stays done.
                let _gone = tell.send(outcome);
            })
        });
        let stopped = || Error::Lost("the server is stopping".to_owned());
        self.0.jobs.send(job).map_err(|_| stopped())?;
        told.await.map_err(|_| stopped())?
    }
}

/// The one writer: takes all that waits and makes it durable by one sync.
fn work(mut store: Store, queue: &Receiver<Job>) {
    while let Ok(first) = queue.recv() {
        let jobs = std::iter::once(first).chain(queue.try_iter().take(TOGETHER - 1)).collect();
        store.together(jobs);
    }
}
