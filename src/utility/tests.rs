//! Experiments whose outcome is known: on phantoms, with synthetic images that must help, harm, or do nothing.

use std::path::{Path, PathBuf};

use doppelray_images::collection::{About, Begun, Kind, Writer};
use doppelray_images::progress::silent;
use doppelray_images::{Collection, Depth, Row, phantom_collection};
use doppelray_measures::rng::{Purpose, stream};

use super::plan::Plan;
use super::{Choice, Findings, Heads, Lab, Material, analyse};
use crate::report::utility::Claim;
use crate::spaces::Space;

/// A folder with real phantoms, and whatever synthetic ones are made of others.
struct Clinic {
    folder: tempfile::TempDir,
}

fn about(kind: Kind, seed: i64) -> About {
    About {
        kind,
        title: String::new(),
        size: 64,
        depth: Depth::Eight,
        licence: String::new(),
        source: String::new(),
        made_by: String::new(),
        settings: toml::Table::from_iter([("seed".to_owned(), seed.into())]),
    }
}

impl Clinic {
    fn new() -> Self {
        let clinic = Self { folder: tempfile::tempdir().unwrap() };
        clinic.phantoms("real", 800, 0);
        clinic
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn phantoms(&self, name: &str, count: u64, seed: i64) -> Collection {
        phantom_collection::write(&self.path(name), about(Kind::Phantom, seed), count, &silent).unwrap()
    }

    /// Some images of a collection as a synthetic one, their grades changed.
    fn synthetic(&self, name: &str, of: &Collection, rows: &[&Row], grade: impl Fn(usize) -> Option<u8>) {
        let Begun::Open(writer) = Writer::begin(&self.path(name), about(Kind::Synthetic, 0)).unwrap() else {
            panic!("{name} is there")
        };
        let put = |(at, row): (usize, &&Row)| {
            let (id, grade) = (format!("s{at:05}"), grade(at));
            let file = Writer::place("synthetic", grade, &id);
            let image = of.load(row).unwrap();
            let split = "synthetic".to_owned();
            let new = Row { file, id, subject: None, grade, split, ..(*row).clone() };
            writer.put(new, &image).unwrap()
        };
        let rows = rows.iter().enumerate().map(put).collect();
        writer.finish(rows).unwrap();
    }

    fn experiment(&self, synthetic: &str, plan: &str) -> Findings {
        let (real, synthetic) = (self.path("real"), self.path(synthetic));
        let choice = Choice { real: &real, synthetic: &synthetic, trained_on: None, test: None };
        let material = Material::open(&choice).unwrap();
        let (plan, space) = (Plan::parse(plan).unwrap(), Space::bank());
        let learner = Heads::new(&space, plan.training.as_ref().unwrap());
        let lab = Lab { plan: &plan, material: &material, learner: &learner, folder: self.path("proof") };
        let cells = lab.prepare().unwrap();
        lab.get_ready(&lab.needed(&cells).unwrap(), &silent).unwrap();
        analyse(&plan, &material, lab.run(&cells, &silent).unwrap())
    }
}

/// A plan of one table of arms.
fn plan(seeds: [u64; 2], arms: &str) -> String {
    let seeds: Vec<u64> = (seeds[0]..seeds[1]).collect();
    format!(
        "tasks = [\"binary\", \"ordinal\"]\nseeds = {seeds:?}\n[training]\nsteps = 100\n\
         penalties = [10.0, 1.0, 0.1, 0.01]\nweighting = \"none\"\n[[arms]]\n{arms}"
    )
}

fn say(findings: &Findings) {
    for d in &findings.contrasts {
        let value = |arm| findings.arms.iter().find(|a| a.arm == arm).map(|a| a.metrics["accuracy"].value);
        println!(
            "{:?} {}: {:?} from {:?}, {:?}",
            d.arm.task,
            d.name,
            d.contrast,
            value(d.arm.baseline()),
            d.claim
        );
    }
}

#[test]
fn many_perfectly_labelled_images_help_where_real_ones_are_scarce_and_shuffled_ones_harm() {
    let clinic = Clinic::new();
    let others = clinic.phantoms("others", 1200, 1);
    let rows: Vec<&Row> = others.rows().iter().collect();
    clinic.synthetic("good", &others, &rows, |at| rows[at].grade);
    let mut grades: Vec<Option<u8>> = rows.iter().map(|row| row.grade).collect();
    stream(0, Purpose::Floor, 0).shuffle(&mut grades);
    clinic.synthetic("shuffled", &others, &rows, |at| grades[at]);

    let scarce = plan([0, 5], "strategy = \"mix\"\nreal = [0.02]\nadd = [20.0]\n");
    let helped = clinic.experiment("good", &scarce);
    say(&helped);
    assert!(helped.contrasts.iter().all(|d| d.claim == Claim::Better));

    let many = plan([0, 5], "strategy = \"mix\"\nreal = [0.5]\nadd = [2.0]\n");
    let harmed = clinic.experiment("shuffled", &many);
    say(&harmed);
    assert!(harmed.contrasts.iter().all(|d| d.claim == Claim::Worse));
}

#[test]
fn the_training_images_themselves_once_more_have_no_effect_and_none_is_claimed() {
    let clinic = Clinic::new();
    let real = Collection::open(&clinic.path("real")).unwrap();
    let train = real.split("train");
    clinic.synthetic("copies", &real, &train, |at| train[at].grade);
    let arms = "strategy = \"mix\"\nreal = [1.0]\nadd = [0.75]\n";
    let claims = |repetition: u64| {
        let findings = clinic.experiment("copies", &plan([3 * repetition, 3 * repetition + 3], arms));
        if repetition == 0 {
            say(&findings);
        }
        findings.contrasts.iter().filter(|d| d.claim != Claim::None).count()
    };
    // The level allows a false claim in one repetition of twenty; of more than three the chance is 1.6%.
    let claimed = (0..20).map(claims).filter(|claims| *claims > 0).count();
    assert!(claimed <= 3, "{claimed}");
}

#[test]
fn an_interrupted_plan_goes_on_with_the_cells_that_lack_and_ends_the_same() {
    let clinic = Clinic::new();
    let others = clinic.phantoms("others", 200, 1);
    let rows: Vec<&Row> = others.rows().iter().collect();
    clinic.synthetic("good", &others, &rows, |at| rows[at].grade);
    let arms = plan([0, 2], "strategy = \"pretrain\"\nreal = [0.1]\nadd = [1.0]\n");
    let text = |findings: &Findings| serde_json::to_string(&(&findings.cells, &findings.contrasts)).unwrap();
    let whole = text(&clinic.experiment("good", &arms));
    let cells = files(&clinic.path("proof/cells"));
    // A judgement and a classifier each.
    assert_eq!(cells.len(), 16);
    cells.iter().step_by(3).for_each(|cell| std::fs::remove_file(cell).unwrap());
    let features = clinic.path("proof/bank-1.features");
    let bytes = std::fs::read(&features).unwrap();
    std::fs::File::options()
        .write(true)
        .open(&features)
        .unwrap()
        .set_len(bytes.len() as u64 / 2 + 5)
        .unwrap();
    assert_eq!(text(&clinic.experiment("good", &arms)), whole);
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    files
}
