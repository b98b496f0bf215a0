//! The terminal's view of the events that the libraries emit, and of how a command ended.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the one place that prints")]

use std::io::{ErrorKind, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use doppelray_images::progress::Event;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::cmd::Common;
use crate::remote::as_typed;

/// The command line cannot be followed as typed: exit status 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// Sends the libraries' diagnostics to standard error, as `RUST_LOG` asks; by default only why the site could not serve.
pub(crate) fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| "off,doppelray::web=error".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

/// Prints an error with its causes; 2 for the command line's fault, else 1.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    let mut message = String::new();
    for cause in error.chain().map(ToString::to_string) {
        // Some messages quote their cause already.
        if !message.contains(&cause) {
            message += if message.is_empty() { "" } else { ": " };
            message += &cause;
        }
    }
    eprintln!("error: {}", as_typed(&message));
    ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
}

/// After a panic, whose message is already on standard error.
pub(crate) fn report_bug() -> ExitCode {
    eprintln!("error: this is a bug in doppelray, not in your data; please report the lines above");
    ExitCode::from(3)
}

/// Shows events: a bar with rate and time left on a terminal, plain lines elsewhere.
pub(crate) struct Console {
    common: Common,
    stage: Mutex<Option<Stage>>,
}

struct Stage {
    bar: ProgressBar,
    task: &'static str,
    unit: &'static str,
    done: u64,
    total: u64,
    began: Instant,
    said: Instant,
}

impl Console {
    /// The console that the common flags ask for.
    pub(crate) fn new(common: Common) -> Self {
        Self { common, stage: Mutex::new(None) }
    }

    /// What to hand to a library as its listener.
    pub(crate) fn listen(&self, event: Event) {
        if self.common.quiet {
            return;
        }
        let mut stage = self.stage.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match event {
            Event::Begin { task, total, unit } => *stage = Some(Stage::new(task, total, unit)),
            Event::Advance(by) => stage.iter_mut().for_each(|s| s.advance(by)),
            Event::Note(text) => match stage.as_ref() {
                Some(s) if !s.bar.is_hidden() => s.bar.println(text),
                _ => eprintln!("{}", as_typed(&text)),
            },
            Event::End => stage.take().into_iter().for_each(Stage::end),
        }
    }

    /// A line for a person.
    pub(crate) fn say(&self, line: &str) {
        if !self.common.quiet && !self.common.json {
            // What is said on the way may go unheard; what a command ends with may not.
            let _unheard = print(line);
        }
    }

    /// Ends a command: its summary for a person, or with `--json` its report.
    pub(crate) fn finish(&self, summary: &str, report: &impl Serialize) -> anyhow::Result<()> {
        if self.common.json {
            print(&serde_json::to_string_pretty(report)?)?;
        } else if !self.common.quiet {
            print(summary)?;
        }
        Ok(())
    }
}

/// A line to standard output. Whoever closed it, as `head` does, has read enough.
fn print(line: &str) -> std::io::Result<()> {
    match writeln!(std::io::stdout(), "{}", as_typed(line)) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

impl Stage {
    fn new(task: &'static str, total: u64, unit: &'static str) -> Self {
        let bar =
            if std::io::stderr().is_terminal() { ProgressBar::new(total) } else { ProgressBar::hidden() };
        let style = "{msg} {wide_bar} {pos}/{len} {per_sec} {eta} left";
        bar.set_style(ProgressStyle::with_template(style).expect("a fixed template"));
        bar.set_message(task);
        let now = Instant::now();
        Self { bar, task, unit, done: 0, total, began: now, said: now }
    }

    fn advance(&mut self, by: u64) {
        self.done += by;
        self.bar.inc(by);
        if self.bar.is_hidden() && self.said.elapsed() >= Duration::from_secs(10) {
            self.said = Instant::now();
            self.say();
        }
    }

    fn say(&self) {
        let rate = self.done as f64 / self.began.elapsed().as_secs_f64().max(1e-9);
        let left = self.total.saturating_sub(self.done) as f64 / rate.max(1e-9);
        eprintln!("{}: {}/{} {}, {rate:.1}/s, {left:.0} s left", self.task, self.done, self.total, self.unit);
    }

    fn end(self) {
        self.bar.finish_and_clear();
        let seconds = self.began.elapsed().as_secs_f64();
        eprintln!("{}: {} {} in {seconds:.1} s", self.task, self.done, self.unit);
    }
}
