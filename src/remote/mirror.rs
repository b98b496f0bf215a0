//! A folder of this machine that stands for an address.
//!
//! Beside it lies an index of what both had in common when they last met. A file that is as it was then, and an object that is not,
//! is fetched; the other way round it is stored; where both have changed and differ, somebody has to choose.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context, bail, ensure};
use doppelray_images::files::write_whole;
use doppelray_images::progress::{Event, Listener};
use serde::{Deserialize, Serialize};

use super::store::{Object, Store};
use crate::report::seal::hex;

/// What a reader looks for first, in the order of storing: all that these name is there before they are.
const LAST: [&str; 3] = ["manifest.csv", "release.json", "collection.toml"];
/// A run's, after the log that it goes with.
const CHECKPOINT: &str = "checkpoint/";
/// Of one process on one machine.
const LOCK: &str = "lock";
/// The one folder with a hidden name that is stored: what is kept for the next evaluation.
const FEATURES: &str = ".features";

/// A folder that stands for an address.
pub(super) struct Mirror {
    address: String,
    folder: PathBuf,
    /// Of what is known of both; locked by whoever compares them.
    index: PathBuf,
    store: Store,
}

/// What a store and its mirror had in common, by name.
#[derive(Serialize, Deserialize)]
struct Index {
    address: String,
    met: BTreeMap<String, Met>,
}

/// An object and the file that equals it.
#[derive(Serialize, Deserialize)]
struct Met {
    version: String,
    file: Stamp,
}

/// By what a file is seen to have changed.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Stamp {
    size: u64,
    /// Since 1970.
    nanoseconds: u64,
}

impl Mirror {
    /// The mirror of an address below `home`, whether or not either is there.
    pub(super) fn open(address: &str, home: &Path) -> anyhow::Result<Self> {
        Self::of(address, home, Store::open(address)?)
    }

    fn of(address: &str, home: &Path, store: Store) -> anyhow::Result<Self> {
        let name = address.rsplit('/').next().filter(|name| !name.is_empty() && !name.starts_with('.'));
        let name =
            name.with_context(|| format!("{address}: names nothing; give a bucket and a name in it"))?;
        ensure!(
            address.split_once("://").is_some_and(|(_, rest)| rest.contains('/')),
            "{address}: is a whole bucket; give a name in it"
        );
        let own = home.join(&hex(address.as_bytes())[..16]);
        Ok(Self { address: address.to_owned(), folder: own.join(name), index: own.join("index.json"), store })
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes the mirror as the store is; what is new in the mirror alone stays.
    pub(super) fn fetch(&self, listener: Listener) -> anyhow::Result<()> {
        let (_held, mut index) = self.index()?;
        let (objects, files) = (self.store.list()?, self.files()?);
        let mut wanted = Vec::new();
        for (name, object) in &objects {
            ensure!(is_below(name), "{}/{name}: is no name of a file", self.address);
            let met = index.met.get(name).filter(|met| met.version == object.version);
            match files.get(name) {
                Some(_) if met.is_some() => (),
                Some(file) if index.met.get(name).is_none_or(|met| met.file != *file) => {
                    let met = self.equal(name, *file)?;
                    index.met.insert(name.clone(), met);
                }
                _ => wanted.push(name.clone()),
            }
        }
        let gone: Vec<String> =
            index.met.keys().filter(|name| !objects.contains_key(*name)).cloned().collect();
        for name in gone {
            let met = index.met.remove(&name).expect("a name of it");
            if files.get(&name) == Some(&met.file) {
                let path = self.path(&name);
                fs::remove_file(&path).with_context(|| path.display().to_string())?;
            }
        }
        let came = RefCell::new(Vec::new());
        let fetched = self.moving(("fetching", &wanted), listener, &came, |done| {
            self.store.fetch(&wanted, |name| self.path(name), done)
        });
        for (name, object) in came.into_inner() {
            let file = stamp(&self.path(&name))?;
            index.met.insert(name, Met { version: object.version, file });
        }
        self.keep(&index)?;
        fetched
    }

    /// Makes the store as the mirror is; what others have stored meanwhile under other names stays.
    pub(super) fn store(&self, listener: Listener) -> anyhow::Result<()> {
        let (_held, mut index) = self.index()?;
        let files = self.files()?;
        let changed =
            |(name, file): &(&String, &Stamp)| index.met.get(*name).is_none_or(|met| met.file != **file);
        let mut ranks = BTreeMap::<usize, Vec<String>>::new();
        for (name, _) in files.iter().filter(changed) {
            ranks.entry(rank(name)).or_default().push(name.clone());
        }
        for names in ranks.into_values() {
            let came = RefCell::new(Vec::new());
            let stored = self.moving(("storing", &names), listener, &came, |done| {
                self.store.put(&names, |name| self.path(name), done)
            });
            for (name, object) in came.into_inner() {
                // As it was before: what is written to it meanwhile is a change.
                let file = files[&name];
                index.met.insert(name, Met { version: object.version, file });
            }
            self.keep(&index)?;
            stored?;
        }
        let gone: Vec<String> = index.met.keys().filter(|name| !files.contains_key(*name)).cloned().collect();
        self.store.delete(&gone)?;
        gone.iter().for_each(|name| drop(index.met.remove(name)));
        self.keep(&index)
    }

    /// Moves what is named, says so, and collects what came through.
    fn moving(
        &self,
        (task, names): (&'static str, &[String]),
        listener: Listener,
        came: &RefCell<Vec<(String, Object)>>,
        work: impl FnOnce(&dyn Fn(&str, Object)) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        if names.is_empty() {
            return Ok(());
        }
        listener(Event::Begin { task, total: names.len() as u64, unit: "files" });
        let moved = work(&|name, object| {
            came.borrow_mut().push((name.to_owned(), object));
            listener(Event::Advance(1));
        });
        listener(Event::End);
        moved
    }

    /// What is met where a file and an object, both new, are equal: a command was cut off between storing and knowing it.
    fn equal(&self, name: &str, file: Stamp) -> anyhow::Result<Met> {
        let path = self.path(name);
        let folder = tempfile::tempdir_in(self.index.parent().expect("beside the mirror"))?;
        let other = folder.path().join("other");
        let version = RefCell::new(String::new());
        let took = |_: &str, object: Object| *version.borrow_mut() = object.version;
        self.store.fetch(&[name.to_owned()], |_| other.clone(), took)?;
        let read = |path: &Path| fs::read(path).with_context(|| path.display().to_string());
        if read(&path)? != read(&other)? {
            // Not by its whole path, which would be shown as the address.
            let (own, folder) = (self.index.parent().expect("beside the mirror"), self.folder.file_name());
            bail!(
                "{}/{name}: was changed in the store and in its mirror; to take what is stored, delete {}/{name} in {}",
                self.address,
                Path::new(folder.unwrap_or_default()).display(),
                own.display()
            );
        }
        Ok(Met { version: version.into_inner(), file })
    }

    /// The index, and the lock on it.
    fn index(&self) -> anyhow::Result<(File, Index)> {
        let own = self.index.parent().expect("beside the mirror");
        private(own).with_context(|| own.display().to_string())?;
        let lock = own.join(".lock");
        let held = File::create(&lock).with_context(|| lock.display().to_string())?;
        held.lock().with_context(|| lock.display().to_string())?;
        let index = match fs::read(&self.index) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| {
                format!("{}: is damaged; delete the folder {}", self.index.display(), own.display())
            })?,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Index { address: self.address.clone(), met: BTreeMap::new() }
            }
            Err(error) => return Err(error).with_context(|| self.index.display().to_string()),
        };
        Ok((held, index))
    }

    fn keep(&self, index: &Index) -> anyhow::Result<()> {
        let text = serde_json::to_vec(index)?;
        write_whole(&self.index, |file| file.write_all(&text))
            .with_context(|| self.index.display().to_string())
    }

    /// The files of the mirror by name: all but those that are still being written, and what is of this machine alone.
    fn files(&self) -> anyhow::Result<BTreeMap<String, Stamp>> {
        let mut found = BTreeMap::new();
        if self.folder.is_file() {
            found.insert(String::new(), stamp(&self.folder)?);
        } else if self.folder.is_dir() {
            files_below(&self.folder, "", &mut found)?;
        }
        Ok(found)
    }

    fn path(&self, name: &str) -> PathBuf {
        match name {
            "" => self.folder.clone(),
            name => self.folder.join(name),
        }
    }
}

/// The order of storing.
fn rank(name: &str) -> usize {
    match LAST.iter().position(|last| *last == name) {
        Some(place) => 3 + place,
        None if name.starts_with(CHECKPOINT) => 2,
        None => usize::from(!name.contains('/')),
    }
}

/// Whether a name leads to a file below the mirror and nowhere else.
fn is_below(name: &str) -> bool {
    Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
}

fn files_below(folder: &Path, prefix: &str, found: &mut BTreeMap<String, Stamp>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry.with_context(|| folder.display().to_string())?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            bail!("{}: a name in an object store is Unicode; rename the file", path.display());
        };
        let kind = fs::symlink_metadata(&path).with_context(|| path.display().to_string())?.file_type();
        let hidden = name.starts_with('.') && name != FEATURES;
        if kind.is_dir() && !hidden {
            files_below(&path, &format!("{prefix}{name}/"), found)?;
        } else if kind.is_file() && !hidden && name != LOCK {
            found.insert(format!("{prefix}{name}"), stamp(&path)?);
        }
    }
    Ok(())
}

fn stamp(path: &Path) -> anyhow::Result<Stamp> {
    let meta = fs::metadata(path).with_context(|| path.display().to_string())?;
    let since = meta.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Stamp { size: meta.len(), nanoseconds: since.as_nanos() as u64 })
}

/// Makes a folder that only its owner can enter: patients' images may be mirrored there.
fn private(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;
    use object_store::path::Path as Key;

    use super::*;

    /// Mirrors of one address on two machines.
    struct Pair {
        _home: tempfile::TempDir,
        machines: [Mirror; 2],
    }

    impl Pair {
        fn new() -> Self {
            let (home, shared) = (tempfile::tempdir().unwrap(), Arc::new(InMemory::new()));
            let machine = |name: &str| {
                let store = Store::of("s3://a/knees", shared.clone(), Key::from("knees")).unwrap();
                Mirror::of("s3://a/knees", &home.path().join(name), store).unwrap()
            };
            let machines = [machine("one"), machine("two")];
            Self { _home: home, machines }
        }

        fn write(&self, machine: usize, name: &str, text: &str) {
            let path = self.machines[machine].path(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            write_whole(&path, |file| file.write_all(text.as_bytes())).unwrap();
        }

        fn read(&self, machine: usize, name: &str) -> Option<String> {
            fs::read_to_string(self.machines[machine].path(name)).ok()
        }

        fn fetch(&self, machine: usize) -> anyhow::Result<()> {
            self.machines[machine].fetch(&|_| ())
        }

        fn store(&self, machine: usize) {
            self.machines[machine].store(&|_| ()).unwrap();
        }
    }

    #[test]
    fn what_one_machine_stores_another_fetches_and_what_it_deletes_goes() {
        let pair = Pair::new();
        pair.fetch(0).unwrap();
        assert!(!pair.machines[0].folder().exists());
        for (name, text) in [
            ("manifest.csv", "a"),
            ("images/0/x.png", "b"),
            (".features/k", "c"),
            ("lock", "d"),
            (".y.part", "e"),
        ] {
            pair.write(0, name, text);
        }
        pair.store(0);
        pair.fetch(1).unwrap();
        let there = pair.machines[1].files().unwrap().into_keys().collect::<Vec<_>>();
        assert_eq!(there, [".features/k", "images/0/x.png", "manifest.csv"]);
        pair.write(1, "manifest.csv", "other");
        fs::remove_file(pair.machines[1].path("images/0/x.png")).unwrap();
        pair.store(1);
        pair.fetch(0).unwrap();
        assert_eq!(pair.read(0, "manifest.csv").as_deref(), Some("other"));
        assert_eq!(pair.read(0, "images/0/x.png"), None);
        assert_eq!(pair.read(0, "lock").as_deref(), Some("d"));
    }

    #[test]
    fn work_that_was_cut_off_stays_and_two_changes_of_one_file_are_a_choice() {
        let pair = Pair::new();
        pair.write(0, "log.jsonl", "1");
        pair.store(0);
        pair.fetch(1).unwrap();
        // New here alone: stays. The same in both, and unknown: is met. Changed in both: refused.
        pair.write(1, "new", "n");
        pair.write(0, "same", "s");
        pair.write(1, "same", "s");
        pair.store(0);
        pair.fetch(1).unwrap();
        assert_eq!(pair.read(1, "new").as_deref(), Some("n"));
        pair.write(0, "log.jsonl", "1 2");
        pair.write(1, "log.jsonl", "1 3");
        pair.store(0);
        let error = pair.fetch(1).unwrap_err().to_string();
        assert!(
            error.contains("s3://a/knees/log.jsonl: was changed in the store and in its mirror"),
            "{error}"
        );
        fs::remove_file(pair.machines[1].path("log.jsonl")).unwrap();
        pair.fetch(1).unwrap();
        assert_eq!(pair.read(1, "log.jsonl").as_deref(), Some("1 2"));
    }

    #[test]
    fn what_names_the_rest_is_stored_last() {
        let mut names = ["collection.toml", "checkpoint/a", "manifest.csv", "log.jsonl", "images/0/x.png"];
        names.sort_by_key(|name| rank(name));
        assert_eq!(names, ["images/0/x.png", "log.jsonl", "checkpoint/a", "manifest.csv", "collection.toml"]);
    }

    #[test]
    fn a_bucket_alone_is_no_place_and_no_name_leads_out() {
        let home = Path::new("/nowhere");
        assert!(
            Mirror::open("s3://bucket", home).is_err_and(|e| e.to_string().contains("is a whole bucket"))
        );
        assert!(!is_below("../x") && !is_below("/x") && is_below("a/b") && is_below(""));
    }
}
