//! `beckon import`: every line accounted for, twice as good as once, and the reports equal to a recount of the file.

use crate::collector::{Collector, Folder, beckon, data, root};
use crate::recount::{Line, Seen, check_reports, funnel};
use engine::time::{HOUR, SECOND};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::Command;

/// Lines, and whether each can be stored.
const LINES: &[(&str, bool)] = &[
    ("1,2268318,2520377,pv,1511544070", true),
    ("1,2268318,2520377,cart,1511544071", true),
    ("1,2268318,2520377,fav,1511544072", true),
    ("1,2268318,2520377,buy,1511544073", true),
    // The same again is the same.
    ("1,2268318,2520377,pv,1511544070", true),
    ("user-2,item.x,c/y,pv,1511561733\r", true),
    // Outside the file's own days.
    ("3,1,2,pv,1511539199", true),
    ("3,1,2,pv,1512316800", true),
    ("", false),
    ("1,2268318,2520377,pv", false),
    ("1,2268318,2520377,pv,", false),
    ("1,2268318,2520377,pv,1511544070,", false),
    ("1,2268318,2520377,look,1511544070", false),
    ("1,2268318,2520377,PV,1511544070", false),
    ("1,2268318,2520377,pv,yesterday", false),
    ("1,2268318,2520377,pv,-1", false),
    ("1,2268318,2520377,pv,1e9", false),
    ("1,2268318,2520377,pv,99999999999999999999", false),
    (",2268318,2520377,pv,1511544070", false),
    ("two words,2268318,2520377,pv,1511544070", false),
    ("\u{4e2d},2268318,2520377,pv,1511544070", false),
    ("user,item,category,behaviour,seconds", false),
    // The last one is cut off, and has no end of line.
    ("100370,1968385,1875258,pv", false),
];

/// Brings a file in and gives what the closing count says, as `84475 stored`.
fn import(folder: &Folder, file: &Path) -> BTreeSet<String> {
    let mut command = beckon();
    let run = command.args(["import", "--format", "taobao"]).arg(file).arg("--data").arg(folder.data());
    let output = run.output().expect("the program runs");
    let (said, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{said}{log}");
    assert!(log.contains("100 %"), "progress is shown: {log}");
    let counts = said.lines().filter(|line| !line.starts_with("line ") && !line.contains("events/s"));
    counts.map(|line| line.trim().to_owned()).collect()
}

fn counts(expected: &[String]) -> BTreeSet<String> {
    let days = "of them outside the file's own days (2017-11-25 to 2017-12-03, Asia/Shanghai)";
    expected.iter().map(|line| line.replace(" outside", &format!(" {days}"))).collect()
}

#[test]
fn every_line_is_accounted_for() {
    let folder = Folder::new();
    let mut text = LINES.iter().map(|(line, _)| *line).collect::<Vec<_>>().join("\n").into_bytes();
    // A line that is no text, and one longer than any.
    text.splice(0..0, b"1,\xff\xfe,3,pv,1511544070\n".iter().copied());
    let long = format!("{},2,3,pv,1511544070\n", "x".repeat(200_000));
    text.splice(0..0, long.bytes());
    let (plain, packed) = (folder.path("clicks.csv"), folder.path("clicks.csv.gz"));
    fs::write(&plain, &text).expect("a file");
    let mut gzip = GzEncoder::new(File::create(&packed).expect("a file"), Compression::fast());
    gzip.write_all(&text).expect("a file");
    gzip.finish().expect("a file");

    let good = LINES.iter().filter(|(_, good)| *good).count();
    let (lines, bad) = (LINES.len() + 2, LINES.len() + 2 - good);
    let said = |stored: usize| {
        let stored = Some(stored).filter(|stored| *stored > 0).map(|stored| format!("{stored} stored"));
        let duplicate = good - if stored.is_some() { good - 1 } else { 0 };
        let counted = [
            format!("{lines} lines"),
            format!("{duplicate} duplicate"),
            format!("{bad} rejected: bad_line"),
            "2 outside".to_owned(),
        ];
        counts(&counted.into_iter().chain(stored).collect::<Vec<_>>())
    };
    assert_eq!(import(&folder, &plain), said(good - 1));
    // The file again, packed and plain: nothing new.
    assert_eq!(import(&folder, &packed), said(0));
    assert_eq!(import(&folder, &plain), said(0));

    let collector = Collector::over(&folder, &[]);
    let export = collector.export();
    assert_eq!(export.len(), good - 1);
    let names: Vec<&str> = export.iter().filter_map(|event| event["name"].as_str()).take(4).collect();
    assert_eq!(names, ["view_item", "add_to_cart", "add_to_wishlist", "purchase"]);
    assert_eq!((&export[0]["visitor"], &export[0]["time"]), (&"1".into(), &"2017-11-24T17:21:10.000Z".into()));
    assert_eq!(export[0]["items"], serde_json::json!([{"item_id": "2268318", "item_category": "2520377"}]));
    // A bad line is noted once, however often it comes; two of them are alike in nothing.
    assert_eq!(collector.get("/v1/site")["rejected"]["bad_line"], bad);
    check_reports(&collector, &read(&mut text.as_slice()), "UTC", 0);
}

#[test]
fn what_cannot_be_brought_in_is_refused() {
    let folder = Folder::new();
    let file = folder.path("broken.csv.gz");
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all("1,2268318,2520377,pv,1511544070\n".repeat(10_000).as_bytes()).expect("memory");
    let whole = gzip.finish().expect("memory");
    fs::write(&file, &whole[..whole.len() / 2]).expect("a file");
    let file = file.display().to_string();
    for (arguments, code, expected) in [
        (["--format", "taobao", "no-such-file.csv"], 1, "cannot open no-such-file.csv"),
        (["--format", "taobao", file.as_str()], 1, "cannot read the file"),
        (["--format", "tmall", file.as_str()], 2, "tmall"),
    ] {
        let output = beckon().arg("import").args(arguments).arg("--data").arg(folder.data()).output().expect("it runs");
        let log = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{log}");
        assert!(log.contains(expected), "{log}");
    }
}

/// The events of a file by its lines alone, oldest first; a line that came before is the same event.
fn read(file: &mut dyn Read) -> Vec<Seen> {
    let mut seen = BTreeSet::new();
    let mut events = Vec::new();
    for line in BufReader::new(file).split(b'\n') {
        let line = String::from_utf8_lossy(&line.expect("a line")).trim_end_matches('\r').to_owned();
        let fields: Vec<&str> = line.split(',').collect();
        let [user, item, category, behaviour, seconds] = fields.as_slice() else { continue };
        let names = [("pv", "view_item"), ("cart", "add_to_cart"), ("fav", "add_to_wishlist"), ("buy", "purchase")];
        let name = names.iter().find(|(have, _)| have == behaviour).map(|(_, name)| (*name).to_owned());
        let (Some(name), Ok(seconds)) = (name, seconds.parse::<u32>()) else { continue };
        let plain = |text: &&str| (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if ![user, item, category].into_iter().all(plain) || !seen.insert(line.clone()) {
            continue;
        }
        events.push(Seen {
            visitor: (*user).to_owned(),
            time: i64::from(seconds) * SECOND,
            arrived: events.len(),
            name,
            source: None,
            items: vec![Line {
                id: (*item).to_owned(),
                category: (*category).to_owned(),
                price: 0,
                quantity: 1_000_000,
            }],
        });
    }
    events.sort_by_key(|event| event.time);
    events
}

#[test]
fn the_real_file_comes_in_whole_and_the_reports_agree_with_a_recount() {
    let Some(file) = data("taobao_UserBehavior.csv.gz") else { return };
    let folder = Folder::new();
    let rejected = "1 rejected: bad_line".to_owned();
    let said = |what: &str| {
        counts(&["84476 lines".to_owned(), format!("84475 {what}"), rejected.clone(), "35 outside".to_owned()])
    };
    assert_eq!(import(&folder, &file), said("stored"));
    assert_eq!(import(&folder, &file), said("duplicate"));

    let events = read(&mut MultiGzDecoder::new(File::open(&file).expect("the file")));
    assert_eq!(events.len(), 84_475);
    let collector = Collector::over(&folder, &[]);
    assert_eq!(collector.get("/v1/site")["events"], 84_475);
    check_reports(&collector, &events, "Asia/Shanghai", 8 * HOUR);

    // And once more by another program.
    let steps = ["view_item", "add_to_cart", "purchase"];
    let python = Command::new("python3").arg(root().join("tests/recount.py")).arg(&file).output();
    let Ok(python) =
        python.map(|output| (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned()))
    else {
        eprintln!("skipped: there is no python3 for tests/recount.py");
        return;
    };
    let count = |name: &str| events.iter().filter(|event| event.name == name).count().to_string();
    let mut expected = vec!["lines 84476".to_owned(), "good 84475".into(), "bad 1".into(), "outside 35".into()];
    expected.extend(steps.map(|step| format!("events {step} {}", count(step))));
    expected.extend(steps.iter().zip(funnel(&events, &steps)).map(|(step, n)| format!("funnel {step} {n}")));
    assert_eq!(python, (true, expected.join("\n") + "\n"));
}
