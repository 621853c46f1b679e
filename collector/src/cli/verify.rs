//! `beckon verify`.

use crate::config::Data;
use crate::store::sqlite;
use std::process::ExitCode;

/// Recounts everything from the raw events; the answer is no where something differs.
pub(crate) fn run(data: &Data) -> anyhow::Result<ExitCode> {
    let verified = sqlite::verify_in(&data.data)?;
    for line in &verified.told {
        println!("{line}");
    }
    for note in &verified.notes {
        println!("note: {note}");
    }
    println!(
        "{} events, {} visitors, {} sessions, {} sums: {}",
        verified.events,
        verified.visitors,
        verified.sessions,
        verified.sums,
        if verified.different == 0 {
            "all as counted again".to_owned()
        } else {
            format!("{} differ", verified.different)
        }
    );
    Ok(if verified.different == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
