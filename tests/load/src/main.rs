//! `load send|answer|insert|sizes`: a load generator for the collector, the two ceilings to compare it with (a server that
//! parses and answers without storing, and raw inserts of the same rows), and where the bytes of a database go.
//!
//! Prints one JSON object. Times are real ones: this measures, it does not test.
#![allow(clippy::disallowed_methods, reason = "a load generator needs the clock")]

mod answer;
mod events;
mod insert;
mod send;
mod sizes;

use std::collections::HashMap;
use std::process::ExitCode;

const USAGE: &str = "usage: load send --address 127.0.0.1:8787 --key sk_... [--batch 20] [--connections 64] [--seconds 10] [--rate N] [--seed 1]
       load answer --address 127.0.0.1:0
       load insert --file PATH [--from beckon.db] [--group 500] [--rows 100000]
       load sizes --from beckon.db";

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let command = words.next().unwrap_or_default();
    let mut options = HashMap::new();
    while let Some(name) = words.next() {
        let (Some(name), Some(value)) = (name.strip_prefix("--").map(str::to_owned), words.next()) else {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        };
        options.insert(name, value);
    }
    let done = match command.as_str() {
        "send" => send::run(&Options(options)),
        "answer" => answer::run(&Options(options)),
        "insert" => insert::run(&Options(options)),
        "sizes" => sizes::run(&Options(options)),
        _ => Err(USAGE.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::from(2)
        }
    }
}

/// Why a run could not be done.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// `--name value` pairs.
struct Options(HashMap<String, String>);

impl Options {
    fn text(&self, name: &str) -> Result<&str, Failure> {
        self.0.get(name).map(String::as_str).ok_or_else(|| format!("--{name} is missing\n{USAGE}").into())
    }

    fn number(&self, name: &str, default: u64) -> Result<u64, Failure> {
        match self.0.get(name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| format!("--{name}: expected a whole number").into()),
        }
    }
}
