use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::*;
use crate::answer::{Answer, Submission};
use crate::cases::{Truth, Use};
use crate::design::{Design, Task};
use crate::reader::Role;
use crate::step::Step;
use crate::study::tests::about;

const NOW: i64 = 1_800_000_000_000;

/// A database of four real and four synthetic images and one example a part.
fn study(design: Design) -> (tempfile::TempDir, PathBuf, Store) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.db");
    let about = About { design, ..about() };
    let case = |number: usize, used, truth| Case {
        number,
        used,
        truth,
        grade: (number / 2) as u8,
        pair: (design == Design::Paired).then_some(number / 2),
        subject: String::new(),
        source: format!("s{number}"),
    };
    let truth = |n: usize| if n.is_multiple_of(2) { Truth::Real } else { Truth::Synthetic };
    let mut cases: Vec<Case> = (0..8).map(|n| case(n, Use::Study, truth(n))).collect();
    cases.push(case(8, Use::Example(Task::Grade), Truth::Real));
    cases.push(case(9, Use::Example(Task::Judge), Truth::Synthetic));
    Store::create(&path, &about, &cases, NOW).unwrap();
    let store = Store::open(&path, &about).unwrap();
    (folder, path, store)
}

fn reader(store: &Store) -> usize {
    let invited = store.invite(NOW, "console", (Role::Reader, "Ada", 30)).unwrap();
    store.consent(NOW, invited.person.number).unwrap();
    invited.person.number
}

fn grade(key: &str, example: bool, n: usize) -> Submission {
    let answer = Answer::Grade { grade: 2, quality: 4, confidence: 3 };
    Submission { key: format!("key-{key}"), part: 0, example, n, revises: false, ms: 900, answer }
}

#[test]
fn answers_come_in_order_once_each_and_only_the_last_can_be_revised() {
    let (_folder, _, store) = study(Design::TwoPhase);
    let me = reader(&store);
    let send = |s: &Submission| store.answer(NOW, me, s);
    assert!(send(&grade("early", false, 0)).is_err(), "the example comes first");
    assert_eq!(send(&grade("example", true, 0)).unwrap().next, Step::Case { part: 0, n: 0 });
    let first = send(&grade("first", false, 0)).unwrap();
    assert_eq!(first, Accepted { next: Step::Case { part: 0, n: 1 }, again: false });
    assert!(send(&grade("first", false, 0)).unwrap().again);
    let forged = Submission { n: 1, ..grade("first", false, 0) };
    assert!(matches!(send(&forged), Err(Error::Invalid(_))), "another answer under the same key");
    assert!(matches!(send(&grade("stale", false, 0)), Err(Error::Refused(_))), "a stale tab");
    assert!(matches!(send(&grade("ahead", false, 2)), Err(Error::Refused(_))));
    send(&grade("second", false, 1)).unwrap();
    let revision = |key: &str, n| Submission { revises: true, ..grade(key, false, n) };
    assert!(send(&revision("too-old", 0)).is_err());
    assert_eq!(send(&revision("undo-1", 1)).unwrap().next, Step::Case { part: 0, n: 2 });
    let judge = Answer::Judge { synthetic: true, confidence: 3, mark: None, reason: String::new() };
    assert!(
        send(&Submission { answer: judge, ..grade("other", false, 2) }).is_err(),
        "another part's answer"
    );
    let readings = store.readings().unwrap();
    assert_eq!(readings.iter().map(|r| (r.n, r.revised)).collect::<Vec<_>>(), [(0, 0), (1, 1)]);
    store.log().unwrap();
}

#[test]
fn an_answer_out_of_range_is_refused_and_leaves_nothing() {
    let (_folder, _, store) = study(Design::TwoPhase);
    let me = reader(&store);
    let lines = store.log().unwrap().len();
    let bad = [
        Answer::Grade { grade: 5, quality: 1, confidence: 1 },
        Answer::Grade { grade: 0, quality: 0, confidence: 1 },
        Answer::Grade { grade: 0, quality: 1, confidence: 6 },
        Answer::Judge { synthetic: true, confidence: 1, mark: Some([0.5, f64::NAN]), reason: String::new() },
        Answer::Judge { synthetic: true, confidence: 1, mark: None, reason: "x".repeat(301) },
    ];
    for answer in bad {
        assert!(store.answer(NOW, me, &Submission { answer, ..grade("bad", true, 0) }).is_err());
    }
    let endless = Submission { ms: u64::MAX, ..grade("endless", true, 0) };
    assert!(store.answer(NOW, me, &endless).is_err());
    let unfit = ["short", "no spaces here", "../../etc/passwd"];
    unfit.iter().for_each(|key| {
        assert!(store.answer(NOW, me, &Submission { key: (*key).into(), ..grade("", true, 0) }).is_err());
    });
    assert_eq!(store.log().unwrap().len(), lines);
}

#[test]
fn a_frozen_study_takes_nothing_and_only_then_can_be_unblinded() {
    let (_folder, _, store) = study(Design::Grading);
    let me = reader(&store);
    assert!(matches!(store.unblinded_cases(), Err(Error::Blinded)));
    assert!(matches!(store.unblind(NOW, "console"), Err(Error::Refused(_))));
    store.freeze(NOW, "console").unwrap();
    assert!(matches!(store.answer(NOW, me, &grade("late", true, 0)), Err(Error::Frozen)));
    store.unblind(NOW, "console").unwrap();
    assert_eq!(store.unblinded_cases().unwrap().len(), 10);
    let acts: Vec<String> = store.log().unwrap().into_iter().map(|line| line.act).collect();
    assert_eq!(acts, ["made", "invited", "consented", "frozen", "unblinded"]);
}

#[test]
fn no_answer_is_taken_after_the_last_day_until_another_is_set() {
    let (_folder, _, store) = study(Design::Grading);
    let me = reader(&store);
    let day = crate::day::text(NOW);
    assert!(matches!(store.set_deadline(NOW, "console", "2030-02-30"), Err(Error::Invalid(_))));
    store.set_deadline(NOW, "console", &day).unwrap();
    let over = crate::day::over(crate::day::number(&day).unwrap());
    store.answer(over - 1, me, &grade("in-time", true, 0)).unwrap();
    let late = grade("too-late", false, 0);
    assert!(matches!(store.answer(over, me, &late), Err(Error::Late(date)) if date == day));
    assert!(store.answer(over, me, &grade("in-time", true, 0)).unwrap().again, "what was kept is confirmed");
    store.set_deadline(over, "console", &crate::day::text(over)).unwrap();
    store.answer(over, me, &late).unwrap();
    store.set_deadline(over, "console", "").unwrap();
    assert!(!store.late(over + 1000 * crate::day::LENGTH).unwrap());
    let acts = store.log().unwrap().into_iter().filter(|line| line.act == "deadline").count();
    assert_eq!(acts, 3);
}

#[test]
fn links_expire_and_are_revoked_and_no_secret_is_kept() {
    let (folder, _, store) = study(Design::Grading);
    let invited = store.invite(NOW, "console", (Role::Reader, "Ada", 1)).unwrap();
    let day = 24 * 3600 * 1000;
    assert!(store.bearer(NOW + day - 1, &invited.secret).is_ok());
    assert!(matches!(store.bearer(NOW + day, &invited.secret), Err(Error::NoEntry)));
    assert!(matches!(store.bearer(NOW, "0".repeat(40).as_str()), Err(Error::NoEntry)));
    let session = store.enter(NOW, &invited.secret).unwrap();
    assert_eq!(store.session(NOW, &session).unwrap().number, 1);
    store.revoke(NOW, "console", 1).unwrap();
    assert!(matches!(store.session(NOW, &session), Err(Error::NoEntry)));
    assert!(store.enter(NOW, &invited.secret).is_err());
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!text.contains(&invited.secret) && !text.contains(&session));
    }
}

#[test]
fn what_was_changed_in_the_database_shows() {
    let (_folder, path, store) = study(Design::Grading);
    let me = reader(&store);
    store.answer(NOW, me, &grade("first", true, 0)).unwrap();
    let forge = Connection::open(&path).unwrap();
    for refused in
        ["UPDATE log SET at = 0", "DELETE FROM log", "UPDATE answers SET n = 3", "DELETE FROM answers"]
    {
        assert!(forge.execute(refused, []).unwrap_err().to_string().contains("only added to"));
    }
    forge
        .execute_batch(
            "DROP TRIGGER log_keeps; UPDATE log SET body = replace(body, '\"grade\":2', '\"grade\":3')",
        )
        .unwrap();
    assert!(store.log().unwrap_err().to_string().contains("hashes do not hold"));
}

#[test]
fn a_truth_a_setting_or_a_state_that_the_log_does_not_tell_of_shows() {
    let said = |forgery: &str| {
        let (_folder, path, store) = study(Design::Grading);
        store.freeze(NOW, "console").unwrap();
        Connection::open(&path).unwrap().execute(forgery, []).unwrap();
        store.log().unwrap_err().to_string()
    };
    assert!(said("UPDATE cases SET truth = 'real' WHERE number = 1").contains("the cases are not those"));
    assert!(said("UPDATE state SET unblinded = 1").contains("unblinded past the log"));
    assert!(said("UPDATE state SET frozen = 0").contains("closed or unblinded past the log"));
    let (_folder, path, _) = study(Design::Grading);
    let reseeded = Store::open(&path, &About { seed: 8, ..about() }).unwrap();
    assert!(reseeded.log().unwrap_err().to_string().contains("study.toml or the cases"));
}

#[test]
fn a_full_disk_keeps_nothing_by_half_and_says_so_to_everyone() {
    let (_folder, _, mut store) = study(Design::Grading);
    let me = reader(&store);
    let before = store.log().unwrap().len();
    let pages: i64 = store.db.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    store.db.pragma_update(None, "max_page_count", pages).unwrap();
    let outcomes = Arc::new(Mutex::new(Vec::new()));
    let mut done = 0;
    // Until the last page is full some may still go in.
    for n in 0..200 {
        let told = Arc::clone(&outcomes);
        let job: Job = Box::new(move |store| {
            let name = format!("{} {n}", "x".repeat(60));
            let invited = store.attempt(|s| s.invite(NOW, "console", (Role::Reader, &name, 30)));
            Box::new(move |broken| {
                let full = matches!(broken, Some(Error::Full)) || matches!(invited, Err(Error::Full));
                told.lock().unwrap().push(if full { "full" } else { "kept" });
            })
        });
        store.together(vec![job]);
        done += 1;
        if outcomes.lock().unwrap().last() == Some(&"full") {
            break;
        }
    }
    let kept = outcomes.lock().unwrap().iter().filter(|o| **o == "kept").count();
    assert_eq!(kept, done - 1, "the last was told that the disk is full");
    assert_eq!(store.log().unwrap().len(), before + kept);
    store.db.pragma_update(None, "max_page_count", 1_000_000).unwrap();
    store.answer(NOW, me, &grade("after", true, 0)).unwrap();
}

#[test]
fn one_job_that_fails_takes_no_other_with_it() {
    let (_folder, _, mut store) = study(Design::Grading);
    let me = reader(&store);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let job = |sent: Submission| -> Job {
        let seen = Arc::clone(&seen);
        Box::new(move |store| {
            let done = store.attempt(|s| s.answer(NOW, me, &sent));
            Box::new(move |broken| seen.lock().unwrap().push(done.is_ok() && broken.is_none()))
        })
    };
    store.together(vec![
        job(grade("first", true, 0)),
        job(grade("wrong", true, 0)),
        job(grade("third", false, 0)),
    ]);
    assert_eq!(*seen.lock().unwrap(), [true, false, true]);
}

#[test]
fn a_backup_taken_in_use_is_a_whole_study() {
    let (folder, _, store) = study(Design::Grading);
    let me = reader(&store);
    store.answer(NOW, me, &grade("first", true, 0)).unwrap();
    let copy = folder.path().join("copy.db");
    store.backup(&copy).unwrap();
    assert!(store.backup(&copy).is_err(), "never over another");
    store.answer(NOW, me, &grade("second", false, 0)).unwrap();
    let copied = Store::open_to_read(&copy, &about()).unwrap();
    assert_eq!(copied.log().unwrap().len() + 1, store.log().unwrap().len());
}

#[test]
fn a_newer_database_or_study_is_refused_with_the_mend() {
    let (folder, path, store) = study(Design::Grading);
    drop(store);
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 9).unwrap();
    let said = Store::open(&path, &about()).err().unwrap().to_string();
    assert!(said.contains("newer doppelray"), "{said}");
    let newer = "format = 2\nsurprise = true\n";
    doppelray_images::files::write_whole(&folder.path().join("study.toml"), |f| {
        f.write_all(newer.as_bytes())
    })
    .unwrap();
    let said = crate::Study::open(folder.path()).err().unwrap().to_string();
    assert!(said.contains("newer doppelray"), "{said}");
}

#[test]
fn a_clock_that_jumps_back_does_not_mix_up_answers() {
    let (_folder, _, store) = study(Design::Grading);
    let me = reader(&store);
    store.answer(NOW, me, &grade("first", true, 0)).unwrap();
    store.answer(NOW - 86_400_000, me, &grade("second", false, 0)).unwrap();
    let log = store.log().unwrap();
    assert!(log.last().unwrap().at < log[log.len() - 2].at);
    assert_eq!(store.readings().unwrap().len(), 1);
}

#[test]
fn an_example_tells_its_truth_only_after_its_answer() {
    let (_folder, _, store) = study(Design::TwoPhase);
    let me = reader(&store);
    assert!(store.example_truth(me, 0, 0).is_err());
    store.answer(NOW, me, &grade("first", true, 0)).unwrap();
    assert_eq!(store.example_truth(me, 0, 0).unwrap(), (Truth::Real, 4));
    assert!(store.example_truth(me, 1, 0).is_err(), "of a part that has not begun");
}
