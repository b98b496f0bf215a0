//! doppelray: train on your X-rays, share their doubles.

mod anatomy;
mod archives;
mod audit;
mod classifier;
mod cmd;
mod console;
mod memory;
mod parts;
mod pixels;
mod proof;
mod release;
mod report;
mod saliency;
mod sets;
mod spaces;
mod utility;
mod web;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    memory::keep();
    let cli = cmd::Cli::parse();
    console::start_log();
    match std::panic::catch_unwind(|| cmd::run(cli)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => console::report(&error),
        Err(_) => console::report_bug(),
    }
}
