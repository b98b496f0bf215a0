//! The training loop: steps, ticks, checkpoints; exact to resume.
//!
//! Every random number is keyed by the step that uses it, so what resumes is the game's state and the step itself.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use burn::tensor::Device;
use doppelray_images::Collection;
use doppelray_images::progress::{Event, Listener};
use rayon::prelude::*;
use serde::Serialize;

use crate::checkpoint::{Checkpoint, Position};
use crate::choice::Judge;
use crate::data::{Data, Room};
use crate::device::Processor;
use crate::error::{Error, Result};
use crate::game::{self, Game, Share};
pub use crate::game::{Alone, Peers};
use crate::model::{self, Header};
use crate::origin::Origin;
use crate::run::{Config, Run, Tick, tile};
use crate::settings::Settings;
use crate::tensorboard::Events;

/// What is trained.
pub struct Plan<'a> {
    /// The collection to learn from.
    pub collection: &'a Collection,
    /// How.
    pub settings: &'a Settings,
    /// A model, or a run, whose generator this one begins as; or the checkpoint of one, which goes on here with these settings.
    pub from: Option<&'a Path>,
    /// Bytes of memory that decoded images may take; beyond, they wait in a file of the run's folder.
    pub room: u64,
    /// Where.
    pub processor: Processor,
    /// Who trains with this process; [`Alone`] for nobody.
    pub peers: Arc<dyn Peers>,
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

/// How a session can end, the first that holds.
const ENDS: [&str; 4] = ["finished", INTERRUPTED, "time", "no nearer"];
const INTERRUPTED: &str = "interrupted";

/// Images of each grade in a grid.
const COLUMNS: usize = 8;

/// Trains, or goes on training, in the folder `out`. Of several processes the first writes, and says when it is over.
pub fn train(plan: Plan, out: &Path, stop: Stop, listener: Listener) -> Result<Summary> {
    let Plan { collection, settings, from, room, processor, peers } = plan;
    let device = processor.open()?;
    let [place, processes] = peers.place();
    if !settings.passes.is_multiple_of(processes) {
        return Err(Error::Setting(format!(
            "passes: a multiple of the {processes} processes is needed; say --set passes={processes}"
        )));
    }
    let from = from.map(Origin::find).transpose()?;
    let config = Config {
        made_by: env!("CARGO_PKG_VERSION").to_owned(),
        collection: collection.root().display().to_string(),
        data: collection.hash(),
        from: from.as_ref().map(|origin| origin.hash.clone()),
        settings: settings.clone(),
    };
    let run = if place == 0 { Run::open(out, &config)? } else { Run::beside(out) };
    // Nobody looks for a checkpoint before the first has the run.
    peers.follow(0);
    let data = Data::read(collection, settings, Room { memory: room, folder: out }, listener)?;
    let judge = if place == 0 { Judge::of(collection, settings)? } else { None };
    let mut session = Session { judge, ..Session::begin((run, peers), settings, (data, &device), listener)? };
    if let Some(origin) = from.filter(|_| session.position.step == 0) {
        let step = origin.begin(&mut *session.game)?;
        (session.position.step, session.clock.tick_step) = (step, step);
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
    judge: Option<Judge>,
    peers: Arc<dyn Peers>,
    /// Of the process that writes.
    events: Option<Events>,
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
    fn begin(
        (run, peers): (Run, Arc<dyn Peers>),
        settings: &'a Settings,
        (data, device): (Data, &Device),
        listener: Listener<'a>,
    ) -> Result<Self> {
        let mut game = game::begin(settings, &data, device, Share::new(settings.passes, peers.clone()))?;
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
        let own = position.step.to_le_bytes();
        if peers.gather(&own).iter().any(|other| *other != own) {
            let reason = "the processes see different checkpoints here; give them one folder";
            return Err(Error::content(&run.checkpoints(), reason));
        }
        let events = match peers.place()[0] {
            0 => {
                run.rewind_log(position.step)?;
                Some(Events::begin(run.root(), position.step)?)
            }
            _ => None,
        };
        let now = Instant::now();
        let clock = Clock { began: now, before: position.seconds, tick: now, tick_step: position.step };
        Ok(Self { run, settings, data, listener, game, position, clock, judge: None, peers, events })
    }

    fn go(&mut self, stop: Stop) -> Result<Summary> {
        let left = self.settings.last_step().saturating_sub(self.position.step);
        let total = self.settings.seen(left);
        (self.listener)(Event::Begin { task: "training", total, unit: "images" });
        let ended = loop {
            let end = self.end(&stop);
            let said = self.peers.follow(end.map_or(0, |end| end + 1));
            if said > 0 {
                break ENDS[usize::from(said) - 1];
            }
            self.step()?;
            (self.listener)(Event::Advance(self.settings.batch as u64));
            if self.position.step.is_multiple_of(self.settings.tick_steps()) {
                self.tick()?;
            }
        };
        (self.listener)(Event::End);
        if self.events.is_some() {
            // Saved first: an end that only interrupts must not weigh in the choice that an uninterrupted run would make.
            self.save()?;
            match ended {
                INTERRUPTED if self.run.model().is_file() => {}
                INTERRUPTED => self.write_model(&self.run.model())?,
                _ => self.choose().map(|_| ())?,
            }
        }
        Ok(Summary {
            step: self.position.step,
            images: self.settings.seen(self.position.step),
            seconds: self.clock.seconds(),
            ended,
            model: self.run.model(),
        })
    }

    /// Why no further step is taken, among [`ENDS`].
    fn end(&self, stop: &Stop) -> Option<u8> {
        let stale = self.settings.patience > 0 && self.position.stale >= self.settings.patience;
        let late = stop.time.is_some_and(|t| self.clock.seconds() >= t.as_secs_f64());
        let reasons =
            [self.position.step >= self.settings.last_step(), stop.flag.load(Ordering::Relaxed), late, stale];
        reasons.iter().position(|holds| *holds).map(|at| at as u8)
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
        if self.events.is_none() {
            return Ok(());
        }
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
        if let Some(events) = &mut self.events {
            events.log(tick.step, &tick.scalars(), ("samples", &grid))?;
        }
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

    /// The same seeds each tick, a row a grade; where sides are learned, every second image is a right knee.
    fn samples(&self) -> Result<Vec<doppelray_images::Image>> {
        let generator = game::generator(self.settings, self.game.average()).map_err(Error::Setting)?;
        let (grades, labels) = (self.settings.grades.len(), self.settings.labels());
        let row =
            |grade: usize| (0..COLUMNS).map(move |seed| ((grade + seed * grades) % labels, seed as u64));
        let sampling = self.settings.sampling;
        let places: Vec<(usize, u64)> = (0..grades).flat_map(row).collect();
        Ok(places
            .par_iter()
            .map(|(label, seed)| {
                let shares = self.settings.shares_at(*label, sampling.guidance);
                model::draw(&generator, &shares, *seed, sampling.into())
            })
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
