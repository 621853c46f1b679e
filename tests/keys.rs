//! Keys and sites: what each key may, that a revoked one may nothing from then on, and that sites see only their own.

use crate::collector::{Collector, Folder, PUBLIC, SECRET, beckon, event, fresh_id};
use crate::http::{Answer, Request};
use serde_json::{Value, json};

fn create(collector: &Collector, by: &str, body: &Value) -> Answer {
    collector.send(&Request::post("/v1/keys").key(by).json(body))
}

/// A new key of the site that `SECRET` is for: its id and itself.
fn made(collector: &Collector, body: &Value) -> (String, String) {
    let answer = create(collector, SECRET, body);
    assert_eq!(answer.status, 201, "{}", answer.text());
    let json = answer.json();
    let text = |field: &str| json[field].as_str().expect("text").to_owned();
    (text("id"), text("key"))
}

fn send_event(collector: &Collector, key: &str) -> String {
    let body = json!({"visitor": fresh_id(), "events": [event("page_view")]});
    collector.send(&Request::post("/v1/events").key(key).json(&body)).said()
}

#[test]
fn a_key_is_shown_once_and_refused_once_it_is_revoked() {
    let folder = Folder::new();
    let mut collector = Collector::over(&folder, &[]);
    let (secret_id, secret) =
        made(&collector, &json!({"name": "server", "kind": "secret", "scopes": ["ingest", "read"]}));
    let (public_id, public) = made(&collector, &json!({"name": "page", "kind": "public"}));
    assert!(secret.starts_with("sk_") && public.starts_with("pk_"));

    let list = collector.get("/v1/keys")["keys"].clone();
    let find = |id: &str| list.as_array().expect("keys").iter().find(|key| key["id"] == id).expect("the key").clone();
    let told = find(&secret_id);
    assert_eq!((&told["name"], &told["kind"], &told["key"]), (&json!("server"), &json!("secret"), &json!(null)));
    assert_eq!((&told["scopes"], &told["revoked"]), (&json!(["ingest", "read"]), &json!(null)));
    assert_eq!((&find(&public_id)["key"], &find(&public_id)["scopes"]), (&json!(public), &json!([])));
    assert!(!list.to_string().contains(&secret) && !list.to_string().contains(SECRET));

    let read = |key: &str| collector.send(&Request::get("/v1/segments").key(key)).said();
    let manage = |key: &str| collector.send(&Request::get("/v1/keys").key(key)).said();
    assert_eq!((send_event(&collector, &secret).as_str(), read(&secret).as_str()), ("200", "200"));
    assert_eq!((manage(&secret).as_str(), send_event(&collector, &public).as_str()), ("403 no_scope", "200"));

    let revoke = |id: &str| collector.send(&Request::delete(&format!("/v1/keys/{id}")).key(SECRET)).said();
    for (id, key) in [(&secret_id, &secret), (&public_id, &public)] {
        assert_eq!(revoke(id), "204");
        // Both answers came out of memory before.
        assert_eq!(send_event(&collector, key), "401 bad_key");
        assert_eq!(read(key), "401 bad_key");
        assert_eq!(revoke(id), "404 not_found", "once");
    }
    assert_eq!(send_event(&collector, PUBLIC), "200", "others are as they were");
    let bundle = collector.send(&Request::get(&format!("/v1/bundle?key={public}")));
    assert_eq!(bundle.said(), "401 bad_key");
    for id in ["x", "0123456789abcdef", &secret, &secret_id.to_uppercase()[1..]] {
        assert_eq!(revoke(id), "404 not_found", "{id}");
    }
    let list = collector.get("/v1/keys")["keys"].clone();
    let revoked = list.as_array().expect("keys").iter().filter(|key| key["revoked"].is_string()).count();
    assert_eq!(revoked, 2, "{list}");

    // Nothing of a secret key is on disk, in whatever file.
    assert!(collector.terminate().success());
    for (path, bytes) in folder.files() {
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "a secret key is in {}", path.display());
    }
    let collector = Collector::over(&folder, &[]);
    assert_eq!(send_event(&collector, &secret), "401 bad_key", "after a start too");
}

#[test]
fn nobody_makes_a_key_that_may_more_than_themselves() {
    let collector = Collector::new();
    let (_, manager) = made(&collector, &json!({"kind": "secret", "scopes": ["manage", "read"]}));
    for (by, body, said) in [
        (&manager[..], json!({"kind": "secret", "scopes": ["read"]}), "201"),
        (&manager, json!({"kind": "public"}), "201"),
        (&manager, json!({"kind": "secret", "scopes": ["read", "erase"]}), "403 no_scope"),
        (&manager, json!({"kind": "secret", "scopes": ["ingest"]}), "403 no_scope"),
        (SECRET, json!({"kind": "secret", "scopes": ["ingest", "read", "manage", "export", "erase"]}), "201"),
        (SECRET, json!({"kind": "secret", "scopes": []}), "422 bad_value"),
        (SECRET, json!({"kind": "secret", "scopes": ["write"]}), "422 bad_value"),
        (SECRET, json!({"kind": "secret", "scopes": "read"}), "422 bad_value"),
        (SECRET, json!({"kind": "secret"}), "422 bad_value"),
        (SECRET, json!({"kind": "public", "scopes": ["read"]}), "422 bad_value"),
        (SECRET, json!({"kind": "private"}), "422 bad_value"),
        (SECRET, json!({}), "422 bad_value"),
        (SECRET, json!([]), "422 bad_value"),
        (SECRET, json!({"kind": "public", "name": 7}), "422 bad_value"),
        (SECRET, json!({"kind": "public", "name": "x".repeat(129)}), "422 bad_value"),
        (SECRET, json!({"kind": "public", "key": "pk_of_my_own_choice_0"}), "422 bad_value"),
        (PUBLIC, json!({"kind": "public"}), "403 no_scope"),
    ] {
        assert_eq!(create(&collector, by, &body).said(), said, "{body}");
    }
}

#[test]
fn a_dashboard_ends_with_the_key_that_it_was_signed_in_by() {
    let collector = Collector::new();
    let (id, key) = made(&collector, &json!({"kind": "secret", "scopes": ["read", "manage", "export"]}));
    let own = |request: Request| request.header("origin", "http://collector.test").header("x-beckon", "1");
    let sign_in = own(Request::post("/v1/session")).json(&json!({"secret_key": key}));
    let session =
        collector.send(&sign_in).header("set-cookie").expect("a cookie").split(';').next().expect("it").to_owned();
    let look = || collector.send(&Request::get("/v1/segments").header("cookie", &session)).said();
    assert_eq!(look(), "200");
    let body = json!({"kind": "secret", "scopes": ["ingest"]});
    let more = collector.send(&own(Request::post("/v1/keys")).header("cookie", &session).json(&body));
    assert_eq!(more.said(), "403 no_scope", "a session does not grow by a key of its own making");
    let revoked = collector.send(&own(Request::delete(&format!("/v1/keys/{id}"))).header("cookie", &session));
    assert_eq!((revoked.said().as_str(), look().as_str()), ("204", "401 bad_key"));
    assert_eq!(collector.send(&sign_in).said(), "401 bad_key");
}

#[test]
fn sites_share_a_store_and_see_only_their_own() {
    let folder = Folder::new();
    let mut collector = Collector::over(&folder, &[]);
    let add = |body: &Value| collector.send(&Request::post("/v1/sites").key(SECRET).json(body));
    let answer = add(&json!({"site": "shop-b", "origins": ["https://b.example"], "holdout": 0.5}));
    assert_eq!(answer.status, 201, "{}", answer.text());
    let site = answer.json();
    let (public, secret) = (site["public_key"].as_str().expect("a key"), site["secret_key"].as_str().expect("a key"));
    for (body, path) in [
        (json!({"site": "shop-b"}), "site"),
        (json!({"site": "default"}), "site"),
        (json!({"site": "Shop"}), "site"),
        (json!({"site": ""}), "site"),
        (json!({}), "site"),
        (json!({"site": "c", "origins": ["c.example"]}), "origins"),
        (json!({"site": "c", "holdout": 2}), "holdout"),
        (json!({"site": "c", "name": "c"}), "name"),
    ] {
        let answer = add(&body);
        assert_eq!((answer.said().as_str(), &answer.json()["path"]), ("422 bad_value", &json!(path)), "{body}");
    }
    let sites = collector.get("/v1/sites")["sites"].clone();
    let told: Vec<_> = sites.as_array().expect("sites").iter().map(|site| (&site["site"], &site["own"])).collect();
    assert_eq!(told, [(&json!("default"), &json!(true)), (&json!("shop-b"), &json!(false))]);

    collector.store(&fresh_id(), &[event("page_view")], &Value::Null);
    let page = |origin: &str| {
        let body = json!({"key": public, "visitor": fresh_id(), "events": [event("login")]});
        collector.send(&Request::post("/v1/events").header("origin", origin).json(&body)).said()
    };
    assert_eq!((page("https://b.example").as_str(), page("https://a.example").as_str()), ("200", "403 bad_origin"));
    let names = |collector: &Collector, key: &str| {
        let answer = collector.send(&Request::get("/v1/export/events.ndjson").key(key));
        let lines: Vec<Value> = answer.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        lines.iter().map(|event| event["name"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        (names(&collector, SECRET), names(&collector, secret)),
        (vec!["page_view".into()], vec!["login".into()])
    );
    // What one site makes is not there for the other.
    collector.put("/v1/segments/mine", &json!({"condition": {}}));
    let theirs = |request: Request| collector.send(&request.key(secret)).said();
    assert_eq!(theirs(Request::get("/v1/segments/mine")), "404 not_found");
    let own = collector.get("/v1/keys")["keys"][0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(theirs(Request::delete(&format!("/v1/keys/{own}"))), "404 not_found");

    // A site that is not the key's own is not shown as if it were.
    for (path, said) in [
        ("/v1/site?site=shop-b", "200"),
        ("/v1/reports/traffic?tz=UTC&site=shop-b", "200"),
        ("/v1/rejected?limit=1&site=shop-b", "200"),
        ("/v1/export/events.csv?site=shop-b", "200"),
        ("/v1/site?site=default", "404 not_found"),
        ("/v1/reports/traffic?tz=UTC&site=default", "404 not_found"),
        ("/v1/site?site=", "404 not_found"),
    ] {
        assert_eq!(theirs(Request::get(path)), said, "{path}");
    }
    let (public, secret) = (public.to_owned(), secret.to_owned());
    assert!(collector.terminate().success());
    let collector = Collector::over(&folder, &[]);
    assert_eq!(names(&collector, &secret), ["login"]);
    let snapshot =
        collector.open(&Request::get("/v1/live").key(&secret)).1.event().expect("a stream").expect("a snapshot");
    assert_eq!(snapshot.1["events_30m"], 1, "the live view of each site begins with what there was");
    assert!(collector.send(&Request::get(&format!("/v1/bundle?key={public}"))).status == 200);
}

/// Runs `beckon keys`: code, output, errors.
fn keys(folder: &Folder, arguments: &[&str]) -> (Option<i32>, String, String) {
    let run = beckon().arg("keys").args(arguments).arg("--data").arg(folder.data()).output().expect("the program runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (run.status.code(), text(&run.stdout), text(&run.stderr))
}

#[test]
fn keys_are_made_and_revoked_on_the_command_line() {
    let folder = Folder::new();
    let (code, _, said) = keys(&folder, &["list"]);
    assert_eq!((code, said.contains("there is no data")), (Some(1), true), "{said}");
    let (code, _, said) = keys(&folder, &["create", "--public"]);
    assert_eq!((code, said.contains("there is no data")), (Some(1), true), "{said}");
    assert!(!folder.data().exists());

    let mut collector = Collector::over(&folder, &[]);
    let (code, said, _) = keys(&folder, &["list"]);
    assert_eq!((code, said.contains(PUBLIC), said.contains(SECRET)), (Some(0), true, false), "{said}");
    for (arguments, way) in [
        (&["create", "--scopes", "read"][..], "POST /v1/keys"),
        (&["revoke", "0123456789abcdef"], "DELETE /v1/keys/{id}"),
    ] {
        let (code, _, said) = keys(&folder, arguments);
        assert_eq!(code, Some(1));
        assert!(said.contains("is in use by another beckon") && said.contains(way), "{said}");
        assert_eq!(said.matches('\n').count(), 1, "{said}");
    }
    assert!(collector.terminate().success());

    let (code, key, said) = keys(&folder, &["create", "--name", "report", "--scopes", "read,export"]);
    assert_eq!(code, Some(0), "{said}");
    let key = key.trim().to_owned();
    let (_, said, _) = keys(&folder, &["list"]);
    let line = said.lines().find(|line| line.contains("report")).expect("the key");
    assert!(line.contains("secret") && line.contains("read,export") && line.contains("holds"), "{line}");
    let id = line.split_whitespace().next().expect("an id").to_owned();
    for (arguments, code, expected) in [
        (&["create"][..], 2, "--scopes"),
        (&["create", "--scopes", "write"], 2, "write"),
        (&["create", "--public", "--scopes", "read"], 2, "--scopes"),
        (&["revoke", "nothing"], 1, "expected the id of a key"),
        (&["revoke", "0123456789abcdef"], 1, "no key of the id"),
        (&["list", "--site", "other"], 1, "there is no site `other`"),
    ] {
        let (ended, _, said) = keys(&folder, arguments);
        assert_eq!(ended, Some(code), "{arguments:?}: {said}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
    let mut collector = Collector::over(&folder, &[]);
    let look = |collector: &Collector| collector.send(&Request::get("/v1/segments").key(&key)).said();
    assert_eq!(look(&collector), "200");
    assert!(collector.terminate().success());
    assert_eq!(keys(&folder, &["revoke", &id]).0, Some(0));
    assert_eq!(look(&Collector::over(&folder, &[])), "401 bad_key");
}
