//! Events on their way out and in again: both forms, both doors, and `beckon backup`, restored.

use crate::collector::{Collector, Folder, PUBLIC, SECRET, about, beckon, event, fresh_id, now};
use crate::http::Request;
use crate::recount::{check_facts, check_reports, read};
use crate::visitors::{Dice, history};
use engine::time::{self, HOUR};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// What a run of the program ended with: code, output, errors.
fn run(folder: &Folder, arguments: &[&str]) -> (Option<i32>, String, String) {
    let run = beckon().args(arguments).arg("--data").arg(folder.data()).output().expect("the program runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (run.status.code(), text(&run.stdout), text(&run.stderr))
}

/// Sends made-up histories with the secret key; returns how many events there are now.
fn fill(collector: &Collector, seed: u64, visitors: usize) -> usize {
    let mut dice = Dice(seed);
    for number in 0..visitors {
        let events = history(&mut dice, &format!("visitor-{number}"), now() - 20 * HOUR, 30);
        let body = json!({"events": events});
        let answer = collector.send(&Request::post("/v1/events").key(SECRET).json(&body));
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    collector.export().len()
}

/// The cells of CSV.
fn cells(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' if quoted && rest.peek() == Some(&'"') => cell.extend(rest.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !quoted && rest.peek() == Some(&'\n') => {
                rest.next();
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            c => cell.push(c),
        }
    }
    assert!(row.is_empty() && cell.is_empty() && !quoted, "the last row has its end");
    rows
}

#[test]
fn a_report_on_the_command_line_is_that_of_the_api() {
    let collector = Collector::new();
    fill(&collector, 31, 5);
    let folder = Arc::clone(&collector.folder);
    let day = |at: i64| time::text(at).split_at(10).0.to_owned();
    let (from, to) = (day(now() - 2 * 24 * HOUR), day(now() + 24 * HOUR));
    for (name, more) in [("traffic", "step=day"), ("sources", "tz=Europe/Berlin"), ("top", "limit=3"), ("orders", "")] {
        let parameters: Vec<String> = [format!("from={from}"), format!("to={to}"), more.to_owned()].into();
        let parameters: Vec<&str> = parameters.iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
        let expected = collector.get(&format!("/v1/reports/{name}?{}", parameters.join("&")));
        let (code, json, said) = run(&folder, &[&["report", name, "--format", "json"], &parameters[..]].concat());
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(serde_json::from_str::<Value>(&json).expect("JSON"), expected);

        let (code, csv, said) = run(&folder, &[&["report", name], &parameters[..]].concat());
        assert_eq!(code, Some(0), "{said}");
        let cells = cells(&csv);
        let columns: Vec<&str> = expected["columns"]
            .as_array()
            .expect("columns")
            .iter()
            .filter_map(|column| column["name"].as_str())
            .collect();
        assert_eq!(cells[0], columns);
        let rows = expected["rows"].as_array().expect("rows");
        assert_eq!(cells.len(), rows.len() + 1);
        for (row, expected) in cells[1..].iter().zip(rows) {
            let expected = expected.as_array().expect("a row").iter().map(|cell| match cell {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            assert_eq!(row, &expected.collect::<Vec<_>>(), "{name}");
        }
        assert!(
            expected["notes"].as_array().expect("notes").iter().all(|note| said.contains(note.as_str().expect("text")))
        );
    }
    let (code, list, _) = run(&folder, &["report"]);
    assert!(code == Some(0) && list.contains("funnel") && list.contains("tz="), "{list}");
    for (arguments, expected) in [
        (&["report", "nothing"][..], "there is no report `nothing`; expected one of traffic, "),
        (&["report", "top", "limit"], "limit: expected NAME=VALUE"),
        (&["report", "top", "limit=x"], "limit: "),
        (&["report", "top", "limit=1", "limit=2"], "limit: expected once"),
        (&["report", "top", "lmit=1"], "lmit: unknown parameter"),
    ] {
        let (code, _, said) = run(&folder, arguments);
        assert!(code == Some(2) && said.starts_with(&format!("beckon: {expected}")), "{arguments:?}: {code:?} {said}");
    }
    assert_eq!(run(&folder, &["report", "top", "--site", "other"]).0, Some(1));
}

#[test]
fn csv_has_a_row_an_event_and_no_formulas() {
    let collector = Collector::new();
    let mut plain = about("view_item", "sku1", "shoes");
    plain["page"] = json!({"url": "https://shop.example/p?utm_source=a", "title": "Boots, \"new\""});
    let mut formula = event("page_view");
    formula["page"] = json!({"title": "=HYPERLINK(\"https://evil.example\")"});
    formula["value"] = json!(89.5);
    formula["props"] = json!({"b": "two\nlines", "a": 1});
    let visitor = fresh_id();
    collector.store(&visitor, &[plain.clone(), formula.clone()], &Value::Null);
    let answer = collector.send(&Request::get("/v1/export/events.csv").key(SECRET));
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/csv; charset=utf-8; header=present")));
    let rows = cells(&answer.text());
    let names = [
        "id",
        "name",
        "time",
        "at",
        "received",
        "visitor",
        "url",
        "title",
        "referrer",
        "currency",
        "value",
        "transaction_id",
        "device",
        "os",
        "browser",
        "language",
        "items",
        "props",
    ];
    assert_eq!(rows[0], names);
    assert_eq!(rows.len(), 3);
    let cell = |row: usize, name: &str| {
        let column = names.iter().position(|known| *known == name).expect("a column");
        rows[row][column].as_str()
    };
    assert_eq!((cell(1, "id"), cell(1, "name")), (plain["id"].as_str().expect("an id"), "view_item"));
    assert_eq!((cell(1, "title"), cell(1, "value")), ("Boots, \"new\"", ""));
    assert_eq!(cell(1, "items"), r#"[{"item_category":"shoes","item_id":"sku1"}]"#);
    assert_eq!((cell(1, "visitor"), cell(1, "time")), (visitor.as_str(), plain["at"].as_str().expect("a time")));
    assert_eq!(cell(2, "title"), "'=HYPERLINK(\"https://evil.example\")");
    assert_eq!((cell(2, "value"), cell(2, "props")), ("89.5", r#"{"a":1,"b":"two\nlines"}"#));
}

#[test]
fn an_export_takes_a_time_and_both_doors_give_the_same() {
    let folder = Folder::new();
    let collector = Collector::over(&folder, &[]);
    let at = |day: u32| format!("2026-01-0{day}T12:00:00.000Z");
    let events: Vec<Value> = (1..=3)
        .map(|day| {
            let mut event = event("page_view");
            event["at"] = json!(at(day));
            event
        })
        .collect();
    let body = json!({"visitor": "somebody", "events": events});
    assert_eq!(collector.send(&Request::post("/v1/events").key(SECRET).json(&body)).status, 200);
    for (range, expected) in [
        (&[][..], &[0, 1, 2][..]),
        (&[("from", "2026-01-02")], &[1, 2]),
        (&[("to", "2026-01-02")], &[0]),
        (&[("from", "2026-01-02T12:00:00Z"), ("to", "2026-01-02T12:00:00.001Z")], &[1]),
        (&[("from", "2026-01-02T14:00:00+02:00"), ("to", "2026-01-03")], &[1]),
        (&[("from", "2026-02-01")], &[]),
    ] {
        let query: Vec<String> =
            range.iter().map(|(name, value)| format!("{name}={}", value.replace('+', "%2B"))).collect();
        let flags: Vec<String> =
            range.iter().flat_map(|(name, value)| [format!("--{name}"), (*value).to_owned()]).collect();
        for form in ["ndjson", "csv"] {
            let path = format!("/v1/export/events.{form}?{}", query.join("&"));
            let served = collector.send(&Request::get(&path).key(SECRET)).text();
            let mut arguments = vec!["export", "--format", form];
            arguments.extend(flags.iter().map(String::as_str));
            let (code, written, said) = run(&folder, &arguments);
            assert_eq!((code, written.as_str()), (Some(0), served.as_str()), "{range:?}: {said}");
            assert!(said.contains(&format!("{} events", expected.len())), "{said}");
            let lines = served.lines().skip(usize::from(form == "csv"));
            let ids: Vec<&str> = expected.iter().map(|index| events[*index]["id"].as_str().expect("an id")).collect();
            let found = lines.map(|line| ids.iter().position(|id| line.contains(id)).expect("one of them"));
            assert_eq!(found.collect::<Vec<_>>(), (0..ids.len()).collect::<Vec<_>>(), "{range:?} {form}");
        }
    }
    for (query, path) in [
        ("from=yesterday", "from"),
        ("to=2026-02-30", "to"),
        ("from=2026-01-02&to=2026-01-01", "from"),
        ("since=2026-01-01", "since"),
    ] {
        let answer = collector.send(&Request::get(&format!("/v1/export/events.csv?{query}")).key(SECRET));
        assert_eq!((answer.said().as_str(), &answer.json()["path"]), ("400 bad_value", &json!(path)), "{query}");
    }
    let (code, _, said) = run(&folder, &["export", "--from", "yesterday"]);
    assert_eq!((code, said.contains("--from: expected RFC 3339")), (Some(1), true), "{said}");
    let file = folder.path("events.csv").display().to_string();
    assert_eq!(run(&folder, &["export", "--format", "csv", "--out", &file]).0, Some(0));
    let whole = std::fs::read_to_string(&file).expect("a file");
    assert_eq!(whole, collector.send(&Request::get("/v1/export/events.csv").key(SECRET)).text());
    let (code, _, said) = run(&folder, &["export", "--out", &file]);
    assert_eq!((code, said.contains("is there already")), (Some(1), true), "{said}");
    assert_eq!(std::fs::read_to_string(&file).expect("a file"), whole, "nothing is replaced");
}

#[test]
fn an_export_comes_in_again_as_it_was() {
    let folder = Folder::new();
    let mut collector = Collector::over(&folder, &[]);
    let events = fill(&collector, 31, 12);
    let phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                 Version/17.0 Mobile/15E148 Safari/604.1";
    let body = json!({"key": PUBLIC, "visitor": fresh_id(), "events": [event("page_view")]});
    assert_eq!(collector.send(&Request::post("/v1/events").header("user-agent", phone).json(&body)).status, 200);
    let body = json!({"user": "42", "visitor": "visitor-3", "events": [event("login")]});
    assert_eq!(collector.send(&Request::post("/v1/events").key(SECRET).json(&body)).status, 200);
    let events = events + 2;
    let lines = |collector: &Collector| {
        let mut lines = collector.export();
        for line in &mut lines {
            line.as_object_mut().expect("an object").remove("received");
        }
        lines.sort_by_key(|line| line["id"].as_str().expect("an id").to_owned());
        lines
    };
    let before = lines(&collector);
    let made = collector.send(&Request::post("/v1/sites").key(SECRET).json(&json!({"site": "another"})));
    assert_eq!(made.status, 201, "{}", made.text());
    let facts = |collector: &Collector| collector.get("/v1/visitors/visitor-3")["facts"].clone();
    let facts_before = facts(&collector);
    let file = folder.path("events.ndjson").display().to_string();
    assert_eq!(run(&folder, &["export", "--out", &file]).0, Some(0));
    assert!(collector.terminate().success());

    // Into an empty store with the same key file: everything, and a second time nothing.
    let other = Folder::new();
    std::fs::copy(folder.path("data.key"), other.path("data.key")).expect("the key file");
    let import = ["import", "--format", "ndjson", file.as_str()];
    for said in [format!("{events} stored"), format!("{events} duplicate")] {
        let (code, out, log) = run(&other, &import);
        assert_eq!((code, out.contains(&said)), (Some(0), true), "{out}{log}");
    }
    // And into the store that it came from: it knows them all.
    let (code, out, log) = run(&folder, &import);
    assert_eq!((code, out.contains(&format!("{events} duplicate"))), (Some(0), true), "{out}{log}");
    // Into another site of that store it does not come, and that is no duplicate: ids are the store's.
    let (code, out, log) = run(&folder, &[&import[..], &["--site", "another"]].concat());
    assert_eq!((code, out.contains(&format!("{events} rejected: id_conflict"))), (Some(1), true), "{out}{log}");

    let restored = Collector::over(&other, &[]);
    assert_eq!(lines(&restored), before);
    let (then, now) = (facts_before, facts(&restored));
    assert_eq!(then["user.known"], true);
    for fact in ["n.page_view", "visits", "user.known", "sum.purchase", "cart.items"] {
        assert_eq!(then[fact], now[fact], "{fact}");
    }
    check_reports(&restored, &read(&restored.export()), "UTC", 0);
    assert_eq!(run(&other, &["verify"]).0, Some(0));
    for (text, code) in [("[1]", "bad_line"), ("{", "bad_line"), ("{\"name\":\"a\"}", "bad_time")] {
        std::fs::write(&file, format!("{text}\n")).expect("a file");
        let third = Folder::new();
        let (_, out, _) = run(&third, &import);
        assert!(out.contains(&format!("1 rejected: {code}")), "{text}: {out}");
    }
}

/// A folder with a backup put in as the whole of its data.
fn restored(backup: &Path, keys: &Path) -> Arc<Folder> {
    let folder = Folder::new();
    std::fs::create_dir(folder.data()).expect("a folder");
    std::fs::copy(backup, folder.database()).expect("the backup");
    std::fs::copy(keys, folder.path("data.key")).expect("the key file");
    folder
}

#[test]
fn a_backup_beside_a_running_collector_is_all_that_it_takes() {
    let folder = Folder::new();
    let collector = Collector::over(&folder, &[]);
    collector.put("/v1/segments/all", &json!({"condition": {}}));
    let events = fill(&collector, 32, 10);
    let file = folder.path("backup.db");
    let path = file.display().to_string();
    let (code, said, log) = run(&folder, &["backup", &path]);
    assert_eq!(code, Some(0), "{said}{log}");
    assert!(said.contains("checked") && said.contains("beckon.db") && said.contains("data.key"), "{said}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(file.metadata().expect("a file").permissions().mode() & 0o777, 0o600, "its owner's alone");
    }
    // The next one goes elsewhere: nothing is replaced.
    let before = std::fs::read(&file).expect("the backup");
    let (code, _, said) = run(&folder, &["backup", &path]);
    assert_eq!((code, said.contains("is there already")), (Some(1), true), "{said}");
    assert_eq!(std::fs::read(&file).expect("the backup"), before);
    // What cannot be written leaves nothing behind.
    let nowhere = folder.path("no-folder/backup.db").display().to_string();
    let (code, _, said) = run(&folder, &["backup", &nowhere]);
    assert_eq!((code, said.contains("cannot write"), said.matches('\n').count()), (Some(1), true, 1), "{said}");
    let (code, _, said) = run(&Folder::new(), &["backup", &folder.path("empty.db").display().to_string()]);
    assert_eq!((code, said.contains("there is no data")), (Some(1), true), "{said}");
    let stray = folder.files().into_iter().filter(|(path, _)| path.to_string_lossy().ends_with(".part")).count();
    assert_eq!((stray, folder.path("empty.db").exists()), (0, false));

    collector.store(&fresh_id(), &[event("page_view")], &Value::Null);
    let other = restored(&file, &folder.path("data.key"));
    assert_eq!(run(&other, &["verify"]).0, Some(0));
    let collector = Collector::over(&other, &[]);
    let export = collector.export();
    assert_eq!(export.len(), events);
    assert_eq!(collector.get("/v1/segments")["segments"][0]["id"], "all");
    check_reports(&collector, &read(&export), "UTC", 0);
    check_facts(&collector, &export);
    let newer = json!({"id": fresh_id(), "name": "page_view", "at": time::text(now())});
    collector.store(&fresh_id(), &[event("page_view")], &Value::Null);
    let answer = collector
        .send(&Request::post("/v1/events").key(SECRET).json(&json!({"visitor": "visitor-1", "events": [newer]})));
    assert_eq!(answer.json()["results"][0]["status"], "stored", "{}", answer.text());
}

#[test]
fn what_a_killed_backup_left_is_no_hindrance() {
    let folder = Folder::new();
    let collector = Collector::over(&folder, &[]);
    collector.store(&fresh_id(), &[event("page_view")], &Value::Null);
    let file = folder.path("backup.db");
    std::fs::write(folder.path("backup.db.part"), "half a file").expect("a file");
    let (code, said, log) = run(&folder, &["backup", &file.display().to_string()]);
    assert_eq!(code, Some(0), "{said}{log}");
    assert!(!folder.path("backup.db.part").exists());
    assert_eq!(Collector::over(&restored(&file, &folder.path("data.key")), &[]).export().len(), 1);
}
