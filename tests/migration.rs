//! Data of an earlier schema, and files that are no data.

use crate::collector::{Collector, Folder, SECRET, beckon, event, fresh_id, now};
use crate::http::Request;
use crate::recount::{check_facts, check_reports, read};
use crate::visitors::{Dice, history};
use engine::time::{self, DAY};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::process::Output;
use std::sync::Arc;

/// Tables that the third schema has as the fourth has them.
const SAME: [&str; 12] = [
    "meta",
    "sites",
    "keys",
    "strings",
    "clients",
    "transactions",
    "quarters",
    "item_quarters",
    "items",
    "documents",
    "rejects",
    "reject_counts",
];

/// Puts data in the place of a folder's as the third schema had it.
fn make_old(folder: &Folder) {
    let new = folder.path("new.db");
    fs::rename(folder.database(), &new).expect("the database");
    let database = Connection::open(folder.database()).expect("a database");
    database.execute_batch(include_str!("schema_3.sql")).expect("the third schema");
    database.execute("attach ? as new", [new.to_str().expect("a path")]).expect("the other one");
    for table in SAME {
        database.execute_batch(&format!("insert into main.{table} select * from new.{table}")).expect(table);
    }
    database
        .execute_batch(
            "insert into main.sessions select * from new.sessions;
             insert into main.visitors (id, site, visitor, user, client) select id, site, visitor, user, client from new.visitors;
             insert into main.events (row, id, site, visitor, name, time, at, received, hash, url, referrer, title, value,
               currency, transaction_id, user, client, items, props, sealed)
             select row, id, site, visitor, name, time, at, time + delay, hash, url, referrer, title, value, currency,
               transaction_id, user, client, items, props, sealed from new.events;
             detach new;
             pragma user_version = 3;",
        )
        .expect("the rows");
    database.pragma_update(None, "journal_mode", "wal").expect("a mode");
    drop(database);
    fs::remove_file(new).expect("the other one goes");
}

fn run(folder: &Folder, arguments: &[&str]) -> Output {
    let mut command = beckon();
    command.args(arguments).arg("--data").arg(folder.data());
    command.output().expect("the program runs")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn copies(folder: &Folder) -> Vec<PathBuf> {
    let files = fs::read_dir(folder.data()).expect("the folder").flatten().map(|file| file.path());
    files.filter(|path| path.display().to_string().contains(".bak")).collect()
}

#[test]
fn data_of_the_third_schema_is_copied_and_brought_along() {
    let mut collector = Collector::new();
    let folder = Arc::clone(&collector.folder);
    collector.put("/v1/site", &json!({"sensitive": ["floor"]}));
    let mut dice = Dice(41);
    let mut events: Vec<Value> = Vec::new();
    for _ in 0..4 {
        let visitor = fresh_id();
        // More than lie between two checkpoints.
        events.extend(history(&mut dice, &visitor, now() - 6 * DAY, 300));
    }
    let mut whole = event("page_view");
    whole["visitor"] = json!(fresh_id());
    whole["at"] = json!(time::text(now() - 1_000));
    whole["page"] =
        json!({"url": "https://shop.example/a?utm_source=mail", "title": "A", "referrer": "https://b.example/"});
    whole["props"] = json!({"floor": "12", "color": "red"});
    events.push(whole);
    for events in events.chunks(400) {
        let request = Request::post("/v1/events").key(SECRET);
        let answer = collector.send(&request.json(&json!({"events": events, "context": {"sdk": "shop/1"}})));
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let before = collector.export();
    assert_eq!(before.len(), events.len());
    assert!(collector.terminate().success());
    make_old(&folder);

    let file = folder.path("copy.db").display().to_string();
    for arguments in [&["verify"][..], &["backup", &file], &["keys", "list"]] {
        let output = run(&folder, arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", said(&output));
        assert!(said(&output).contains("start `beckon serve` once"), "{arguments:?}: {}", said(&output));
    }
    assert_eq!(copies(&folder), Vec::<PathBuf>::new());
    // What a start left behind that was ended while it copied.
    fs::write(folder.data().join("beckon.db.schema3-20260101T000000.000Z.bak.new"), "half").expect("a file");

    let mut collector = Collector::over(&folder, &[]);
    assert_eq!(collector.export(), before);
    check_reports(&collector, &read(&before), "UTC", 0);
    check_facts(&collector, &before);
    let copies = copies(&folder);
    assert_eq!(copies.len(), 1, "{copies:?}");
    let name = copies[0].file_name().and_then(|name| name.to_str()).expect("a name");
    assert!(name.starts_with("beckon.db.schema3-20") && name.ends_with("Z.bak"), "{name}");
    #[cfg(unix)]
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&copies[0].metadata().expect("it").permissions()) & 0o777,
        0o600
    );
    let copy = Connection::open(&copies[0]).expect("the copy");
    let number = |sql: &str| copy.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a number");
    assert_eq!((number("pragma user_version"), number("select count(*) from events")), (3, before.len() as i64));
    assert_eq!(number("select count(*) from events where received < time"), 0);
    // What is erased is not erased from the copy, and that is said.
    let gone = json!({"visitor": before.last().expect("an event")["visitor"]});
    let erased = collector.send(&Request::post("/v1/erase").key(SECRET).json(&gone)).json();
    assert!(erased["notes"].to_string().contains(name), "{erased}");
    let output = run(&folder, &["verify"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(collector.terminate().success());

    // It is the schema of a fresh start, column by column, and no second start changes it.
    let fresh = Collector::new();
    let schema = |folder: &Folder| -> Vec<(String, String)> {
        let database = Connection::open(folder.database()).expect("the database");
        let mut statement = database
            .prepare(
                "select s.name, coalesce(group_concat(c.name || ' ' || c.type || c.\"notnull\" || coalesce(c.dflt_value, '') || c.pk), '') \
                 from sqlite_schema s left join pragma_table_info(s.name) c group by s.name order by s.name",
            )
            .expect("a statement");
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
        rows.map(|row| row.expect("a row")).collect()
    };
    assert_eq!(schema(&folder), schema(&fresh.folder));
    let collector = Collector::over(&folder, &[]);
    assert_eq!(collector.export().len(), before.len() - 1);
    assert_eq!(self::copies(&folder).len(), 1);
}

#[test]
fn what_is_no_data_of_ours_is_left_alone() {
    let folder = Folder::new();
    assert!(Collector::over(&folder, &[]).terminate().success());
    let sound = fs::read(folder.database()).expect("the database");
    let sql = |sql: &str| {
        fs::remove_file(folder.database()).expect("the database");
        Connection::open(folder.database()).expect("a database").execute_batch(sql).expect("SQL");
    };
    let changed = |sql: &str| {
        fs::write(folder.database(), &sound).expect("the database");
        let database = Connection::open(folder.database()).expect("a database");
        database.execute_batch(&format!("pragma journal_mode = delete; {sql}")).expect("SQL");
    };
    let makers: [(&dyn Fn(), &str); 7] = [
        (
            &|| fs::write(folder.database(), "not a database, but long enough to be one".repeat(90)).expect("a file"),
            "is not a database",
        ),
        (&|| sql("create table other (x)"), "of another program"),
        (&|| sql("create table other (x); pragma user_version = 3"), "of another program"),
        (&|| sql("create table other (x); pragma user_version = 4"), "of another program"),
        (&|| changed("pragma application_id = 77"), "of another program"),
        (&|| changed("pragma user_version = 2"), "before the first release"),
        (&|| changed("pragma user_version = 99"), "newer beckon"),
    ];
    for (make, expected) in makers {
        make();
        let bytes = fs::read(folder.database()).expect("the file");
        for arguments in [&["serve", "--listen", "127.0.0.1:0"][..], &["verify"], &["keys", "list"]] {
            let output = run(&folder, arguments);
            assert_eq!(output.status.code(), Some(1), "{expected}: {arguments:?}");
            assert!(said(&output).contains(expected), "{expected}: {arguments:?}: {}", said(&output));
        }
        assert!(fs::read(folder.database()).expect("the file") == bytes, "{expected}: the file was changed");
        assert_eq!(copies(&folder), Vec::<PathBuf>::new());
    }
}
