//! doppelray: train on your X-rays, share their doubles.

mod anatomy;
mod archives;
mod audit;
mod classifier;
mod cmd;
mod console;
mod memory;
mod parts;
mod peers;
mod pixels;
mod proof;
mod release;
mod remote;
mod report;
mod saliency;
mod sets;
mod spaces;
mod utility;
mod web;

use std::process::ExitCode;

use clap::Parser;

use self::remote::Addresses;

fn main() -> ExitCode {
    memory::keep();
    console::start_log();
    let run = || {
        let addresses = Addresses::of(std::env::args_os())?;
        cmd::run(cmd::Cli::parse_from(addresses.arguments()), &addresses)
    };
    match std::panic::catch_unwind(run) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => console::report(&error),
        Err(_) => console::report_bug(),
    }
}
