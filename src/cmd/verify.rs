//! `doppelray verify`: is a package what it says? Is an image marked as synthetic?

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;
use doppelray_images::mark::{BITS, ENOUGH};
use serde::Serialize;

use super::Common;
use crate::console::{Console, Usage};
use crate::release::signature::public_key;
use crate::release::verify::{Checked, Mark, mark, verify};

/// Check a package, or look for the marks of synthetic images in single files.
#[derive(Args)]
#[command(
    after_help = "Example:\n  doppelray verify package --key lab.pub\n  doppelray verify suspicious.png holiday.jpg\n\n\
    A package: every byte, mark and claim is checked, and what cannot be checked is said; exit status 1 if anything fails. Images (PNG, \
    JPEG): whether each carries doppelray's watermark and says so in its file."
)]
pub(crate) struct Verify {
    /// A package, or images.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// The key of minisign by which a package must be signed: its file, or its line.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

/// What was found of one image.
#[derive(Serialize)]
struct Seen {
    file: PathBuf,
    marked: bool,
    #[serde(flatten)]
    mark: Mark,
}

impl Verify {
    pub(crate) fn run(self, common: Common) -> anyhow::Result<()> {
        let console = Console::new(common);
        match &self.paths[..] {
            [package] if package.is_dir() => self::package(package, self.key.as_deref(), &console),
            _ if self.key.is_some() => Err(Usage("--key goes with one package".to_owned()).into()),
            images => {
                let seen: Vec<Seen> = images.iter().map(|path| look(path)).collect::<Result<_, _>>()?;
                let lines: Vec<String> = seen.iter().map(said).collect();
                console.finish(&lines.join("\n"), &seen)
            }
        }
    }
}

fn package(package: &Path, key: Option<&str>, console: &Console) -> anyhow::Result<()> {
    let key = key.map(public_key).transpose()?;
    let checked = verify(package, key.as_ref(), &|event| console.listen(event))?;
    console.finish(&lines(&checked), &checked)?;
    if !checked.holds {
        bail!("{}: is not what it says; see the claims that fail above", package.display());
    }
    Ok(())
}

fn lines(checked: &Checked) -> String {
    let claims = checked.checks.iter().map(|check| {
        format!("{} {}: {}\n", if check.holds { "holds" } else { "FAILS" }, check.claim, check.found)
    });
    let unchecked = checked.unchecked.iter().map(|what| format!("cannot be checked here: {what}\n"));
    claims.chain(unchecked).collect::<String>().trim_end().to_owned()
}

fn look(path: &Path) -> anyhow::Result<Seen> {
    let mark = mark(path)?;
    Ok(Seen { file: path.to_owned(), marked: mark.held >= ENOUGH, mark })
}

fn said(seen: &Seen) -> String {
    let (file, held) = (seen.file.display(), seen.mark.held);
    let file_says = seen.mark.statement.as_deref().unwrap_or("the file says nothing");
    match seen.marked {
        true => format!("{file}: marked as synthetic ({held} of {BITS} bits; {file_says})"),
        false => format!("{file}: no mark ({held} of {BITS} bits, as by chance; {file_says})"),
    }
}
