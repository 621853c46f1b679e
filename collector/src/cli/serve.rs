//! `beckon serve`.

use crate::access::{Access, new_key};
use crate::clock;
use crate::config::Serve;
use crate::error::Error;
use crate::http::{self, App, Limits, Requests};
use crate::ingest::agents::Agents;
use crate::recommend::{Indexes, Recommender};
use crate::report::live::Live;
use crate::secrets::{Secrets, hex, random, sha256};
use crate::store::sqlite::Sqlite;
use crate::store::{DEFAULT_SITE, Gauges, Key, KeyId, Scopes, Store, Upkeep};
use anyhow::{Context, bail};
use engine::time::{self, DAY, HOUR, MINUTE};
use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How long answers under way may take once the collector is told to go.
const DRAIN: Duration = Duration::from_secs(8);
/// Events looked through at the start for the live view.
const LIVE_EVENTS: usize = 20_000;

/// Serves until told to stop.
pub(crate) fn run(options: &Serve) -> anyhow::Result<ExitCode> {
    clock::uptime();
    // Before anything is made: keys that were made and could not be shown would be lost.
    let listener = TcpListener::bind(options.listen).with_context(|| format!("cannot listen on {}", options.listen))?;
    listener.set_nonblocking(true)?;
    let mut secrets = Secrets::open(&options.data.key_file(), Sqlite::is_in(&options.data.data))?;
    let live = Arc::new(Live::new());
    let indexes = Arc::new(Indexes::default());
    let on_commit = {
        let (live, indexes) = (Arc::clone(&live), Arc::clone(&indexes));
        Box::new(move |committed: &[crate::store::Committed]| {
            indexes.append(committed);
            live.publish(committed, clock::now());
        })
    };
    let store: Arc<dyn Store> =
        Arc::new(Sqlite::open(&options.data.data, secrets.id(), clock::now(), on_commit, Gauges::new(clock::uptime))?);
    secrets.settle()?;
    let secrets = Arc::new(secrets);
    let sites = store.sites()?;
    if !secrets.can_seal() && sites.iter().any(|site| !site.sensitive.is_empty()) {
        bail!("the site keeps properties sealed, and the key file has no key for it: let it be written to");
    }
    let fresh = keys(store.as_ref(), options)?;
    for site in sites.iter().map(|site| site.id) {
        // Neither is worth not starting for.
        if let Err(error) = indexes.build(store.as_ref(), site) {
            tracing::error!(cause = ?error, "what sessions looked at could not be read: recommendations begin anew");
        }
        match store.since(site, clock::now() - 30 * MINUTE, LIVE_EVENTS) {
            Ok(events) => live.seed(site, &events),
            Err(error) => {
                tracing::error!(cause = ?error, "the last half hour could not be read: the live view begins anew");
            }
        }
    }
    let token = hex(&random::<20>()?);
    let (close, closing) = watch::channel(false);
    let app = Arc::new(App {
        access: Access::new(Arc::clone(&store), Arc::clone(&secrets)),
        recommender: Recommender::new(Arc::clone(&store), indexes),
        store: Arc::clone(&store),
        secrets,
        live,
        agents: Agents::new()?,
        limits: Limits::new(&options.limits),
        link: Mutex::new(Some((token.clone(), clock::now() + HOUR))),
        public_url: options.public_url.clone(),
        probed: Mutex::new(None),
        requests: Requests::default(),
        metrics_token: options.metrics_token.clone(),
        closing,
    });
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")?;
    runtime.block_on(async {
        let address = format!("http://{}", listener.local_addr()?);
        let public = options.public_url.as_deref().unwrap_or(&address).trim_end_matches('/');
        println!("beckon  listening on {address}");
        for (what, key) in &fresh {
            println!("beckon  {what}: {key}");
        }
        println!("beckon  sign in: {public}/signin?token={token}");
        serve(listener, app, close, options.limits.connections as usize).await
    })?;
    // Dropping the runtime waits for what runs on its threads; then nothing appends any more.
    runtime.shutdown_timeout(Duration::from_secs(1));
    store.close();
    Ok(ExitCode::SUCCESS)
}

async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    close: watch::Sender<bool>,
    connections: usize,
) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(upkeep(Arc::clone(&app.store)));
    let server = tokio::spawn(http::serve(listener, app, connections));
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("going down: finishing what is under way");
    close.send_replace(true);
    tokio::select! {
        ended = server => ended.context("the server ended")?.context("the server failed")?,
        () = tokio::time::sleep(DRAIN) => tracing::warn!("some connections did not end in time"),
        // Who asks twice does not want to wait for callers. What they sent and was queued is written all the same.
        _ = terminate.recv() => tracing::warn!("told again: not waiting for what is under way"),
        _ = interrupt.recv() => tracing::warn!("told again: not waiting for what is under way"),
    }
    Ok(())
}

/// How often the store is looked after.
const UPKEEP: Duration = Duration::from_hours(1);

/// Further than this behind the last upkeep, a time is taken for that of a clock that is wrong, in ms.
const LEAP: i64 = 2 * DAY;

/// Whether the clock is to be believed where data goes by it. One that is wrong, as of a machine that came up before
/// its clock was set, would take for good what is years from having had its time.
#[derive(Clone, Copy, Default)]
struct Trust {
    /// Whether the last upkeep saw a leap, and kept what goes by time.
    doubted: bool,
}

impl Trust {
    /// The time of an upkeep, where it is believed: it goes on from the last one, or an upkeep an hour ago saw a leap as
    /// well. By then a clock that can be set was set, and who was off for a week has lost no more than an hour.
    fn believed(&mut self, last: Option<i64>, now: i64) -> Option<i64> {
        let leapt = last.is_some_and(|last| now - last > LEAP);
        let believed = !leapt || self.doubted;
        self.doubted = leapt;
        believed.then_some(now)
    }
}

/// Looks after the store, now and every hour.
async fn upkeep(store: Arc<dyn Store>) {
    let mut trust = Trust::default();
    let mut hour = tokio::time::interval(UPKEEP);
    // Two upkeeps are an hour apart also where one took long.
    hour.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        hour.tick().await;
        let done = tokio::task::spawn_blocking({
            let store = Arc::clone(&store);
            move || {
                let (last, now) = (store.last_upkeep(), clock::now());
                let done = last.and_then(|last| {
                    let believed = trust.believed(last, now);
                    if believed.is_none() {
                        let (now, last) = (time::text(now), time::text(last.unwrap_or_default()));
                        tracing::warn!(
                            now,
                            last,
                            "the clock is days beyond the last upkeep: nothing goes by it for an hour"
                        );
                    }
                    store.upkeep(believed, false)
                });
                (trust, done)
            }
        })
        .await;
        let done = done.map(|(kept, done)| {
            trust = kept;
            done
        });
        match done {
            Ok(Ok(done)) if done.events + done.rejects > 0 => {
                let Upkeep { events, rejects, strings, clients } = done;
                tracing::info!(events, rejects, strings, clients, "what has had its time is gone");
            }
            Ok(Ok(_) | Err(Error::ShuttingDown)) => {}
            Ok(Err(error)) => {
                tracing::error!(cause = ?error, "the store could not be looked after: tried again in an hour");
            }
            Err(error) => tracing::error!(%error, "the store could not be looked after: tried again in an hour"),
        }
    }
}

/// Sees to it that the site has a public and a secret key; returns those that were made here, to be shown once.
fn keys(store: &dyn Store, options: &Serve) -> anyhow::Result<Vec<(&'static str, String)>> {
    let known = store.keys(DEFAULT_SITE)?;
    // Also where all of them were revoked: a start is no way to get another.
    let first = known.is_empty();
    let mut fresh = Vec::new();
    let mut keys = Vec::new();
    for (what, prefix, given, scopes) in [
        ("public key", "pk", &options.public_key, Scopes::NONE),
        ("secret key", "sk", &options.secret_key, Scopes::ALL),
    ] {
        let key = match given {
            Some(key) => key.clone(),
            None if first => {
                let key = new_key(prefix)?;
                fresh.push((what, key.clone()));
                key
            }
            None => continue,
        };
        let text = (scopes == Scopes::NONE).then(|| key.clone());
        let id = KeyId::of(&sha256(&key));
        if known.iter().any(|known| known.id == id && known.revoked.is_some()) {
            tracing::warn!("the {what} that is fixed by the options was revoked: it stays so");
        }
        keys.push((sha256(&key), Key { site: DEFAULT_SITE, scopes, text, name: String::new(), made: clock::now() }));
    }
    store.put_keys(keys)?;
    Ok(fresh)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_leaps_is_believed_an_hour_later() {
        let day = |n: i64| n * DAY;
        // Last upkeep or newest event, now, and whether what goes by time goes.
        for (what, upkeeps) in [
            ("a store without anything", &[(None, day(9_000), true), (Some(day(9_000)), day(9_000) + HOUR, true)][..]),
            ("an hour later, two days later", &[(Some(0), HOUR, true), (Some(HOUR), HOUR + day(2), true)]),
            (
                "off for a week",
                &[(Some(0), day(7), false), (Some(0), day(7) + HOUR, true), (Some(day(7)), day(8), true)],
            ),
            ("put right in time", &[(Some(0), day(4_000), false), (Some(0), HOUR, true), (Some(HOUR), day(90), false)]),
            ("set back", &[(Some(day(4_000)), day(9), true)]),
        ] {
            let mut trust = Trust::default();
            for (last, now, goes) in upkeeps {
                assert_eq!(trust.believed(*last, *now), goes.then_some(*now), "{what}");
            }
        }
    }
}
