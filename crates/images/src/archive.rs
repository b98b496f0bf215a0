//! A zip as a folder that is never unpacked to disk: members are read one at a time, each held to a size before and while it
//! is inflated, so that neither a bomb nor a name with `../` gets anywhere.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zip::ZipArchive;

use crate::error::{Error, Result};

/// The most bytes that a member may become: a native film of 64 Mi pixels and its header.
const MOST_MEMBER: u64 = 256 << 20;

/// A member that grows more than this many times, and to more than this many bytes, is a bomb by its look: of a film, even
/// a black one, that much is never left.
const MOST_GROWTH: u64 = 400;
const HARMLESS: u64 = 32 << 20;

/// The most members of an archive.
const MOST_MEMBERS: usize = 1 << 20;

/// An opened zip, whose directory all readers share.
#[derive(Clone)]
pub struct Archive {
    path: PathBuf,
    zip: ZipArchive<Shared>,
}

impl std::fmt::Debug for Archive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Archive({})", self.path.display())
    }
}

/// What a member of an archive is.
pub enum Member {
    /// A file, by its path in the archive.
    File(PathBuf),
    /// Something that is not read, and why.
    Refused(PathBuf, &'static str),
    /// A folder.
    Folder,
}

impl Archive {
    /// Reads the archive's directory.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::file(path))?;
        let bad = |e: zip::result::ZipError| {
            Error::content(
                path,
                format!("is not a readable zip ({e}); pack it again, or unpack it to a folder"),
            )
        };
        let zip = ZipArchive::new(Shared { file: Arc::new(file), at: 0 }).map_err(bad)?;
        if zip.len() > MOST_MEMBERS {
            return Err(Error::content(path, format!("has more than {MOST_MEMBERS} members; split it")));
        }
        Ok(Self { path: path.to_owned(), zip })
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.zip.len()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.zip.len() == 0
    }

    /// What a member is, by its place in the directory.
    pub fn member(&self, at: usize) -> Result<Member> {
        let mut zip = self.zip.clone();
        let member = zip.by_index_raw(at).map_err(|e| self.bad(at, &e.to_string()))?;
        let name = PathBuf::from(member.name().map(|name| name.into_owned()).unwrap_or_default());
        let Some(inside) = member.enclosed_name() else {
            return Ok(Member::Refused(name, "its name leaves the archive; pack it again without `..`"));
        };
        Ok(if member.is_symlink() {
            Member::Refused(inside, "is a link; links are not followed, pack what it stands for")
        } else if member.is_dir() {
            Member::Folder
        } else if member.encrypted() {
            Member::Refused(inside, "is encrypted; unpack it to a folder")
        } else {
            Member::File(inside)
        })
    }

    /// The first bytes of a member, at most `most`.
    pub fn start(&self, at: usize, most: u64) -> Result<Vec<u8>> {
        let mut zip = self.zip.clone();
        let member = zip.by_index(at).map_err(|e| self.bad(at, &e.to_string()))?;
        let mut bytes = Vec::new();
        member.take(most).read_to_end(&mut bytes).map_err(|e| self.bad(at, &e.to_string()))?;
        Ok(bytes)
    }

    /// All of a member.
    pub fn read(&self, at: usize) -> Result<Vec<u8>> {
        let mut zip = self.zip.clone();
        let member = zip.by_index(at).map_err(|e| self.bad(at, &e.to_string()))?;
        let (size, packed) = (member.size(), member.compressed_size());
        if size > MOST_MEMBER || (size > HARMLESS && size / MOST_GROWTH > packed) {
            let why = format!(
                "grows from {packed} to {size} bytes, as a bomb does; unpack it to a folder if you trust it"
            );
            return Err(Error::content(&self.path, why));
        }
        let mut bytes = Vec::new();
        // What the directory says of the size may be a lie.
        member.take(size + 1).read_to_end(&mut bytes).map_err(|e| self.bad(at, &e.to_string()))?;
        if bytes.len() as u64 != size {
            return Err(self.bad(at, "it has another size than the directory says"));
        }
        Ok(bytes)
    }

    fn bad(&self, at: usize, why: &str) -> Error {
        Error::content(&self.path, format!("member {} cannot be read ({why}); pack it again", at + 1))
    }
}

/// A file read by several threads, each at its own place.
#[derive(Clone)]
struct Shared {
    file: Arc<File>,
    at: u64,
}

impl Read for Shared {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = read_at(&self.file, buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Shared {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.file.metadata()?.len().checked_add_signed(by),
        };
        self.at = place.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, at)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, at)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::{Cursor, Write};

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    /// A zip of these files.
    pub(crate) fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in files {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn open(bytes: &[u8]) -> (tempfile::TempDir, Result<Archive>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zip");
        crate::files::write_whole(&path, |file| file.write_all(bytes)).unwrap();
        let archive = Archive::open(&path);
        (folder, archive)
    }

    #[test]
    fn members_are_read_and_names_that_leave_are_refused() {
        let (_folder, archive) =
            open(&packed(&[("2/a.dcm", b"film"), ("../b.dcm", b"out"), ("/c", b"root")]));
        let archive = archive.unwrap();
        assert!(matches!(archive.member(0).unwrap(), Member::File(path) if path == Path::new("2/a.dcm")));
        assert_eq!(
            (archive.read(0).unwrap(), archive.start(0, 2).unwrap()),
            (b"film".to_vec(), b"fi".to_vec())
        );
        assert!(
            matches!(archive.member(1).unwrap(), Member::Refused(_, why) if why.contains("leaves the archive"))
        );
        assert!(open(b"PK\x03\x04 and no more").1.unwrap_err().to_string().contains("not a readable zip"));
    }

    #[test]
    fn a_bomb_is_refused_before_it_is_inflated() {
        let zeros = vec![0; 40 << 20];
        let (_folder, archive) = open(&packed(&[("bomb.dcm", &zeros)]));
        let said = archive.unwrap().read(0).unwrap_err().to_string();
        assert!(said.contains("as a bomb does"), "{said}");
    }
}
