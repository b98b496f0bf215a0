//! Makes a collection beside its final name, and goes on where it was interrupted.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::{About, Collection, Row, called, check, hex};
use crate::error::{Error, Result};
use crate::files::{beside, sync_folder, write_whole};
use crate::{Image, png};

/// What the folder of a new collection turned out to hold.
pub enum Begun {
    /// Images are to be written (those of an interrupted run are there already).
    Open(Writer),
    /// The same command finished before.
    Finished(Collection),
}

/// A collection in the making.
pub struct Writer {
    out: PathBuf,
    staged: PathBuf,
    about: About,
    /// Rows that an interrupted run has put, by file.
    earlier: BTreeMap<String, Row>,
    /// A line for each row that was put, so that what was found out of an image survives an interruption.
    journal: Mutex<File>,
}

/// Below the unfinished folder: what goes when the collection is finished.
const SCRATCH: &str = "scratch";

impl Writer {
    /// Begins a collection at `out`, or goes on with it; refuses a folder that holds something else.
    pub fn begin(out: &Path, about: About) -> Result<Begun> {
        if out.exists() {
            return match out.join("collection.toml").is_file().then(|| Collection::open(out)).transpose()? {
                Some(collection) if *collection.about() == about => Ok(Begun::Finished(collection)),
                Some(_) => {
                    Err(Error::content(out, "is a collection of other settings; choose another --out"))
                }
                None => Err(Error::content(
                    out,
                    "is there already and holds something else; choose another --out",
                )),
            };
        }
        let staged = beside(out, "part");
        if staged.join("manifest.csv").is_file() && !staged.join(SCRATCH).exists() {
            // It was whole and lacked but its name.
            fs::rename(&staged, out).and_then(|()| sync_folder(out)).map_err(Error::unwritten(out))?;
            return Self::begin(out, about);
        }
        let toml = staged.join("collection.toml");
        if toml.is_file() {
            let text = fs::read_to_string(&toml).map_err(Error::file(&toml))?;
            if toml::from_str::<About>(&text).ok().as_ref() != Some(&about) {
                let reason = format!(
                    "an unfinished collection of other settings stands there; finish it with the command that \
                     began it, or delete {}",
                    staged.display()
                );
                return Err(Error::content(out, reason));
            }
        } else {
            fs::create_dir_all(&staged).map_err(Error::unwritten(out))?;
            let text = toml::to_string(&about).expect("plain values");
            write_whole(&toml, |file| file.write_all(text.as_bytes())).map_err(Error::unwritten(out))?;
        }
        let scratch = staged.join(SCRATCH);
        fs::create_dir_all(&scratch).map_err(Error::unwritten(out))?;
        let path = scratch.join("rows.jsonl");
        let earlier = journalled(&path)?;
        let journal = File::options().create(true).append(true).open(&path);
        let journal = Mutex::new(journal.map_err(Error::unwritten(out))?);
        Ok(Begun::Open(Self { out: out.to_owned(), staged, about, earlier, journal }))
    }

    /// Where an image of this split, grade and id stands.
    pub fn place(split: &str, grade: Option<u8>, id: &str) -> String {
        format!("images/{split}/{}/{id}.png", called(grade))
    }

    /// Encodes one image to the place that `row.file` names and fills in its hash; from any thread.
    pub fn put(&self, row: Row, image: &Image) -> Result<Row> {
        assert_eq!(
            (image.width(), image.height()),
            (self.about.size, self.about.size),
            "the collection's size"
        );
        assert_eq!(image.depth(), self.about.depth, "the collection's depth");
        let path = self.staged.join(&row.file);
        let folder = path.parent().expect("a place has a folder");
        let mut bytes = Vec::new();
        png::encode(image, &mut bytes).expect("memory takes all");
        let sha256 = hex(&Sha256::digest(&bytes));
        // Not synced one by one, which would take longer than all else; `finish` syncs them.
        let part = beside(&path, "part");
        let written = fs::create_dir_all(folder)
            .and_then(|()| File::create(&part))
            .and_then(|mut file| file.write_all(&bytes))
            .and_then(|()| fs::rename(&part, &path));
        let row = Row { sha256, ..row };
        written.and_then(|()| self.note(&row)).map_err(Error::unwritten(&self.out.join(&row.file)))?;
        Ok(row)
    }

    /// Takes an image over from another collection as it is there: the same file where the disk can link it, else a copy.
    pub fn adopt(&self, row: &Row, from: &Collection) -> Result<Row> {
        from.verify(row)?;
        let (path, source) = (self.staged.join(&row.file), from.root().join(&row.file));
        let folder = path.parent().expect("a place has a folder");
        let taken = fs::create_dir_all(folder).and_then(|()| match fs::hard_link(&source, &path) {
            Ok(()) => Ok(()),
            Err(_) => {
                let part = beside(&path, "part");
                fs::copy(&source, &part).and_then(|_| fs::rename(&part, &path))
            }
        });
        taken.and_then(|()| self.note(row)).map_err(Error::unwritten(&self.out.join(&row.file)))?;
        Ok(row.clone())
    }

    /// The row as an interrupted run has put it, with its flags and hash.
    pub fn found(&self, row: &Row) -> Option<Row> {
        let earlier = self.earlier.get(&row.file)?;
        // A power cut can leave a file that has its name and length but not its content.
        let bytes = fs::read(self.staged.join(&row.file)).ok()?;
        (hex(&Sha256::digest(bytes)) == earlier.sha256).then(|| earlier.clone())
    }

    fn note(&self, row: &Row) -> io::Result<()> {
        // The break comes first: it parts the line from one that a kill has cut short.
        let line = "\n".to_owned() + &serde_json::to_string(row).expect("plain values");
        self.journal.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes())
    }

    /// Moves an image that was put to another place, which the returned row names.
    pub fn relocate(&self, row: Row, file: String) -> Result<Row> {
        let path = self.staged.join(&file);
        let folder = path.parent().expect("a place has a folder");
        let moved = fs::create_dir_all(folder).and_then(|()| fs::rename(self.staged.join(&row.file), &path));
        moved.map_err(Error::unwritten(&self.out.join(&file)))?;
        Ok(Row { file, ..row })
    }

    /// Removes an image that was put and is not to stay.
    pub fn discard(&self, row: &Row) -> Result<()> {
        let path = self.staged.join(&row.file);
        fs::remove_file(&path).map_err(Error::unwritten(&self.out.join(&row.file)))
    }

    /// A folder for what an interrupted run must find again and a finished collection must not hold.
    pub fn scratch(&self) -> PathBuf {
        self.staged.join(SCRATCH)
    }

    /// Reads an image that was put.
    pub fn read(&self, row: &Row) -> Result<Image> {
        png::load(&self.staged.join(&row.file))
    }

    /// Gives up: what cannot become a collection is not left to be continued.
    pub fn abandon(self) -> Result<()> {
        fs::remove_dir_all(&self.staged).map_err(Error::unwritten(&self.staged))
    }

    /// Writes a file beside the manifest.
    pub fn attach(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.fill(name, |file| file.write_all(bytes))
    }

    /// Writes a file beside the manifest, piece by piece.
    pub fn fill(&self, name: &str, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
        write_whole(&self.staged.join(name), fill).map_err(Error::unwritten(&self.out.join(name)))
    }

    /// Writes the manifest, sorted by file, and gives the folder its name.
    pub fn finish(self, mut rows: Vec<Row>) -> Result<Collection> {
        rows.sort_by(|a, b| a.file.cmp(&b.file));
        check::subjects_stay(&rows).map_err(|why| Error::content(&self.out, why))?;
        self.fill("manifest.csv", |file| {
            let mut table = csv::Writer::from_writer(file);
            for row in &rows {
                table.serialize(row)?;
            }
            if rows.is_empty() {
                table.write_record(check::COLUMNS)?;
            }
            table.flush()
        })?;
        self.sync(&rows)?;
        drop(rows);
        fs::remove_dir_all(self.scratch()).map_err(Error::unwritten(&self.out))?;
        let named = fs::rename(&self.staged, &self.out).and_then(|()| sync_folder(&self.out));
        named.map_err(Error::unwritten(&self.out))?;
        Collection::open(&self.out)
    }

    /// Makes the images durable before the folder gets its name.
    fn sync(&self, rows: &[Row]) -> Result<()> {
        rows.par_iter().try_for_each(|row| {
            let synced = File::open(self.staged.join(&row.file)).and_then(|file| file.sync_data());
            synced.map_err(Error::unwritten(&self.out.join(&row.file)))
        })
    }
}

/// The rows of a journal; a last line that a kill has cut short is none.
fn journalled(path: &Path) -> Result<BTreeMap<String, Row>> {
    let text = match fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(Error::file(path)(error)),
    };
    let rows = text.lines().filter_map(|line| serde_json::from_str::<Row>(line).ok());
    Ok(rows.map(|row| (row.file.clone(), row)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collection::Kind;
    use crate::{Depth, Side};

    fn about() -> About {
        About {
            kind: Kind::Phantom,
            title: "t".into(),
            size: 4,
            depth: Depth::Eight,
            licence: String::new(),
            source: String::new(),
            made_by: "0".into(),
            settings: toml::Table::new(),
        }
    }

    fn row(subject: &str, split: &str) -> Row {
        let id = format!("{subject}{split}");
        Row {
            file: Writer::place(split, Some(2), &id),
            id,
            subject: Some(subject.into()),
            side: Some(Side::Left),
            grade: Some(2),
            split: split.into(),
            seed: None,
            sha256: String::new(),
            flags: String::new(),
        }
    }

    fn open(out: &Path) -> Writer {
        match Writer::begin(out, about()).unwrap() {
            Begun::Open(writer) => writer,
            Begun::Finished(_) => panic!("nothing was finished"),
        }
    }

    fn image() -> Image {
        Image::new(4, 4, Depth::Eight, (0..16).collect())
    }

    #[test]
    fn an_interrupted_collection_goes_on_and_a_finished_one_is_recognised() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("c");
        let written = open(&out).put(row("a", "train"), &image()).unwrap();
        assert!(!out.exists(), "nothing under the final name before it is whole");
        let writer = open(&out);
        assert_eq!(writer.found(&row("a", "train")), Some(written.clone()));
        assert_eq!(writer.found(&row("b", "train")), None);
        let collection = writer.finish(vec![written.clone()]).unwrap();
        assert_eq!(collection.load(&written).unwrap(), image());
        assert!(matches!(Writer::begin(&out, about()).unwrap(), Begun::Finished(_)));
        let other = About { title: "other".into(), ..about() };
        assert!(Writer::begin(&out, other).err().unwrap().to_string().contains("choose another --out"));
    }

    #[test]
    fn a_subject_in_two_splits_is_refused_when_written_and_when_opened() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("c");
        let writer = open(&out);
        let [a, b] = ["train", "val"].map(|split| writer.put(row("a", split), &image()).unwrap());
        let message = writer.finish(vec![a.clone(), b]).unwrap_err().to_string();
        assert!(message.contains("1 subjects are in more than one split (a"), "{message}");
        open(&out).finish(vec![a]).unwrap();
        let manifest = out.join("manifest.csv");
        let text = fs::read_to_string(&manifest).unwrap();
        for (from, to, reason) in [
            ("grade", "kl", "the column `grade` is missing"),
            (",2,train", ",7,train", "line 2: grade 7 is not one of 0..4"),
            ("images/", "../images/", "leaves the collection"),
            ("images/", "imagez/", "is listed and not there"),
        ] {
            let changed = text.replacen(from, to, 1);
            write_whole(&manifest, |f| f.write_all(changed.as_bytes())).unwrap();
            let message = Collection::open(&out).unwrap_err().to_string();
            assert!(message.contains("manifest.csv") && message.contains(reason), "{message}");
        }
    }
}
