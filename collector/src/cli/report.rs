//! `beckon report`.

use super::keys::site;
use crate::USAGE;
use crate::clock;
use crate::config::{self, ReportForm};
use crate::error::Error;
use crate::export;
use crate::report::{Answer, COMMON, REPORTS, Report};
use crate::store::Gauges;
use crate::store::sqlite::Sqlite;
use anyhow::Context;
use serde_json::Value;
use std::collections::HashMap;
use std::io::{self, Write as _};
use std::process::ExitCode;

/// Answers a report, beside a running collector or without one; what there is to know about the answer goes to the
/// other stream.
pub(crate) fn run(options: &config::Report) -> anyhow::Result<ExitCode> {
    let Some(name) = &options.name else {
        list();
        return Ok(ExitCode::SUCCESS);
    };
    let wrong = |what: &str| {
        eprintln!("beckon: {what}");
        Ok(ExitCode::from(USAGE))
    };
    let Some(report) = Report::find(name) else {
        let names: Vec<&str> = REPORTS.iter().map(|report| report.name).collect();
        return wrong(&format!("there is no report `{name}`; expected one of {}", names.join(", ")));
    };
    let mut parameters = HashMap::new();
    for parameter in &options.parameters {
        let Some((name, value)) = parameter.split_once('=') else {
            return wrong(&format!("{parameter}: expected NAME=VALUE"));
        };
        if parameters.insert(name.to_owned(), value.to_owned()).is_some() {
            return wrong(&format!("{name}: expected once"));
        }
    }
    let store = Sqlite::look(&options.data.data, Gauges::new(clock::uptime))?;
    let answer = match report.run(&store, site(&store, &options.site)?, parameters, clock::now()) {
        Ok(answer) => answer,
        Err(Error::BadRequest { path, detail }) => return wrong(&format!("{path}: {detail}")),
        Err(error) => return Err(error.into()),
    };
    let text = match options.format {
        ReportForm::Csv => csv(&answer)?,
        ReportForm::Json => [serde_json::to_vec(&answer)?, b"\n".to_vec()].concat(),
    };
    io::stdout().write_all(&text).context("cannot write the report")?;
    if let ReportForm::Csv = options.format {
        answer.notes.iter().for_each(|note| eprintln!("note: {note}"));
    }
    Ok(ExitCode::SUCCESS)
}

fn list() {
    for report in REPORTS {
        println!("{:8} {}", report.name, report.title);
        for (name, takes) in report.parameters {
            println!("         {name}=  {takes}");
        }
    }
    println!("and each of them");
    for (name, takes) in COMMON {
        println!("         {name}=  {takes}");
    }
}

fn csv(answer: &Answer) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    export::row(&mut text, answer.columns.iter().map(|column| Some(column.name.to_owned())))?;
    for row in &answer.rows {
        let cells = row.iter().map(|cell| match cell {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        });
        export::row(&mut text, cells)?;
    }
    Ok(text)
}
