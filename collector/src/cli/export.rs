//! `beckon export`.

use crate::clock;
use crate::config::{Export, ExportForm};
use crate::export::{self, Form};
use crate::secrets::Secrets;
use crate::store::sqlite::Sqlite;
use crate::store::{Gauges, Read as _};
use anyhow::{Context, bail};
use std::fs::File;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::process::ExitCode;

/// Writes events into a file or to the output, beside a running collector or without one.
pub(crate) fn run(options: &Export) -> anyhow::Result<ExitCode> {
    let range = export::range(options.from.as_deref(), options.to.as_deref());
    let range = range.map_err(|name| anyhow::anyhow!("--{name}: {}", export::MOMENT))?;
    let store = Sqlite::look(&options.data.data, Gauges::new(clock::uptime))?;
    let secrets = Secrets::open(&options.data.key_file(), true)?;
    let site = store.sites()?.into_iter().find(|site| site.name == options.site.site);
    let site = site.with_context(|| format!("there is no site `{}`", options.site.site))?.id;
    let form = match options.format {
        ExportForm::Ndjson => Form::Ndjson,
        ExportForm::Csv => Form::Csv,
    };
    let to_output = options.out.as_os_str() == "-";
    let mut out: Box<dyn Write> = if to_output {
        Box::new(io::stdout())
    } else if options.out.exists() {
        bail!("{} is there already: an export never replaces a file", options.out.display());
    } else {
        let file = File::create_new(&options.out);
        Box::new(file.with_context(|| format!("cannot write {}", options.out.display()))?)
    };
    let mut failed = None;
    let n = export::events(&store, &secrets, site, &range, form, &mut |chunk| match out.write_all(&chunk) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            failed = Some(error);
            ControlFlow::Break(())
        }
    })?;
    if let Some(error) = failed.or_else(|| out.flush().err()) {
        return Err(error).context("cannot write the export");
    }
    // On the other stream, as the events may be on this one.
    eprintln!("{n} events");
    Ok(ExitCode::SUCCESS)
}
