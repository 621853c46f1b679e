//! Commands and housekeeping beside the load, and what is left of them when they are ended in the middle.

use super::shim::{Faults, Word};
use super::{DATA, post};
use crate::collector::{Collector, Folder, SECRET, beckon, event, fresh_id};
use crate::durability::{Place, check, under_load, verify, wait_for};
use crate::http::{BOUND, Request};
use crate::visitors::Dice;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn backup(folder: &Folder, file: &Path) -> Command {
    let mut command = beckon();
    command.arg("backup").arg("--data").arg(folder.data()).arg(file);
    command
}

/// The events of a backup, once it was put in place and found whole.
fn restored(backup: &Path, key: &Path) -> HashSet<String> {
    let folder = Folder::new();
    fs::create_dir_all(folder.data()).expect("a folder");
    fs::copy(backup, folder.database()).expect("the backup in its place");
    fs::copy(key, folder.path("data.key")).expect("its key");
    verify(&folder);
    let collector = Collector::over(&folder, &[]);
    let stored = collector.export();
    let ids: HashSet<String> = stored.iter().map(|event| event["id"].as_str().expect("an id").to_owned()).collect();
    assert_eq!(ids.len(), stored.len(), "an event is there twice");
    assert_eq!(post(&collector, &[event("click")]), "200", "it goes on from there");
    ids
}

#[test]
fn backups_under_load_restore_to_what_was_there_when_they_began() {
    let folder = Folder::new();
    let Some(faults) = Faults::new(&folder, DATA) else { return };
    let place = Arc::new(Place::default());
    let mut taken = Vec::new();
    let sent = under_load(&place, |acknowledged| {
        let collector = faults.collector(&folder);
        place.set(collector.address);
        let mut before = Vec::new();
        for round in 0..6 {
            wait_for(acknowledged, 300);
            // The log is folded in all the while: slow syncs keep it at that.
            faults.set(Word::SyncDelayUs, if round % 2 == 0 { 0 } else { 5_000 });
            let marker = event("marker");
            collector.store(&fresh_id(), std::slice::from_ref(&marker), &Value::Null);
            before.push(marker["id"].as_str().expect("an id").to_owned());
            let file = folder.path(&format!("backup-{round}.db"));
            let output = backup(&folder, &file).output().expect("it runs");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            taken.push((file, before.clone()));
        }
        faults.set(Word::SyncDelayUs, 0);
        collector.kill();
    });
    let mut least = 0;
    for (file, markers) in &taken {
        let ids = restored(file, &folder.path("data.key"));
        for marker in markers {
            assert!(ids.contains(marker), "what was acknowledged before the backup began is in it");
        }
        let all: HashSet<&String> = sent.events.keys().chain(&taken.last().expect("one").1).collect();
        assert!(ids.iter().all(|id| all.contains(id)), "nothing is in it that nobody sent");
        assert!(ids.len() > least, "each holds more than the one before");
        least = ids.len();
    }
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a bound, so that the test ends")]
fn a_backup_that_is_ended_in_the_middle_is_none() {
    let folder = Folder::new();
    let collector = Collector::over(&folder, &[]);
    for _ in 0..20 {
        let note = "x".repeat(900);
        let events: Vec<Value> = (0..100)
            .map(|number| {
                let mut event = event("own_event");
                event["props"] = json!({"note": format!("{note} {number}")});
                event
            })
            .collect();
        assert_eq!(post(&collector, &events), "200");
    }
    let file = folder.path("backup.db");
    let mut ended = 0;
    for _ in 0..5 {
        let mut child = backup(&folder, &file).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        let began = Instant::now();
        // As soon as anything of it is there.
        while !folder.files().iter().any(|(path, _)| path.display().to_string().contains("backup.db")) {
            assert!(began.elapsed() < BOUND, "nothing is written");
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().expect("it can be killed");
        let whole = child.wait().expect("it ends").success();
        // A file of that name is whole, or it is not there.
        if file.exists() {
            restored(&file, &folder.path("data.key"));
            fs::remove_file(&file).expect("it goes");
        } else {
            assert!(!whole);
            ended += 1;
        }
    }
    assert!(ended > 0, "each backup was quicker than its end");
    assert_eq!(post(&collector, &[event("click")]), "200");
    let output = backup(&folder, &file).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(restored(&file, &folder.path("data.key")).len(), 2_001);
    assert!(!folder.path("backup.db.part").exists());
}

#[test]
fn an_import_that_is_ended_is_begun_again_and_takes_each_line_once() {
    const LINES: usize = 6_000;
    let folder = Folder::new();
    let Some(faults) = Faults::new(&folder, DATA) else { return };
    faults.set(Word::Track, 1);
    let lines = (0..LINES).fold(String::new(), |mut lines, number| {
        let kind = ["pv", "cart", "fav", "buy"][number % 4];
        let _ = writeln!(lines, "{},{},{},{kind},{}", number % 97, number % 501, number % 11, 1_511_544_070 + number);
        lines
    });
    let file = folder.path("clicks.csv");
    fs::write(&file, lines).expect("a file");
    let mut dice = Dice(17);
    let import = || {
        let mut command = beckon();
        command.args(["import", "--format", "taobao", "--data"]).arg(folder.data()).arg(&file);
        command.envs(faults.environment());
        command.output().expect("it runs")
    };
    // A start that is whole, so that each cut falls into the import and not into the making of the database.
    assert!(Collector::over(&folder, &[]).terminate().success());
    for round in 1..=8 {
        faults.set(Word::CutSeed, if round % 2 == 0 { 0 } else { 1 + dice.below(1 << 30) as i64 });
        faults.set(Word::CutIn, (12 * round + dice.below(30)) as i64);
        import();
        faults.set(Word::CutIn, 0);
        verify(&folder);
    }
    assert!(faults.get(Word::Lost) > 0, "the cuts came when nothing was under way");
    let output = import();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    verify(&folder);
    assert_eq!(Collector::over(&folder, &[]).export().len(), LINES);
}

#[test]
fn an_erasure_that_is_cut_off_is_asked_for_again_and_complete() {
    let folder = Folder::new();
    let Some(faults) = Faults::new(&folder, DATA) else { return };
    faults.set(Word::Track, 1);
    let keeper = fresh_id();
    let mut kept = 0;
    let mut whole = false;
    for cut in [1, 2, 4, 7, 11, 16, 22, 30, 45, 70, 120, 400] {
        let collector = faults.collector(&folder);
        let visitor = fresh_id();
        let batch = || (0..50).map(|_| event("page_view")).collect::<Vec<_>>();
        collector.store(&visitor, &batch(), &Value::Null);
        collector.store(&keeper, &batch(), &Value::Null);
        kept += 50;
        let erase = Request::post("/v1/erase").key(SECRET).json(&json!({"visitor": visitor}));
        faults.set(Word::CutSeed, cut * (cut % 2));
        faults.set(Word::CutIn, cut);
        let answered = erase.send(collector.address).is_ok_and(|answer| answer.status == 200);
        faults.set(Word::CutIn, 0);
        collector.kill();
        verify(&folder);
        let collector = Collector::over(&folder, &[]);
        if !answered {
            let again = collector.send(&erase);
            assert_eq!(again.status, 200, "{}", again.text());
        }
        whole |= answered;
        let export = collector.export();
        assert!(export.iter().all(|event| event["visitor"] == keeper.as_str()), "after a cut at call {cut}");
        assert_eq!(export.len(), kept, "after a cut at call {cut}");
        collector.kill();
        verify(&folder);
    }
    assert!(whole, "no cut came too late");
}

#[test]
fn erasing_under_load_leaves_the_others_alone() {
    let folder = Folder::new();
    let place = Arc::new(Place::default());
    let sent = under_load(&place, |acknowledged| {
        let collector = Collector::over(&folder, &[]);
        place.set(collector.address);
        for _ in 0..8 {
            wait_for(acknowledged, 100);
            let visitor = fresh_id();
            collector.store(&visitor, &[event("click"), event("page_view")], &Value::Null);
            let erase = Request::post("/v1/erase").key(SECRET).json(&json!({"visitor": visitor}));
            let answer = collector.send(&erase);
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        collector.kill();
    });
    check(&mut Collector::over(&folder, &[]), &sent);
}
