//! `doppelray release`: may these images leave the house? If so, pack them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{anyhow, ensure};
use clap::Args;
use doppelray_images::Collection;
use doppelray_images::collection::{Kind, called};

use super::Common;
use crate::console::{Console, Usage};
use crate::proof::command_line;
use crate::release::gate::{Dropped, Judged, Outcome, Override};
use crate::release::proof::{self, Proof};
use crate::release::{
    FORMAT, Images, Order, Release as Decision, Source, Verdict, gate, policy, signature, write,
};
use crate::report::evaluate::FileHash;
use crate::report::seal::hex;

/// Decide by a policy whether synthetic images may leave the house, and pack them.
#[derive(Args)]
#[command(
    after_help = "Example:\n  doppelray release fakes --proof proof --licence CC-BY-4.0 --author 'Ada Lab' --out package\n\n\
    Refuses (exit status 1) unless every report of the proof speaks of exactly these images and every line of the policy holds. Images that \
    fail one by one are left out. `doppelray release --print-policy` shows the policy that holds where none is given: save it, change it, and \
    give it with --policy. A line can be let pass by name: --override 'fidelity=only to teach with' --by 'Prof. Ada, data steward'; both are \
    printed on the card."
)]
pub(crate) struct Release {
    /// The collection of synthetic images.
    #[arg(required_unless_present = "print_policy")]
    synthetic: Option<PathBuf>,
    /// The proof folder that evaluate and audit wrote into.
    #[arg(long, value_name = "PROOF", required_unless_present = "print_policy")]
    proof: Option<PathBuf>,
    /// The package to make.
    #[arg(long, value_name = "PACKAGE", required_unless_present_any = ["print_policy", "dry_run"])]
    out: Option<PathBuf>,
    /// What is demanded of the proof [default: see --print-policy].
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// A reader study of these images that was reported.
    #[arg(long, value_name = "STUDY")]
    study: Option<PathBuf>,
    /// The package's licence, as SPDX writes it [default: the collection's].
    #[arg(long, value_name = "SPDX")]
    licence: Option<String>,
    /// Whose work it is: a person, a lab; may be given again.
    #[arg(long, value_name = "NAME")]
    author: Vec<String>,
    /// The package's title [default: the collection's].
    #[arg(long)]
    title: Option<String>,
    /// Pack the images as WebDataset shards beside the folders.
    #[arg(long)]
    webdataset: bool,
    /// Pack the images as DICOM objects beside the folders.
    #[arg(long)]
    dicom: bool,
    /// Sign the package with this secret key of minisign.
    #[arg(long, value_name = "KEY")]
    sign: Option<PathBuf>,
    /// Let a line of the policy pass that does not hold, and why; may be given again.
    #[arg(long = "override", value_name = "LINE=REASON", requires = "by", value_parser = overridden)]
    overrides: Vec<[String; 2]>,
    /// Who answers for the overrides: name and office.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Decide, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print the policy that holds where none is given.
    #[arg(long)]
    print_policy: bool,
}

impl Release {
    pub(crate) fn run(self, common: Common) -> anyhow::Result<()> {
        let console = Console::new(common);
        if self.print_policy {
            let said = policy::DEFAULT.trim_end();
            return console.finish(said, &serde_json::json!({ "policy": said }));
        }
        let (Some(synthetic), Some(from)) = (&self.synthetic, &self.proof) else {
            return Err(Usage("give a collection and --proof".to_owned()).into());
        };
        let collection = Collection::open(synthetic)?;
        ensure!(
            collection.about().kind != Kind::Real,
            "{}: holds images of patients; only synthetic ones are released",
            synthetic.display()
        );
        let key = self.sign.as_deref().map(signature::secret_key).transpose()?;
        let proof = proof::open(from, self.study.as_deref(), &collection)?;
        let (rules, text) = match &self.policy {
            Some(path) => policy::read(path)?,
            None => (policy::parse(policy::DEFAULT)?, policy::DEFAULT.to_owned()),
        };
        let known: BTreeSet<&str> = collection.rows().iter().map(|row| row.file.as_str()).collect();
        let dropped = gate::dropped(&rules, &proof.reports, &known)?;
        let mut lines = gate::judge(&rules, &proof.reports, known.len());
        let overrides = self.overrides();
        gate::overrule(&mut lines, &overrides)?;
        let passes = gate::passes(&lines);
        let decided =
            Decision { lines, overrides, ..self.decision(&collection, (&proof, &text), (passes, dropped))? };
        if let (true, false, Some(out)) = (passes, self.dry_run, &self.out) {
            let order =
                Order { collection: &collection, proof: &proof, policy: &text, out, key: key.as_ref() };
            let written = write(&order, decided, &|e| console.listen(e))?;
            return console.finish(&format!("{}{}", summary(&written), out.display()), &written);
        }
        console.finish(summary(&decided).trim_end(), &decided)?;
        match passes {
            true => Ok(()),
            false => Err(refusal(&decided)),
        }
    }

    fn overrides(&self) -> Vec<Override> {
        let by = self.by.as_deref().unwrap_or_default();
        let one = |[line, reason]: &[String; 2]| Override {
            line: line.clone(),
            by: by.to_owned(),
            reason: reason.clone(),
        };
        self.overrides.iter().map(one).collect()
    }

    /// All that is known before images are packed.
    fn decision(
        &self,
        collection: &Collection,
        (proof, policy): (&Proof, &str),
        (passes, dropped): (bool, Vec<Dropped>),
    ) -> anyhow::Result<Decision> {
        let about = collection.about();
        let licence = self.licence.as_ref().unwrap_or(&about.licence).trim().to_owned();
        let packs = passes && !self.dry_run;
        if packs && licence.is_empty() {
            return Err(Usage(
                "nobody may use what has no licence: give --licence, like CC-BY-4.0".to_owned(),
            )
            .into());
        }
        if packs && self.author.is_empty() {
            return Err(Usage("say whose work it is: give --author".to_owned()).into());
        }
        let out: BTreeSet<&str> = dropped.iter().map(|d| d.file.as_str()).collect();
        let kept = collection.rows().iter().filter(|row| !out.contains(row.file.as_str()));
        let mut grades = BTreeMap::<String, usize>::new();
        for row in kept {
            *grades.entry(called(row.grade)).or_default() += 1;
        }
        let model = about.settings.get("model").and_then(toml::Value::as_str).unwrap_or_default();
        Ok(Decision {
            format: FORMAT,
            decision: if passes { Verdict::Release } else { Verdict::Refuse },
            title: self.title.clone().unwrap_or_else(|| about.title.clone()),
            licence,
            authors: self.author.clone(),
            images: Images {
                count: grades.values().sum(),
                grades,
                size: about.size,
                bits: about.depth.into(),
            },
            source: Source {
                title: about.title.clone(),
                hash: collection.hash(),
                count: collection.rows().len(),
                settings: serde_json::to_value(&about.settings)?,
                model: model.to_owned(),
                made_by: about.made_by.clone(),
            },
            webdataset: self.webdataset,
            dicom: self.dicom,
            dropped,
            reports: proof.files.clone(),
            policy: FileHash {
                file: self
                    .policy
                    .as_ref()
                    .map_or_else(|| "the default".to_owned(), |p| p.display().to_string()),
                sha256: hex(policy.as_bytes()),
            },
            lines: Vec::new(),
            overrides: Vec::new(),
            marks: None,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            command: command_line(),
        })
    }
}

fn overridden(text: &str) -> Result<[String; 2], String> {
    match text.split_once('=').map(|(line, reason)| [line.trim().to_owned(), reason.trim().to_owned()]) {
        Some([line, reason]) if !line.is_empty() && !reason.is_empty() => Ok([line, reason]),
        _ => Err("give the line's name and a reason: fidelity='only to teach with'".to_owned()),
    }
}

fn summary(decision: &Decision) -> String {
    let line = |line: &Judged| {
        let outcome = match (line.outcome, &line.overridden) {
            (_, Some(by)) => format!("overridden by {}: {}", by.by, by.reason),
            (Outcome::Holds, _) => "holds".to_owned(),
            (Outcome::Fails, _) => "FAILS".to_owned(),
            (Outcome::Silent, _) => "not measured".to_owned(),
        };
        let figures: Vec<String> = line.figures.iter().map(|f| crate::release::plain(&f.figure)).collect();
        format!("{}: {} demanded, {} found: {outcome}\n", line.name, line.demand, figures.join(", "))
    };
    let lines: String = decision.lines.iter().map(line).collect();
    let out = decision.dropped.len();
    lines + &format!("{} images, {out} of {} left out\n", decision.images.count, decision.source.count)
}

fn refusal(decision: &Decision) -> anyhow::Error {
    let fails = |l: &&Judged| l.outcome == Outcome::Fails && l.overridden.is_none();
    let failed: Vec<&Judged> = decision.lines.iter().filter(fails).collect();
    let names: Vec<&str> = failed.iter().map(|l| l.name.as_str()).collect();
    let verb = if names.len() == 1 { "does" } else { "do" };
    anyhow!(
        "not released: {} {verb} not hold ({}); make better images, or let it pass with --override '{}=REASON' --by NAME",
        names.join(" and "),
        failed[0].why,
        names[0]
    )
}
