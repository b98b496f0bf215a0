//! Moments: what pulls the fakes' features, as a whole, towards those of real images.
//!
//! Critics judge image by image and forget; a generator can please them with little variety and with a constant offset
//! of texture. Here the mean of each grade and the second moments of all fakes, followed over many batches, are compared
//! with those of real images (generative feature matching, dos Santos et al. 2019), in the leading principal components
//! of the features that the critics see. Each fake is pulled along the difference.

use burn::tensor::{Device, Tensor, TensorData};
use doppelray_measures::Features;
use doppelray_measures::whitening::Whitening;

use crate::error::{Error, Result};
use crate::networks::fast::pooling::{pooled, spread};
use crate::parameters::{Array, Parameters, values};

/// Principal components that are compared.
pub(super) const COMPONENTS: usize = 64;
/// The share of a new batch in the followed second moments: some fifty batches count.
const NEW_BATCH: f32 = 0.02;
/// The share of a new image in its grade's followed mean.
const NEW_IMAGE: f32 = 0.02;
/// The features' level whose regions are compared too: the coarsest, which knows where things are.
const PLACED: usize = 3;
/// Levels from here on are compared; the finest is left to the sub-bands, which are cheaper.
const FIRST: usize = 1;

/// Moments of real images, and those of the fakes as they are followed.
pub(super) struct Moments {
    device: Device,
    /// Whitens a summary, `[n, k]` and `[k]`.
    map: Array,
    offset: Array,
    /// Means of each grade's real images, `[g, k]`.
    real: Array,
    /// Means of each grade's fakes, `[g, k]`.
    means: Array,
    /// Second moments of the fakes, `[k, k]`; those of real images are 1 and 0.
    second: Array,
}

/// What of an image is compared, of its maps at every level and its sub-bands: `[b, n]`.
pub(super) fn summary(seen: &[Tensor<4>]) -> Tensor<2> {
    let mut parts: Vec<Tensor<2>> = seen[FIRST..].iter().flat_map(|x| spread(x.clone())).collect();
    parts.push(pooled(seen[PLACED].clone()).flatten(1, 2));
    Tensor::cat(parts, 1)
}

impl Moments {
    /// Of the summaries of real images, a row an image, and their grades, of which there are `count`. The fakes are taken
    /// to be alike to begin with.
    pub(super) fn of(summaries: Vec<f32>, grades: &[usize], count: usize, device: &Device) -> Result<Self> {
        let width = summaries.len() / grades.len();
        let told = |e| Error::Setting(format!("game.moments: the real images' features cannot be used: {e}"));
        let features = Features::new(width, summaries).map_err(told)?;
        let Whitening { map, offset } = Whitening::of(&features, COMPONENTS).map_err(told)?;
        let array = |values, shape: [usize; 2]| Array { shape: shape.to_vec(), values };
        let zeros = || array(vec![0.0; count * COMPONENTS], [count, COMPONENTS]);
        let mut moments = Self {
            device: device.clone(),
            map: array(map, [width, COMPONENTS]),
            offset: array(offset, [1, COMPONENTS]),
            real: zeros(),
            means: zeros(),
            second: array(vec![0.0; COMPONENTS * COMPONENTS], [COMPONENTS, COMPONENTS]),
        };
        moments.second.values = moments.second_apart().iter().map(|v| -v).collect();
        moments.real.values = moments.grade_means(&features, grades, count);
        moments.means = moments.real.clone();
        Ok(moments)
    }

    fn grade_means(&self, features: &Features, grades: &[usize], count: usize) -> Vec<f32> {
        let rows = (0..features.len()).flat_map(|i| features.row(i)).copied().collect();
        let summaries = TensorData::new(rows, [features.len(), features.width()]);
        let white = values(self.white(Tensor::from_data(summaries, &self.device)));
        let mut sums = vec![0.0; count * COMPONENTS];
        let mut images = vec![0u32; count];
        for (row, grade) in white.chunks_exact(COMPONENTS).zip(grades) {
            images[*grade] += 1;
            slot(&mut sums, *grade).iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
        let share = |i: usize| 1.0 / images[i / COMPONENTS].max(1) as f32;
        sums.iter().enumerate().map(|(i, sum)| sum * share(i)).collect()
    }

    fn white(&self, summaries: Tensor<2>) -> Tensor<2> {
        let tensor = |array: &Array| {
            let data = TensorData::new(array.values.clone(), [array.shape[0], array.shape[1]]);
            Tensor::<2>::from_data(data, &self.device)
        };
        summaries.matmul(tensor(&self.map)) + tensor(&self.offset)
    }

    /// Follows a batch of fakes. The first value's gradient pulls each of them towards the real moments; it means
    /// nothing else. The second is the mean squared difference of a moment.
    pub(super) fn pull(&mut self, seen: &[Tensor<4>], grades: &[usize]) -> (Tensor<1>, f64) {
        let white = self.white(summary(seen)); // [b, k]
        let batch = values(white.clone());
        self.follow(&batch, grades);
        let second = bounded(self.second_apart());
        let pulls = batch.chunks_exact(COMPONENTS).zip(grades).flat_map(|(row, grade)| {
            let mut pull = bounded(self.mean_apart(*grade));
            for (pull, along) in pull.iter_mut().zip(second.chunks_exact(COMPONENTS)) {
                *pull += along.iter().zip(row).map(|(a, b)| a * b).sum::<f32>();
            }
            pull
        });
        let shape = [grades.len(), COMPONENTS];
        let scale = 1.0 / (grades.len() as f32 * (COMPONENTS as f32).sqrt());
        let pulls = TensorData::new(pulls.map(|v| v * scale).collect(), shape);
        ((white * Tensor::<2>::from_data(pulls, &self.device)).sum(), self.apart())
    }

    fn follow(&mut self, batch: &[f32], grades: &[usize]) {
        let share = NEW_BATCH / grades.len() as f32;
        self.second.values.iter_mut().for_each(|v| *v *= 1.0 - NEW_BATCH);
        for (row, grade) in batch.chunks_exact(COMPONENTS).zip(grades) {
            let mean = slot(&mut self.means.values, *grade);
            mean.iter_mut().zip(row).for_each(|(mean, value)| *mean += NEW_IMAGE * (value - *mean));
            for (line, left) in self.second.values.chunks_exact_mut(COMPONENTS).zip(row) {
                line.iter_mut().zip(row).for_each(|(sum, right)| *sum += share * left * right);
            }
        }
    }

    fn mean_apart(&self, grade: usize) -> Vec<f32> {
        let of = |array: &Array| array.values[grade * COMPONENTS..(grade + 1) * COMPONENTS].to_vec();
        of(&self.means).iter().zip(of(&self.real)).map(|(fake, real)| fake - real).collect()
    }

    fn second_apart(&self) -> Vec<f32> {
        let real = |i: usize| self.identity(i / COMPONENTS, i % COMPONENTS);
        self.second.values.iter().enumerate().map(|(i, v)| v - real(i)).collect()
    }

    /// The second moments of real images: 1 for each component along which they vary.
    fn identity(&self, row: usize, column: usize) -> f32 {
        let varies = || self.map.values.iter().skip(row).step_by(COMPONENTS).any(|v| *v != 0.0);
        f32::from(row == column && varies())
    }

    fn apart(&self) -> f64 {
        let square = |values: Vec<f32>| values.iter().map(|v| f64::from(v * v)).sum::<f64>();
        let grades = self.real.shape[0];
        let means = (0..grades).map(|grade| square(self.mean_apart(grade))).sum::<f64>() / grades as f64;
        (means + square(self.second_apart())) / (2 * COMPONENTS) as f64
    }

    pub(super) fn state(&self) -> Parameters {
        let Self { map, offset, real, means, second, .. } = self;
        let named = [("map", map), ("offset", offset), ("real", real), ("means", means), ("second", second)];
        named.map(|(name, array)| (name.to_owned(), array.clone())).into()
    }

    pub(super) fn restored(state: &Parameters, device: &Device) -> Result<Self, String> {
        let array = |name: &str| {
            let array = state.get(name).cloned().ok_or(format!("tensor `moments/{name}` is missing"))?;
            let columns = array.shape.last().copied();
            let fits = array.shape.len() == 2 && columns == Some(COMPONENTS);
            if fits { Ok(array) } else { Err(format!("tensor `moments/{name}` is {:?}", array.shape)) }
        };
        Ok(Self {
            device: device.clone(),
            map: array("map")?,
            offset: array("offset")?,
            real: array("real")?,
            means: array("means")?,
            second: array("second")?,
        })
    }
}

/// The values of one grade.
fn slot(values: &mut [f32], grade: usize) -> &mut [f32] {
    &mut values[grade * COMPONENTS..(grade + 1) * COMPONENTS]
}

/// The vector, shortened to the root of the number of components: far off, the direction says enough.
fn bounded(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|v| v * v).sum::<f32>().sqrt();
    let most = (COMPONENTS as f32).sqrt();
    if length > most {
        vector.iter_mut().for_each(|v| *v *= most / length);
    }
    vector
}

#[cfg(test)]
mod tests {
    use doppelray_measures::rng::{Purpose, stream};

    use super::*;

    /// Maps of five levels of 8 images whose values are scaled and moved.
    fn seen(index: u64, scale: f32, shift: f32) -> Vec<Tensor<4>> {
        let device = Device::flex().autodiff();
        let level = |level: usize| {
            let shape = [8, 12, 24 >> level, 24 >> level];
            let draws = stream(index, Purpose::Batch, level as u64).normals(shape.iter().product());
            // What a whole image shares is what differs between images.
            let of = stream(index, Purpose::CriticLatent, level as u64).normals(8 * 12);
            let area = shape[2] * shape[3];
            let values = draws.iter().enumerate().map(|(i, v)| (v + of[i / area]) * scale + shift);
            Tensor::from_data(TensorData::new(values.collect(), shape), &device)
        };
        [0, 1, 2, 2, 1].map(level).into()
    }

    const GRADES: [usize; 8] = [0, 0, 0, 0, 1, 1, 1, 1];

    fn moments() -> Moments {
        let summaries = (0..16).flat_map(|i| values(summary(&seen(i, 1.0, 0.0)))).collect();
        Moments::of(summaries, &GRADES.repeat(16), 2, &Device::flex().autodiff()).unwrap()
    }

    /// How far apart the moments are after many batches of such fakes.
    fn apart(scale: f32, shift: f32) -> f64 {
        let mut moments = moments();
        (100..180).map(|i| moments.pull(&seen(i, scale, shift), &GRADES).1).last().unwrap()
    }

    #[test]
    fn fakes_like_the_real_ones_are_nearest_and_dull_or_moved_ones_further() {
        let (alike, dull, moved) = (apart(1.0, 0.0), apart(0.5, 0.0), apart(1.0, 0.5));
        assert!(alike < 0.5 * dull && alike < 0.5 * moved, "{alike} {dull} {moved}");
    }

    #[test]
    fn a_step_against_the_gradient_brings_the_summaries_nearer() {
        let mut moments = moments();
        let fakes = |i| seen(i, 0.5, 0.5);
        (100..180).for_each(|i| {
            moments.pull(&fakes(i), &GRADES);
        });
        let maps: Vec<Tensor<4>> = fakes(200).into_iter().map(Tensor::require_grad).collect();
        let before = values(moments.white(summary(&maps)));
        let gradients = moments.pull(&maps, &GRADES).0.backward();
        let stepped: Vec<Tensor<4>> = maps
            .iter()
            .map(|x| match x.grad(&gradients) {
                Some(gradient) => Tensor::from_inner(x.clone().inner() - gradient),
                None => x.clone(),
            })
            .collect();
        let after = values(moments.white(summary(&stepped)));
        let mean = |rows: &[f32], k: usize| rows.iter().skip(k).step_by(COMPONENTS).sum::<f32>() / 8.0;
        let off = |rows: &[f32]| (0..COMPONENTS).map(|k| mean(rows, k).powi(2)).sum::<f32>();
        assert!(off(&after) < 0.9 * off(&before), "{} {}", off(&before), off(&after));
    }

    #[test]
    fn what_was_saved_is_what_goes_on() {
        let (mut whole, device) = (moments(), Device::flex().autodiff());
        whole.pull(&seen(100, 0.5, 0.0), &GRADES);
        let mut resumed = Moments::restored(&whole.state(), &device).unwrap();
        assert_eq!(
            resumed.pull(&seen(101, 0.5, 0.0), &GRADES).1,
            whole.pull(&seen(101, 0.5, 0.0), &GRADES).1
        );
        assert_eq!(resumed.state(), whole.state());
        let mut state = whole.state();
        state.remove("second");
        assert!(Moments::restored(&state, &device).err().unwrap().contains("moments/second"));
    }
}
