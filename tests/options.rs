//! Options: the flag wins over the environment, that over `beckon.toml`, and `beckon config` says what is in force.

use crate::collector::{Folder, SECRET, beckon};
use std::fs;

/// What a run of the program ended with: code, output, errors.
fn run(folder: &Folder, arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let mut command = beckon();
    command.args(arguments).envs(environment.iter().copied()).current_dir(folder.path(""));
    let output = command.output().expect("the program runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// The line of `beckon config` about an option.
fn setting(said: &str, key: &str) -> String {
    let found = said.lines().find(|line| line.starts_with(key) || line.starts_with(&format!("# {key} ")));
    let found = found.unwrap_or_else(|| panic!("no {key} in\n{said}"));
    found.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn each_source_gives_way_to_the_one_before_it() {
    let folder = Folder::new();
    let in_file = "data = \"in-file\"\nlisten = \"127.0.0.1:1\"\npublic_url = \"https://in-file\"\nlog = \"warn\"\n";
    fs::write(folder.path("other.toml"), in_file).expect("a file");
    let other = folder.path("other.toml").display().to_string();
    let flag = ["config", "--data", "by-flag", "--config", other.as_str()];
    let environment =
        [("BECKON_DATA", "by-environment"), ("BECKON_LISTEN", "127.0.0.1:2"), ("BECKON_SECRET_KEY", SECRET)];
    let (code, said, _) = run(&folder, &flag, &environment);
    assert_eq!(code, Some(0), "{said}");
    for (key, expected) in [
        ("data", "data = \"by-flag\" # --data".to_owned()),
        ("listen", "listen = \"127.0.0.1:2\" # BECKON_LISTEN".to_owned()),
        ("public_url", format!("public_url = \"https://in-file\" # {other}:3")),
        ("log ", format!("log = \"warn\" # {other}:4")),
        ("key_file", "# key_file is not set".to_owned()),
        ("secret_key", "secret_key = \"***\" # BECKON_SECRET_KEY".to_owned()),
    ] {
        assert_eq!(setting(&said, key), expected);
    }
    assert!(!said.contains(SECRET), "{said}");

    // Without any of them the defaults hold; what is printed is itself a file of options that says the same.
    let (_, said, _) = run(&folder, &["config"], &[]);
    assert_eq!(setting(&said, "listen"), "listen = \"127.0.0.1:8787\" # default");
    fs::write(folder.path("beckon.toml"), &said).expect("a file");
    let (code, again, _) = run(&folder, &["config"], &[]);
    assert_eq!((code, setting(&again, "listen")), (Some(0), "listen = \"127.0.0.1:8787\" # beckon.toml:3".to_owned()));

    // The file of the environment, and one of the working folder.
    let (_, said, _) = run(&folder, &["config"], &[("BECKON_CONFIG", &other)]);
    assert_eq!(setting(&said, "data"), format!("data = \"in-file\" # {other}:1"));
}

#[test]
fn a_wrong_option_ends_with_code_2_and_one_line() {
    let folder = Folder::new();
    for (text, expected) in [
        ("lisen = \"127.0.0.1:1\"", "beckon: beckon.toml:1: there is no option `lisen`; the nearest is `listen`\n"),
        ("\n\nlisten = 8787", "beckon: beckon.toml:3: `listen`: expected text in quotes, got a number\n"),
        ("log = \"loud\"", "beckon: beckon.toml:1: `log`: expected LEVEL, got \"loud\": "),
        ("listen = [", "beckon: beckon.toml:1: "),
    ] {
        fs::write(folder.path("beckon.toml"), text).expect("a file");
        // Every command reads the file: a slip in it is found before anything is done.
        for arguments in [&["config"][..], &["serve"], &["verify"]] {
            let (code, said, errors) = run(&folder, arguments, &[]);
            assert_eq!((code, said.as_str()), (Some(2), ""), "{text}: {errors}");
            assert!(errors.starts_with(expected) && errors.matches('\n').count() == 1, "{text}: {errors}");
        }
    }
    let (code, _, errors) = run(&folder, &["config", "--config", "none.toml"], &[]);
    assert_eq!(code, Some(2), "{errors}");
    assert!(errors.starts_with("beckon: cannot read none.toml: "), "{errors}");
    fs::remove_file(folder.path("beckon.toml")).expect("a file");
    for (arguments, environment) in [
        (&["serve", "--listen", "x"][..], ("BECKON_LOG", "info")),
        (&["serve"], ("BECKON_LISTEN", "x")),
        (&["serve", "--lisen", "x"], ("BECKON_LOG", "info")),
        (&["look"], ("BECKON_LOG", "info")),
    ] {
        let (code, _, errors) = run(&folder, arguments, &[environment]);
        assert_eq!(code, Some(2), "{arguments:?}: {errors}");
    }
    assert!(!folder.path("beckon-data").exists(), "a wrong option makes no folder");
}

#[test]
fn a_key_that_is_none_is_refused_before_anything_is_made_and_not_shown() {
    let folder = Folder::new();
    let long = format!("sk_{}", "a".repeat(129));
    for (name, option, value) in [
        ("BECKON_SECRET_KEY", "secret_key", "sk_short"),
        ("BECKON_SECRET_KEY", "secret_key", "pk_0123456789abcdef0123"),
        ("BECKON_SECRET_KEY", "secret_key", "sk_0123456789abcdef-123"),
        ("BECKON_SECRET_KEY", "secret_key", &long),
        ("BECKON_PUBLIC_KEY", "public_key", SECRET),
        ("BECKON_METRICS_TOKEN", "metrics_token", "fifteen-letters"),
    ] {
        let in_file = format!("{option} = \"{value}\"\n");
        for (text, environment) in [("", &[(name, value)][..]), (&in_file, &[])] {
            fs::write(folder.path("beckon.toml"), text).expect("a file");
            for arguments in [&["serve", "--data", "fresh"], &["config", "--data", "fresh"]] {
                let (code, said, errors) = run(&folder, arguments, environment);
                assert_eq!((code, said.as_str(), errors.lines().count()), (Some(2), "", 1), "{errors}");
                assert!(errors.starts_with(&format!("beckon: `{option}` must be ")), "{errors}");
                assert!(!errors.contains(value), "it is shown: {errors}");
                assert!(!folder.path("fresh").exists() && !folder.path("fresh.key").exists());
            }
        }
    }
}
