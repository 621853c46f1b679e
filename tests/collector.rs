//! A collector of a test's own: its process, its folder, and the few requests that every test makes.

use crate::http::{Answer, BOUND, Request, Stream};
use engine::id::Id;
use engine::time;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The keys of every collector here.
pub(crate) const PUBLIC: &str = "pk_0123456789abcdef0123";
/// See [`PUBLIC`].
pub(crate) const SECRET: &str = "sk_0123456789abcdef0123";

/// How long the collector may take to go, as it promises.
const DRAIN: Duration = Duration::from_secs(10);

/// A folder that goes when the test ends: the data, its key file beside it, and the log.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Arc<Folder> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("beckon-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        // A process of the same number may have left one behind.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder for the test");
        Arc::new(Folder(path))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path("data")
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.data().join("beckon.db")
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Every file with its bytes.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        let mut folders = vec![self.0.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder").flatten() {
                if entry.path().is_dir() {
                    folders.push(entry.path());
                } else {
                    found.push((entry.path(), fs::read(entry.path()).expect("a file")));
                }
            }
        }
        found
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The program, built once if nobody says where it is; without what the caller's environment would tell it.
pub(crate) fn beckon() -> Command {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    let binary = BINARY.get_or_init(|| match std::env::var_os("BECKON_BIN") {
        Some(binary) => binary.into(),
        None => {
            let built = Command::new(env!("CARGO"))
                .args(["build", "--package", "collector", "--locked"])
                .current_dir(root())
                .status()
                .expect("cargo runs");
            assert!(built.success(), "the collector could not be built");
            // Beside this program's own folder: target/debug/deps/beckon-1234 and target/debug/beckon.
            let here = std::env::current_exe().expect("the path of this program");
            here.ancestors().nth(2).expect("the folder of the profile").join("beckon")
        }
    });
    let mut command = Command::new(binary);
    command.env_clear().stdin(Stdio::null());
    command
}

/// The folder of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace's folder")
}

/// A file of real data, which is not part of the repository: in `BECKON_TEST_DATA`, or in `shared/data` beside the
/// repository. Says so where it is not there.
pub(crate) fn data(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("BECKON_TEST_DATA").map_or_else(|| root().join("../shared/data"), PathBuf::from);
    let file = folder.join(name);
    if file.is_file() {
        return Some(file);
    }
    // Past the capture of a test that passes: a skip is to be seen.
    let _ = writeln!(std::io::stderr(), "skipped: {} is not there", file.display());
    None
}

/// Now, in ms since 1970.
#[allow(clippy::disallowed_methods, reason = "the collector that is tested reads the same clock")]
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

/// An id that no other call gave.
pub(crate) fn fresh_id() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    Id::v7(now(), u128::from(COUNT.fetch_add(1, Ordering::Relaxed))).text()
}

/// A visitor who is held out of offers, or one who is not, at the site's default share.
pub(crate) fn visitor(held_out: bool) -> String {
    let is_out = |id: &String| engine::bucket::share("holdout:default", id) < engine::offer::HOLDOUT;
    std::iter::repeat_with(fresh_id).find(|id| is_out(id) == held_out).expect("one of them")
}

/// An event of this name, now.
pub(crate) fn event(name: &str) -> Value {
    json!({"id": fresh_id(), "name": name, "at": time::text(now())})
}

/// An event about an item.
pub(crate) fn about(name: &str, item_id: &str, item_category: &str) -> Value {
    let mut event = event(name);
    event["items"] = json!([{"item_id": item_id, "item_category": item_category}]);
    event
}

/// Whether two JSON values are equal, 89 and 89.0 being one number.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    let read = |value: &Value| serde_json::from_value::<engine::value::Value>(value.clone()).expect("a value");
    read(a) == read(b)
}

/// A running collector.
pub(crate) struct Collector {
    child: Child,
    /// Ends when the process does.
    output: Receiver<String>,
    pub(crate) folder: Arc<Folder>,
    pub(crate) address: SocketAddr,
    /// The path of the one-time link.
    pub(crate) sign_in: String,
}

impl Collector {
    /// Over an empty folder.
    pub(crate) fn new() -> Collector {
        Collector::over(&Folder::new(), &[])
    }

    /// Over a folder, with more options.
    pub(crate) fn over(folder: &Arc<Folder>, options: &[&str]) -> Collector {
        Collector::with(folder, options, &[])
    }

    /// Over a folder, with more options and more of an environment.
    pub(crate) fn with(folder: &Arc<Folder>, options: &[&str], environment: &[(&str, &Path)]) -> Collector {
        let log = File::options().create(true).append(true).open(folder.path("log")).expect("a log");
        let mut child = beckon()
            .args(["serve", "--listen", "127.0.0.1:0", "--log", "debug", "--data"])
            .arg(folder.data())
            .args(options)
            .envs([("BECKON_PUBLIC_KEY", PUBLIC), ("BECKON_SECRET_KEY", SECRET)])
            // All tests come from one address; those of the limits set their own.
            .env("BECKON_LIMITS_CLIENT_RATE", "0")
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the collector starts");
        let stdout = BufReader::new(child.stdout.take().expect("its output"));
        let (sender, output) = channel();
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let said = |before: &str| {
            std::iter::from_fn(|| output.recv_timeout(BOUND).ok())
                .find_map(|line| line.split_once(before).map(|(_, rest)| rest.to_owned()))
                .unwrap_or_else(|| panic!("the collector does not say {before:?}:\n{}", folder.log()))
        };
        let address = said("listening on http://").parse().expect("an address");
        let sign_in = said("sign in: ");
        let sign_in = sign_in.find("/signin").map(|at| sign_in[at..].to_owned()).expect("a link");
        let collector = Collector { child, output, folder: Arc::clone(folder), address, sign_in };
        let ready = collector.send(&Request::get("/readyz"));
        assert_eq!(ready.status, 200, "{}", ready.text());
        collector
    }

    /// Ends the process at once, as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }

    /// Waits for the end of a process that is to die by itself.
    pub(crate) fn died(mut self) {
        let ended = self.ended();
        assert!(!ended.success(), "it ended by itself: {ended}");
    }

    /// Asks the process to go; it may take as long as it promises.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        self.ask_to_go();
        self.ended()
    }

    /// Asks the process to go and returns at once.
    pub(crate) fn ask_to_go(&self) {
        let asked = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status();
        assert!(asked.expect("kill runs").success(), "the collector had ended before");
    }

    /// Waits for the end of the process.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        loop {
            match self.output.recv_timeout(DRAIN) {
                Ok(_) => {}
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return self.child.wait().expect("it ends"),
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("still there after {DRAIN:?}"),
            }
        }
    }

    pub(crate) fn send(&self, request: &Request) -> Answer {
        request.send(self.address).expect("an answer")
    }

    pub(crate) fn open(&self, request: &Request) -> (Answer, Stream) {
        request.open(self.address).expect("an answer")
    }

    /// What is behind a path, for who holds the secret key.
    pub(crate) fn get(&self, path: &str) -> Value {
        let answer = self.send(&Request::get(path).key(SECRET));
        assert_eq!(answer.status, 200, "GET {path}: {}", answer.text());
        answer.json()
    }

    /// Puts a document, for who holds the secret key.
    pub(crate) fn put(&self, path: &str, document: &Value) {
        let answer = self.send(&Request::put(path).key(SECRET).json(document));
        assert!([200, 201].contains(&answer.status), "PUT {path}: {}", answer.text());
    }

    /// Sends events of a visitor with the public key, and maybe a question; all of them must be stored.
    pub(crate) fn store(&self, visitor: &str, events: &[Value], decide: &Value) -> Value {
        let body = json!({"key": PUBLIC, "visitor": visitor, "events": events, "decide": decide});
        let answer = self.send(&Request::post("/v1/events").body("text/plain", body.to_string()));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let json = answer.json();
        let stored = json["results"].as_array().expect("results").iter().filter(|result| result["status"] == "stored");
        assert_eq!(stored.count(), events.len(), "{json}");
        json["decision"].clone()
    }

    /// Facts, segments and slots of a visitor, for who holds the secret key.
    pub(crate) fn decide(&self, visitor: &str, slots: &Value) -> Value {
        let question = json!({"visitor": visitor, "slots": slots});
        let answer = self.send(&Request::post("/v1/decide").key(SECRET).json(&question));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// Every stored event.
    pub(crate) fn export(&self) -> Vec<Value> {
        let answer = self.send(&Request::get("/v1/export/events.ndjson").key(SECRET));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.text().lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.folder.log();
            let tail: Vec<&str> = log.lines().rev().filter(|line| !line.contains("DEBUG")).take(20).collect();
            eprintln!("the collector's log, latest first:\n{}", tail.join("\n"));
        }
    }
}
