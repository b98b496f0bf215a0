//! `doppelray study new`: draw the images and make the study's folder.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use doppelray_images::Collection;
use doppelray_study::day;
use doppelray_study::design::Design;
use doppelray_study::draw::{Request, draw, write};
use doppelray_study::study::{About, FORMAT};
use serde::Serialize;

use super::now;
use crate::cmd::Common;
use crate::console::{Console, Usage};
use crate::web::languages;

/// Draw real and synthetic images for a study and make its folder.
#[derive(Args)]
#[command(
    after_help = "Example:\n  doppelray study new knees fakes --out study --count 30 --deadline 2030-06-30\n\n\
    As many real as synthetic images of each grade, never two of one subject; all scaled alike, of one bit depth, stored without any \
    header. Examples for training are drawn beside them. Designs: two-phase (severity first, then real or synthetic), grading, \
    real-or-fake, paired (which of two is real)."
)]
pub(crate) struct New {
    /// The collection of real images.
    real: PathBuf,
    /// The collection of synthetic images.
    synthetic: PathBuf,
    /// The study's folder to make.
    #[arg(long, value_name = "STUDY")]
    out: PathBuf,
    /// What is asked.
    #[arg(long, default_value = "two-phase", value_parser = design)]
    design: Design,
    /// Images of either kind.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(4..=2000))]
    count: u16,
    /// Images that each reader sees twice, in each part.
    #[arg(long, default_value_t = 0)]
    repeats: u16,
    /// Draw real images from this split alone.
    #[arg(long, value_name = "SPLIT")]
    real_split: Option<String>,
    /// Scale all images to this width and height.
    #[arg(long)]
    size: Option<u32>,
    /// What readers see as the study's name; it must not tell what is to be found out.
    #[arg(long, default_value = "Reading radiographs of the knee")]
    title: String,
    /// Whom readers can ask: a name, an address.
    #[arg(long, default_value = "")]
    contact: String,
    /// The last day for answers, YYYY-MM-DD; the coordinator can set another.
    #[arg(long, default_value = "")]
    deadline: String,
    /// The language of the pages where a reader's browser asks for none that there is.
    #[arg(long, default_value = "en", value_parser = PossibleValuesParser::new(languages()))]
    language: String,
    /// How far from chance still counts as chance, in the equivalence tests.
    #[arg(long, default_value_t = 0.1)]
    margin: f64,
    /// Of the drawing and the order.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

#[derive(Serialize)]
struct Report {
    out: PathBuf,
    about: About,
    grades: std::collections::BTreeMap<u8, usize>,
}

impl New {
    pub(crate) fn run(self, common: Common) -> anyhow::Result<()> {
        let console = Console::new(common);
        self.check()?;
        let (real, synthetic) = (Collection::open(&self.real)?, Collection::open(&self.synthetic)?);
        let request = Request {
            real: &real,
            real_split: self.real_split.as_deref(),
            synthetic: &synthetic,
            count: self.count.into(),
            size: self.size,
            design: self.design,
            seed: self.seed,
        };
        let drawn = draw(&request, &|event| console.listen(event))?;
        let about = About {
            format: FORMAT,
            title: self.title.clone(),
            design: self.design,
            seed: self.seed,
            repeats: self.repeats.into(),
            margin: self.margin,
            deadline: self.deadline.clone(),
            contact: self.contact.clone(),
            language: self.language.clone(),
            images: drawn.described(&request),
            made_by: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let study = write(&self.out, about, &drawn, now())?;
        let report = Report { out: self.out.clone(), about: study.about().clone(), grades: drawn.grades() };
        console.finish(&self.summary(&report), &report)
    }

    fn check(&self) -> anyhow::Result<()> {
        if !self.deadline.is_empty() && day::number(&self.deadline).is_none() {
            return Err(Usage(format!("--deadline {}: is not a day like 2030-06-30", self.deadline)).into());
        }
        if !(0.01..=0.5).contains(&self.margin) {
            return Err(Usage(format!("--margin {}: give one between 0.01 and 0.5", self.margin)).into());
        }
        Ok(())
    }

    fn summary(&self, report: &Report) -> String {
        let grades: Vec<String> = report.grades.iter().map(|(g, n)| format!("grade {g}: {n}")).collect();
        let images = &report.about.images;
        let mut text = format!(
            "{} real and {} synthetic images, {} of either kind; {} x {} pixels, {} bits\n",
            self.count,
            self.count,
            grades.join(", "),
            images.size,
            images.size,
            u8::from(images.depth)
        );
        for caution in &images.cautions {
            text += &format!("caution: {caution}\n");
        }
        let out = self.out.display();
        text + &format!(
            "{out}\n\nNow invite people, each by a link of their own:\n  doppelray study invite {out} --coordinator --count 1\n  \
             doppelray study invite {out} --count 15\n  doppelray study serve {out}"
        )
    }
}

fn design(text: &str) -> Result<Design, String> {
    let found = Design::NAMES.into_iter().find(|(name, _)| *name == text);
    found.map(|(_, design)| design).ok_or_else(|| {
        let names = Design::NAMES.map(|(name, _)| name).join(", ");
        format!("`{text}` is no design; choose one of {names}")
    })
}
