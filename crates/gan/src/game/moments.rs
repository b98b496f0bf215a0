//! Moments: what pulls the fakes' features, as a whole, towards those of real images.
//!
//! Critics judge image by image and forget; a generator can please them with little variety and with a constant offset
//! of texture. Here the mean of each grade and the second moments of all fakes, followed over many batches, are compared
//! with those of real images (generative feature matching, dos Santos et al. 2019): along the directions of the features that
//! the critics see in which real grades differ, and along the leading principal components. Each fake is pulled along the
//! difference.

use burn::tensor::{Device, Tensor, TensorData};
use doppelray_measures::Features;
use doppelray_measures::whitening::Whitening;

use super::projected::LEVELS;
use crate::error::{Error, Result};
use crate::networks::fast::pooling::{pooled, spread};
use crate::parameters::{Array, Parameters, values};

/// Directions that are compared.
pub(super) const COMPONENTS: usize = 96;
/// Principal components in which grades may differ: what tells them apart is small beside what tells films apart.
const WIDE: usize = 128;
/// What the directions before must leave of one, in deviations of real images, for it to be one of its own.
const OWN: f64 = 0.01;
/// The share of a new batch in the followed second moments: some hundred batches count.
const NEW_BATCH: f32 = 0.01;
/// The share of a new image in its grade's followed mean.
const NEW_IMAGE: f32 = 0.02;
/// The first network's level whose regions are compared too: the coarsest, which knows where things are.
const PLACED: usize = 3;
/// A network's levels from here on are compared; the finest is left to the sub-bands, which are cheaper.
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
    let (bands, levels) = seen.split_last().expect("there are sub-bands");
    let compared = levels.iter().enumerate().filter(|(at, _)| at % LEVELS >= FIRST).map(|(_, level)| level);
    let mut parts: Vec<Tensor<2>> = compared.chain([bands]).flat_map(|x| spread(x.clone())).collect();
    // Where things are, and where a film is light or dark: the frozen features are nearly blind to the latter.
    let placed = [&levels[PLACED], bands];
    parts.extend(placed.map(|x| pooled(x.clone()).flatten::<2>(1, 2)));
    Tensor::cat(parts, 1)
}

impl Moments {
    /// Of the summaries of real images, a row an image, and their grades, of which there are `count`. The fakes are taken
    /// to be alike to begin with.
    pub(super) fn of(summaries: Vec<f32>, grades: &[usize], count: usize, device: &Device) -> Result<Self> {
        let width = summaries.len() / grades.len();
        let told = |e| Error::Setting(format!("game.moments: the real images' features cannot be used: {e}"));
        let features = Features::new(width, summaries).map_err(told)?;
        let wide = WIDE.min(width).max(COMPONENTS);
        let white = Whitening::of(&features, wide).map_err(told)?;
        let Whitening { map, offset } = turned(white, &features, (grades, count));
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
        let means = grade_means(&features, (grades, count));
        let real = moments.white(Tensor::from_data(TensorData::new(means, [count, width]), device));
        moments.real.values = values(real);
        moments.means = moments.real.clone();
        Ok(moments)
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

/// The mean features of each grade's images, `[g, n]`; those of all images for a grade without any.
fn grade_means(features: &Features, (grades, count): (&[usize], usize)) -> Vec<f32> {
    let mean = |rows: Vec<usize>| {
        let mut sums = vec![0.0f64; features.width()];
        for row in &rows {
            sums.iter_mut().zip(features.row(*row)).for_each(|(sum, value)| *sum += f64::from(*value));
        }
        sums.into_iter().map(move |sum| (sum / rows.len() as f64) as f32)
    };
    let of = |grade: usize| {
        let own: Vec<usize> = (0..grades.len()).filter(|i| grades[*i] == grade).collect();
        mean(if own.is_empty() { (0..grades.len()).collect() } else { own })
    };
    (0..count).flat_map(of).collect()
}

/// The whitening to [`COMPONENTS`] directions at right angles: first those in which the grades' means differ, then the leading
/// components, each without what the ones before have of it.
fn turned(white: Whitening, features: &Features, grades: (&[usize], usize)) -> Whitening {
    let Whitening { map, offset } = white;
    let wide = offset.len();
    let column = |k: usize| map.iter().skip(k).step_by(wide);
    let component = |k: usize| (0..wide).map(|i| f64::from(u8::from(i == k))).collect::<Vec<f64>>();
    let means = grade_means(features, grades);
    let of_grade = means.chunks_exact(features.width()).map(|mean| {
        let along = |k: usize| {
            let sum: f64 = mean.iter().zip(column(k)).map(|(m, w)| f64::from(*m) * f64::from(*w)).sum();
            sum + f64::from(offset[k])
        };
        (0..wide).map(along).collect()
    });
    let varies = (0..wide).filter(|k| column(*k).any(|v| *v != 0.0));
    let mut directions: Vec<Vec<f64>> = Vec::new();
    for mut direction in of_grade.chain(varies.map(component)) {
        for before in &directions {
            let share: f64 = before.iter().zip(&direction).map(|(a, b)| a * b).sum();
            direction.iter_mut().zip(before).for_each(|(d, b)| *d -= share * b);
        }
        let left = direction.iter().map(|v| v * v).sum::<f64>().sqrt();
        if left > OWN && directions.len() < COMPONENTS {
            directions.push(direction.iter().map(|d| d / left).collect());
        }
    }
    directions.resize(COMPONENTS, vec![0.0; wide]);
    let along = |row: &[f32]| -> Vec<f32> {
        let product = |d: &Vec<f64>| row.iter().zip(d).map(|(v, d)| f64::from(*v) * d).sum::<f64>() as f32;
        directions.iter().map(product).collect()
    };
    Whitening { map: map.chunks_exact(wide).flat_map(along).collect(), offset: along(&offset) }
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
    fn directions_are_white_and_the_first_tell_the_grades_apart() {
        // Two grades that differ in one of a hundred features, and little beside what all share.
        let mut draws = stream(3, Purpose::Batch, 0);
        let grades: Vec<usize> = (0..400).map(|i| i % 2).collect();
        let row = |grade: &usize| {
            let mut row: Vec<f32> = (0..100).map(|_| draws.normal() as f32).collect();
            (0..99).for_each(|i| row[i] = row[i] * 0.5 + row[99] * 3.0);
            row[7] += *grade as f32 * 0.75;
            row
        };
        let features = Features::new(100, grades.iter().flat_map(row).collect()).unwrap();
        let Whitening { map, offset } =
            turned(Whitening::of(&features, 100).unwrap(), &features, (&grades, 2));
        let along = |i: usize, k: usize| {
            let row = features.row(i).iter().enumerate();
            row.map(|(j, v)| v * map[j * COMPONENTS + k]).sum::<f32>() + offset[k]
        };
        let apart = |k: usize| {
            let signed = (0..400).map(|i| along(i, k) * if grades[i] == 0 { 1.0 } else { -1.0 });
            (signed.sum::<f32>() / 200.0).abs()
        };
        assert!(apart(0) > 0.8 && (1..COMPONENTS).all(|k| apart(k) < 1e-2), "{} {}", apart(0), apart(1));
        for k in [0, 1, 40] {
            let square = (0..400).map(|i| along(i, k).powi(2)).sum::<f32>() / 400.0;
            assert!((square - 1.0).abs() < 0.02, "{square}");
        }
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
