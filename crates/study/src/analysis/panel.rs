//! A simulated panel whose ability is known, answering a study as readers do: for trying a study out, and for tests.

use doppelray_measures::panel::simulate::Population;
use doppelray_measures::rng::{Purpose, stream};

use crate::answer::{Answer, Submission};
use crate::cases::Truth;
use crate::design::Task;
use crate::error::Result;
use crate::reader::Role;
use crate::step::Step;
use crate::store::Store;

/// Invites `readers` readers and lets each answer everything. Ratings are drawn from `population`, grades lie about the
/// label. `at` is the time of the first answer, in ms since 1970.
pub fn answer_all(
    store: &Store,
    population: Population,
    (seed, readers, at): (u64, usize, i64),
) -> Result<()> {
    let cases = store.all_cases();
    let of = |truth: Truth| -> Vec<usize> {
        cases.iter().filter(|c| c.truth == truth).map(|c| c.number).collect()
    };
    let (real, synthetic) = (of(Truth::Real), of(Truth::Synthetic));
    let ratings = population.study(seed, [readers, real.len(), synthetic.len()]);
    for reader in 0..readers {
        let person =
            store.invite(at, "console", (Role::Reader, &format!("Simulated {}", reader + 1), 30))?.person;
        let mut step = store.consent(at, person.number)?;
        let mut draws = stream(seed, Purpose::Panel, 1 + reader as u64);
        while let Step::Example { part, n } | Step::Case { part, n } = step {
            let images = store.shown(person.number, step)?;
            let rating = |image: usize| match real.iter().position(|i| *i == image) {
                Some(at) => ratings.negative.row(reader)[at],
                None => ratings.positive.row(reader)
                    [synthetic.iter().position(|i| *i == image).unwrap_or_default()],
            };
            let here = rating(images[0]);
            let confidence = here.abs() as u8;
            let answer = match store.about().design.tasks()[part] {
                Task::Grade => {
                    let off = 0.6 * draws.normal();
                    let grade = (f64::from(cases[images[0]].grade) + off).round().clamp(0.0, 4.0) as u8;
                    Answer::Grade {
                        grade,
                        quality: 1 + draws.below(5) as u8,
                        confidence: 1 + draws.below(5) as u8,
                    }
                }
                Task::Judge => {
                    let synthetic = here > 0.0;
                    let mark = synthetic.then(|| [draws.range(0.2, 0.8), draws.range(0.2, 0.8)]);
                    Answer::Judge { synthetic, confidence, mark, reason: String::new() }
                }
                Task::Pair => Answer::Pair { right: rating(images[0]) > rating(images[1]), confidence },
            };
            let sent = Submission {
                key: format!("simulated-{part}-{n}-{}", matches!(step, Step::Example { .. })),
                part,
                example: matches!(step, Step::Example { .. }),
                n,
                revises: false,
                ms: 3000 + draws.below(20_000) as u64,
                answer,
            };
            step = store.answer(at + n as i64 * 10_000, person.number, &sent)?.next;
        }
    }
    Ok(())
}
