//! What a fuzzer calls: any bytes go in, and a panic is a finding. `fuzz/` runs these with coverage as its guide; the
//! tests below run them on stable Rust with a generator of their own.
//!
//! Each returns a number that is the same for inputs which fared alike, for a generator that keeps what is new.

use crate::error::Error;
use crate::http::body::unpack;
use crate::ingest::agents::Agents;
use crate::ingest::native::{self, Body, Browser};
use crate::ingest::{Outcome, Sender};
use crate::secrets::Secrets;
use crate::store::Batch;
use engine::event::{Code, Event, MAX_ID, MAX_TEXT, MAX_URL};
use engine::facts::State;
use engine::keep::Pass;
use engine::time::{DAY, RANGE};
use engine::value::{Map, Value};
use engine::{clean, mask};
use std::sync::OnceLock;

/// When everything arrives: 2026-11-24, in ms.
const RECEIVED: i64 = 1_795_500_000_000;

/// A body of `POST /v1/events`, from its bytes to what the store is given, as a page and as a shop's server send it.
///
/// # Panics
/// Where a promise is broken.
pub fn body(bytes: &[u8]) -> u64 {
    static SHARED: OnceLock<(Secrets, Agents)> = OnceLock::new();
    let (secrets, agents) = SHARED.get_or_init(|| (Secrets::of(7), Agents::new().expect("the list of bots")));
    let body = match Body::read(bytes) {
        Ok(body) => body,
        Err(Error::BadJson { line, column }) => {
            let lines = bytes.split(|byte| *byte == b'\n').count();
            assert!((1..=lines + 1).contains(&line), "line {line} of {lines}");
            return 1 + u64::from(column == 0);
        }
        Err(_) => return 3,
    };
    let sensitive = ["size".to_owned(), "note".to_owned()];
    let mut fared = 4;
    for trusted in [false, true] {
        let sender = Sender { site: 1, trusted, received: RECEIVED, secrets, sensitive: &sensitive };
        let user_agent = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0";
        let browser = Browser { agents, user_agent, languages: "de-DE,de;q=0.8" };
        fared = mix(
            fared,
            match native::read(&sender, &browser, &body) {
                Err(Error::Internal(error)) => panic!("an error that is nobody's fault: {error}"),
                Err(error) => error.to_string().bytes().map(u64::from).sum(),
                Ok((batch, outcomes)) => {
                    let again = native::read(&sender, &browser, &body).map(|(batch, _)| batch).expect("the same");
                    for (one, other) in batch.events.iter().zip(&again.events) {
                        assert_eq!((one.id, one.hash, &one.event), (other.id, other.hash, &other.event));
                    }
                    check(&batch, &outcomes, body.events().map_or(0, |events| events.len()))
                }
            },
        );
    }
    fared
}

/// What one number says after another.
fn mix(before: u64, next: u64) -> u64 {
    before.wrapping_mul(131).wrapping_add(next)
}

/// What holds of a batch that was read, however odd its body.
fn check(batch: &Batch, outcomes: &[Outcome], count: usize) -> u64 {
    assert_eq!(outcomes.len(), count, "an answer for each event");
    let queued = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Queued { .. })).count();
    assert_eq!((queued, count - queued), (batch.events.len(), batch.rejected.len()), "each event is one of the two");
    let mut events: Vec<_> = batch.events.iter().collect();
    events.sort_by_key(|incoming| (incoming.time, incoming.id));
    let mut state = State::default();
    let mut fared = 1;
    for incoming in events {
        let event = &incoming.event;
        assert!(RANGE.contains(&incoming.time), "a time with a text");
        for (text, max) in [(&event.page.url, MAX_URL), (&event.page.title, MAX_TEXT), (&event.transaction_id, MAX_ID)]
        {
            assert!(text.as_ref().is_none_or(|text| text.len() <= max), "a text within its length");
        }
        // What is stored is exported as JSON, and whoever reads that gets the same event.
        let json = serde_json::to_string(&event.to_value()).expect("it has a text");
        // What was cut may read as something else; where nothing was, clean stays clean.
        if json.len() < MAX_ID {
            let mut cleaned = event.clone();
            clean::event(&mut cleaned);
            assert_eq!(&cleaned, event, "what is clean stays as it is");
        }
        let value: Value = serde_json::from_str(&json).expect("it can be read");
        let (mut read, _) = Event::read(&value).unwrap_or_else(|reject| panic!("{json} is refused: {reject:?}"));
        read.session.clone_from(&event.session);
        assert_eq!(&read, event, "{json}");
        state.fold(event, incoming.time, incoming.id);
        fared = mix(fared, event.name.len() as u64 % 7 + u64::from(event.items.is_empty()));
    }
    let mut pass = Pass::writing();
    state.keep(&mut pass);
    let mut pass = Pass::reading(pass.into_bytes());
    let mut kept = State::default();
    kept.keep(&mut pass);
    assert!(pass.is_whole() && kept == state, "facts are kept as they are");
    state.facts(RECEIVED + DAY, &Map::new());
    for rejected in &batch.rejected {
        assert!(rejected.body.len() <= 8 * 1024 && rejected.path.len() <= 4 * 1024 && rejected.detail.len() <= 1024);
        fared = mix(fared, Code::ALL.iter().position(|code| code.text() == rejected.code).unwrap_or(99) as u64);
    }
    fared
}

/// A packed body: the first byte says how, the rest is what came.
///
/// # Panics
/// Where a promise is broken.
pub fn packed(bytes: &[u8]) -> u64 {
    let Some((kind, rest)) = bytes.split_first() else { return 0 };
    let encoding = ["gzip", "br", "zstd"][usize::from(*kind) % 3];
    match unpack(encoding, rest) {
        Ok(plain) => {
            assert!(plain.len() <= 1024 * 1024, "no more than is allowed");
            u64::from(*kind) % 3 + 10 + plain.len().checked_ilog2().map_or(0, u64::from)
        }
        Err(Error::TooLarge(_)) => 4 + u64::from(*kind) % 3,
        Err(Error::BadEncoding) => 1 + u64::from(*kind) % 3,
        Err(error) => panic!("{error}"),
    }
}

/// Personal data, and a piece of each that no mask may leave.
const PLANTED: &[(&str, &str)] = &[
    ("zhang.wei@mail.example", "zhang.wei@"),
    ("13800138000", "13800138000"),
    ("+49 170 1234567", "170 1234567"),
    ("(555) 123-4567", "123-4567"),
    ("07700900123", "07700900123"),
    ("4111 1111 1111 1111", "1111 1111"),
    ("11010519491231002X", "11010519491231002"),
    ("password=hunter2secret", "hunter2secret"),
    ("Bearer hunter2secret", "hunter2secret"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJrYXJsIn0.c2lnbmF0dXJl", "eyJzdWIiOiJrYXJsIn0"),
    ("sk_live_0123456789abcdef", "0123456789abcdef"),
];

/// A text through the masks and the cleaning of addresses: once is enough, and what is planted into it is gone.
///
/// # Panics
/// Where a promise is broken.
pub fn text(bytes: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(bytes);
    let mut fared = 0;
    for (number, way) in
        [|text: &str| mask::text(text).into_owned(), |text: &str| mask::id(text).into_owned(), clean::url]
            .iter()
            .enumerate()
    {
        let once = way(&text);
        assert_eq!(way(&once), once, "masked once and for all, by way {number}");
        // A label is the longest that anything becomes: `[secret]` for one sign, and a percent sign thrice.
        assert!(once.len() <= text.len() * 9 + 16, "no text grows without bounds");
        for (bit, label) in ["[email]", "[phone]", "[card]", "[id]", "[secret]"].iter().enumerate() {
            fared |= u64::from(once.contains(label)) << (number * 8 + bit);
        }
    }
    let half = text.char_indices().map(|(at, _)| at).nth(text.chars().count() / 2).unwrap_or(0);
    let (plain, piece) =
        PLANTED[bytes.iter().fold(0, |sum: usize, byte| sum.wrapping_add(usize::from(*byte))) % PLANTED.len()];
    let (before, after) = text.split_at(half);
    if !text.contains(piece) {
        let masked = mask::text(&format!("{before}\n{plain}\n{after}")).into_owned();
        // Inside of a longer number or word, in signs of any width, it is another one: the text's own.
        let whole = |at: usize| {
            let beside = [masked[..at].chars().next_back(), masked[at + piece.len()..].chars().next()];
            !beside.into_iter().flatten().any(char::is_alphanumeric)
        };
        assert!(!masked.match_indices(piece).any(|(at, _)| whole(at)), "{plain} is left in {masked:?}");
    }
    // What was cut may read as something else.
    if text.len() <= MAX_ID {
        let mut value = Value::from(text.as_ref());
        clean::own("note", &mut value);
        let once = value.clone();
        clean::own("note", &mut value);
        assert_eq!(once, value, "cleaned once and for all");
    }
    fared
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Stopwatch;
    use std::collections::HashSet;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::path::Path;

    /// What bodies and texts are made of; put in wherever the dice say.
    const WORDS: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "null",
        "true",
        "-0",
        "1e308",
        "1e309",
        "9007199254740993",
        "0.1",
        "-1",
        "\"\\ud800\"",
        "\\u0000",
        "\"12 EUR\"",
        "\"89.00\"",
        "\"id\":",
        "\"name\":",
        "\"at\":",
        "\"events\":",
        "\"props\":",
        "\"items\":[{\"item_id\":\"a\"}]",
        "\"page\":{\"url\":\"https://a.example/?token=x#@\"}",
        "\"visitor\":\"v\"",
        "\"2026-11-24T08:00:00Z\"",
        "\"0001-01-01T00:00:00+23:59\"",
        "\"purchase\"",
        "\"transaction_id\":\"t\"",
        "\"sent_at\":\"2026-11-24T08:00:00+02:00\"",
        "[[[[[[[[",
        "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}",
        "jo@mail.example",
        "13800138000",
        "+49 170 1234567",
        "4111 1111 1111 1111",
        "11010519491231002X",
        "password=",
        "Bearer ",
        "Basic ",
        "eyJ",
        "sk_live_",
        "%40",
        "%2540",
        "%25",
        "＠",
        "１３８",
        "\u{a0}",
        "密码：",
        "://",
        "?",
        "#",
        "&",
        "=",
        "@",
        "[secret]",
        "[email]",
        "[phone]",
        " ",
        "\n",
        "é",
        "中",
    ];

    /// splitmix64.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, n: usize) -> usize {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((mixed ^ mixed >> 31) % n.max(1) as u64) as usize
        }
    }

    fn mutate(dice: &mut Dice, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut input = corpus[dice.below(corpus.len())].clone();
        for _ in 0..=dice.below(6) {
            let at = dice.below(input.len() + 1);
            let to = (at + 1 + dice.below(24)).min(input.len());
            match dice.below(8) {
                0 if at < input.len() => input[at] ^= 1 << dice.below(8),
                1 if at < input.len() => input[at] = dice.below(256) as u8,
                2 => drop(input.drain(at..to)),
                3 => {
                    let piece = input[at..to].to_vec();
                    let place = dice.below(input.len() + 1);
                    input.splice(place..place, piece);
                }
                4 => {
                    let other = &corpus[dice.below(corpus.len())];
                    let from = dice.below(other.len());
                    let piece = other[from..(from + 1 + dice.below(200)).min(other.len())].to_vec();
                    input.splice(at..to, piece);
                }
                5 => {
                    let word = WORDS[dice.below(WORDS.len())];
                    input.splice(at..to, word.bytes());
                }
                _ => {
                    let word = WORDS[dice.below(WORDS.len())];
                    let many = if dice.below(20) == 0 { dice.below(60) } else { 1 };
                    input.splice(at..at, word.repeat(many).into_bytes());
                }
            }
        }
        input.truncate(2 * 1024);
        input
    }

    /// Runs a target so many times, or as many seconds as `BECKON_FUZZ_SECONDS` says.
    fn run(name: &str, target: fn(&[u8]) -> u64, executions: u64) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(name);
        let mut files: Vec<_> =
            std::fs::read_dir(folder).expect("the seeds").map(|file| file.expect("a file").path()).collect();
        files.sort();
        let mut corpus: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(file).expect("a seed")).collect();
        assert!(!corpus.is_empty());
        let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a whole number"));
        let seconds: Option<u64> = number("BECKON_FUZZ_SECONDS");
        // Another run of the long kind is to try other things.
        let seed = number("BECKON_FUZZ_SEED").unwrap_or(20_261_124);
        let watch = Stopwatch::start();
        let mut dice = Dice(seed);
        let mut seen: HashSet<u64> = corpus.iter().map(|seed| target(seed)).collect();
        let mut done = 0;
        while seconds.map_or(done < executions, |seconds| watch.elapsed().as_secs() < seconds) {
            let input = mutate(&mut dice, &corpus);
            let Ok(fared) = catch_unwind(AssertUnwindSafe(|| target(&input))) else {
                panic!("{name}: found by {:?}", String::from_utf8_lossy(&input));
            };
            if corpus.len() < 20_000 && seen.insert(fared) {
                corpus.push(input);
            }
            done += 1;
        }
        println!("{name}: {done} executions in {:.1} s, {} kinds", watch.elapsed().as_secs_f64(), corpus.len());
    }

    #[test]
    fn no_body_breaks_a_promise() {
        run("body", body, 100_000);
    }

    #[test]
    fn no_packed_body_breaks_a_promise() {
        run("packed", packed, 100_000);
    }

    #[test]
    fn no_text_breaks_a_promise() {
        run("text", text, 40_000);
    }
}
