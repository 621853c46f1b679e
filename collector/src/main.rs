//! `beckon`: the collector, one binary with the dashboard inside.

mod access;
mod cli;
mod clock;
mod config;
mod error;
mod http;
mod ingest;
mod recommend;
mod report;
mod secrets;
mod store;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let options = config::Options::parse();
    tracing_subscriber::fmt().with_target(false).with_writer(std::io::stderr).with_max_level(options.log).init();
    let done = match options.command {
        config::Command::Serve(serve) => cli::serve::run(&serve),
        config::Command::Import(import) => cli::import::run(&import),
        config::Command::Verify(data) => cli::verify::run(&data),
        config::Command::Backup(backup) => cli::backup::run(&backup),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("beckon: {error:#}");
            ExitCode::FAILURE
        }
    }
}
