//! The rules at the end of ARCHITECTURE.md, checked by reading the sources. A rule is a function from a file to its
//! complaints; `BROKEN` holds for each rule sources that it must complain about, so that no rule is only decoration.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

type Rule = fn(&Source) -> Vec<String>;

const RULES: &[(&str, Rule)] = &[
    ("engine is pure", engine_is_pure),
    ("crates keep apart", crates_keep_apart),
    ("the shop uses only the package", shop_uses_only_the_package),
    ("the collector's layers", collector_layers),
    ("axum stays in http", axum_stays_in_http),
    ("SQL stays in store", sql_stays_in_store),
    ("routes in one place", routes_in_one_place),
    ("one clock", one_clock),
    ("names that say what is inside", telling_names),
    ("the SDK does not panic", sdk_does_not_panic),
];

/// What each part of the collector may use of the others. `main` and `cli` wire everything
/// together and `fuzz` tries all of it out: these may use all.
const LAYERS: &[(&str, &[&str])] = &[
    ("http", &["ingest", "export", "report", "recommend", "store", "access", "secrets", "config", "clock", "error"]),
    ("ingest", &["export", "store", "secrets", "error"]),
    ("export", &["store", "secrets", "error"]),
    ("report", &["store", "error"]),
    ("recommend", &["store", "error"]),
    ("access", &["store", "secrets", "error"]),
    ("store", &["error"]),
    ("secrets", &["error"]),
    ("config", &["error"]),
    ("clock", &[]),
    ("error", &[]),
];

/// All that the engine may be built on: none of it does I/O.
const ENGINE_DEPENDENCIES: &[&str] = &["serde", "libm"];

/// A file with the parts of it that rules look at.
struct Source {
    path: String,
    text: String,
    /// The text without comments, without what stands in quotes, and without the tests at its end.
    code: String,
    /// What stands in quotes, tests excluded.
    strings: Vec<String>,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        let own = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        let (code, strings) = if is_rust(path) { scan(own) } else { (own.to_owned(), Vec::new()) };
        Source { path: path.to_owned(), text: text.to_owned(), code, strings }
    }

    /// The collector's top module that this file belongs to.
    fn layer(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("collector/src/").filter(|inside| is_rust(inside))?;
        inside.split(['/', '.']).next()
    }
}

fn is_rust(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "rs")
}

fn engine_is_pure(source: &Source) -> Vec<String> {
    match source.path.as_str() {
        "engine/Cargo.toml" => {
            let foreign = dependencies(&source.text).into_iter().filter(|name| !ENGINE_DEPENDENCIES.contains(&&**name));
            foreign.map(|name| format!("depends on {name}")).collect()
        }
        path if path.starts_with("engine/src/") => {
            let used = used_of("std", &source.code).into_iter();
            let outside = ["env", "fs", "io", "net", "os", "process", "thread", "time"];
            let mut found: Vec<_> =
                used.filter(|name| outside.contains(&&**name)).map(|name| format!("uses std::{name}")).collect();
            let printing =
                ["println!", "eprintln!", "print!", "dbg!"].iter().filter(|name| has_word(&source.code, name));
            found.extend(printing.map(|name| format!("prints with {name}")));
            found
        }
        _ => Vec::new(),
    }
}

fn crates_keep_apart(source: &Source) -> Vec<String> {
    let other = match source.path.split('/').next() {
        Some("collector") => "sdk-wasm",
        Some("sdk-wasm") => "collector",
        _ => return Vec::new(),
    };
    let seen = if source.path.ends_with("/Cargo.toml") {
        dependencies(&source.text).contains(&other.to_owned())
    } else {
        is_rust(&source.path) && !used_of(&other.replace('-', "_"), &source.code).is_empty()
    };
    if seen { vec![format!("uses {other}")] } else { Vec::new() }
}

fn shop_uses_only_the_package(source: &Source) -> Vec<String> {
    let Some(inside) = source.path.strip_prefix("web-demo/") else { return Vec::new() };
    if inside == "package.json" {
        let foreign =
            package_dependencies(&source.text).into_iter().filter(|name| !["beckon", "vite"].contains(&&**name));
        return foreign.map(|name| format!("depends on {name}")).collect();
    }
    let depth = inside.matches('/').count();
    let foreign = imports(&source.text).into_iter().filter(|from| match from.as_str() {
        "beckon" | "vite" => false,
        from if from.starts_with("node:") => false,
        from if from.starts_with('.') => from.split('/').filter(|part| *part == "..").count() > depth,
        from => !from.starts_with('/'),
    });
    foreign.map(|from| format!("imports {from}")).collect()
}

fn collector_layers(source: &Source) -> Vec<String> {
    let Some(layer) = source.layer().filter(|layer| !["main", "lib", "fuzz", "cli"].contains(layer)) else {
        return Vec::new();
    };
    let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == layer) else {
        return vec![format!("`{layer}` is new: say in LAYERS what it may use")];
    };
    let mut used = used_of("crate", &source.code);
    // `super` leads to a sibling of the own file, or past the own module to another layer.
    used.extend(
        used_of("super", &source.code).into_iter().filter(|name| LAYERS.iter().any(|(layer, _)| layer == name)),
    );
    used.retain(|name| name != layer && !allowed.contains(&&**name));
    used.iter().map(|name| format!("{layer} uses {name}")).collect()
}

fn axum_stays_in_http(source: &Source) -> Vec<String> {
    let may = matches!(source.layer(), None | Some("http" | "error"));
    if may || used_of("axum", &source.code).is_empty() { Vec::new() } else { vec!["uses axum".to_owned()] }
}

fn sql_stays_in_store(source: &Source) -> Vec<String> {
    if source.layer().is_none() || source.path.starts_with("collector/src/store/") {
        return Vec::new();
    }
    let mut found: Vec<_> =
        source.strings.iter().filter(|text| is_sql(text)).map(|text| format!("SQL: {text}")).collect();
    if !used_of("rusqlite", &source.code).is_empty() {
        found.push("uses rusqlite".to_owned());
    }
    found
}

fn is_sql(text: &str) -> bool {
    let text = text.trim_start().to_lowercase();
    let has = |start: &str, inside: &str| text.starts_with(start) && text.contains(inside);
    has("select ", " from ")
        || has("update ", " set ")
        || has("insert ", "into ")
        || has("with ", " as (")
        || ["delete from ", "create table ", "create index ", "alter table ", "drop table ", "pragma "]
            .iter()
            .any(|start| text.starts_with(start))
}

fn routes_in_one_place(source: &Source) -> Vec<String> {
    if source.layer().is_none() || source.path == "collector/src/http.rs" || !source.code.contains(".route(") {
        return Vec::new();
    }
    vec!["adds a route".to_owned()]
}

fn one_clock(source: &Source) -> Vec<String> {
    let ours = ["engine/src/", "sdk-wasm/src/", "collector/src/"].iter().any(|folder| source.path.starts_with(folder));
    if !ours || source.path == "collector/src/clock.rs" {
        return Vec::new();
    }
    let clocks = ["SystemTime::now", "Instant::now", "Timestamp::now", "Zoned::now", "Date::now", "Date::new_0"];
    let mut found: Vec<_> =
        clocks.iter().filter(|call| source.code.contains(*call)).map(|call| format!("calls {call}")).collect();
    if has_word(&source.code, "disallowed_methods") {
        found.push("switches off the lint that guards the clock".to_owned());
    }
    found
}

fn telling_names(source: &Source) -> Vec<String> {
    let names = source.path.split('/').map(|part| part.split('.').next().unwrap_or_default());
    let vague = ["utils", "util", "common", "helpers", "helper", "misc", "manager", "service"];
    let mut found: Vec<_> = names.filter(|name| vague.contains(name)).map(|name| format!("is called {name}")).collect();
    if source.path.ends_with("/mod.rs") {
        found.push("is called mod.rs; a module's file stands beside its folder".to_owned());
    }
    found
}

fn sdk_does_not_panic(source: &Source) -> Vec<String> {
    if !source.path.starts_with("sdk-wasm/src/") {
        return Vec::new();
    }
    let lints = ["unwrap_used", "expect_used", "panic", "indexing_slicing"].map(|lint| format!("clippy::{lint}"));
    let denied = source.code.split("#![deny(").skip(1).filter_map(|rest| rest.split(")]").next());
    let denied: Vec<&str> = denied.flat_map(|lints| lints.split(',')).map(str::trim).collect();
    if source.path == "sdk-wasm/src/lib.rs" {
        let missing = lints.iter().filter(|lint| !denied.contains(&lint.as_str()));
        return missing.map(|lint| format!("does not deny {lint}")).collect();
    }
    let allowed = lints.iter().filter(|lint| has_word(&source.code, lint));
    allowed.map(|lint| format!("has its own mind about {lint}")).collect()
}

/// What is said right after `root::`, in paths and in braces: `root::{a::b, c}` gives `a` and `c`.
fn used_of(root: &str, code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let start = format!("{root}::");
    for (at, _) in code.match_indices(&start) {
        if code[..at].ends_with(is_name) {
            continue;
        }
        let rest = &code[at + start.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            found.push(rest.split(|c| !is_name(c)).next().unwrap_or_default().to_owned());
            continue;
        };
        let mut depth = 0;
        let mut name = String::new();
        for c in group.chars() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => found.push(std::mem::take(&mut name)),
                _ if depth == 0 => name.push(c),
                _ => {}
            }
        }
        found.push(name);
    }
    let heads = found.iter().map(|name| name.trim().split(|c| !is_name(c)).next().unwrap_or_default().to_owned());
    heads.filter(|name| !name.is_empty()).collect()
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn has_word(code: &str, word: &str) -> bool {
    code.match_indices(word)
        .any(|(at, _)| !code[..at].ends_with(is_name) && !code[at + word.len()..].starts_with(is_name))
}

/// The names under `[dependencies]` and `[build-dependencies]` of a Cargo manifest, for all targets.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in manifest.lines() {
        if let Some(header) = line.strip_prefix('[') {
            let header = header.trim_end_matches(']');
            let section = header.rsplit("target.").next().unwrap_or_default();
            inside = section.ends_with("dependencies") && !section.ends_with("dev-dependencies");
            let one = header.strip_prefix("dependencies.").or_else(|| header.strip_prefix("build-dependencies."));
            found.extend(one.map(str::to_owned));
        } else if inside && line.starts_with(|c: char| c.is_alphabetic()) {
            found.push(line.split([' ', '=', '.']).next().unwrap_or_default().to_owned());
        }
    }
    found
}

/// The names in every `…ependencies` object of a package.json.
fn package_dependencies(json: &str) -> Vec<String> {
    let blocks = json.split("ependencies\"").skip(1).filter_map(|rest| rest.split('{').nth(1)?.split('}').next());
    blocks.flat_map(|block| block.split(',')).filter_map(|entry| entry.split('"').nth(1)).map(str::to_owned).collect()
}

/// What a JavaScript file, or the scripts of a page, import.
fn imports(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for word in ["from", "import", "import("] {
        for (at, _) in text.match_indices(word) {
            let rest = text[at + word.len()..].trim_start();
            let Some(quote) = rest.chars().next().filter(|c| ['"', '\''].contains(c)) else { continue };
            if !text[..at].ends_with(is_name) {
                found.extend(rest[1..].split(quote).next().map(str::to_owned));
            }
        }
    }
    found
}

/// Rust without its comments and with empty strings, and the strings apart.
fn scan(text: &str) -> (String, Vec<String>) {
    let (mut code, mut strings) = (String::new(), Vec::new());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some((start, length, end)) = string(rest).filter(|_| c == '"' || !code.ends_with(is_name)) {
            strings.push(rest[start..start + length].to_owned());
            start + length + end
        } else if let Some(length) = character(rest) {
            length
        } else {
            code.push(c);
            c.len_utf8()
        };
        rest = rest.get(skipped..).unwrap_or_default();
    }
    (code, strings)
}

/// The lengths of the quotes before, the inside, and the quotes behind of the string that `text` begins with.
fn string(text: &str) -> Option<(usize, usize, usize)> {
    if let Some(inside) = text.strip_prefix('"') {
        let mut escaped = false;
        let end = inside.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        return Some((1, end.unwrap_or(inside.len()), 1));
    }
    let hashes = text.strip_prefix('r')?.chars().take_while(|c| *c == '#').count();
    let inside = text[1 + hashes..].strip_prefix('"')?;
    let end = inside.find(&format!("\"{}", "#".repeat(hashes)));
    Some((hashes + 2, end.unwrap_or(inside.len()), hashes + 1))
}

/// The length of the character literal that `text` begins with; a lifetime is none.
fn character(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('\'')?;
    if inside.starts_with('\\') {
        return inside.get(2..)?.find('\'').map(|end| end + 4);
    }
    let length = inside.chars().next()?.len_utf8();
    inside[length..].starts_with('\'').then_some(length + 2)
}

/// Every file of ours that a rule may look at.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let mut found = Vec::new();
    for folder in ["engine", "sdk-wasm", "collector", "web-demo", "tests", "scripts"] {
        collect(root, &root.join(folder), &mut found);
    }
    assert!(found.len() > 20, "the sources are not where they were");
    found
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).expect("a folder of the checkout").flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() {
            if !["dist", "node_modules", "target"].iter().any(|built| name == *built) {
                collect(root, &path, found);
            }
        } else if let Ok(text) = fs::read_to_string(&path) {
            let path = path.strip_prefix(root).expect("a path below the root");
            found.push(Source::new(&path.to_string_lossy().replace('\\', "/"), &text));
        }
    }
}

#[test]
fn the_sources_keep_the_rules() {
    let mut complaints = String::new();
    for source in sources() {
        for (name, rule) in RULES {
            for complaint in rule(&source) {
                writeln!(complaints, "{}: {complaint} ({name})", source.path).expect("writing to memory");
            }
        }
    }
    assert!(complaints.is_empty(), "\n{complaints}");
}

/// A rule, a file that breaks it.
const BROKEN: &[(&str, &str, &str)] = &[
    ("engine is pure", "engine/Cargo.toml", "[dependencies]\nserde = \"1\"\ntokio = \"1\"\n"),
    ("engine is pure", "engine/Cargo.toml", "[dependencies.collector]\npath = \"../collector\"\n"),
    ("engine is pure", "engine/Cargo.toml", "[target.'cfg(unix)'.dependencies]\nlibc.workspace = true\n"),
    ("engine is pure", "engine/src/facts.rs", "use std::{collections::HashMap, fs::{self, File}};"),
    ("engine is pure", "engine/src/facts.rs", "fn now() -> u64 { std::time::UNIX_EPOCH.elapsed() }"),
    ("engine is pure", "engine/src/facts.rs", "fn f() { println!(\"x\") }"),
    ("crates keep apart", "sdk-wasm/Cargo.toml", "[dependencies]\ncollector = { path = \"../collector\" }\n"),
    ("crates keep apart", "collector/Cargo.toml", "[dependencies]\nsdk-wasm.workspace = true\n"),
    ("crates keep apart", "collector/src/http.rs", "use sdk_wasm::start;"),
    (
        "the shop uses only the package",
        "web-demo/package.json",
        "{\"dependencies\": {\"beckon\": \"*\", \"react\": \"19\"}}",
    ),
    ("the shop uses only the package", "web-demo/src/main.js", "import { init } from \"../../sdk-wasm/js/beckon.js\";"),
    ("the shop uses only the package", "web-demo/serve.mjs", "const lodash = await import('lodash');"),
    ("the collector's layers", "collector/src/report/funnel.rs", "use crate::http::Page;"),
    ("the collector's layers", "collector/src/report.rs", "use crate::{error::Error, ingest::{self, Step}};"),
    ("the collector's layers", "collector/src/store/writer.rs", "use super::super::http::router;"),
    ("the collector's layers", "collector/src/store.rs", "fn f() { crate::clock::now(); }"),
    ("the collector's layers", "collector/src/telemetry.rs", "fn f() {}"),
    ("axum stays in http", "collector/src/store.rs", "use axum::Router;"),
    ("axum stays in http", "collector/src/ingest/native.rs", "fn f(body: axum::body::Bytes) {}"),
    ("SQL stays in store", "collector/src/report/top.rs", "const Q: &str = \"select item from events\";"),
    (
        "SQL stays in store",
        "collector/src/http/events.rs",
        "const Q: &str = r#\"\n  insert or ignore into events values (?)\"#;",
    ),
    ("SQL stays in store", "collector/src/error.rs", "impl From<rusqlite::Error> for Error {}"),
    (
        "routes in one place",
        "collector/src/http/events.rs",
        "fn f() -> Router { Router::new().route(\"/v1\", get(g)) }",
    ),
    ("one clock", "engine/src/session.rs", "fn f() { SystemTime::now(); }"),
    ("one clock", "sdk-wasm/src/memory.rs", "fn f() -> f64 { js_sys::Date::now() }"),
    ("one clock", "collector/src/report.rs", "fn f() { let now = jiff::Timestamp::now(); }"),
    ("one clock", "collector/src/http.rs", "#[allow(clippy::disallowed_methods)]\nfn f() {}"),
    ("names that say what is inside", "engine/src/utils.rs", ""),
    ("names that say what is inside", "web-demo/src/common/price.js", ""),
    ("names that say what is inside", "collector/src/store/mod.rs", ""),
    (
        "the SDK does not panic",
        "sdk-wasm/src/lib.rs",
        "#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]",
    ),
    ("the SDK does not panic", "sdk-wasm/src/memory.rs", "#[allow(clippy::unwrap_used)]\nfn f() {}"),
];

/// Files that look like a break of a rule and are none.
const SOUND: &[(&str, &str)] = &[
    ("engine/Cargo.toml", "[dependencies]\nserde = { version = \"1\" }\n\n[dev-dependencies]\nproptest = \"1\"\n"),
    (
        "engine/src/facts.rs",
        "/// Unlike `std::fs`, println! is quoted.\nuse std::collections::BTreeMap;\nfn f() -> &'static str { \"std::io\" }",
    ),
    ("engine/src/facts.rs", "fn f() {}\n\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n"),
    (
        "collector/src/http/live.rs",
        "use super::Server;\nuse crate::store::Store;\nuse axum::response::Sse;\nuse engine::time;",
    ),
    (
        "collector/src/report.rs",
        "const NOTE: &str = \"select a range\"; // select a from b\nconst C: char = '\"';\nuse crate::error::Error;",
    ),
    ("collector/src/store/sqlite.rs", "use super::writer::Writer;\nconst Q: &str = \"select id from events\";"),
    ("collector/src/store/writer.rs", "fn f<'a>(quote: &'a str) -> char { '\\'' } // crate::http::router"),
    ("collector/src/clock.rs", "#![allow(clippy::disallowed_methods)]\nfn f() { SystemTime::now(); }"),
    ("collector/src/cli/serve.rs", "use crate::http;"),
    ("web-demo/src/shop/page.js", "import { init } from \"beckon\";\nimport { dice } from \"../../traffic.mjs\";"),
];

#[test]
fn every_rule_can_fail() {
    for (name, rule) in RULES {
        let cases: Vec<_> = BROKEN.iter().filter(|(broken, _, _)| broken == name).collect();
        assert!(!cases.is_empty(), "no file breaks the rule: {name}");
        for (_, path, text) in cases {
            assert!(!rule(&Source::new(path, text)).is_empty(), "{name} did not see the fault in {path}:\n{text}");
        }
    }
    for (name, _, _) in BROKEN {
        assert!(RULES.iter().any(|(rule, _)| rule == name), "there is no rule: {name}");
    }
}

#[test]
fn sound_files_pass_every_rule() {
    for (path, text) in SOUND {
        for (name, rule) in RULES {
            let complaints = rule(&Source::new(path, text));
            assert!(complaints.is_empty(), "{name} complained about {path}: {complaints:?}\n{text}");
        }
    }
}

/// What comes in many, each with where its members are listed: the file's folder, the text before a member's name, and
/// the text after it.
const LISTED: &[(&str, &str, &str, &str)] = &[
    ("event name", "engine/src/event.rs", "\n    \"", "\",\n"),
    ("rejection code", "engine/src/event.rs", " => \"", "\",\n"),
    ("report", "collector/src/report/", " name: \"", "\","),
    ("capture", "sdk-wasm/js/capture/", " name: \"", "\","),
];

/// The members of `LISTED` that no test mentions in quotes.
fn without_a_case(sources: &[Source]) -> Vec<String> {
    let tests = sources.iter().map(|source| match source.path.split_once('/') {
        Some(("tests", "architecture.rs")) => "",
        Some(("tests", _)) => &source.text,
        _ => source.text.split_once("#[cfg(test)]\nmod ").map_or("", |(_, tests)| tests),
    });
    let tests: String = tests.collect();
    let mut missing = Vec::new();
    for (kind, folder, before, after) in LISTED {
        let mut members = 0;
        for source in sources.iter().filter(|source| source.path.starts_with(folder)) {
            let own = source.text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
            let names = own.split(before).skip(1).filter_map(|rest| rest.split(after).next());
            for name in names.filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_')) {
                members += 1;
                if !["\"", "'", "`"].iter().any(|quote| tests.contains(&format!("{quote}{name}{quote}"))) {
                    missing.push(format!("{kind} {name}"));
                }
            }
        }
        if members == 0 {
            missing.push(format!("no {kind} was found: say in LISTED where they are"));
        }
    }
    missing
}

#[test]
fn whatever_is_listed_has_a_case() {
    let missing = without_a_case(&sources());
    assert!(missing.is_empty(), "no test mentions: {}", missing.join(", "));
}

#[test]
fn a_missing_case_is_noticed() {
    let sources = |case: &str| {
        vec![
            Source::new(
                "engine/src/event.rs",
                "const NAMES: &[&str] = &[\n    \"scroll\",\n];\nCode::Bot => \"bot\",\n",
            ),
            Source::new("collector/src/report/top.rs", "Report { name: \"top\", run }"),
            Source::new("sdk-wasm/js/capture/click.js", "{ name: \"click\", start }"),
            Source::new("tests/http.rs", &format!("[\"scroll\", \"bot\", \"click\", {case}]")),
        ]
    };
    assert_eq!(without_a_case(&sources("\"top\"")), [""; 0]);
    assert_eq!(without_a_case(&sources("\"topmost\"")), ["report top"]);
}
