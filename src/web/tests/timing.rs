//! How long the server takes tells nothing: a reader with a stop-watch stays at chance.
//!
//! Times are noisy and their noise knows no truth, so the test is one of ranks: of each image the shortest of many times
//! counts, and the Mann-Whitney statistic of real against synthetic must lie within four standard errors of chance, which
//! 1 in 16,000 runs would miss by luck. That it could fail is tested beside it, with a delay that is made.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use doppelray_study::Store;
use doppelray_study::cases::Truth;
use doppelray_study::design::Design;
use doppelray_study::reader::Role;
use doppelray_study::step::Step;

use super::fixture::{NOW, Setup, Site, Visitor};

/// Images of either kind.
const COUNT: usize = 20;
/// Readers whose times are taken.
const READERS: usize = 6;
/// Standard errors from chance that are too many.
const TOO_FAR: f64 = 4.0;

/// The shortest time of each image.
#[derive(Clone, Default)]
struct Times(BTreeMap<usize, Duration>);

impl Times {
    fn take(&mut self, image: usize, time: Duration) {
        let shortest = self.0.entry(image).or_insert(time);
        *shortest = time.min(*shortest);
    }

    /// From the shortest to the longest.
    fn spread(&self) -> Duration {
        let (shortest, longest) = (self.0.values().min().unwrap(), self.0.values().max().unwrap());
        *longest - *shortest
    }

    /// How many standard errors the ranks of synthetic images are from chance (Mann and Whitney 1947).
    fn score(&self, truths: &BTreeMap<usize, Truth>) -> f64 {
        let of = |truth: Truth| -> Vec<Duration> {
            self.0.iter().filter(|(image, _)| truths[image] == truth).map(|(_, time)| *time).collect()
        };
        let (real, synthetic) = (of(Truth::Real), of(Truth::Synthetic));
        assert_eq!((real.len(), synthetic.len()), (COUNT, COUNT));
        let half = |a: &Duration, b: &Duration| match a.cmp(b) {
            std::cmp::Ordering::Less => 0.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Greater => 1.0,
        };
        let above: f64 = synthetic.iter().flat_map(|s| real.iter().map(move |r| half(s, r))).sum();
        let pairs = (COUNT * COUNT) as f64;
        (above / pairs - 0.5) / ((2 * COUNT + 1) as f64 / (12.0 * pairs)).sqrt()
    }

    /// As if the server took longer for synthetic images.
    fn delayed(&self, truths: &BTreeMap<usize, Truth>, by: Duration) -> Self {
        let later = |(image, time): (&usize, &Duration)| {
            (*image, if truths[image] == Truth::Synthetic { *time + by } else { *time })
        };
        Self(self.0.iter().map(later).collect())
    }
}

/// What each image is, from a copy that is unblinded.
fn truths(site: &Site) -> BTreeMap<usize, Truth> {
    let copy = site.study.root().join("copy.db");
    site.store().backup(&copy).unwrap();
    let copy = Store::open(&copy, site.study.about()).unwrap();
    copy.freeze(NOW, "console").unwrap();
    copy.unblind(NOW, "console").unwrap();
    copy.unblinded_cases().unwrap().iter().map(|case| (case.number, case.truth)).collect()
}

fn at_chance(times: &Times, truths: &BTreeMap<usize, Truth>) {
    let score = times.score(truths);
    assert!(score.abs() < TOO_FAR, "{score:.1} standard errors from chance: {:?}", times.0);
    let delayed = times.delayed(truths, times.spread());
    assert!(delayed.score(truths) > TOO_FAR, "a delay as long as the times are spread would go unseen");
}

/// Goes through all cases as some readers, and times what `request` asks of each.
async fn timed(
    site: &Site,
    request: impl AsyncFn(&Visitor<'_>, &Setup, usize, &mut dyn FnMut(Instant)),
) -> Times {
    let mut times = Times::default();
    for number in 1..=READERS {
        let reader = site.enter(Role::Reader).await;
        reader.consent().await;
        reader.finish_stretch().await.unwrap();
        let setup = reader.setup().await.unwrap();
        for n in 0..setup.total {
            let image = site.store().shown(number, Step::Case { part: 0, n }).unwrap()[0];
            request(&reader, &setup, n, &mut |began| times.take(image, began.elapsed())).await;
        }
    }
    times
}

async fn answer(reader: &Visitor<'_>, setup: &Setup, n: usize) {
    let told = reader.answer(setup, n, &format!("{}-{n}", setup.stretch)).await;
    assert_eq!(told.status, 200, "{}", told.text());
}

#[tokio::test]
async fn the_time_of_an_image_tells_nothing() {
    let site = Site::new(Design::RealOrFake, COUNT);
    let times = timed(&site, async |reader, setup, n, take| {
        // The tests' clock stands still, so a session has its burst of 200 requests and no more.
        for _ in 0..3 {
            let began = Instant::now();
            let got = reader.get(&format!("/image/{}/{n}/0", setup.stretch)).await;
            take(began);
            assert_eq!(got.status, 200);
        }
        answer(reader, setup, n).await;
    });
    at_chance(&times.await, &truths(&site));
}

#[tokio::test]
async fn the_time_of_an_answer_tells_nothing() {
    let site = Site::new(Design::RealOrFake, COUNT);
    let times = timed(&site, async |reader, setup, n, take| {
        let began = Instant::now();
        answer(reader, setup, n).await;
        take(began);
    });
    at_chance(&times.await, &truths(&site));
}
