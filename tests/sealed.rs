//! Properties that a site calls sensitive, and the keys that seal them.

use crate::collector::{Collector, Folder, PUBLIC, SECRET, beckon, event, fresh_id};
use crate::http::Request;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Output, Stdio};
use std::sync::Arc;

/// Values that are to be found in no file, and in no answer but to who may take raw events out.
const PLANTED: [&str; 3] = ["Zwölfter Stock", "kidney-stones", "frau-holle"];

/// A collector whose site keeps some properties sealed.
fn sealing() -> Collector {
    let collector = Collector::new();
    collector.put("/v1/site", &json!({"sensitive": ["floor", "illness", "nick"]}));
    collector
}

/// An event that has them all, one at each place where GA4 and we put properties.
fn planted(name: &str) -> Value {
    let mut event = event(name);
    event["props"] = json!({"floor": PLANTED[0], "illness": {"names": [PLANTED[1]]}, "plan": "gold"});
    event["nick"] = json!(PLANTED[2]);
    event
}

/// Every planted value, in every place, is one of these files or texts no more than its absence.
fn check_nowhere(what: &str, bytes: &[u8]) {
    for planted in PLANTED {
        let found = bytes.windows(planted.len()).any(|window| window == planted.as_bytes());
        assert!(!found, "{planted:?} is in {what}");
    }
}

fn check_files(folder: &Folder) {
    for (path, bytes) in folder.files() {
        check_nowhere(&path.display().to_string(), &bytes);
    }
}

/// The properties of exported events by id.
fn props(export: &[Value]) -> BTreeMap<String, Value> {
    export.iter().map(|event| (event["id"].to_string(), event["props"].clone())).collect()
}

#[test]
fn sealed_properties_are_told_only_to_who_may_export() {
    let mut collector = sealing();
    let visitor = fresh_id();
    let mut bad = planted("page_view");
    bad["value"] = json!("12 EUR");
    let conflict = planted("login");
    let mut other = conflict.clone();
    other["props"]["plan"] = json!("silver");
    let (_, mut live) = collector.open(&Request::get("/v1/live").key(SECRET));
    assert!(live.event().expect("a snapshot").is_some());
    collector.store(&visitor, &[planted("identify"), planted("page_view"), conflict], &Value::Null);
    let body = json!({"key": PUBLIC, "visitor": visitor, "events": [bad, other]}).to_string();
    let answer = collector.send(&Request::post("/v1/events").body("text/plain", body));
    check_nowhere("the answer to events", answer.text().as_bytes());
    let codes =
        answer.json()["results"].as_array().expect("results").iter().map(|it| it["code"].clone()).collect::<Vec<_>>();
    assert_eq!(codes, ["bad_value", "id_conflict"]);

    let whole = json!({"floor": PLANTED[0], "illness": {"names": [PLANTED[1]]}, "nick": PLANTED[2], "plan": "gold"});
    for event in collector.export() {
        assert_eq!(event["props"], whole);
        assert_eq!(event["note"], Value::Null);
    }
    let profile = collector.get(&format!("/v1/visitors/{visitor}"));
    assert_eq!(profile["timeline"][0]["props"], whole);
    assert_eq!(profile["facts"]["trait.plan"], "gold");
    for fact in ["trait.floor", "trait.nick", "trait.illness"] {
        assert_eq!(profile["facts"][fact], Value::Null, "{fact}");
    }
    check_nowhere("facts", profile["facts"].to_string().as_bytes());
    check_nowhere("a decision", collector.decide(&visitor, &json!([])).to_string().as_bytes());
    check_nowhere(
        "the live view",
        live.event().expect("an event").map(|event| format!("{event:?}")).unwrap_or_default().as_bytes(),
    );
    check_files(&collector.folder);
    drop(live);
    assert!(collector.terminate().success());
    check_files(&collector.folder);
}

#[test]
fn which_properties_are_sealed_is_checked() {
    let collector = sealing();
    assert_eq!(collector.get("/v1/site")["sensitive"], json!(["floor", "illness", "nick"]));
    for (wrong, path) in [
        (json!("floor"), "sensitive"),
        (json!([1]), "sensitive[0]"),
        (json!(["floor", ""]), "sensitive[1]"),
        (json!(["x".repeat(65)]), "sensitive[0]"),
        (json!(["promotion_id"]), "sensitive[0]"),
        (json!(["items"]), "sensitive[0]"),
        (json!(vec!["x"; 33]), "sensitive"),
    ] {
        let answer = collector.send(&Request::put("/v1/site").key(SECRET).json(&json!({"sensitive": wrong})));
        assert_eq!((answer.status, answer.json()["path"].as_str()), (422, Some(path)), "{}", answer.text());
    }
    collector.put("/v1/site", &json!({"holdout": 0.1}));
    assert_eq!(collector.get("/v1/site")["sensitive"], json!(["floor", "illness", "nick"]), "an absent field stays");
}

#[test]
fn a_lost_key_costs_what_it_sealed_and_nothing_else() {
    let mut collector = sealing();
    let visitor = fresh_id();
    collector.store(&visitor, &[planted("page_view")], &Value::Null);
    assert!(collector.terminate().success());
    let folder = Arc::clone(&collector.folder);
    let file = folder.path("data.key");
    let text = fs::read_to_string(&file).expect("the key file");
    let master: Vec<&str> = text.lines().filter(|line| !line.starts_with("seal ")).collect();
    fs::write(&file, master.join("\n")).expect("a file");

    let collector = Collector::over(&folder, &[]);
    let hidden = json!({"floor": "[sealed]", "illness": "[sealed]", "nick": "[sealed]", "plan": "gold"});
    let export = collector.export();
    assert_eq!(export[0]["props"], hidden);
    assert!(export[0]["note"].as_str().is_some_and(|note| note.contains("not in the key file")));
    let profile = collector.get(&format!("/v1/visitors/{visitor}"));
    assert_eq!(profile["timeline"][0]["props"], hidden);
    assert_eq!(profile["notes"].as_array().map(Vec::len), Some(1));
    // A new key was added: what comes from now on opens.
    collector.store(&visitor, &[planted("page_view")], &Value::Null);
    assert_eq!(collector.export()[1]["props"]["floor"], PLANTED[0]);
}

#[test]
fn a_key_file_of_the_first_form_is_taken_and_given_a_sealing_key() {
    let folder = Folder::new();
    let file = folder.path("data.key");
    fs::write(&file, format!("beckon-key-1 {}\n", "ab".repeat(32))).expect("a file");
    #[cfg(unix)]
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644)).expect("a mode");
    let mut collector = Collector::over(&folder, &[]);
    assert!(folder.log().contains("OTHERS THAN ITS OWNER"), "nothing is said of the mode");
    collector.put("/v1/site", &json!({"sensitive": ["floor"]}));
    assert!(collector.terminate().success());
    let text = fs::read_to_string(&file).expect("the key file");
    assert!(text.starts_with(&format!("beckon-key-2\nmaster {}\nseal ", "ab".repeat(32))), "another master");
    assert!(!folder.path("data.key.new").exists());
    Collector::over(&folder, &[]);
    assert_eq!(fs::read_to_string(&file).expect("the key file"), text);
}

/// The ids of the sealing keys in the file.
fn key_ids(folder: &Folder) -> Vec<String> {
    let text = fs::read_to_string(folder.path("data.key")).expect("the key file");
    text.lines().filter_map(|line| Some(line.strip_prefix("seal ")?.split_once(' ')?.0.to_owned())).collect()
}

/// The key ids that rows are sealed by, each with how many rows.
fn used_ids(folder: &Folder) -> BTreeMap<String, i64> {
    let database = rusqlite::Connection::open(folder.database()).expect("the database");
    let mut statement = database
        .prepare("select lower(hex(substr(sealed, 2, 4))), count(*) from events where sealed is not null group by 1")
        .expect("a statement");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
    rows.map(|row| row.expect("a row")).collect()
}

fn rotate(folder: &Folder) -> Output {
    beckon().args(["keys", "rotate", "--data"]).arg(folder.data()).output().expect("the program runs")
}

#[test]
fn rotating_keys_changes_the_keys_and_nothing_else() {
    const EVENTS: usize = 3_000;
    let mut collector = sealing();
    for _ in 0..EVENTS / 500 {
        let events: Vec<Value> = (0..500).map(|_| planted("page_view")).collect();
        collector.store(&fresh_id(), &events, &Value::Null);
    }
    let before = props(&collector.export());
    let folder = Arc::clone(&collector.folder);
    let said = rotate(&folder);
    assert_eq!(said.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&said.stderr).contains("in use by another beckon"));
    assert!(collector.terminate().success());
    let first = key_ids(&folder);
    assert_eq!(first.len(), 1);

    // Killed after its first transaction.
    let mut child = beckon()
        .args(["keys", "rotate", "--data"])
        .arg(folder.data())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
    let keys = key_ids(&folder);
    let used = used_ids(&folder);
    assert!(used.keys().all(|id| keys.contains(id)), "a key is gone that rows are sealed by");

    // The worst moment, made certain: half of the rows are still under the old key, and so is the file.
    let collector = Collector::over(&folder, &[]);
    assert_eq!(props(&collector.export()), before);
    collector.kill();

    let said = rotate(&folder);
    assert_eq!(said.status.code(), Some(0), "{}", String::from_utf8_lossy(&said.stderr));
    let keys = key_ids(&folder);
    assert_eq!(keys.len(), 1);
    assert!(!keys.contains(&first[0]), "the old key is still in the file");
    assert_eq!(used_ids(&folder), BTreeMap::from([(keys[0].clone(), EVENTS as i64)]));
    let mut collector = Collector::over(&folder, &[]);
    assert_eq!(props(&collector.export()), before);
    assert!(collector.terminate().success());
    check_files(&folder);
}

#[test]
fn a_key_file_stays_its_owners_when_root_rotates_keys() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
    let mut collector = sealing();
    collector.store(&fresh_id(), &[planted("page_view")], &Value::Null);
    let folder = Arc::clone(&collector.folder);
    assert!(collector.terminate().success());
    let file = folder.path("data.key");
    // Only root can give a file to somebody else.
    if chown(&file, Some(12_345), Some(12_346)).is_err() {
        return;
    }
    assert_eq!(rotate(&folder).status.code(), Some(0));
    let about = fs::metadata(&file).expect("the key file");
    assert_eq!((about.uid(), about.gid(), about.permissions().mode() & 0o777), (12_345, 12_346, 0o600));
}

#[test]
fn a_rotation_that_stopped_half_way_goes_on() {
    let mut collector = sealing();
    let events: Vec<Value> = (0..20).map(|_| planted("page_view")).collect();
    collector.store(&fresh_id(), &events, &Value::Null);
    let before = props(&collector.export());
    let folder = Arc::clone(&collector.folder);
    assert!(collector.terminate().success());
    let old_file = fs::read_to_string(folder.path("data.key")).expect("the key file");
    let old: Vec<(i64, Vec<u8>)> = {
        let database = rusqlite::Connection::open(folder.database()).expect("the database");
        let mut statement = database.prepare("select row, sealed from events where row % 2 = 0").expect("a statement");
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
        rows.map(|row| row.expect("a row")).collect()
    };
    assert_eq!(rotate(&folder).status.code(), Some(0));
    // As a kill between two transactions leaves it: both keys in the file, and half of the rows under the old one.
    let new_file = fs::read_to_string(folder.path("data.key")).expect("the key file");
    let newest = new_file.lines().last().expect("a line");
    fs::write(folder.path("data.key"), format!("{old_file}{newest}\n")).expect("a file");
    let database = rusqlite::Connection::open(folder.database()).expect("the database");
    for (row, sealed) in old {
        database.execute("update events set sealed = ? where row = ?", (sealed, row)).expect("an update");
    }
    drop(database);
    assert_eq!(used_ids(&folder).len(), 2);

    let said = rotate(&folder);
    assert_eq!(said.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&said.stdout).contains("going on"), "{}", String::from_utf8_lossy(&said.stdout));
    assert_eq!(fs::read_to_string(folder.path("data.key")).expect("the key file"), new_file);
    assert_eq!(used_ids(&folder).len(), 1);
    assert_eq!(props(&Collector::over(&folder, &[]).export()), before);
}
