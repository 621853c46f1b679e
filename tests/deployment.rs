//! The recipes of `deploy/`, used as they stand: only addresses and paths of this machine are put into them.

use crate::collector::{Collector, Folder, PUBLIC, SECRET, beckon, event, fresh_id, root};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

/// The name of the recipes' server.
const HOST: &str = "collect.shop.example";

fn recipe(name: &str) -> String {
    fs::read_to_string(root().join("deploy").join(name)).expect("the recipe")
}

/// A text with every one of the replacements made, each of which must find something.
fn with(text: &str, replacements: &[(&str, String)]) -> String {
    replacements.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "the recipe has no {from:?} any more");
        text.replace(from, to)
    })
}

/// A program of this machine, or `None` after a line that says what is not tested.
fn tool(name: &str, untested: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let found =
        path.split(':').chain(["/usr/sbin"]).map(|folder| Path::new(folder).join(name)).find(|path| path.is_file());
    if found.is_none() {
        // Past the capture of a test that passes: a skip is to be seen.
        let _ = writeln!(std::io::stderr(), "skipped: {untested} is not tested, there is no {name}");
    }
    found
}

/// nginx with the recipe before a collector.
struct Proxy {
    child: Child,
    /// Its TLS port.
    port: u16,
    plain: u16,
    curl: PathBuf,
    folder: Arc<Folder>,
    collector: Collector,
}

impl Proxy {
    fn start(options: &[&str]) -> Option<Proxy> {
        let what = "deploy/nginx.conf";
        let (nginx, curl, openssl) = (tool("nginx", what)?, tool("curl", what)?, tool("openssl", what)?);
        let free = || TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
        let (port, plain) = (free(), free());
        let folder = Folder::new();
        let public = format!("https://{HOST}:{port}");
        let fixed = ["--public-url", public.as_str(), "--trusted-proxies", "127.0.0.1"];
        let collector = Collector::over(&folder, &[&fixed, options].concat());

        let path = |name: &str| folder.path(name).display().to_string();
        let mut made = Command::new(openssl);
        made.args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ]);
        made.args(["-subj", &format!("/CN={HOST}"), "-addext", &format!("subjectAltName=DNS:{HOST}")]);
        made.args(["-keyout", &path("privkey.pem"), "-out", &path("fullchain.pem")]).stderr(Stdio::null());
        assert!(made.status().expect("openssl runs").success());

        let server = with(
            &recipe("nginx.conf"),
            &[
                ("listen 80;", format!("listen 127.0.0.1:{plain};")),
                ("listen 443 ssl", format!("listen 127.0.0.1:{port} ssl")),
                ("server 127.0.0.1:8787;", format!("server {};", collector.address)),
                ("/etc/ssl/beckon/", path("")),
                ("/var/log/nginx/beckon.log", path("access.log")),
            ],
        );
        fs::write(folder.path("beckon.conf"), server).expect("a file");
        let places: Vec<String> = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|kind| format!("{kind}_temp_path {};", path(&format!("{kind}-temp"))))
            .collect();
        let places = places.join("\n");
        let main = format!(
            "user root;\nmaster_process off;\ndaemon off;\npid {};\nerror_log {};\nevents {{}}\nhttp {{\n{places}\ninclude {};\n}}\n",
            path("nginx.pid"),
            path("error.log"),
            path("beckon.conf")
        );
        fs::write(folder.path("nginx.conf"), main).expect("a file");
        let mut child = Command::new(nginx)
            .args(["-e", &path("error.log"), "-c", &path("nginx.conf")])
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx starts");
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = child.try_wait().expect("a child");
            assert!(ended.is_none(), "{}", fs::read_to_string(folder.path("error.log")).unwrap_or_default());
            std::thread::yield_now();
        }
        Some(Proxy { child, port, plain, curl, folder, collector })
    }

    fn url(&self, path: &str) -> String {
        format!("https://{HOST}:{}{path}", self.port)
    }

    /// A request by curl, which checks the certificate; from an address of this machine.
    fn curl(&self, from: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.curl);
        // By its own name it would be filtered as a bot.
        command.args(["--user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"]);
        command.args(["--silent", "--max-time", "30", "--interface", from, "--cacert"]);
        command.arg(self.folder.path("fullchain.pem"));
        command.args(["--resolve", &format!("{HOST}:{}:127.0.0.1", self.port)]).args(arguments);
        command
    }

    /// What curl prints.
    fn ask(&self, from: &str, arguments: &[&str]) -> String {
        let output = self.curl(from, arguments).output().expect("curl runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn batch() -> String {
    json!({"key": PUBLIC, "visitor": fresh_id(), "events": [event("page_view")]}).to_string()
}

#[test]
fn nginx_brings_tls_and_the_client_through() {
    let Some(proxy) = Proxy::start(&["--limits-client-rate", "1", "--limits-client-burst", "5"]) else { return };
    let events = proxy.url("/v1/events");

    // An event through TLS is stored.
    let said = proxy.ask(
        "127.0.0.9",
        &[
            "--http2",
            "--write-out",
            " %{http_code} %{http_version}",
            "--data",
            &batch(),
            &events,
            "--header",
            "content-type: text/plain",
        ],
    );
    assert!(said.contains("\"status\":\"stored\"") && said.ends_with(" 200 2"), "{said}");
    assert_eq!(proxy.collector.export().len(), 1);

    // Limits are those of the client that nginx saw: many requests over one connection, from two addresses.
    let (body, text) = (batch(), "content-type: text/plain");
    let statuses = |from: &str, forged: Option<&str>, n: usize| -> Vec<String> {
        let mut arguments = vec!["--data", body.as_str(), "--header", text, "--write-out", "%{stderr}%{http_code}\n"];
        arguments.extend(forged.iter().flat_map(|header| ["--header", header]));
        arguments.extend(std::iter::repeat_n(events.as_str(), n));
        let output = proxy.curl(from, &arguments).output().expect("curl runs");
        String::from_utf8_lossy(&output.stderr).lines().map(str::to_owned).collect()
    };
    let count = |statuses: &[String], wanted: &str| statuses.iter().filter(|status| *status == wanted).count();
    let first = statuses("127.0.0.2", None, 60);
    assert!(count(&first, "200") >= 5 && count(&first, "429") > 20, "{first:?}");
    let other = statuses("127.0.0.3", None, 2);
    assert_eq!(count(&other, "200"), 2, "another client is not held up: {other:?}");
    // What the client itself writes there is not believed: still the one whose limit is used up.
    let forged = statuses("127.0.0.2", Some("x-forwarded-for: 198.51.100.7"), 30);
    assert!(count(&forged, "429") > 10, "{forged:?}");
    let unused = statuses("127.0.0.4", Some("x-forwarded-for: 127.0.0.2"), 2);
    assert_eq!(count(&unused, "200"), 2, "nor does it use up another's: {unused:?}");

    // A body that is too large gets Beckon's answer.
    fs::write(proxy.folder.path("large"), vec![b' '; 300 * 1024]).expect("a file");
    let large = format!("@{}", proxy.folder.path("large").display());
    let said = proxy.ask(
        "127.0.0.5",
        &["--data-binary", &large, "--header", text, "--write-out", " %{http_code} %{content_type}", &events],
    );
    assert!(said.contains("\"code\":\"too_large\"") && said.ends_with(" 413 application/problem+json"), "{said}");

    // Figures are not for the world, and plain HTTP leads to TLS.
    let code = ["--output", "/dev/null", "--write-out", "%{http_code} %{redirect_url}"];
    assert_eq!(proxy.ask("127.0.0.5", &[&code[..], &[&proxy.url("/metrics")]].concat()), "404 ");
    let plain = format!("http://127.0.0.1:{}/x", proxy.plain);
    let said = proxy.ask("127.0.0.1", &[&code[..], &["--header", &format!("host: {HOST}"), &plain]].concat());
    assert_eq!(said, format!("301 https://{HOST}/x"));
    let log = fs::read_to_string(proxy.folder.path("access.log")).expect("a log");
    assert!(log.lines().count() > 60 && !log.contains("127.0.0.") && !log.contains("/v1/"), "{log}");
}

#[test]
fn nginx_lets_the_live_stream_through_and_signs_in_over_tls() {
    let Some(proxy) = Proxy::start(&[]) else { return };
    let key = format!("authorization: Bearer {SECRET}");
    let mut live = proxy.curl("127.0.0.1", &["--no-buffer", "--header", &key, &proxy.url("/v1/live")]);
    let mut live = live.stdout(Stdio::piped()).spawn().expect("curl runs");
    let mut lines = BufReader::new(live.stdout.take().expect("its output")).lines();
    let mut until = |wanted: &str| {
        let found = lines.by_ref().map_while(Result::ok).find(|line| line.contains(wanted));
        assert!(found.is_some(), "the stream ended without {wanted}");
    };
    until("event: snapshot");
    let sent = event("view_cart");
    proxy.collector.store(&fresh_id(), std::slice::from_ref(&sent), &Value::Null);
    // Before the stream has an end.
    until(sent["id"].as_str().expect("an id"));
    live.kill().expect("curl ends");
    live.wait().expect("curl ends");

    let origin = format!("origin: https://{HOST}:{}", proxy.port);
    let body = json!({"secret_key": SECRET}).to_string();
    let form =
        ["--include", "--header", &origin, "--header", "x-beckon: 1", "--header", "content-type: application/json"];
    let said = proxy.ask("127.0.0.1", &[&form[..], &["--data", &body, &proxy.url("/v1/session")]].concat());
    let cookie = said.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap_or_else(|| panic!("{said}"));
    for flag in ["Secure", "HttpOnly", "SameSite=Strict"] {
        assert!(cookie.split("; ").any(|part| part.trim() == flag), "{flag} in {cookie}");
    }
    let session = format!("cookie: {}", cookie.split(';').next().unwrap_or_default());
    let write = [
        "--request",
        "PUT",
        "--header",
        &session,
        "--data",
        r#"{"kind":"offer"}"#,
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_code}",
    ];
    let slot = proxy.url("/v1/slots/hero");
    let json = ["--header", "content-type: application/json", "--header", "x-beckon: 1"];
    assert_eq!(proxy.ask("127.0.0.1", &[&write[..], &json, &["--header", &origin, &slot]].concat()), "201");
    let foreign = ["--header", "origin: https://evil.example", &slot];
    assert_eq!(proxy.ask("127.0.0.1", &[&write[..], &json, &foreign].concat()), "403");
    let link = proxy.url(&proxy.collector.sign_in);
    assert!(proxy.ask("127.0.0.1", &["--include", &link]).to_lowercase().contains("; secure"));
}

/// The value of `Key=` in a unit.
fn unit<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    text.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect()
}

#[test]
fn the_unit_starts_what_there_is_and_shuts_the_rest_out() {
    let text = recipe("beckon.service");
    let [start] = unit(&text, "ExecStart")[..] else { panic!("one ExecStart") };
    let mut words = start.split_whitespace();
    assert_eq!((words.next(), words.next()), (Some("/usr/local/bin/beckon"), Some("serve")));
    let help = beckon().args(["serve", "--help"]).output().expect("the program runs");
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    for flag in words.filter(|word| word.starts_with("--")) {
        assert!(help.contains(&format!("{flag} <")), "{flag} is no option of serve");
    }
    for (key, value) in [
        ("DynamicUser", "yes"),
        ("StateDirectory", "beckon"),
        ("ProtectSystem", "strict"),
        ("NoNewPrivileges", "yes"),
        ("TimeoutStopSec", "15"),
        ("LimitNOFILE", "65536"),
        ("MemoryMax", "512M"),
        ("UMask", "0077"),
    ] {
        assert_eq!(unit(&text, key), [value], "{key}");
    }
    let Some(analyze) = tool("systemd-analyze", "deploy/beckon.service by systemd itself") else { return };
    let folder = Folder::new();
    let here = folder.path("beckon.service");
    let binary = beckon().get_program().to_string_lossy().into_owned();
    fs::write(&here, with(&text, &[("/usr/local/bin/beckon serve", format!("{binary} serve"))])).expect("a file");
    let output = Command::new(analyze).arg("verify").arg("--man=no").arg(&here).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // Without systemd as process 1 it may know of no other unit; what it says of ours counts.
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("beckon.service:")).collect();
    assert!(ours.is_empty(), "{said}");
}

#[test]
fn the_image_is_made_of_what_there_is() {
    let text = recipe("Dockerfile");
    let mut copied = Vec::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("COPY ")).filter(|line| !line.starts_with("--from=")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        for source in &words[..words.len() - 1] {
            assert!(root().join(source).exists(), "COPY {source}: it is not there");
            copied.push((*source).to_owned());
        }
    }
    let workspace = fs::read_to_string(root().join("Cargo.toml")).expect("the workspace");
    let members = workspace.lines().find(|line| line.starts_with("members")).expect("members");
    for member in members.split('"').skip(1).step_by(2) {
        let whole = copied.iter().any(|source| member == source || member.starts_with(&format!("{source}/")));
        assert!(whole, "cargo needs {member}");
    }
    let rust = workspace.lines().find_map(|line| line.strip_prefix("rust-version = ")).expect("a version");
    assert!(text.contains(&format!("FROM rust:{}-", rust.trim_matches('"'))), "the image has another Rust than {rust}");
    for line in ["USER 10001", "VOLUME /var/lib/beckon", "STOPSIGNAL SIGTERM"] {
        assert!(text.lines().any(|have| have == line), "{line}");
    }
    assert!(text.contains("HEALTHCHECK") && text.contains("/readyz"));
}

#[test]
fn the_options_that_recipes_name_are_options() {
    for name in ["nginx.conf", "Caddyfile"] {
        let options: Vec<String> = recipe(name)
            .lines()
            .filter_map(|line| line.strip_prefix("#   "))
            .filter(|line| line.contains(" = "))
            .map(str::to_owned)
            .collect();
        assert!(options.len() >= 3, "{name} says what stands in beckon.toml");
        let folder = Folder::new();
        fs::write(folder.path("beckon.toml"), options.join("\n")).expect("a file");
        let run = beckon().args(["config", "--config"]).arg(folder.path("beckon.toml")).output().expect("it runs");
        let (said, wrong) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
        assert_eq!(run.status.code(), Some(0), "{name}: {wrong}");
        for option in options {
            assert!(said.contains(&option), "{name}: {option} in\n{said}");
        }
    }
    let caddy = recipe("Caddyfile");
    assert!(caddy.contains("reverse_proxy 127.0.0.1:8787") && caddy.contains("respond @metrics 404"));
}
