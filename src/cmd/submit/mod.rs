//! `doppelray submit`: a sample, an evaluation or an audit in shards on a cluster that is there already.

mod kubernetes;
mod slurm;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};
use doppelray_images::files::write_whole;
use serde::Serialize;

use super::Common;
use crate::console::{Console, Usage};

/// Write the jobs that draw a sample, or describe what `evaluate` or `audit` compares, in shards on a cluster, and join the shards.
///
/// For Slurm: an array job and a job that depends on it, which --now hands in. For Kubernetes: an indexed job and one that joins as
/// soon as all shards are whole; `kubectl apply -f` hands them in. A shard that dies is begun again and goes on where it stood.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  doppelray submit slurm --shards 8 --to jobs --now -- sample model.safetensors --seeds 0-319999 --out fakes\n  \
    doppelray submit kubernetes --shards 8 --to jobs --image registry/doppelray --claim data -- sample knee --seeds 0-9999 --out /data/fakes"
)]
pub(crate) struct Submit {
    /// The scheduler.
    scheduler: Scheduler,
    /// Into how many parts the work is cut.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    shards: u32,
    /// The folder to write the jobs into.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Processors of each shard.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=1024))]
    cpus: u32,
    /// Memory of each shard in GiB.
    #[arg(long, value_name = "GIB", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=4096))]
    memory: u32,
    /// Hand the jobs in (Slurm).
    #[arg(long)]
    now: bool,
    /// The container image that holds doppelray (Kubernetes).
    #[arg(long, value_name = "IMAGE", default_value = "doppelray")]
    image: String,
    /// The volume claim that the shards are written to, mounted at /data (Kubernetes).
    #[arg(long, value_name = "CLAIM", default_value = "doppelray-data")]
    claim: String,
    /// The command: `sample`, `evaluate` or `audit` without --shard.
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scheduler {
    Slurm,
    Kubernetes,
}

#[derive(Serialize)]
struct Report {
    files: Vec<PathBuf>,
    /// What the scheduler said.
    said: Option<String>,
}

/// Work cut in parts.
struct Parts<'a> {
    submit: &'a Submit,
    kind: Kind,
    /// The command without its `--out`.
    words: Vec<String>,
    out: String,
}

/// What is cut.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Each part draws a collection.
    Sample,
    /// Each part keeps features beside the collections.
    Features,
}

impl Submit {
    pub(crate) fn run(self, common: Common) -> anyhow::Result<()> {
        if self.now && self.scheduler != Scheduler::Slurm {
            return Err(
                Usage("--now is for slurm; hand the others in by `kubectl apply -f`".to_owned()).into()
            );
        }
        let parts = Parts::of(&self)?;
        let files = match self.scheduler {
            Scheduler::Slurm => slurm::files(&parts),
            Scheduler::Kubernetes => vec![("jobs.yaml", kubernetes::jobs(&parts))],
        };
        std::fs::create_dir_all(&self.to).with_context(|| self.to.display().to_string())?;
        let mut written = Vec::new();
        for (name, text) in files {
            let path = self.to.join(name);
            write_whole(&path, |file| file.write_all(text.as_bytes()))
                .with_context(|| path.display().to_string())?;
            written.push(path);
        }
        let said = self.now.then(|| hand_in(&self.to)).transpose()?;
        let next = match (self.scheduler, &said) {
            (_, Some(said)) => said.clone(),
            (Scheduler::Slurm, None) => format!("next: sh {}", self.to.join(slurm::HAND_IN).display()),
            (Scheduler::Kubernetes, None) => format!("next: kubectl apply -f {}", written[0].display()),
        };
        let lines: Vec<String> = written.iter().map(|path| path.display().to_string()).collect();
        Console::new(common)
            .finish(&format!("{}\n{next}", lines.join("\n")), &Report { files: written, said })
    }
}

impl<'a> Parts<'a> {
    fn of(submit: &'a Submit) -> anyhow::Result<Self> {
        let refuse = |reason: &str| Err(Usage(format!("after --: {reason}")).into());
        let [name, words @ ..] = &submit.command[..] else { return refuse("a command is needed") };
        let kind = match name.as_str() {
            "sample" => Kind::Sample,
            "evaluate" | "audit" => Kind::Features,
            _ => {
                let reason =
                    format!("`{name}` cannot be cut in shards; `sample`, `evaluate` and `audit` can");
                return refuse(&reason);
            }
        };
        if words.iter().any(|word| ["--shard", "--like", "--kept"].iter().any(|out| word.starts_with(out))) {
            return refuse("leave --shard, --like and --kept out");
        }
        let (mut rest, mut out) = (vec![name.clone()], None);
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.strip_prefix("--out") {
                Some("") => out = words.next().cloned(),
                Some(given) if given.starts_with('=') => out = Some(given[1..].to_owned()),
                _ => rest.push(word.clone()),
            }
        }
        let Some(out) = out else { return refuse("--out is needed") };
        Ok(Self { submit, kind, words: rest, out })
    }

    /// The folder of the parts.
    fn folder(&self) -> String {
        format!("{}.shards", self.out.trim_end_matches('/'))
    }

    /// The command of the part whose number `part` expands to in a shell.
    fn part(&self, part: &str) -> String {
        let out = match self.kind {
            Kind::Sample => format!("{}/{part}", quoted(&self.folder())),
            Kind::Features => quoted(&self.out),
        };
        format!("{} --out {out} --shard {part}/{}", self.command(), self.submit.shards)
    }

    /// The command that joins them, and fails where one is missing.
    fn join(&self) -> String {
        let out = quoted(&self.out);
        match self.kind {
            Kind::Sample => format!("doppelray merge {}/* --out {out}", quoted(&self.folder())),
            Kind::Features => format!("{} --out {out} --kept", self.command()),
        }
    }

    /// The program and its words, but for `--out`.
    fn command(&self) -> String {
        let words: Vec<String> = self.words.iter().map(|word| quoted(word)).collect();
        format!("doppelray {}", words.join(" "))
    }
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn hand_in(folder: &Path) -> anyhow::Result<String> {
    let script = folder.join(slurm::HAND_IN);
    let output = Command::new("sh").arg(&script).output().with_context(|| script.display().to_string())?;
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    ensure!(output.status.success(), "{}: {}", script.display(), said(&output.stderr));
    Ok(said(&output.stdout))
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn submit(scheduler: Scheduler, command: &str) -> Submit {
        Submit {
            scheduler,
            shards: 8,
            to: PathBuf::from("jobs"),
            cpus: 2,
            memory: 4,
            now: false,
            image: "doppelray".into(),
            claim: "data".into(),
            command: command.split(' ').map(str::to_owned).collect(),
        }
    }

    #[test]
    fn a_command_is_cut_and_joined_and_odd_names_are_quoted() {
        let order = submit(Scheduler::Slurm, "sample it's.safetensors --seeds 0-9 --out=f$k");
        let parts = Parts::of(&order).unwrap();
        assert_eq!(
            parts.part("$I"),
            r"doppelray sample 'it'\''s.safetensors' --seeds 0-9 --out 'f$k.shards'/$I --shard $I/8"
        );
        assert_eq!(parts.join(), "doppelray merge 'f$k.shards'/* --out 'f$k'");
        let order = submit(Scheduler::Slurm, "evaluate knees fakes --out proof");
        let parts = Parts::of(&order).unwrap();
        assert_eq!(parts.part("$I"), "doppelray evaluate knees fakes --out proof --shard $I/8");
        assert_eq!(parts.join(), "doppelray evaluate knees fakes --out proof --kept");
    }

    #[test]
    fn what_cannot_be_cut_is_refused() {
        for (command, reason) in [
            ("train a --out c", "`train` cannot be cut"),
            ("sample m --seeds 0-9", "--out is needed"),
            ("sample m --out a --shard 1/2", "leave --shard"),
            ("evaluate a b --out c --kept", "leave --shard, --like and --kept"),
        ] {
            let error = Parts::of(&submit(Scheduler::Slurm, command)).err().unwrap();
            assert!(error.is::<Usage>() && error.to_string().contains(reason), "{command}: {error}");
        }
    }
}
