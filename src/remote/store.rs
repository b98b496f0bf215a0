//! An object store's part below an address, as a command uses it: it waits for each call.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::buffered::BufWriter;
use object_store::path::Path as Key;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use tokio::io::AsyncWriteExt;
use tokio::runtime::Runtime;

/// Whose settings are read from the environment, and by what the store's own builders know them.
const PREFIXES: [&str; 3] = ["AWS_", "AZURE_", "GOOGLE_"];
/// Without an answer for so long, a request is tried again; a large object may take its time as long as it comes.
const LIMITS: [(&str, &str); 2] = [("timeout", "1 day"), ("read_timeout", "30 seconds")];
/// Objects that are moved at a time.
const AT_ONCE: usize = 16;
/// How often what stopped on the way is begun anew.
const TRIES: usize = 5;
/// Bytes that wait to be sent, of each object.
const BUFFER: usize = 8 << 20;

/// Everything below an address.
pub(super) struct Store {
    address: String,
    store: Arc<dyn ObjectStore>,
    prefix: Key,
    runtime: Runtime,
}

/// An object's version and size.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Object {
    pub(super) version: String,
    pub(super) size: u64,
}

impl Store {
    /// Takes an address apart; asks the store nothing yet.
    pub(super) fn open(address: &str) -> anyhow::Result<Self> {
        let url = url::Url::parse(address).with_context(|| format!("{address}: is no address"))?;
        // Another one may be there already; any will do.
        let _ours_or_another = rustls::crypto::ring::default_provider().install_default();
        let set = std::env::vars().filter(|(name, _)| PREFIXES.iter().any(|prefix| name.starts_with(prefix)));
        let options = LIMITS.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().chain(set);
        let (store, prefix) = object_store::parse_url_opts(&url, options)
            .with_context(|| format!("{address}: cannot be reached as it is set up"))?;
        Self::of(address, store.into(), prefix)
    }

    /// What a store holds below a prefix.
    pub(super) fn of(address: &str, store: Arc<dyn ObjectStore>, prefix: Key) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { address: address.to_owned(), store, prefix, runtime })
    }

    /// The objects below the address by their names, of parts joined by `/`. An object of the address itself has the name "".
    pub(super) fn list(&self) -> anyhow::Result<BTreeMap<String, Object>> {
        let list = async || {
            let all = self.store.list(Some(&self.prefix)).try_collect::<Vec<_>>().await;
            all.map_err(|error| self.on_the_way(error))
        };
        let mut found = BTreeMap::new();
        for meta in self.runtime.block_on(self.tried(list))? {
            let parts =
                meta.location.prefix_match(&self.prefix).context("a store lists what it was asked for")?;
            let name = parts.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>().join("/");
            // Some programs mark folders by empty objects of their names.
            if !(name.is_empty() && meta.size == 0) {
                found.insert(name, Object::of(&meta));
            }
        }
        if found.is_empty() {
            match self.runtime.block_on(self.store.head(&self.prefix)) {
                Ok(meta) => drop(found.insert(String::new(), Object::of(&meta))),
                Err(object_store::Error::NotFound { .. }) => (),
                Err(error) => return Err(self.worded(error)),
            }
        }
        Ok(found)
    }

    /// Moves objects side by side; those that came through, and the first error.
    fn each<T: Send>(
        &self,
        names: &[String],
        one: impl AsyncFn(&str) -> anyhow::Result<T>,
        done: impl Fn(&str, T),
    ) -> anyhow::Result<()> {
        let moves = stream::iter(names).map(async |name| {
            let moved = one(name).await.with_context(|| self.named(name))?;
            done(name, moved);
            anyhow::Ok(())
        });
        self.runtime.block_on(moves.buffer_unordered(AT_ONCE).try_collect())
    }

    /// Fetches objects into files, each whole or not at all.
    pub(super) fn fetch(
        &self,
        names: &[String],
        to: impl Fn(&str) -> PathBuf,
        done: impl Fn(&str, Object),
    ) -> anyhow::Result<()> {
        let one = async |name: &str| self.tried(async || self.fetch_one(name, &to(name)).await).await;
        self.each(names, one, done)
    }

    /// Tries again what broke on the way: the store's own client does so only until an answer has begun.
    async fn tried<T>(&self, what: impl AsyncFn() -> Result<T, Failed>) -> anyhow::Result<T> {
        let mut tries = 1;
        loop {
            match what().await {
                Ok(found) => return Ok(found),
                Err(Failed::OnTheWay(error)) if tries < TRIES => {
                    tracing::debug!("{error:#}, after {tries} tries");
                    tries += 1;
                }
                Err(Failed::OnTheWay(error) | Failed::ForGood(error)) => return Err(error),
            }
        }
    }

    async fn fetch_one(&self, name: &str, to: &Path) -> Result<Object, Failed> {
        let found = self.store.get(&self.key(name)).await.map_err(|error| self.worded(error))?;
        let object = Object::of(&found.meta);
        let mut bytes = found.into_stream();
        let mut file = create(to)?;
        let mut size = 0;
        while let Some(chunk) = bytes.next().await {
            let chunk = chunk.map_err(|error| self.on_the_way(error))?;
            size += chunk.len() as u64;
            file.write_all(&chunk).with_context(|| to.display().to_string())?;
        }
        if size != object.size {
            return Err(Failed::OnTheWay(anyhow!("{size} of {} bytes came", object.size)));
        }
        file.persist(to).with_context(|| to.display().to_string())?;
        Ok(object)
    }

    /// Stores files as objects, each whole or not at all.
    pub(super) fn put(
        &self,
        names: &[String],
        from: impl Fn(&str) -> PathBuf,
        done: impl Fn(&str, Object),
    ) -> anyhow::Result<()> {
        let one = async |name: &str| {
            let path = from(name);
            let mut file = File::open(&path).with_context(|| path.display().to_string())?;
            let mut writer = BufWriter::with_capacity(self.store.clone(), self.key(name), BUFFER);
            loop {
                let mut chunk = Vec::new();
                let read = (&mut file).take(BUFFER as u64).read_to_end(&mut chunk);
                if read.with_context(|| path.display().to_string())? == 0 {
                    break;
                }
                if let Err(error) = writer.put(chunk.into()).await {
                    let _nothing_is_left = writer.abort().await;
                    return Err(self.worded(error));
                }
            }
            writer.shutdown().await.map_err(|error| self.refused(&error).unwrap_or_else(|| error.into()))?;
            let meta = self.store.head(&self.key(name)).await.map_err(|error| self.worded(error))?;
            Ok(Object::of(&meta))
        };
        self.each(names, one, done)
    }

    /// Deletes objects; one that is gone already is as well.
    pub(super) fn delete(&self, names: &[String]) -> anyhow::Result<()> {
        let one = async |name: &str| match self.store.delete(&self.key(name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.worded(error)),
        };
        self.each(names, one, |_, ()| ())
    }

    fn key(&self, name: &str) -> Key {
        name.split('/').filter(|part| !part.is_empty()).fold(self.prefix.clone(), |key, part| key.join(part))
    }

    fn named(&self, name: &str) -> String {
        format!("{}/{name}", self.address).trim_end_matches('/').to_owned()
    }

    /// An error with what to do about it.
    fn worded(&self, error: object_store::Error) -> anyhow::Error {
        self.refused(&error).unwrap_or_else(|| {
            anyhow!(error).context(format!(
                "{}: the store did not answer as it should; the same command goes on",
                self.address
            ))
        })
    }

    fn on_the_way(&self, error: object_store::Error) -> Failed {
        match self.refused(&error) {
            Some(refused) => Failed::ForGood(refused),
            None => Failed::OnTheWay(self.worded(error)),
        }
    }

    /// The errors that trying again does not mend.
    fn refused(&self, error: &dyn std::error::Error) -> Option<anyhow::Error> {
        let text = whole(error);
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        let mend = if says(&["NoSuchBucket", "ContainerNotFound", "bucket does not exist"]) {
            "there is no such bucket; make it, or correct the address"
        } else if says(&["Expired", "TokenRefreshRequired"]) {
            "the credentials have expired; renew them, and give the same command again"
        } else if says(&[
            "403",
            "401",
            "Forbidden",
            "AccessDenied",
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
        ]) {
            "access was refused; correct the credentials in AWS_ACCESS_KEY_ID, AZURE_... or GOOGLE_..., or have the right granted"
        } else {
            return None;
        };
        Some(anyhow!("{}: {mend} ({})", self.address, brief(&text)))
    }
}

/// Why an object was not fetched.
enum Failed {
    /// Its bytes stopped coming; they may come another time.
    OnTheWay(anyhow::Error),
    ForGood(anyhow::Error),
}

impl From<anyhow::Error> for Failed {
    fn from(error: anyhow::Error) -> Self {
        Self::ForGood(error)
    }
}

impl Object {
    fn of(meta: &ObjectMeta) -> Self {
        let version = meta.e_tag.clone().unwrap_or_else(|| meta.last_modified.to_rfc3339());
        Self { version, size: meta.size }
    }
}

/// A file that has no name yet, in the folder of the one that it will be.
fn create(path: &Path) -> anyhow::Result<tempfile::NamedTempFile> {
    let folder = path.parent().context("a file is in a folder")?;
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let builder = tempfile::Builder::new().prefix(".fetching-").tempfile_in(folder);
    builder.with_context(|| folder.display().to_string())
}

/// An error with all its causes.
fn whole(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |e| e.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The store's own code for an error, or the beginning of what it said.
fn brief(text: &str) -> String {
    let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    code.map_or_else(|| text.chars().take(160).collect(), |(code, _)| code.to_owned())
}
