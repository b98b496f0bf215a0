//! The one source of randomness: a stream is a value, keyed by (seed, purpose, index).
//!
//! Whoever draws says what for and for the how-manieth thing, so a result never depends on the order in which
//! things are drawn, on the number of threads, or on what was drawn before a resume. The stream is ChaCha8
//! (Bernstein 2008) and the transcendental functions are libm's, so the numbers are the same on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What a stream is drawn for. Two purposes never share numbers, whatever the seed and index.
///
/// The discriminants are part of what a seed means: never renumber, only append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Purpose {
    /// Initial weights of a generator; index = the parameter's position.
    GeneratorWeights = 1,
    /// Initial weights of a critic; index = the parameter's position.
    CriticWeights = 2,
    /// Which real images make up a batch; index = the step.
    Batch = 3,
    /// Latents of a critic's step; index = the step.
    CriticLatent = 4,
    /// Latents of a generator's step; index = the step.
    GeneratorLatent = 5,
    /// Where between real and fake the gradient penalty is taken; index = the step.
    Interpolate = 6,
    /// The latent of a synthetic image; index = the image's seed.
    SampleLatent = 7,
    /// The grade of a synthetic image; index = the image's seed.
    SampleGrade = 8,
    /// Noise inside the generator in training; index = the step.
    GeneratorNoise = 9,
    /// Assignment of subjects to splits; index = a hash of the subject.
    Split = 10,
    /// Resampling for an interval; index = the replicate.
    Bootstrap = 11,
    /// Random halves for a real-against-real floor; index = the repetition.
    Floor = 12,
    /// A phantom subject's anatomy; index = the subject.
    PhantomSubject = 13,
    /// What one knee of a phantom subject has of its own; index = the knee.
    PhantomKnee = 14,
    /// Exposure, position and noise of a phantom film; index = the knee.
    PhantomFilm = 15,
    /// Choosing which images a page shows; index = the page's place.
    Gallery = 16,
    /// Random projections of a feature space; index = the layer.
    Projection = 17,
    /// Differentiable augmentation; index = the step.
    Augment = 18,
    /// Noise inside the generator of a synthetic image; index = always 0, the seed is the image's.
    SampleNoise = 19,
    /// The side of a synthetic image; index = always 0, the seed is the image's.
    SampleSide = 52,
    /// The grades that a real image is not of, shown to the critics; index = the step.
    WrongGrade = 50,
    /// What the built-in features learn from; index = the lesson.
    Lesson = 51,
    /// Which bytes of a file a test mutates; index = the mutation.
    Mutation = 20,
    /// Which fold of a cross-validation a unit is in; index = the set's place.
    Fold = 30,
    /// Which images of a grade are paired; index = the grade's place and kind.
    Pairs = 31,
    /// Which images stand for a set that is too large to compare pair by pair; index = the set's place.
    Thin = 32,
    /// Who is left out so that two groups are alike in grade; index = the attack.
    Matching = 40,
    /// Who counts as trained on, by lot; index = the permutation.
    Permutation = 41,
    /// What is done to a planted copy; index = the copy.
    Plant = 42,
    /// Which images an attack is calibrated on; index = what they are for.
    Calibration = 43,
    /// Parts of two sets on which a distance is measured; index = the draw and the side.
    Subset = 44,
    /// A simulated panel of readers; index = the study.
    Panel = 60,
    /// Which images a reader study shows; index = the truth and use they are drawn for.
    StudyCases = 61,
    /// The order in which a reader sees them; index = the pair of readers and the phase.
    StudyOrder = 62,
    /// Which subjects a classifier learns from; index = the stratum.
    UtilitySubjects = 70,
    /// Which synthetic images it learns from; index = the grade.
    UtilitySynthetic = 71,
    /// Noise on which its training is timed; index = always 0.
    UtilityTrial = 72,
    /// Which subjects choose its penalty and temperature; index = the stratum.
    UtilityVal = 73,
    /// Traditional augmentation of an image; index = the copy.
    UtilityAugment = 74,
    /// Which synthetic images are kept for testing; index = the grade.
    UtilityHoldout = 75,
    /// Initial weights of a classifier; index = the parameter's position.
    ClassifierWeights = 76,
    /// Which images make up a batch of a classifier's training, and how each is changed; index = the phase and step.
    ClassifierBatch = 77,
    /// The patterns of the watermark; index = what is drawn of them. Its seed is always 0: the mark is the same everywhere.
    Watermark = 63,
    /// The order of images over the shards of a package; index = always 0.
    Shards = 64,
}

/// An endless sequence of random numbers, fixed by its key.
#[derive(Clone, Debug)]
pub struct Stream {
    chacha: ChaCha8Rng,
    spare: Option<f64>,
}

/// The stream of `(seed, purpose, index)`.
pub fn stream(seed: u64, purpose: Purpose, index: u64) -> Stream {
    let mut key = [0u8; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&(purpose as u64).to_le_bytes());
    key[16..24].copy_from_slice(&index.to_le_bytes());
    key[24..].copy_from_slice(b"dopplray");
    Stream { chacha: ChaCha8Rng::from_seed(key), spare: None }
}

impl Stream {
    /// A uniform 64-bit word.
    pub fn word(&mut self) -> u64 {
        self.chacha.next_u64()
    }

    /// Uniform in `[0, 1)`, on a grid of 2^-53.
    pub fn uniform(&mut self) -> f64 {
        (self.word() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in `[low, high)`.
    pub fn range(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// Uniform in `0..n`, without bias (Lemire 2019). Panics if `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        assert!(n > 0, "below(0) has no answer");
        let n = n as u64;
        let threshold = n.wrapping_neg() % n;
        loop {
            let product = u128::from(self.word()) * u128::from(n);
            if (product as u64) >= threshold {
                return (product >> 64) as usize;
            }
        }
    }

    /// Standard normal (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.uniform()));
        let angle = std::f64::consts::TAU * self.uniform();
        self.spare = Some(radius * libm::sin(angle));
        radius * libm::cos(angle)
    }

    /// `n` standard normals in single precision.
    pub fn normals(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.normal() as f32).collect()
    }

    /// `n` uniforms in `[0, 1)` in single precision.
    pub fn uniforms(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| ((self.word() >> 40) as f32) * (1.0 / (1u32 << 24) as f32)).collect()
    }

    /// Uniformly random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// A position drawn in proportion to `weights` (finite, not negative, not all 0).
    pub fn choose(&mut self, weights: &[f64]) -> usize {
        let total: f64 = weights.iter().sum();
        assert!(total > 0.0 && total.is_finite(), "weights must be finite and not all 0");
        let mut left = self.uniform() * total;
        for (position, weight) in weights.iter().enumerate() {
            left -= weight;
            if left < 0.0 {
                return position;
            }
        }
        weights.iter().rposition(|w| *w > 0.0).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_always_gives_the_same_numbers_and_another_key_others() {
        let draw = |seed, purpose, index| stream(seed, purpose, index).word();
        assert_eq!(draw(1, Purpose::Batch, 2), draw(1, Purpose::Batch, 2));
        assert_ne!(draw(1, Purpose::Batch, 2), draw(2, Purpose::Batch, 2));
        assert_ne!(draw(1, Purpose::Batch, 2), draw(1, Purpose::Split, 2));
        assert_ne!(draw(1, Purpose::Batch, 2), draw(1, Purpose::Batch, 3));
    }

    #[test]
    fn the_stream_never_changes_between_versions() {
        let mut s = stream(0, Purpose::SampleLatent, 0);
        assert_eq!([s.word(), s.word()], [5_639_616_771_492_934_969, 7_588_221_216_662_527_242]);
    }

    #[test]
    fn normals_have_the_moments_of_the_normal_distribution() {
        let mut s = stream(0, Purpose::Bootstrap, 0);
        let draws: Vec<f64> = (0..100_000).map(|_| s.normal()).collect();
        let moment = |k: i32| draws.iter().map(|x| x.powi(k)).sum::<f64>() / draws.len() as f64;
        // Five standard errors of each sample moment at n = 100,000.
        assert!(moment(1).abs() < 0.016, "{}", moment(1));
        assert!((moment(2) - 1.0).abs() < 0.023, "{}", moment(2));
        assert!((moment(4) - 3.0).abs() < 0.16, "{}", moment(4));
    }

    #[test]
    fn below_is_uniform_and_choose_follows_the_weights() {
        let mut s = stream(3, Purpose::Bootstrap, 1);
        let mut counts = [0usize; 3];
        (0..30_000).for_each(|_| counts[s.below(3)] += 1);
        assert!(counts.iter().all(|c| c.abs_diff(10_000) < 420), "{counts:?}");
        let mut counts = [0usize; 3];
        (0..30_000).for_each(|_| counts[s.choose(&[0.0, 1.0, 2.0])] += 1);
        assert_eq!(counts[0], 0);
        assert!(counts[1].abs_diff(10_000) < 420, "{counts:?}");
    }

    #[test]
    fn a_shuffle_keeps_every_item() {
        let mut items: Vec<usize> = (0..100).collect();
        stream(0, Purpose::Batch, 0).shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
