//! Files that are there whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Writes `path` whole: into a file beside it, synced, then renamed over it. On an error nothing is left.
pub fn write_whole(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let beside = beside(path, "part");
    let written = File::create(&beside).and_then(|file| {
        let mut buffer = BufWriter::new(file);
        fill(&mut buffer)?;
        buffer.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    });
    let result = written.and_then(|()| fs::rename(&beside, path)).and_then(|()| sync_folder(path));
    if result.is_err() {
        let _absent_is_fine = fs::remove_file(&beside);
    }
    result
}

/// Writes a new file that only its owner can read, synced. Refuses a file that is there.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// `.NAME.SUFFIX` in the same folder: where a thing is made before it gets its name.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let name = path.file_name().map_or_else(|| "unnamed".into(), |n| n.to_string_lossy().into_owned());
    path.with_file_name(format!(".{name}.{suffix}"))
}

/// Makes a rename in the folder of `path` durable.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Refuses a secret that others can read, too.
#[cfg(unix)]
pub fn owner_alone(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path).map_err(Error::file(path))?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let why =
        format!("others can read this secret (mode {:o}); say: chmod 600 {}", mode & 0o777, path.display());
    Err(Error::content(path, why))
}

/// Refuses a secret that others can read, too: where files have modes.
#[cfg(not(unix))]
pub fn owner_alone(_: &Path) -> Result<()> {
    Ok(())
}
