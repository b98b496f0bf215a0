//! The random numbers of one knee: what it shares with the person's other knee and what it has of its own.

use doppelray_measures::rng::{Purpose, Stream, stream};

use crate::side::Side;

/// How much of a trait's spread both knees share, as a correlation: chosen so that left and right differ by about
/// half of what two people differ by.
const ALIKE: f64 = 0.88;

/// The correlation of the latent grade between two knees of a person; it gives 0.5 between their grades, as there is
/// in the OAI (0.51 over 2,889 pairs).
const GRADES_ALIKE: f64 = 0.6;

/// Upper limits of the latent grade for grades 0 to 3: normal quantiles of 39, 57, 83 and 96 %.
const GRADE_LIMITS: [f64; 4] = [-0.279, 0.176, 0.954, 1.751];

/// Who is drawn.
pub(super) struct Person {
    seed: u64,
    subject: u64,
    /// Which of the two knees.
    pub(super) side: Side,
}

/// Draws traits one after the other; the n-th trait of both knees shares a part.
pub(super) struct Traits {
    shared: Stream,
    own: Stream,
}

impl Person {
    /// The knee of `subject` on `side`.
    pub(super) fn new(seed: u64, subject: u64, side: Side) -> Self {
        Self { seed, subject, side }
    }

    /// The grade of this knee, 0..=4.
    pub(super) fn grade(&self) -> u8 {
        let latent = self.traits(Topic::Grade).normal(GRADES_ALIKE);
        GRADE_LIMITS.iter().filter(|limit| latent > **limit).count() as u8
    }

    /// A fresh sequence of traits for a topic, so that a trait added to one moves none of another.
    pub(super) fn traits(&self, topic: Topic) -> Traits {
        let index = self.subject.wrapping_mul(8).wrapping_add(topic as u64);
        Traits {
            shared: stream(self.seed, Purpose::PhantomSubject, index),
            own: stream(self.seed, Purpose::PhantomKnee, index.wrapping_mul(2).wrapping_add(self.half())),
        }
    }

    /// Noise of this knee's film.
    pub(super) fn film(&self) -> Stream {
        stream(self.seed, Purpose::PhantomFilm, self.subject.wrapping_mul(2).wrapping_add(self.half()))
    }

    fn half(&self) -> u64 {
        match self.side {
            Side::Left => 0,
            Side::Right => 1,
        }
    }
}

/// What traits are drawn for. The discriminants are part of what a seed means; there are at most 8.
#[derive(Clone, Copy)]
#[repr(u64)]
pub(super) enum Topic {
    Grade = 0,
    Disease = 1,
    Shape = 2,
    Film = 3,
    Texture = 4,
}

impl Traits {
    /// A trait of this mean and spread, alike in both knees.
    pub(super) fn alike(&mut self, mean: f64, spread: f64) -> f64 {
        mean + spread * self.normal(ALIKE)
    }

    /// A trait that the other knee tells nothing of.
    pub(super) fn own(&mut self, mean: f64, spread: f64) -> f64 {
        mean + spread * self.normal(0.0)
    }

    /// A trait that is the same in both knees.
    pub(super) fn same(&mut self, mean: f64, spread: f64) -> f64 {
        mean + spread * self.normal(1.0)
    }

    /// True in `share` of the knees.
    pub(super) fn happens(&mut self, share: f64) -> bool {
        let _keeps_step = self.shared.word();
        self.own.uniform() < share
    }

    /// Standard normal, correlated by `alike` between the two knees, cut at 2.5 so that no bone is absurd.
    fn normal(&mut self, alike: f64) -> f64 {
        let mixed = libm::sqrt(alike) * self.shared.normal() + libm::sqrt(1.0 - alike) * self.own.normal();
        mixed.clamp(-2.5, 2.5)
    }

    /// The rest of this knee's own stream, for bulk noise.
    pub(super) fn into_own(self) -> Stream {
        self.own
    }
}
