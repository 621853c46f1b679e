//! Power cuts: what no fsync has confirmed is lost, all of it or any part of it, and the process is gone.

use super::DATA;
use super::shim::{Faults, Word};
use crate::collector::{Collector, Folder, PUBLIC, SECRET, beckon, event, fresh_id};
use crate::durability::{Place, Sent, check, rounds, under_load, wait_for};
use crate::visitors::Dice;
use serde_json::Value;
use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::Arc;

/// Cuts the power of a collector under load again and again, each time at another call and with another fate of what
/// was not synced.
fn cuts(faults: &Faults, folder: &Arc<Folder>, rounds: usize, seed: u64) -> Sent {
    let place = Arc::new(Place::default());
    let mut dice = Dice(seed);
    faults.set(Word::Track, 1);
    under_load(&place, |acknowledged| {
        for round in 0..rounds {
            let collector = faults.collector(folder);
            place.set(collector.address);
            wait_for(acknowledged, 20 + dice.below(200));
            // Every other time all of it is lost; else each sector has a fate of its own.
            faults.set(Word::CutSeed, if round % 2 == 0 { 0 } else { 1 + dice.below(1 << 30) as i64 });
            faults.set(Word::CutIn, 1 + dice.below(60) as i64);
            collector.died();
        }
        // Those who wait for the next round go on without a fault, and end.
        let collector = Collector::over(folder, &[]);
        place.set(collector.address);
        wait_for(acknowledged, 100);
        collector.kill();
    })
}

#[test]
fn a_power_cut_loses_nothing_that_was_acknowledged() {
    let folder = Folder::new();
    let Some(faults) = Faults::new(&folder, DATA) else { return };
    let sent = cuts(&faults, &folder, rounds("BECKON_CUT_ROUNDS", 30), 11);
    assert!(faults.get(Word::Lost) > 0, "the cuts came when nothing was under way");
    check(&mut Collector::over(&folder, &[]), &sent);
}

/// That the test above can fail: with an fsync that does nothing, it must find that acknowledged events are gone.
#[test]
fn a_power_cut_with_an_fsync_that_lies_is_noticed() {
    let folder = Folder::new();
    // The database file itself is left alone, so that it opens.
    let Some(faults) = Faults::new(&folder, "-wal") else { return };
    // First a start that is synced, or there would be no database to look into.
    faults.collector(&folder).kill();
    faults.set(Word::SyncLies, 1);
    let sent = cuts(&faults, &folder, 1, 12);
    let stored = Collector::over(&folder, &[]).export();
    let stored: HashSet<&str> = stored.iter().filter_map(|event| event["id"].as_str()).collect();
    assert!(sent.acknowledged.iter().any(|id| !stored.contains(id.as_str())), "nothing was lost without an fsync");
}

#[test]
fn a_power_cut_in_the_end_costs_nothing() {
    let folder = Folder::new();
    let Some(faults) = Faults::new(&folder, DATA) else { return };
    faults.set(Word::Track, 1);
    let mut dice = Dice(13);
    let mut stored = 0;
    for round in 1..=12 {
        let mut collector = faults.collector(&folder);
        for _ in 0..3 {
            collector.store(&fresh_id(), &[event("click"), event("click")], &Value::Null);
            stored += 2;
        }
        faults.set(Word::CutSeed, if round % 2 == 0 { 0 } else { dice.below(1 << 30) as i64 });
        faults.set(Word::CutIn, round);
        collector.ask_to_go();
        let ended = collector.ended();
        // The last rounds may end before their cut.
        assert!(round > 4 || !ended.success(), "the end writes");
        faults.set(Word::CutIn, 0);
        let collector = Collector::over(&folder, &[]);
        assert_eq!(collector.export().len(), stored, "after a cut at call {round} of the end");
        collector.kill();
    }
}

/// Runs `serve` until it listens or dies; true where it listens.
fn serve(folder: &Folder, faults: &Faults) -> bool {
    let mut child = beckon()
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder.data())
        .envs([("BECKON_PUBLIC_KEY", PUBLIC), ("BECKON_SECRET_KEY", SECRET)])
        .envs(faults.environment())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines().map_while(Result::ok);
    let listens = lines.any(|line| line.contains("listening on"));
    let _ = child.kill();
    child.wait().expect("it ends");
    listens
}

#[test]
fn a_power_cut_in_the_first_start_costs_nothing_but_that_start() {
    for seed in [0, 5] {
        for cut in 1.. {
            let folder = Folder::new();
            let Some(faults) = Faults::new(&folder, DATA) else { return };
            faults.set(Word::Track, 1);
            faults.set(Word::CutSeed, seed * cut);
            faults.set(Word::CutIn, cut);
            let was_whole = serve(&folder, &faults);
            faults.set(Word::CutIn, 0);
            let collector = Collector::over(&folder, &[]);
            collector.store(&fresh_id(), &[event("click")], &Value::Null);
            assert_eq!(collector.export().len(), 1, "after a cut at call {cut}");
            if was_whole {
                assert!(cut > 3, "a first start writes");
                break;
            }
        }
    }
}
