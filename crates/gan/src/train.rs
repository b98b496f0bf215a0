//! The training loop: steps, ticks, checkpoints; exact to resume.
//!
//! Every random number is keyed by the step that uses it, so what resumes is the game's state and the step itself.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use doppelray_images::Collection;
use doppelray_images::progress::{Event, Listener};
use rayon::prelude::*;
use serde::Serialize;

use crate::checkpoint::{Checkpoint, Position};
use crate::choice::Judge;
use crate::data::Data;
use crate::error::{Error, Result};
use crate::game::{self, Game};
use crate::model::{self, Header, Manner, Stored};
use crate::run::{Config, Run, Tick, tile};
use crate::settings::Settings;
use crate::tensorboard::Events;

/// What is trained.
pub struct Plan<'a> {
    /// The collection to learn from.
    pub collection: &'a Collection,
    /// How.
    pub settings: &'a Settings,
    /// A model, or a run, whose generator this one begins as.
    pub from: Option<&'a Path>,
}

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
    /// `finished`, `time`, `interrupted`, or `no nearer` where patience ended.
    pub ended: &'static str,
    /// The model to sample from.
    pub model: PathBuf,
}

/// Images of each grade in a grid.
const COLUMNS: usize = 8;

/// Trains, or goes on training, in the folder `out`.
pub fn train(plan: Plan, out: &Path, stop: Stop, listener: Listener) -> Result<Summary> {
    let Plan { collection, settings, from } = plan;
    let from = from.map(Stored::find).transpose()?;
    let config = Config {
        made_by: env!("CARGO_PKG_VERSION").to_owned(),
        collection: collection.root().display().to_string(),
        data: collection.hash(),
        from: from.as_ref().map(|model| model.hash.clone()),
        settings: settings.clone(),
    };
    let run = Run::open(out, &config)?;
    let data = Data::read(collection, settings, listener)?;
    let judge = Judge::of(collection, settings)?;
    let mut session = Session { judge, ..Session::begin(run, settings, data, listener)? };
    if let Some(model) = from.filter(|_| session.position.step == 0) {
        let told = |reason| Error::content(plan.from.unwrap_or(out), reason);
        session.game.start_from(&model.parameters).map_err(told)?;
    }
    session.game.prepare(&session.data)?;
    session.go(stop)
}

struct Session<'a> {
    run: Run,
    settings: &'a Settings,
    data: Data,
    listener: Listener<'a>,
    game: Box<dyn Game>,
    position: Position,
    clock: Clock,
    events: Events,
    judge: Option<Judge>,
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
        let mut game = game::begin(settings, &data)?;
        let mut position = Position::start(&data.hash);
        if let Some((saved, trouble)) = Checkpoint::read(&run.checkpoints())? {
            if let Some(trouble) = trouble {
                listener(Event::Note(format!("going on from the checkpoint before: {trouble}")));
            }
            position = saved.position;
            game.restore(&saved.state, position.step)
                .map_err(|reason| Error::content(&run.checkpoints(), reason))?;
            listener(Event::Note(format!("going on from step {}", position.step)));
        }
        run.rewind_log(position.step)?;
        let events = Events::begin(run.root(), position.step)?;
        let now = Instant::now();
        let clock = Clock { began: now, before: position.seconds, tick: now, tick_step: position.step };
        Ok(Self { run, settings, data, listener, game, position, clock, events, judge: None })
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
            if self.settings.patience > 0 && self.position.stale >= self.settings.patience {
                break "no nearer";
            }
        };
        (self.listener)(Event::End);
        // Saved first: an end that only interrupts must not weigh in the choice that an uninterrupted run would make.
        self.save()?;
        match ended {
            "interrupted" if self.run.model().is_file() => {}
            "interrupted" => self.write_model(&self.run.model())?,
            _ => self.choose().map(|_| ())?,
        }
        Ok(Summary {
            step: self.position.step,
            images: self.settings.seen(self.position.step),
            seconds: self.clock.seconds(),
            ended,
            model: self.run.model(),
        })
    }

    fn step(&mut self) -> Result<()> {
        for (name, value) in self.game.step(&self.data, self.position.step) {
            if !value.is_finite() {
                return Err(self.not_finite(name, value));
            }
            *self.position.sums.entry(name.to_owned()).or_default() += value;
        }
        self.position.tick_steps += 1;
        self.position.step += 1;
        Ok(())
    }

    fn not_finite(&self, loss: &str, value: f64) -> Error {
        let path = self.run.checkpoints();
        let good = Checkpoint::read(&path).ok().flatten().map(|(checkpoint, _)| checkpoint.position.step);
        Error::NotFinite { step: self.position.step, what: format!("the loss `{loss}`"), value, good, path }
    }

    fn tick(&mut self) -> Result<()> {
        let images = self.settings.seen(self.position.step);
        let steps = std::mem::take(&mut self.position.tick_steps).max(1) as f64;
        let sums = std::mem::take(&mut self.position.sums);
        let since = self.settings.seen(self.position.step - self.clock.tick_step);
        let is_snapshot =
            (self.position.step / self.settings.tick_steps()).is_multiple_of(self.settings.snapshot_ticks);
        let kimg = images / 1000;
        let mut frechet = None;
        if is_snapshot {
            self.write_model(&self.run.snapshot(kimg))?;
            frechet = self.choose()?;
        }
        let tick = Tick {
            step: self.position.step,
            images,
            losses: sums.into_iter().map(|(name, sum)| (name, sum / steps)).collect(),
            frechet,
            images_per_second: since as f64 / self.clock.tick.elapsed().as_secs_f64(),
            memory_mib: peak_memory(),
            seconds: self.clock.seconds(),
        };
        self.run.log(&tick)?;
        let losses: String = tick.losses.iter().map(|(name, loss)| format!("{name} {loss:.3}  ")).collect();
        let (thousands, speed) = (images as f64 / 1000.0, tick.images_per_second);
        let nearness = frechet.map(|d| format!("frechet {d:.3}  ")).unwrap_or_default();
        (self.listener)(Event::Note(format!("{thousands:.1} kimg  {losses}{nearness}{speed:.1} images/s")));
        let grid = tile(&self.samples()?, COLUMNS);
        self.run.grid(kimg, &grid)?;
        self.events.log(tick.step, &tick.scalars(), ("samples", &grid))?;
        self.save()?;
        (self.clock.tick, self.clock.tick_step) = (Instant::now(), self.position.step);
        Ok(())
    }

    /// Makes what has been learned so far the run's model, unless an earlier snapshot came nearer to the images that choose.
    /// Gives the distance, where there are such images.
    fn choose(&mut self) -> Result<Option<f64>> {
        let generator = game::generator(self.settings, self.game.average()).map_err(Error::Setting)?;
        let distance = self.judge.as_ref().map(|judge| judge.distance(&generator));
        let nearer = match (distance, self.position.best) {
            (Some(now), Some(best)) => now < best,
            _ => true,
        };
        if nearer {
            self.write_model(&self.run.model())?;
            self.position.best = distance;
        }
        self.position.stale = if nearer { 0 } else { self.position.stale + 1 };
        Ok(distance)
    }

    /// The same seeds each tick, a row a grade.
    fn samples(&self) -> Result<Vec<doppelray_images::Image>> {
        let generator = game::generator(self.settings, self.game.average()).map_err(Error::Setting)?;
        let row = |grade: usize| (0..COLUMNS as u64).map(move |seed| (grade, seed));
        let places: Vec<(usize, u64)> = (0..self.settings.grades.len()).flat_map(row).collect();
        Ok(places
            .par_iter()
            .map(|(grade, seed)| model::draw(&generator, *grade as f64, *seed, Manner::default()))
            .collect())
    }

    fn write_model(&self, path: &Path) -> Result<()> {
        let seen = self.settings.seen(self.position.step);
        model::write(
            path,
            &Header::new(self.settings, seen, &self.data.hash, &self.data.counts),
            self.game.average(),
        )
    }

    fn save(&mut self) -> Result<()> {
        self.position.seconds = self.clock.seconds();
        let checkpoint = Checkpoint { position: self.position.clone(), state: self.game.state() };
        checkpoint.write(&self.run.checkpoints())
    }
}

/// Peak resident memory in MiB, from Linux's account of the process.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok()).map_or(0, |kib| kib / 1024)
}
