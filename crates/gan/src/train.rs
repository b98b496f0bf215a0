//! The training loop: steps, ticks, checkpoints; exact to resume.
//!
//! Every random number is keyed by the step that uses it, so the state between two steps is the parameters, the
//! moments, and the step itself.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use doppelray_images::Collection;
use doppelray_images::progress::{Event, Listener};
use doppelray_measures::rng::{Purpose, stream};
use serde::Serialize;

use crate::adam::{Adam, follow};
use crate::checkpoint::{Checkpoint, Position, Sums};
use crate::data::Data;
use crate::error::{Error, Result};
use crate::game::{self, Pair};
use crate::model::{self, Header, build, draw};
use crate::networks::critic::Critic;
use crate::networks::generator::Generator;
use crate::parameters::{Init, Parameters, collect, load, values};
use crate::run::{Config, Run, Tick};
use crate::settings::Settings;

/// When to end before the settings do.
pub struct Stop<'a> {
    /// Training time over all sessions.
    pub time: Option<Duration>,
    /// Set from outside to end after the step that runs.
    pub flag: &'a AtomicBool,
}

/// How a session ended.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Steps of the generator, over all sessions.
    pub step: u64,
    /// Real images seen, over all sessions.
    pub images: u64,
    /// Seconds of training, over all sessions.
    pub seconds: f64,
    /// `finished`, `time` or `interrupted`.
    pub ended: &'static str,
    /// The model to sample from.
    pub model: PathBuf,
}

/// Images of each grade in a grid.
const COLUMNS: usize = 8;

/// Trains, or goes on training, in the folder `out`.
pub fn train(
    collection: &Collection,
    settings: &Settings,
    out: &Path,
    stop: Stop,
    listener: Listener,
) -> Result<Summary> {
    let config = Config {
        made_by: env!("CARGO_PKG_VERSION").to_owned(),
        collection: collection.root().display().to_string(),
        data: collection.hash(),
        settings: settings.clone(),
    };
    let run = Run::open(out, &config)?;
    let data = Data::read(collection, settings, listener)?;
    let mut session = Session::begin(run, settings, data, listener)?;
    session.go(stop)
}

struct Session<'a> {
    run: Run,
    settings: &'a Settings,
    data: Data,
    listener: Listener<'a>,
    device: Device,
    generator: Generator,
    critic: Critic,
    average: Parameters,
    adams: [Adam; 2],
    position: Position,
    clock: Clock,
}

/// Time of this session, and of its part since the last tick.
struct Clock {
    began: Instant,
    before: f64,
    tick: Instant,
    tick_step: u64,
}

impl Clock {
    fn seconds(&self) -> f64 {
        self.before + self.began.elapsed().as_secs_f64()
    }
}

impl<'a> Session<'a> {
    fn begin(run: Run, settings: &'a Settings, data: Data, listener: Listener<'a>) -> Result<Self> {
        let device = Device::flex().autodiff();
        let grades = settings.grades.len();
        let mut init = Init::new(settings.seed, Purpose::GeneratorWeights, &device);
        let mut generator = settings.generator.init(&mut init, grades, settings.size);
        let mut init = Init::new(settings.seed, Purpose::CriticWeights, &device);
        let mut critic = settings.critic.init(&mut init, grades, settings.size);
        let mut average = collect(&generator);
        let mut adams = [Adam::default(), Adam::default()];
        let mut position = Position::start(&data.hash);
        if let Some((saved, trouble)) = Checkpoint::read(&run.checkpoints())? {
            if let Some(trouble) = trouble {
                listener(Event::Note(format!("going on from the checkpoint before: {trouble}")));
            }
            let fit = |reason: String| Error::content(&run.checkpoints(), reason);
            generator = load(generator, &saved.generator).map_err(fit)?;
            critic = load(critic, &saved.critic).map_err(fit)?;
            (average, position) = (saved.average, saved.position);
            adams = [saved.generator_adam, saved.critic_adam];
            listener(Event::Note(format!("going on from step {}", position.step)));
        }
        run.rewind_log(position.step)?;
        let now = Instant::now();
        let clock = Clock { began: now, before: position.seconds, tick: now, tick_step: position.step };
        Ok(Self { run, settings, data, listener, device, generator, critic, average, adams, position, clock })
    }

    fn go(&mut self, stop: Stop) -> Result<Summary> {
        let last = self.settings.last_step();
        let left = last.saturating_sub(self.position.step);
        let total = self.settings.seen(left);
        (self.listener)(Event::Begin { task: "training", total, unit: "images" });
        let ended = loop {
            if self.position.step >= last {
                break "finished";
            }
            if stop.flag.load(Ordering::Relaxed) {
                break "interrupted";
            }
            if stop.time.is_some_and(|t| self.clock.seconds() >= t.as_secs_f64()) {
                break "time";
            }
            self.step()?;
            (self.listener)(Event::Advance(self.settings.batch as u64));
            if self.position.step.is_multiple_of(self.settings.tick_steps()) {
                self.tick()?;
            }
        };
        (self.listener)(Event::End);
        self.save()?;
        self.write_model(&self.run.model())?;
        Ok(Summary {
            step: self.position.step,
            images: self.settings.seen(self.position.step),
            seconds: self.clock.seconds(),
            ended,
            model: self.run.model(),
        })
    }

    /// Some steps of the critic and one of the generator.
    fn step(&mut self) -> Result<()> {
        let (settings, step) = (self.settings, self.position.step);
        let mut grades = Vec::new();
        for turn in 0..settings.critic_steps {
            let index = step * settings.critic_steps + turn;
            grades = self.critic_step(index)?;
        }
        let latents = self.latents(Purpose::GeneratorLatent, step, &self.device);
        let frozen = self.critic.clone().no_grad();
        let (loss, gradients) = game::generator(&self.generator, &frozen, latents, &grades);
        self.finite("the generator's loss", loss)?;
        self.generator = self.adams[0].step(settings.adam, self.generator.clone(), &gradients);
        // Early on the average must not remember the random beginning.
        let ramp = (1.0 + step as f32) / (10.0 + step as f32);
        follow(&mut self.average, &collect(&self.generator), settings.ema_decay().min(ramp));
        self.position.sums.generator += loss;
        self.position.sums.steps += 1;
        self.position.step += 1;
        Ok(())
    }

    fn critic_step(&mut self, index: u64) -> Result<Vec<usize>> {
        let settings = self.settings;
        let batch = self.data.batch(settings, index, &self.device);
        let plain = Device::flex();
        let fake =
            self.generator.valid().forward(self.latents(Purpose::CriticLatent, index, &plain), &batch.grades);
        let shares = stream(settings.seed, Purpose::Interpolate, index).uniforms(settings.batch);
        let between = TensorData::new(shares, [settings.batch, 1, 1, 1]);
        let pair = Pair {
            real: batch.images,
            fake: Tensor::from_data(TensorData::new(values(fake.clone()), fake.dims()), &self.device),
            grades: &batch.grades,
            between: Tensor::from_data(between, &self.device),
        };
        let (losses, gradients) = game::critic(&self.critic, pair, settings.penalty);
        self.finite("the critic's distance", losses.distance)?;
        self.finite("the gradient penalty", losses.penalty)?;
        self.critic = self.adams[1].step(settings.adam, self.critic.clone(), &gradients);
        self.position.sums.distance += losses.distance;
        self.position.sums.penalty += losses.penalty;
        Ok(batch.grades)
    }

    fn latents(&self, purpose: Purpose, index: u64, device: &Device) -> Tensor<2> {
        let shape = [self.settings.batch, self.settings.generator.latent];
        let draws = stream(self.settings.seed, purpose, index).normals(shape[0] * shape[1]);
        Tensor::from_data(TensorData::new(draws, shape), device)
    }

    fn finite(&self, what: &'static str, value: f64) -> Result<()> {
        if value.is_finite() {
            return Ok(());
        }
        let path = self.run.checkpoints();
        let good = Checkpoint::read(&path)?.map_or(0, |(checkpoint, _)| checkpoint.position.step);
        Err(Error::NotFinite { step: self.position.step, what, value, good, path })
    }

    fn tick(&mut self) -> Result<()> {
        let images = self.settings.seen(self.position.step);
        let Sums { steps, distance, penalty, generator } = std::mem::take(&mut self.position.sums);
        let turns = (steps * self.settings.critic_steps).max(1) as f64;
        let since = self.settings.seen(self.position.step - self.clock.tick_step);
        let tick = Tick {
            step: self.position.step,
            images,
            distance: distance / turns,
            penalty: penalty / turns,
            generator: generator / steps.max(1) as f64,
            images_per_second: since as f64 / self.clock.tick.elapsed().as_secs_f64(),
            memory_mib: peak_memory(),
            seconds: self.clock.seconds(),
        };
        self.run.log(&tick)?;
        (self.listener)(Event::Note(format!(
            "{:.1} kimg  distance {:.3}  penalty {:.4}  generator {:.3}  {:.1} images/s",
            images as f64 / 1000.0,
            tick.distance,
            tick.penalty,
            tick.generator,
            tick.images_per_second
        )));
        let kimg = images / 1000;
        self.run.grid(kimg, &self.samples()?, COLUMNS)?;
        if (self.position.step / self.settings.tick_steps()).is_multiple_of(self.settings.snapshot_ticks) {
            self.write_model(&self.run.snapshot(kimg))?;
            self.write_model(&self.run.model())?;
        }
        self.save()?;
        (self.clock.tick, self.clock.tick_step) = (Instant::now(), self.position.step);
        Ok(())
    }

    /// The same latents each tick, a row a grade.
    fn samples(&self) -> Result<Vec<doppelray_images::Image>> {
        let settings = self.settings;
        let generator = build(settings, &self.average).map_err(Error::Setting)?;
        let plain = Device::flex();
        let row = |grade: usize| {
            let latents =
                stream(settings.seed, Purpose::Gallery, 0).normals(COLUMNS * settings.generator.latent);
            draw(&generator, latents, &[grade; COLUMNS], &plain)
        };
        Ok((0..settings.grades.len()).flat_map(row).collect())
    }

    fn write_model(&self, path: &Path) -> Result<()> {
        let seen = self.settings.seen(self.position.step);
        model::write(
            path,
            &Header::new(self.settings, seen, &self.data.hash, &self.data.counts),
            &self.average,
        )
    }

    fn save(&mut self) -> Result<()> {
        self.position.seconds = self.clock.seconds();
        let [generator_adam, critic_adam] = self.adams.clone();
        let checkpoint = Checkpoint {
            position: self.position.clone(),
            generator: collect(&self.generator),
            critic: collect(&self.critic),
            average: self.average.clone(),
            generator_adam,
            critic_adam,
        };
        checkpoint.write(&self.run.checkpoints())
    }
}

/// Peak resident memory in MiB, from Linux's account of the process.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok()).map_or(0, |kib| kib / 1024)
}
