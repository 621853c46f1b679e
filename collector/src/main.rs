//! `beckon`: the collector, one binary with the dashboard inside.

mod access;
mod cli;
mod clock;
mod config;
mod error;
mod export;
#[cfg(test)]
#[allow(unreachable_pub, reason = "what fuzz targets reach through the library")]
mod fuzz;
mod http;
mod ingest;
mod recommend;
mod report;
mod secrets;
mod store;

use std::io::IsTerminal;
use std::process::ExitCode;

/// Events are made of many small pieces that one thread makes and another one frees: glibc's allocator is slow at that,
/// and keeps much of what was freed.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The command line or the file of options is wrong.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let (options, settings) = match config::read() {
        Ok(read) => read,
        Err(wrong) => {
            eprintln!("beckon: {wrong}");
            return ExitCode::from(USAGE);
        }
    };
    log_to_stderr(&options);
    let done = match options.command {
        config::Command::Serve(serve) => cli::serve::run(&serve),
        config::Command::Import(import) => cli::import::run(&import),
        config::Command::Report(report) => cli::report::run(&report),
        config::Command::Verify(data) => cli::verify::run(&data),
        config::Command::Backup(backup) => cli::backup::run(&backup),
        config::Command::Export(export) => cli::export::run(&export),
        config::Command::Config(_) => {
            cli::config::run(&settings);
            Ok(ExitCode::SUCCESS)
        }
        config::Command::Keys(config::Keys::List(keys)) => cli::keys::list(&keys),
        config::Command::Keys(config::Keys::Create(key)) => cli::keys::create(&key),
        config::Command::Keys(config::Keys::Revoke(key)) => cli::keys::revoke(&key),
        config::Command::Erase(erase) => cli::erase::run(&erase),
        config::Command::Keys(config::Keys::Rotate(data)) => cli::keys::rotate(&data),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("beckon: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn log_to_stderr(options: &config::Options) {
    let log = tracing_subscriber::fmt().with_target(false).with_writer(std::io::stderr).with_max_level(options.log);
    match options.log_format {
        config::LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
        config::LogFormat::Json => log.json().flatten_event(true).with_current_span(false).with_span_list(false).init(),
    }
}
