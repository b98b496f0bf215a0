//! Where objects wait: a file without a name, sealed (ChaCha20-Poly1305, RFC 8439) piece by piece by a key that is drawn for
//! it and is in memory alone. It is gone when the last object of it is.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use doppelray_images::source::{Held, Opened};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};

/// Bytes of a piece, which is the least that is unsealed.
const PIECE: usize = 64 << 10;

/// Bytes of a piece's tag.
const TAG: usize = 16;

/// Objects in waiting.
#[derive(Clone)]
pub struct Spool(Arc<Sealed>);

struct Sealed {
    key: LessSafeKey,
    disk: Mutex<Disk>,
}

struct Disk {
    file: File,
    /// Bytes in all.
    end: u64,
    /// Pieces in all: each is sealed under its number, which no other has.
    pieces: u64,
}

/// An object in a spool.
#[derive(Clone)]
struct Kept {
    spool: Spool,
    /// Its first piece, and where that begins.
    first: u64,
    at: u64,
    length: u64,
}

impl Spool {
    /// An empty spool in a folder.
    pub fn create(folder: &Path) -> io::Result<Self> {
        let no_key = |_| io::Error::other("the system has no source of randomness");
        let mut key = [0; 32];
        SystemRandom::new().fill(&mut key).map_err(no_key)?;
        let key = LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &key).map_err(no_key)?);
        let disk = Disk { file: tempfile::tempfile_in(folder)?, end: 0, pieces: 0 };
        Ok(Self(Arc::new(Sealed { key, disk: Mutex::new(disk) })))
    }

    /// Takes an object.
    pub(crate) fn keep(&self, bytes: &[u8]) -> io::Result<Arc<dyn Held>> {
        let mut disk = self.0.disk.lock().unwrap_or_else(PoisonError::into_inner);
        let (first, at) = (disk.pieces, disk.end);
        disk.file.seek(SeekFrom::Start(at))?;
        for piece in bytes.chunks(PIECE) {
            let mut sealed = Vec::with_capacity(piece.len() + TAG);
            sealed.extend(piece);
            let nonce = nonce(disk.pieces);
            disk.pieces += 1;
            self.0
                .key
                .seal_in_place_append_tag(nonce, Aad::empty(), &mut sealed)
                .map_err(|_| io::Error::other("it cannot be sealed"))?;
            disk.file.write_all(&sealed)?;
            disk.end += sealed.len() as u64;
        }
        Ok(Arc::new(Kept { spool: self.clone(), first, at, length: bytes.len() as u64 }))
    }
}

/// The nonce of a piece.
fn nonce(piece: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&piece.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

impl Kept {
    /// The bytes of one of its pieces.
    fn piece(&self, number: u64) -> io::Result<Vec<u8>> {
        let length = (self.length - number * PIECE as u64).min(PIECE as u64) as usize;
        let mut bytes = vec![0; length + TAG];
        {
            let mut disk = self.spool.0.disk.lock().unwrap_or_else(PoisonError::into_inner);
            disk.file.seek(SeekFrom::Start(self.at + number * (PIECE + TAG) as u64))?;
            disk.file.read_exact(&mut bytes)?;
        }
        let opened = self.spool.0.key.open_in_place(nonce(self.first + number), Aad::empty(), &mut bytes);
        opened
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "what waited on the disk was changed"))?;
        bytes.truncate(length);
        Ok(bytes)
    }
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kept({} bytes)", self.length)
    }
}

impl Held for Kept {
    fn open(&self) -> io::Result<Opened> {
        let bytes = Reader { kept: self.clone(), at: 0, piece: None };
        Ok(Opened { length: self.length, bytes: Box::new(bytes) })
    }
}

/// An object that is being read.
struct Reader {
    kept: Kept,
    at: u64,
    /// The piece that was unsealed last, and its number.
    piece: Option<(u64, Vec<u8>)>,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.kept.length {
            return Ok(0);
        }
        let (number, within) = (self.at / PIECE as u64, (self.at % PIECE as u64) as usize);
        if self.piece.as_ref().is_none_or(|(there, _)| *there != number) {
            self.piece = Some((number, self.kept.piece(number)?));
        }
        let piece = self.piece.as_ref().map_or(&[][..], |(_, bytes)| &bytes[within..]);
        let read = piece.len().min(buffer.len());
        buffer[..read].copy_from_slice(&piece[..read]);
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.kept.length.checked_add_signed(by),
        };
        self.at = place.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(spool: &Spool) -> Vec<u8> {
        let mut disk = spool.0.disk.lock().unwrap();
        let mut bytes = Vec::new();
        disk.file.seek(SeekFrom::Start(0)).unwrap();
        disk.file.read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn what_waits_reads_back_and_is_not_on_the_disk_in_the_clear() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::create(folder.path()).unwrap();
        let long: Vec<u8> = b"DOE^JANE ".iter().copied().cycle().take(2 * PIECE + 5).collect();
        let held = [spool.keep(&long).unwrap(), spool.keep(b"").unwrap(), spool.keep(b"DOE^JANE").unwrap()];
        for (held, whole) in held.iter().zip([&long[..], b"", b"DOE^JANE"]) {
            let mut opened = held.open().unwrap();
            let mut bytes = Vec::new();
            opened.bytes.read_to_end(&mut bytes).unwrap();
            assert!(bytes == whole && opened.length == whole.len() as u64);
            opened.bytes.seek(SeekFrom::End(-(whole.len().min(8) as i64))).unwrap();
            bytes.clear();
            opened.bytes.read_to_end(&mut bytes).unwrap();
            assert!(whole.ends_with(&bytes) && bytes.len() == whole.len().min(8));
        }
        let raw = raw(&spool);
        assert_eq!(raw.len(), long.len() + 3 * TAG + 8 + TAG);
        assert!(!raw.windows(4).any(|four| four == b"JANE"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_was_changed_on_the_disk_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::create(folder.path()).unwrap();
        let held = spool.keep(b"film").unwrap();
        {
            let mut disk = spool.0.disk.lock().unwrap();
            disk.file.seek(SeekFrom::Start(1)).unwrap();
            disk.file.write_all(&[7]).unwrap();
        }
        let mut bytes = Vec::new();
        let error = held.open().unwrap().bytes.read_to_end(&mut bytes).unwrap_err();
        assert!(error.to_string().contains("was changed") && bytes.is_empty());
    }
}
