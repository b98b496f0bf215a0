//! How a step's batch is shared out: in parts, one after the other to save memory, or among processes.
//!
//! A step is the same, bit for bit, whoever computes its parts: what each found is averaged in the order of the parts.

use std::ops::Range;
use std::sync::Arc;

use super::Losses;
use crate::parameters::{Array, Parameters};

/// Processes that train one model together; each computes its parts of every batch.
pub trait Peers: Send + Sync {
    /// This process's number, and how many there are.
    fn place(&self) -> [usize; 2];

    /// What each process gives, in the order of their numbers.
    fn gather(&self, own: &[u8]) -> Vec<Vec<u8>>;

    /// What the first process says; the others' words do not count.
    fn follow(&self, say: u8) -> u8;
}

/// One process.
pub struct Alone;

impl Peers for Alone {
    fn place(&self) -> [usize; 2] {
        [0, 1]
    }

    fn gather(&self, own: &[u8]) -> Vec<Vec<u8>> {
        vec![own.to_vec()]
    }

    fn follow(&self, say: u8) -> u8 {
        say
    }
}

/// The parts of a step.
#[derive(Clone)]
pub(crate) struct Share {
    passes: usize,
    peers: Arc<dyn Peers>,
}

impl Share {
    /// `passes` parts, a multiple of the processes.
    pub(crate) fn new(passes: usize, peers: Arc<dyn Peers>) -> Self {
        Self { passes, peers }
    }

    /// The positions in a batch of each part that this process computes.
    pub(super) fn own(&self, batch: usize) -> Vec<Range<usize>> {
        let [place, processes] = self.peers.place();
        let (size, own) = (batch / self.passes, self.passes / processes);
        (place * own..(place + 1) * own).map(|part| part * size..(part + 1) * size).collect()
    }

    /// The mean over all parts.
    pub(super) fn mean(&self, own: Vec<Parameters>) -> Parameters {
        if self.passes == 1 {
            return own.into_iter().next().expect("a part");
        }
        let shapes: Vec<(String, Vec<usize>)> =
            own[0].iter().map(|(name, array)| (name.clone(), array.shape.clone())).collect();
        let flat =
            |part: Parameters| part.into_values().flat_map(|array| array.values).map(f64::from).collect();
        let values = mean(&self.all(own.into_iter().map(flat).collect()));
        let mut rest = values.into_iter().map(|value| value as f32);
        let array = |(name, shape): (String, Vec<usize>)| {
            let values = rest.by_ref().take(shape.iter().product()).collect();
            (name, Array { shape, values })
        };
        shapes.into_iter().map(array).collect()
    }

    /// The means over all parts of what the parts lost.
    pub(super) fn losses(&self, own: Vec<Losses>) -> Losses {
        let names: Vec<&'static str> = own[0].iter().map(|(name, _)| *name).collect();
        let values = own.into_iter().map(|losses| losses.into_iter().map(|(_, loss)| loss).collect());
        names.into_iter().zip(mean(&self.all(values.collect()))).collect()
    }

    /// The statistics of the batch norms of all parts: means and variances.
    pub(super) fn statistics(&self, own: Vec<Vec<[Vec<f32>; 2]>>) -> Vec<Vec<[Vec<f32>; 2]>> {
        let widths: Vec<usize> = own[0].iter().map(|[mean, _]| mean.len()).collect();
        let flat =
            own.into_iter().map(|norms| norms.into_iter().flatten().flatten().map(f64::from).collect());
        let apart = |values: Vec<f64>| {
            let mut rest = values.into_iter().map(|value| value as f32);
            let mut take = |width: usize| rest.by_ref().take(width).collect();
            widths.iter().map(|width| [take(*width), take(*width)]).collect()
        };
        self.all(flat.collect()).into_iter().map(apart).collect()
    }

    /// What all parts found, in their order; each found as much.
    fn all(&self, own: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
        if self.peers.place()[1] == 1 {
            return own;
        }
        let length = own[0].len();
        let bytes: Vec<u8> = own.iter().flatten().flat_map(|value| value.to_le_bytes()).collect();
        let apart = |bytes: Vec<u8>| {
            let values: Vec<f64> = bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect();
            values.chunks(length).map(<[f64]>::to_vec).collect::<Vec<_>>()
        };
        self.peers.gather(&bytes).into_iter().flat_map(apart).collect()
    }
}

/// The mean of rows of equal length, summed in their order.
fn mean(rows: &[Vec<f64>]) -> Vec<f64> {
    let mean = |at: usize| rows.iter().map(|row| row[at]).sum::<f64>() / rows.len() as f64;
    (0..rows[0].len()).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::{Barrier, Mutex};

    use burn::tensor::Device;

    use super::*;
    use crate::data::Data;
    use crate::game::{self, Game};
    use crate::settings::Settings;

    /// Threads that stand for processes.
    struct Threads {
        barrier: Barrier,
        said: Mutex<Vec<Vec<u8>>>,
    }

    struct Thread(usize, Arc<Threads>);

    impl Peers for Thread {
        fn place(&self) -> [usize; 2] {
            [self.0, self.1.said.lock().unwrap().len()]
        }

        fn gather(&self, own: &[u8]) -> Vec<Vec<u8>> {
            self.1.said.lock().unwrap()[self.0] = own.to_vec();
            self.1.barrier.wait();
            let all = self.1.said.lock().unwrap().clone();
            self.1.barrier.wait();
            all
        }

        fn follow(&self, say: u8) -> u8 {
            self.gather(&[say])[0][0]
        }
    }

    fn settings(preset: &str, changes: &[&str], passes: usize) -> Settings {
        let changes = changes.iter().map(|change| (*change).to_owned());
        let more = ["grades=[0, 1]".to_owned(), format!("passes={passes}")];
        Settings::resolve(preset, &changes.chain(more).collect::<Vec<_>>()).unwrap()
    }

    /// Some steps of a game.
    fn played(settings: &Settings, steps: u64, peers: Arc<dyn Peers>) -> (Parameters, Vec<Losses>) {
        let data = Data::of_noise(settings, 6);
        let mut game: Box<dyn Game> =
            game::begin(settings, &data, &Device::flex(), Share::new(settings.passes, peers)).unwrap();
        let losses = (0..steps).map(|step| game.step(&data, step)).collect();
        (game.state(), losses)
    }

    const WASSERSTEIN: [&str; 4] =
        ["size=16", "batch=8", "game.generator.channels=[8, 8]", "game.critic.channels=[8, 8]"];

    #[test]
    fn a_step_in_parts_is_the_whole_step_but_for_rounding() {
        let [whole, parts] =
            [1, 4].map(|passes| played(&settings("tiny", &WASSERSTEIN, passes), 1, Arc::new(Alone)));
        for (name, array) in &whole.0 {
            // Adam's first steps go by the gradients' signs, which rounding may turn where they are all but 0.
            if name.contains(".first/") {
                let largest = array.values.iter().fold(0.0_f32, |most, v| most.max(v.abs()));
                let apart = array.values.iter().zip(&parts.0[name].values).map(|(a, b)| (a - b).abs());
                assert!(apart.fold(0.0, f32::max) <= 1e-3 * largest, "{name}");
            }
        }
        for ((name, a), (_, b)) in whole.1[0].iter().zip(&parts.1[0]) {
            assert!((a - b).abs() < 1e-5 * a.abs().max(1.0), "{name}: {a} {b}");
        }
    }

    #[test]
    fn processes_that_share_a_step_do_what_one_does_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        let features = format!("game.features={:?}", crate::squeezenet::tests::random(folder.path()));
        let fast = [
            features.as_str(),
            "size=64",
            "batch=8",
            "game.moments=0.0",
            "game.mismatch=0.5",
            "game.generator.channels=[16, 12, 8, 8, 8]",
            "game.critics.features=[[8, 8], [8], [8], [8]]",
            "game.critics.bands=[8, 8]",
        ];
        for (preset, changes) in [("tiny", &WASSERSTEIN[..]), ("fast", &fast)] {
            let settings = settings(preset, changes, 2);
            let alone = played(&settings, 2, Arc::new(Alone));
            let threads =
                Arc::new(Threads { barrier: Barrier::new(2), said: Mutex::new(vec![Vec::new(); 2]) });
            let both = std::thread::scope(|scope| {
                let one = |place| {
                    let (settings, peer) = (&settings, Arc::new(Thread(place, threads.clone())));
                    scope.spawn(move || played(settings, 2, peer))
                };
                [one(0), one(1)].map(|thread| thread.join().unwrap())
            });
            assert!(both.iter().all(|found| *found == alone), "{preset}");
            assert!(alone.1.iter().flatten().all(|(_, loss)| loss.is_finite()), "{preset}");
        }
    }
}
