//! What was acknowledged is there, once: after kill -9, after SIGTERM, and beside a second process.

use crate::collector::{Collector, Folder, PUBLIC, SECRET, beckon, event, fresh_id, now, same};
use crate::http::{BOUND, Request};
use crate::recount::{check_facts, check_reports, read};
use crate::visitors::{Dice, history};
use engine::time::HOUR;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};

const SENDERS: usize = 4;
const ROUNDS: usize = 30;

/// How many rounds of something: what the environment says under this name, or so many.
#[allow(clippy::disallowed_methods, reason = "more rounds than a usual run has time for")]
pub(crate) fn rounds(name: &str, usual: usize) -> usize {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}: expected a whole number")),
        Err(_) => usual,
    }
}

/// Where the collector is at the moment, for senders that outlive it.
#[derive(Default)]
pub(crate) struct Place {
    at: Mutex<(u64, Option<SocketAddr>)>,
    moved: Condvar,
}

impl Place {
    pub(crate) fn set(&self, address: SocketAddr) {
        let mut at = self.at.lock().expect("no panic");
        *at = (at.0 + 1, Some(address));
        self.moved.notify_all();
    }

    /// The address, once there is one of a later round than `seen`.
    fn after(&self, seen: u64) -> (u64, SocketAddr) {
        let at = self.at.lock().expect("no panic");
        let (at, late) =
            self.moved.wait_timeout_while(at, BOUND, |at| at.0 <= seen || at.1.is_none()).expect("no panic");
        assert!(!late.timed_out(), "the collector does not come back");
        (at.0, at.1.expect("an address"))
    }
}

/// What a sender has to say at its end.
#[derive(Default)]
pub(crate) struct Sent {
    /// Everything it tried to send, by id.
    pub(crate) events: BTreeMap<String, Value>,
    pub(crate) acknowledged: HashSet<String>,
}

/// Sends batch after batch of made-up visits until told to stop. A batch that is not answered is sent again, with the
/// same ids, to whoever took the collector's place; now and then it is given up instead, as a page does that is left.
fn sender(number: u64, place: &Place, stop: &AtomicBool, acknowledged: &Sender<usize>) -> Sent {
    let mut dice = Dice(7_000 + number);
    let mut clocks: BTreeMap<String, i64> = BTreeMap::new();
    let mut sent = Sent::default();
    let (mut round, mut to) = place.after(0);
    while !stop.load(Ordering::Relaxed) {
        // Some visitors are in two tabs: more than one sender tells of them.
        let visitor = format!("visitor-{}", dice.below(12) as u64 + 6 * number);
        let clock = clocks.entry(visitor.clone()).or_insert_with(|| now() - 20 * HOUR);
        let count = 1 + dice.below(20);
        let batch = history(&mut dice, &visitor, *clock, count);
        *clock = (*clock + 600_000).min(now());
        for event in &batch {
            sent.events.insert(event["id"].as_str().expect("an id").to_owned(), event.clone());
        }
        let request = Request::post("/v1/events").key(SECRET).json(&json!({"events": batch}));
        loop {
            match request.send(to) {
                Ok(answer) if answer.status == 200 => {
                    for result in answer.json()["results"].as_array().expect("results") {
                        let status = result["status"].as_str().expect("a status");
                        assert!(["stored", "duplicate"].contains(&status), "{result}");
                        sent.acknowledged.insert(result["id"].as_str().expect("an id").to_owned());
                    }
                    // Nobody listens any more once the last round is over.
                    let _ = acknowledged.send(batch.len());
                    break;
                }
                Ok(answer) => assert_eq!(answer.status, 503, "{}", answer.text()),
                Err(_) => {
                    if stop.load(Ordering::Relaxed) || dice.one_in(4) {
                        break;
                    }
                }
            }
            (round, to) = place.after(round);
        }
    }
    sent
}

/// Waits until the senders were told of so many events more.
pub(crate) fn wait_for(acknowledged: &Receiver<usize>, events: usize) {
    let mut count = 0;
    while count < events {
        count += acknowledged.recv_timeout(BOUND).expect("the senders get on");
    }
}

/// Runs senders around a scenario, and says what they sent.
pub(crate) fn under_load(place: &Arc<Place>, scenario: impl FnOnce(&Receiver<usize>)) -> Sent {
    let stop = AtomicBool::new(false);
    let (sender_side, acknowledged) = channel();
    let mut all = Sent::default();
    std::thread::scope(|scope| {
        let (stop, place) = (&stop, place.as_ref());
        let senders: Vec<_> = (0..SENDERS as u64)
            .map(|number| {
                let told = sender_side.clone();
                scope.spawn(move || sender(number, place, stop, &told))
            })
            .collect();
        scenario(&acknowledged);
        stop.store(true, Ordering::Relaxed);
        // Whoever waits for a later round may end too.
        let here = place.at.lock().expect("no panic").1;
        if let Some(here) = here {
            place.set(here);
        }
        for sender in senders {
            let sent = sender.join().expect("no panic");
            all.events.extend(sent.events);
            all.acknowledged.extend(sent.acknowledged);
        }
    });
    all
}

/// Everything acknowledged is there once and as it was sent, nothing is there that was not sent, and all that was
/// counted on the way in is what a recount gives.
pub(crate) fn check(collector: &mut Collector, sent: &Sent) {
    let export = collector.export();
    let mut ids = HashSet::new();
    for stored in &export {
        let id = stored["id"].as_str().expect("an id");
        assert!(ids.insert(id.to_owned()), "{id} is there twice");
        let origin = sent.events.get(id).unwrap_or_else(|| panic!("nobody sent {stored}"));
        for field in ["name", "at", "visitor", "items", "page", "props", "value", "transaction_id"] {
            assert!(same(&stored[field], &origin[field]), "{field} of {id}: {} and {}", stored[field], origin[field]);
        }
    }
    let lost: Vec<_> = sent.acknowledged.difference(&ids).collect();
    assert!(lost.is_empty(), "{} acknowledged events are lost: {lost:?}", lost.len());

    check_reports(collector, &read(&export), "UTC", 0);
    let (visitors, _) = check_facts(collector, &export);
    assert!(visitors > 10);
    // Once with what a crash leaves, and once as a good end leaves it.
    verify(&collector.folder);
    assert!(collector.terminate().success());
    verify(&collector.folder);
    assert_eq!(Collector::over(&collector.folder, &[]).export().len(), export.len(), "after another start");
}

/// `beckon verify` finds all as counted again, and SQLite finds the file whole.
pub(crate) fn verify(folder: &Folder) {
    let verified = beckon().arg("verify").arg("--data").arg(folder.data()).output().expect("it runs");
    let told = [verified.stdout, verified.stderr].concat();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&told));
    let database = rusqlite::Connection::open(folder.database()).expect("the database");
    let found: String = database.query_row("pragma integrity_check", [], |row| row.get(0)).expect("an answer");
    assert_eq!(found, "ok");
}

#[test]
fn kill_9_loses_nothing_that_was_acknowledged() {
    let folder = Folder::new();
    let place = Arc::new(Place::default());
    let mut dice = Dice(9);
    let rounds = rounds("BECKON_KILL_ROUNDS", ROUNDS);
    let sent = under_load(&place, |acknowledged| {
        for _ in 0..rounds {
            let collector = Collector::over(&folder, &[]);
            place.set(collector.address);
            wait_for(acknowledged, 50 + dice.below(300));
            collector.kill();
        }
        let collector = Collector::over(&folder, &[]);
        place.set(collector.address);
        wait_for(acknowledged, 100);
        collector.kill();
    });
    assert!(sent.acknowledged.len() > rounds * 50);
    check(&mut Collector::over(&folder, &[]), &sent);
}

#[test]
fn sigterm_under_load_loses_nothing_and_ends_in_time() {
    let folder = Folder::new();
    let place = Arc::new(Place::default());
    let sent = under_load(&place, |acknowledged| {
        for _ in 0..3 {
            let mut collector = Collector::over(&folder, &[]);
            // Who listens and who is silent must not hold it up.
            let (_, mut live) = collector.open(&Request::get("/v1/live").key(SECRET));
            let _idle = TcpStream::connect(collector.address).expect("a connection");
            place.set(collector.address);
            wait_for(acknowledged, 200);
            assert_eq!(collector.terminate().code(), Some(0));
            while live.event().expect("a stream that ends well").is_some() {}
        }
    });
    check(&mut Collector::over(&folder, &[]), &sent);
}

#[test]
fn a_request_that_hangs_does_not_hold_up_the_end() {
    let mut collector = Collector::new();
    let mut socket = TcpStream::connect(collector.address).expect("a connection");
    let head = format!(
        "POST /v1/events?key={PUBLIC} HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: 9\r\n\r\n{{"
    );
    socket.write_all(head.as_bytes()).expect("half a request");
    // Another request that came later is answered: so the half one is under way.
    assert_eq!(collector.get("/v1/site")["events"], 0);
    assert_eq!(collector.terminate().code(), Some(0));
    let mut rest = Vec::new();
    // Broken off or answered: it was not taken.
    let _ = socket.read_to_end(&mut rest);
    assert!(!String::from_utf8_lossy(&rest).starts_with("HTTP/1.1 2"));
}

#[test]
fn who_asks_twice_does_not_wait_for_a_request_that_hangs() {
    let mut collector = Collector::new();
    let mut socket = TcpStream::connect(collector.address).expect("a connection");
    let head = format!(
        "POST /v1/events?key={PUBLIC} HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: 9\r\n\r\n{{"
    );
    socket.write_all(head.as_bytes()).expect("half a request");
    collector.store(&fresh_id(), &[event("page_view")], &Value::Null);
    collector.ask_to_go();
    while !collector.folder.log().contains("going down") {
        std::thread::yield_now();
    }
    assert_eq!(collector.terminate().code(), Some(0));
    assert!(collector.folder.log().contains("told again"), "{}", collector.folder.log());
    assert_eq!(Collector::over(&collector.folder, &[]).export().len(), 1);
}

/// Runs the program to its end, which is to be a refusal, and returns what it said.
fn refused(arguments: &[&str], folder: &Folder, environment: &[(&str, &str)]) -> String {
    let mut command = beckon();
    command.args(arguments).arg("--data").arg(folder.data()).envs(environment.iter().copied());
    let Output { status, stdout, stderr } = command.output().expect("the program runs");
    let said = String::from_utf8_lossy(&stderr).into_owned();
    assert_eq!(status.code(), Some(1), "{arguments:?}: {said}");
    assert_eq!(String::from_utf8_lossy(&stdout), "", "{arguments:?}");
    said
}

#[test]
fn a_second_process_and_a_wrong_key_file_are_refused() {
    let folder = Folder::new();
    let file = folder.path("clicks.csv");
    std::fs::write(&file, "1,2,3,pv,1511544070\n").expect("a file");
    let file = file.display().to_string();
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    let import = ["import", "--format", "taobao", file.as_str()];

    let collector = Collector::over(&folder, &[]);
    collector.store(&fresh_id(), &[event("page_view")], &Value::Null);
    for arguments in [serve.as_slice(), &import] {
        let said = refused(arguments, &folder, &[]);
        assert!(said.contains("is in use by another beckon"), "{said}");
    }
    assert_eq!(collector.export().len(), 1);
    collector.kill();

    let other = folder.path("other.key");
    let absent = folder.path("absent.key");
    for (key, expected) in [
        (format!("beckon-key-1 {}\n", "ab".repeat(32)), "is not the one that this data was written with"),
        ("beckon-key-1 abc\n".to_owned(), "is not one"),
        (String::new(), "is not one"),
    ] {
        std::fs::write(&other, key).expect("a file");
        let path = other.display().to_string();
        for arguments in [serve.as_slice(), &import] {
            let said = refused(arguments, &folder, &[("BECKON_KEY_FILE", &path)]);
            assert!(said.contains(expected), "{said}");
        }
    }
    let said = refused(&serve, &folder, &[("BECKON_KEY_FILE", &absent.display().to_string())]);
    assert!(said.contains("key file"), "{said}");
    assert!(!absent.exists(), "a key file that fits nothing was made");

    // None of that did any harm.
    let mut collector = Collector::over(&folder, &[]);
    assert_eq!(collector.export().len(), 1);
    assert!(collector.terminate().success());
    let database = rusqlite::Connection::open(folder.database()).expect("the database");
    database.pragma_update(None, "user_version", 99).expect("a later version");
    let said = refused(&serve, &folder, &[]);
    assert!(said.contains("newer beckon"), "{said}");
}

#[cfg(unix)]
#[test]
fn the_key_file_and_the_data_are_their_owners_alone() {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    let folder = Folder::new();
    // Made by somebody else, for all to look into.
    std::fs::DirBuilder::new().mode(0o755).create(folder.data()).expect("a folder");
    let collector = Collector::over(&folder, &[]);
    collector.store(&fresh_id(), &[event("click")], &Value::Null);
    for name in ["data.key", "data/beckon.db", "data/beckon.db-wal", "data/beckon.db-shm"] {
        let file = folder.path(name).metadata().expect(name);
        assert_eq!(file.permissions().mode() & 0o777, 0o600, "{name}");
    }
}
