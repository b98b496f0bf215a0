//! Running archives among an import's sources: their addresses, and how they are spoken to.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use doppelray_images::files::owner_alone;
use doppelray_images::import::Source;
use doppelray_pacs::{Address, Login, Options, Own, Spool, is_title};

use crate::console::{Console, Usage};

/// How archives are spoken to.
#[derive(Args)]
#[command(next_help_heading = "Archives")]
pub(crate) struct Archives {
    /// A file with USER:PASSWORD, or `Bearer TOKEN`, for a web archive [default: what the variable DOPPELRAY_LOGIN holds].
    #[arg(long, value_name = "FILE")]
    login: Option<PathBuf>,
    /// Certificates (PEM) of who signed a web archive's, where the hospital signs its own.
    #[arg(long, value_name = "FILE")]
    authority: Option<PathBuf>,
    /// What we call ourselves to a dicom:// archive.
    #[arg(long, value_name = "AE", default_value = "DOPPELRAY", value_parser = title)]
    calling: String,
    /// Have a dicom:// archive send to this address of ours, where we listen (C-MOVE; it must know the AE) [default: on the
    /// connection that asks, by C-GET].
    #[arg(long, value_name = "AE@HOST:PORT")]
    move_to: Option<Own>,
    /// How long an archive may be silent, or at receive:// nobody send.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    patience: u64,
}

/// A source as it was typed.
pub(crate) enum Typed {
    Path(PathBuf),
    Address(Address),
}

fn title(text: &str) -> Result<String, String> {
    let mend = || format!("`{text}` is no AE title; give 1 to 16 plain characters");
    is_title(text).then(|| text.to_owned()).ok_or_else(mend)
}

/// Tells addresses from paths, which must be there.
pub(crate) fn told_apart(sources: &[PathBuf]) -> Result<Vec<Typed>, Usage> {
    let typed = |source: &PathBuf| match source.to_str().and_then(Address::parse) {
        Some(address) => {
            address.map(Typed::Address).map_err(|why| Usage(format!("{}: {why}", shown(source))))
        }
        None if source.exists() => Ok(Typed::Path(source.clone())),
        None => Err(Usage(format!("{}: is not there; give folders, zips or images", source.display()))),
    };
    sources.iter().map(typed).collect()
}

/// A source as it may be written down: a query may name a patient, and a login stands where it should not.
pub(crate) fn shown(source: &Path) -> String {
    let text = source.display().to_string();
    match text.split_once("://") {
        Some((scheme, rest)) => {
            let rest = rest.split('?').next().unwrap_or_default();
            let rest =
                if scheme.starts_with("http") { rest.rsplit('@').next().unwrap_or_default() } else { rest };
            format!("{scheme}://{rest}")
        }
        None => text,
    }
}

/// Sources none of which is an address.
pub(crate) fn paths(sources: Vec<Typed>) -> Vec<Source> {
    let path = |source| match source {
        Typed::Path(path) => Some(Source::Path(path)),
        Typed::Address(_) => None,
    };
    sources.into_iter().filter_map(path).collect()
}

impl Archives {
    /// What all of these list, an object a line; `None` where one is no archive, or one that does not tell.
    pub(crate) fn list(&self, sources: &[Typed]) -> anyhow::Result<Option<String>> {
        if !sources.iter().all(|source| matches!(source, Typed::Address(_))) {
            return Ok(None);
        }
        let options = self.options()?;
        let mut listing = String::new();
        for source in sources {
            let Typed::Address(address) = source else { return Ok(None) };
            let Some(objects) = doppelray_pacs::list(address, &options)? else { return Ok(None) };
            objects.iter().for_each(|object| listing.extend([object.as_str(), "\n"]));
        }
        Ok(Some(listing))
    }

    /// Receives what addresses stand for; it waits, sealed, in a nameless file beside `out`.
    pub(crate) fn receive(
        &self,
        sources: Vec<Typed>,
        out: &Path,
        console: &Console,
    ) -> anyhow::Result<Vec<Source>> {
        let options = self.options()?;
        let folder = out.ancestors().skip(1).find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
        let spool =
            Spool::create(folder).with_context(|| format!("{}: cannot be written", folder.display()))?;
        let source = |source| match source {
            Typed::Path(path) => Ok(Source::Path(path)),
            Typed::Address(address) => {
                let received =
                    doppelray_pacs::receive(&address, &options, &spool, &|event| console.listen(event))?;
                Ok(Source::Received(received))
            }
        };
        sources.into_iter().map(source).collect()
    }

    fn options(&self) -> anyhow::Result<Options> {
        let login = match &self.login {
            Some(file) => {
                owner_alone(file)?;
                let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
                Some((file.display().to_string(), text))
            }
            None => env::var("DOPPELRAY_LOGIN").ok().map(|text| ("DOPPELRAY_LOGIN".to_owned(), text)),
        };
        let login = login.map(|(whence, text)| {
            let why = || Usage(format!("{whence}: holds neither USER:PASSWORD nor `Bearer TOKEN`"));
            Login::parse(&text).ok_or_else(why)
        });
        let read = |file: &PathBuf| fs::read(file).with_context(|| file.display().to_string());
        Ok(Options {
            calling: self.calling.clone(),
            move_to: self.move_to.clone(),
            login: login.transpose()?,
            authorities: self.authority.as_ref().map(read).transpose()?,
            patience: Duration::from_secs(self.patience),
            ..Options::default()
        })
    }
}
