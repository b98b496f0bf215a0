//! `doppelray weights`: networks' weights from where they are published.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::{Args, Subcommand};
use doppelray_images::progress::{Event, Listener};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use ureq::Agent;

use super::Common;
use crate::console::Console;
use crate::report::seal;

/// Where torchvision publishes weights. What stands between `-` and `.pth` in a name are the first digits of the file's SHA-256.
const PUBLISHED: &str = "https://download.pytorch.org/models";
/// The networks that `--features` knows, trained on ImageNet.
const FILES: [&str; 5] = [
    "squeezenet1_1-b8a52dc0.pth",
    "mobilenet_v2-b0353104.pth",
    "resnet18-f37072fd.pth",
    "resnet34-b627a593.pth",
    "vgg16-397923af.pth",
];
/// More than any of them.
const MOST: u64 = 1 << 30;
/// Without a byte for so long, the other side is gone.
const PATIENCE: Duration = Duration::from_secs(60);

/// Weights of networks that describe images.
#[derive(Args)]
pub(crate) struct WeightsCommand {
    #[command(subcommand)]
    command: Which,
}

#[derive(Subcommand)]
enum Which {
    Get(Get),
}

/// Fetch weights from where torchvision publishes them, and hold them to the hash that it pins.
///
/// The file serves as `--features` of `evaluate`, `audit` and `utility`, and as `game.features` of `train`. No other command
/// fetches weights; on a machine without a network, bring the file. The weights were trained on ImageNet: mind its terms.
#[derive(Args)]
#[command(after_help = "Example:\n  doppelray weights get squeezenet1_1")]
struct Get {
    /// The network.
    #[arg(value_parser = FILES.map(network))]
    name: String,
    /// The file to write [default: under the name that it is published by].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Another place that holds the file.
    #[arg(long, value_name = "URL", default_value = PUBLISHED)]
    from: String,
    /// The digits that its SHA-256 begins with [default: the publisher's].
    #[arg(long, value_name = "HEX", value_parser = digits)]
    sha256: Option<String>,
}

#[derive(Serialize)]
struct Report {
    file: PathBuf,
    sha256: String,
}

impl WeightsCommand {
    pub(crate) fn run(self, common: Common) -> anyhow::Result<()> {
        let Which::Get(get) = self.command;
        get.run(&Console::new(common))
    }
}

impl Get {
    fn run(self, console: &Console) -> anyhow::Result<()> {
        let file = FILES.into_iter().find(|file| network(file) == self.name).expect("one of these");
        let pinned = self.sha256.as_deref().unwrap_or_else(|| hash_in(file));
        let out = self.out.clone().unwrap_or_else(|| file.into());
        if out.exists() {
            let sha256 = seal::hex(&std::fs::read(&out).with_context(|| out.display().to_string())?);
            ensure!(
                sha256.starts_with(pinned),
                "{}: is there, with the SHA-256 {sha256}, which does not begin with {pinned}; move it away, or name another --out",
                out.display()
            );
            return done(console, "is there already", out, sha256);
        }
        let address = format!("{}/{file}", self.from.trim_end_matches('/'));
        let (beside, sha256) =
            fetch(&address, &out, &|event| console.listen(event)).with_context(|| address.clone())?;
        ensure!(
            sha256.starts_with(pinned),
            "{address}: what came has the SHA-256 {sha256}, which does not begin with {pinned}; it was not kept"
        );
        beside.persist_noclobber(&out).with_context(|| out.display().to_string())?;
        done(console, "fetched", out, sha256)
    }
}

fn done(console: &Console, how: &str, file: PathBuf, sha256: String) -> anyhow::Result<()> {
    let said = format!("{}: {how}, SHA-256 {sha256}\nnext: --features {}", file.display(), file.display());
    console.finish(&said, &Report { file, sha256 })
}

/// A file beside the one that it will be, and its hash.
fn fetch(address: &str, out: &Path, listener: Listener) -> anyhow::Result<(NamedTempFile, String)> {
    let agent: Agent = Agent::config_builder()
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .timeout_per_read(Some(PATIENCE))
        .build()
        .new_agent();
    let mut response =
        agent.get(address).call().context("cannot be fetched; bring the file from another machine")?;
    let length = response.body().content_length().unwrap_or(0);
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file =
        NamedTempFile::with_prefix_in(".fetching-", folder).with_context(|| folder.display().to_string())?;
    let mut body = response.body_mut().with_config().limit(MOST).reader();
    listener(Event::Begin { task: "fetching", total: length >> 10, unit: "KiB" });
    let (mut hash, mut buffer, mut size) = (Sha256::new(), vec![0; 1 << 16], 0);
    loop {
        let read = body.read(&mut buffer).context("stopped on the way; give the same command again")?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
        file.write_all(&buffer[..read]).with_context(|| out.display().to_string())?;
        listener(Event::Advance(((size + read as u64) >> 10) - (size >> 10)));
        size += read as u64;
    }
    listener(Event::End);
    if length > 0 && size != length {
        bail!("{size} of {length} bytes came; give the same command again");
    }
    file.as_file().sync_all().with_context(|| out.display().to_string())?;
    Ok((file, hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
}

/// A network's name in its file's.
fn network(file: &'static str) -> &'static str {
    file.split_once('-').expect("a name and a hash").0
}

fn hash_in(file: &'static str) -> &'static str {
    file.split_once('-').and_then(|(_, rest)| rest.strip_suffix(".pth")).expect("a name and a hash")
}

fn digits(text: &str) -> Result<String, String> {
    let hex = (8..=64).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_hexdigit());
    if hex {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(format!("`{text}` is not 8 to 64 hexadecimal digits"))
    }
}
