use std::path::Path;

use doppelray_images::collection::{About as CollectionAbout, Begun, Kind, Writer};
use doppelray_images::progress::silent;
use doppelray_images::{Collection, Depth, Image, Row};
use doppelray_measures::panel::simulate::Population;
use doppelray_measures::rng::{Purpose, stream};

use super::*;
use crate::answer::{Answer, Submission};
use crate::draw::{Request, draw, write};
use crate::error::Error;
use crate::reader::Role;
use crate::step::Step;
use crate::study::{About, Study, tests::about};

const NOW: i64 = 1_800_000_000_000;

/// Two collections of noise: the content does not matter here, and drawing knees takes long.
fn collections(folder: &Path, sizes: [u32; 2]) -> [Collection; 2] {
    [collection(folder, "real", sizes[0], 65_535), collection(folder, "fakes", sizes[1], 65_535)]
}

/// Two images a subject, in all grades, none brighter than `white` of 65,535.
fn collection(folder: &Path, name: &str, size: u32, white: u16) -> Collection {
    let about = CollectionAbout {
        kind: Kind::Phantom,
        title: name.into(),
        size,
        depth: Depth::Sixteen,
        licence: String::new(),
        source: String::new(),
        made_by: "0".into(),
        settings: toml::Table::new(),
    };
    let Begun::Open(writer) = Writer::begin(&folder.join(name), about).unwrap() else {
        panic!("a new folder")
    };
    let row = |index: u64| {
        let mut draws = stream(u64::from(size), Purpose::Panel, index);
        let pixels = (0..size * size).map(|_| draws.below(usize::from(white) + 1) as u16).collect();
        let grade = Some((index / 2 % 5) as u8);
        let row = Row {
            file: Writer::place("all", grade, &format!("{name}{index}")),
            id: format!("{name}{index}"),
            subject: Some(format!("P{}", index / 2)),
            side: None,
            grade,
            split: "all".into(),
            seed: None,
            sha256: String::new(),
            flags: String::new(),
        };
        writer.put(row, &Image::new(size, size, Depth::Sixteen, pixels)).unwrap()
    };
    let rows = (0..80).map(row).collect();
    writer.finish(rows).unwrap()
}

fn request<'a>([real, synthetic]: &'a [Collection; 2], design: Design) -> Request<'a> {
    Request { real, real_split: None, synthetic, count: 20, size: None, design, seed: 5 }
}

fn study(design: Design, repeats: usize) -> (tempfile::TempDir, Study) {
    let folder = tempfile::tempdir().unwrap();
    let pair = collections(folder.path(), [32, 32]);
    let drawn = draw(&request(&pair, design), &silent).unwrap();
    let about = About { design, repeats, ..about() };
    let study = write(&folder.path().join("study"), about, &drawn, NOW).unwrap();
    (folder, study)
}

fn answered(study: &Study, population: Population) -> Store {
    let store = Store::open(&study.database(), study.about()).unwrap();
    store.attempt(|s| panel::answer_all(s, population, (3, 6, NOW))).unwrap();
    store.freeze(NOW, "console").unwrap();
    store
}

#[test]
fn a_study_draws_both_kinds_alike_by_grade_and_no_subject_twice() {
    let (_folder, study) = study(Design::TwoPhase, 0);
    let store = Store::open(&study.database(), study.about()).unwrap();
    let cases = store.all_cases();
    assert_eq!(cases.len(), 40 + 3 + 4);
    for grade in 0..5 {
        let count = |truth| {
            cases.iter().filter(|c| c.used == Use::Study && c.truth == truth && c.grade == grade).count()
        };
        assert_eq!(count(Truth::Real), count(Truth::Synthetic), "grade {grade}");
    }
    let mut subjects: Vec<(Truth, &str)> = cases.iter().map(|c| (c.truth, c.subject.as_str())).collect();
    subjects.sort_unstable();
    subjects.dedup();
    assert_eq!(subjects.len(), cases.len());
    let examples =
        |truth| cases.iter().filter(|c| c.used == Use::Example(Task::Grade) && c.truth == truth).count();
    assert_eq!(
        (examples(Truth::Real), examples(Truth::Synthetic)),
        (3, 0),
        "nothing hints at others before part 2"
    );
    let names: Vec<String> = std::fs::read_dir(study.root())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(names.iter().all(|n| {
        ["study.toml", "study.db", "pixels.bin", "study.db-wal", "study.db-shm"].contains(&n.as_str())
    }));
}

#[test]
fn one_kind_is_never_resampled_alone() {
    let folder = tempfile::tempdir().unwrap();
    let pair = collections(folder.path(), [48, 32]);
    let with = |size| draw(&Request { size, ..request(&pair, Design::RealOrFake) }, &silent);
    let said = |size| with(size).err().map(|e| e.to_string()).unwrap_or_default();
    assert!(said(None).contains("--size below 32"), "{}", said(None));
    assert!(said(Some(32)).contains("would scale only one kind"), "{}", said(Some(32)));
    assert_eq!(with(Some(24)).unwrap().described(&request(&pair, Design::RealOrFake)).size, 24);
    let few = draw(&Request { count: 500, size: Some(24), ..request(&pair, Design::RealOrFake) }, &silent);
    assert!(few.err().unwrap().to_string().contains("ask for fewer with --count"));
}

#[test]
fn a_trait_that_gives_a_kind_away_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let pair = [collection(folder.path(), "real", 32, 65_535), collection(folder.path(), "dim", 32, 40_000)];
    let drawn = draw(&request(&pair, Design::RealOrFake), &silent).unwrap();
    assert!(drawn.cautions.iter().any(|c| c.starts_with("mean brightness")), "{:?}", drawn.cautions);
}

#[test]
fn a_panel_of_known_ability_gives_it_back() {
    let (_folder, study) = study(Design::TwoPhase, 6);
    let population = Population { shift: 1.2, reader: 0.05, case: 0.3 };
    let store = answered(&study, population);
    assert!(matches!(report(&store), Err(Error::Blinded)));
    store.unblind(NOW, "console").unwrap();
    let report = report(&store).unwrap();
    let j = report.judging.as_ref().unwrap();
    let holds = |e: &doppelray_measures::estimate::Estimate, truth: f64| e.low <= truth && truth <= e.high;
    assert!(holds(&j.auc, population.area()), "{:?}", j.auc);
    assert!(holds(&j.accuracy, population.share_right()), "{:?}", j.accuracy);
    assert!(holds(&j.d_prime, 1.2), "{:?}", j.d_prime);
    assert!(!j.auc_equivalence.equivalent && j.auc_equivalence.p_difference < 0.05);
    assert_eq!((report.readers, report.cases.real, j.by_reader.len()), (6, 20, 6));
    let g = report.grading.as_ref().unwrap();
    assert!(g.kinds["real"].label_kappa.unwrap().value > 0.7);
    assert!(j.repeat_agreement.is_some() && g.repeat_kappa.is_some());
    let again = super::report(&store).unwrap();
    assert_eq!(serde_json::to_string(&report).unwrap(), serde_json::to_string(&again).unwrap());
}

/// Of a reader who calls everything real no area differs from chance, and no image would change that.
#[test]
fn who_answers_alike_to_all_shows_nothing() {
    let (_folder, study) = study(Design::RealOrFake, 0);
    let store = Store::open(&study.database(), study.about()).unwrap();
    let me = store.invite(NOW, "console", (Role::Reader, "Ada", 30)).unwrap().person.number;
    let mut step = store.consent(NOW, me).unwrap();
    while let Step::Example { part, n } | Step::Case { part, n } = step {
        let example = matches!(step, Step::Example { .. });
        let answer = Answer::Judge { synthetic: false, confidence: 3, mark: None, reason: String::new() };
        let key = format!("answer-{example}-{n}");
        let sent = Submission { key, part, example, n, revises: false, ms: 900, answer };
        step = store.answer(NOW, me, &sent).unwrap().next;
    }
    store.freeze(NOW, "console").unwrap();
    store.unblind(NOW, "console").unwrap();
    let report = report(&store).unwrap();
    let j = report.judging.as_ref().unwrap();
    assert_eq!((j.auc.value, j.accuracy.value), (0.5, 0.5));
    assert!(!j.auc_equivalence.equivalent && !j.accuracy_equivalence.equivalent, "{:?}", j.auc_equivalence);
    for e in [j.auc, j.accuracy, j.fakes_less_reals, j.d_prime, j.bias] {
        assert!(e.high - e.low > 0.2, "{e:?}");
    }
    assert!(report.verdict.contains("undecided"), "{}", report.verdict);
    assert!(report.cautions.iter().any(|c| c.starts_with("one reader")));
}

#[test]
fn exports_hold_every_answer_and_every_rating() {
    let (_folder, study) = study(Design::TwoPhase, 4);
    let store = answered(&study, Population { shift: 0.4, reader: 0.05, case: 0.3 });
    assert!(matches!(crate::export::tidy(&store), Err(Error::Blinded)));
    store.unblind(NOW, "console").unwrap();
    let tidy = crate::export::tidy(&store).unwrap();
    assert_eq!(tidy.lines().count(), 1 + 6 * 2 * (40 + 4));
    let imrmc = crate::export::imrmc(&store).unwrap().unwrap();
    assert_eq!(imrmc.lines().count(), 2 + 40 + 6 * 40);
}

#[test]
fn pairs_are_of_one_grade_with_sides_even() {
    let (_folder, study) = study(Design::Paired, 0);
    let store = answered(&study, Population { shift: 1.5, reader: 0.05, case: 0.3 });
    let all = items(store.all_cases(), Use::Study);
    assert!(all.iter().all(|item| {
        let [a, b] = [0, 1].map(|i| &store.all_cases()[item.images[i]]);
        a.grade == b.grade && a.truth == Truth::Real && b.truth == Truth::Synthetic
    }));
    let right = store.readings().unwrap().iter().filter(|r| r.swapped).count();
    assert_eq!(right, 6 * 20 / 2, "over two readers each pair is shown either way");
    store.unblind(NOW, "console").unwrap();
    let report = report(&store).unwrap();
    let found = report.pairing.unwrap().found;
    assert!(found.low > 0.6, "{found:?}");
}

#[test]
fn who_did_not_finish_is_counted_and_left_out() {
    let (_folder, study) = study(Design::Grading, 0);
    let store = Store::open(&study.database(), study.about()).unwrap();
    store.freeze(NOW, "console").unwrap();
    store.unblind(NOW, "console").unwrap();
    let report = report(&store).unwrap();
    assert_eq!((report.readers, report.unfinished), (0, 0));
    assert_eq!(report.verdict, "No reader has finished a part yet.");
}
