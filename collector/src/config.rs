//! Options: by flag, then environment, then `beckon.toml`, then as they stand here.
//!
//! An option is an argument with a name in the environment: `--limits-client-rate` is `BECKON_LIMITS_CLIENT_RATE` there,
//! and `limits_client_rate`, or `client_rate` under `[limits]`, in the file. Nothing else has to be said of it.

mod file;
mod network;

pub(crate) use network::Network;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use tracing::level_filters::LevelFilter;

/// Shortest token that is none to guess.
const MIN_TOKEN: usize = 16;
/// Where the options of every command stand in its help: after its own.
const GENERAL: usize = 100;

/// Self-hosted, real-time behaviour analytics that answers the page.
#[derive(Parser)]
#[command(name = "beckon", version)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// The file of options; where none is named, `beckon.toml` of the working folder, if there is one.
    #[arg(long, global = true, display_order = GENERAL, env = "BECKON_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// What to log: off, error, warn, info, debug.
    #[arg(long, global = true, display_order = GENERAL, env = "BECKON_LOG", default_value = "info", value_name = "LEVEL")]
    pub(crate) log: LevelFilter,
    /// The form of a line in the log.
    #[arg(long, global = true, display_order = GENERAL, env = "BECKON_LOG_FORMAT", value_enum, default_value = "text")]
    pub(crate) log_format: LogFormat,
}

/// How the log is written.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// An object a line.
    Json,
}

/// An option as it is in force.
pub(crate) struct Setting {
    /// Its name, as in the file.
    pub(crate) key: String,
    /// Its value as it would stand in the file, `"***"` for a secret; `None` where it is not set.
    pub(crate) value: Option<String>,
    /// Where that came from, in words.
    pub(crate) from: String,
}

/// Reads the options of this process, and where each came from.
///
/// Ends the process with its help where that was asked for, and with code 2 where the command line is wrong.
///
/// # Errors
/// What is wrong with the file, in one line.
pub(crate) fn read() -> Result<(Options, Vec<Setting>), String> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let command = Options::command();
    let file = match config_file(&command, &arguments) {
        None => file::File::default(),
        Some(path) => {
            let text = fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            file::File::read(&path, &text, &command)?
        }
    };
    let matches = file.as_defaults(command).get_matches_from(&arguments);
    let options = Options::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    if let Command::Serve(serve) | Command::Config(serve) = &options.command {
        serve.check()?;
    }
    let settings = settings(&matches, &file);
    Ok((options, settings))
}

/// The file of options: as named, else the one that lies in the working folder.
fn config_file(command: &clap::Command, arguments: &[OsString]) -> Option<PathBuf> {
    // Whatever else is wrong with the command line is said when it is read in earnest.
    let matches = command.clone().ignore_errors(true).try_get_matches_from(arguments).ok()?;
    let named = leaf(&matches).0.try_get_one::<PathBuf>("config").ok().flatten().cloned();
    named.or_else(|| Some(PathBuf::from("beckon.toml")).filter(|path| path.exists()))
}

/// What was matched of the innermost command, and the names that lead there.
fn leaf(matches: &ArgMatches) -> (&ArgMatches, Vec<&str>) {
    let mut found = (matches, Vec::new());
    while let Some((name, inner)) = found.0.subcommand() {
        found.0 = inner;
        found.1.push(name);
    }
    found
}

/// Every option of the command that was called.
fn settings(matches: &ArgMatches, file: &file::File) -> Vec<Setting> {
    let root = Options::command();
    let (matches, names) = leaf(matches);
    let mut command = &root;
    for name in names {
        command = command.find_subcommand(name).unwrap_or(command);
    }
    let global = root.get_arguments().filter(|argument| argument.is_global_set());
    let options = command.get_arguments().chain(global).filter(|argument| file::is_option(argument));
    let setting = |argument: &clap::Arg| {
        let long = argument.get_long()?;
        let id = argument.get_id().as_str();
        let values = matches.try_get_raw(id).ok().flatten();
        let values = values.map(|values| values.map(|value| value.to_string_lossy().into_owned()).collect::<Vec<_>>());
        let from = match matches.value_source(id) {
            Some(ValueSource::CommandLine) => format!("--{long}"),
            Some(ValueSource::EnvVariable) => argument.get_env().unwrap_or_default().to_string_lossy().into_owned(),
            _ => file.place(long).unwrap_or_else(|| "default".to_owned()),
        };
        Some(Setting { key: long.replace('-', "_"), value: values.map(|values| file::write(argument, &values)), from })
    };
    options.filter_map(setting).collect()
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Take events in and answer; the first start creates the folder and prints its keys once.
    Serve(Serve),
    /// Bring in a file of events.
    Import(Import),
    /// Write events out, beside a running collector or without one.
    Export(Export),
    /// Answer a report, beside a running collector or without one.
    Report(Report),
    /// Recount everything from the raw events; exit 1 where something differs.
    Verify(Data),
    /// Copy the data as of now into one file, beside a running collector or without one.
    Backup(Backup),
    /// Print what is in force and where it came from; secrets are masked.
    Config(Serve),
    /// Erase a visitor, or all that belongs to a user; the collector must not be running.
    Erase(Erase),
    /// Who may send and read, and the keys that seal what sites call sensitive.
    #[command(subcommand)]
    Keys(Keys),
}

#[derive(Subcommand)]
pub(crate) enum Keys {
    /// Show the keys of a site, beside a running collector or without one.
    List(KeyList),
    /// Make a key and print it, once; a running collector makes them by `POST /v1/keys`.
    Create(NewKey),
    /// Revoke a key by the id that `list` shows; a running collector does it by `DELETE /v1/keys/{id}`.
    Revoke(OldKey),
    /// Seal everything sealed under a new key and drop the old one; the collector must not be running.
    Rotate(Data),
}

#[derive(Args)]
pub(crate) struct KeyList {
    #[command(flatten)]
    pub(crate) data: Data,
    #[command(flatten)]
    pub(crate) site: OfSite,
}

#[derive(Args)]
#[group(id = "kind", required = true, multiple = false, args = ["scopes", "public"])]
pub(crate) struct NewKey {
    #[command(flatten)]
    pub(crate) data: Data,
    #[command(flatten)]
    pub(crate) site: OfSite,
    /// What it is called.
    #[arg(long, default_value = "")]
    pub(crate) name: String,
    /// What a secret key may do: some of ingest, read, manage, export, erase.
    #[arg(long, value_delimiter = ',', value_parser = ["ingest", "read", "manage", "export", "erase"])]
    pub(crate) scopes: Vec<String>,
    /// Make a public key, for pages.
    #[arg(long)]
    pub(crate) public: bool,
}

#[derive(Args)]
pub(crate) struct OldKey {
    #[command(flatten)]
    pub(crate) data: Data,
    #[command(flatten)]
    pub(crate) site: OfSite,
    /// The id of the key.
    pub(crate) id: String,
}

/// Which site.
#[derive(Args)]
pub(crate) struct OfSite {
    /// The name of the site.
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(crate) site: String,
}

/// Where the data is.
#[derive(Args, Clone)]
pub(crate) struct Data {
    /// The folder of the data.
    #[arg(long, env = "BECKON_DATA", value_name = "DIR", default_value = "beckon-data")]
    pub(crate) data: PathBuf,
    /// The file of the keys that ids and sessions are signed with; `DIR.key` beside the folder where none is named. It is
    /// not in the folder, so that a copy of the data alone tells nobody's user id.
    #[arg(long, env = "BECKON_KEY_FILE", value_name = "FILE")]
    key_file: Option<PathBuf>,
}

impl Data {
    /// The key file: as set, else `DIR.key` beside the folder.
    pub(crate) fn key_file(&self) -> PathBuf {
        self.key_file.clone().unwrap_or_else(|| {
            // `.` and the like have no name until they are looked up; a key file in the folder would go with its copies.
            let named = self.data.file_name().is_some();
            let folder = if named { None } else { fs::canonicalize(&self.data).ok() };
            let folder = folder.as_ref().unwrap_or(&self.data);
            let mut name = folder.file_name().unwrap_or_default().to_owned();
            name.push(".key");
            folder.with_file_name(name)
        })
    }
}

#[derive(Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) data: Data,
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, env = "BECKON_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8787")]
    pub(crate) listen: SocketAddr,
    /// Fixes the public key of the site `default` (`pk_...`).
    #[arg(long, env = "BECKON_PUBLIC_KEY", value_name = "KEY")]
    pub(crate) public_key: Option<String>,
    /// Fixes the secret key of the site `default` (`sk_...`); give it by the environment, where `ps` does not show it.
    #[arg(long, env = "BECKON_SECRET_KEY", value_name = "KEY", hide_env_values = true)]
    pub(crate) secret_key: Option<String>,
    /// The address of the dashboard as browsers see it; with https:// its cookie is sent over TLS only.
    #[arg(long, env = "BECKON_PUBLIC_URL", value_name = "URL", value_parser = public_url)]
    pub(crate) public_url: Option<String>,
    /// What opens `/metrics`, as `Authorization: Bearer`; without one it is open to this machine alone.
    #[arg(long, env = "BECKON_METRICS_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub(crate) metrics_token: Option<String>,
    #[command(flatten)]
    pub(crate) limits: Limits,
}

impl Serve {
    /// Refuses keys and tokens of a form that nobody should use. The parser of the command line would repeat what it
    /// refuses, and these are secrets.
    fn check(&self) -> Result<(), String> {
        for (option, prefix, key) in [("public_key", "pk_", &self.public_key), ("secret_key", "sk_", &self.secret_key)]
        {
            let fits = |key: &String| {
                key.strip_prefix(prefix).is_some_and(|rest| {
                    (16..=128).contains(&rest.len())
                        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                })
            };
            if !key.as_ref().is_none_or(fits) {
                return Err(format!("`{option}` must be {prefix} and 16 to 128 letters, digits or _"));
            }
        }
        if self.metrics_token.as_ref().is_some_and(|token| token.len() < MIN_TOKEN) {
            return Err(format!("`metrics_token` must be at least {MIN_TOKEN} characters"));
        }
        Ok(())
    }
}

/// An address as browsers see it: a scheme, a host, perhaps a port, and nothing behind it.
fn public_url(text: &str) -> Result<String, String> {
    let plain = text.trim_end_matches('/');
    let host = plain.strip_prefix("https://").or_else(|| plain.strip_prefix("http://")).unwrap_or_default();
    let fits = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.:[]_".contains(&byte));
    if fits { Ok(plain.to_owned()) } else { Err("expected an address such as https://collect.shop.example".to_owned()) }
}

/// How many requests are taken, and whose word tells where they come from.
#[derive(Args)]
pub(crate) struct Limits {
    /// Reverse proxies, as addresses or networks: where one of them is the peer, the client is the right-most entry of
    /// `X-Forwarded-For` that is none of them.
    #[arg(long, env = "BECKON_TRUSTED_PROXIES", value_name = "NETWORKS", value_delimiter = ',')]
    pub(crate) trusted_proxies: Vec<Network>,
    /// Connections open at once; fewer where the system lets the program open fewer files. More wait until one ends.
    #[arg(long = "limits-connections", env = "BECKON_LIMITS_CONNECTIONS", value_name = "N", default_value_t = 4_096,
        value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) connections: u32,
    /// Requests a second with a public key that a client may make in the long run (IPv6 by /64); 0 for any number.
    #[arg(long = "limits-client-rate", env = "BECKON_LIMITS_CLIENT_RATE", value_name = "N", default_value_t = 50)]
    pub(crate) client_rate: u32,
    /// Requests with a public key that a client may make at once.
    #[arg(long = "limits-client-burst", env = "BECKON_LIMITS_CLIENT_BURST", value_name = "N", default_value_t = 200,
        value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) client_burst: u32,
    /// Requests a second that one key may make in the long run; 0 for any number.
    #[arg(long = "limits-key-rate", env = "BECKON_LIMITS_KEY_RATE", value_name = "N", default_value_t = 0)]
    pub(crate) key_rate: u32,
    /// Requests that one key may make at once, where there is a rate.
    #[arg(long = "limits-key-burst", env = "BECKON_LIMITS_KEY_BURST", value_name = "N", default_value_t = 1_000,
        value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) key_burst: u32,
}

#[derive(Args)]
pub(crate) struct Import {
    #[command(flatten)]
    pub(crate) data: Data,
    #[command(flatten)]
    pub(crate) site: OfSite,
    /// The form of the file.
    #[arg(long, value_enum)]
    pub(crate) format: Format,
    /// The file; .gz is unpacked.
    pub(crate) file: PathBuf,
}

#[derive(Args)]
#[group(id = "whom", required = true, multiple = false, args = ["visitor", "user"])]
pub(crate) struct Erase {
    #[command(flatten)]
    pub(crate) data: Data,
    #[command(flatten)]
    pub(crate) site: OfSite,
    /// The visitor's id.
    #[arg(long, value_name = "ID")]
    pub(crate) visitor: Option<String>,
    /// The shop's own id of a user: every visitor joined to it, and every event that it was noted on.
    #[arg(long, value_name = "ID")]
    pub(crate) user: Option<String>,
}

#[derive(Args)]
pub(crate) struct Backup {
    #[command(flatten)]
    pub(crate) data: Data,
    /// The file to write; there must be none yet.
    pub(crate) file: PathBuf,
}

/// The formats of files.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    /// Alibaba's UserBehavior: user, item, category, behaviour, unix seconds.
    Taobao,
    /// What `beckon export` wrote; ids and times stay, and what is there already is a duplicate.
    Ndjson,
}

#[derive(Args)]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) data: Data,
    #[command(flatten)]
    pub(crate) site: OfSite,
    /// How events are written.
    #[arg(long, value_enum, default_value = "ndjson")]
    pub(crate) format: ExportForm,
    /// Only events from this time on: RFC 3339, or a day of UTC.
    #[arg(long)]
    pub(crate) from: Option<String>,
    /// Only events before this time.
    #[arg(long)]
    pub(crate) to: Option<String>,
    /// The file to write, of which there must be none yet; - is the output.
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub(crate) out: PathBuf,
}

#[derive(Args)]
pub(crate) struct Report {
    #[command(flatten)]
    pub(crate) data: Data,
    #[command(flatten)]
    pub(crate) site: OfSite,
    /// How the answer is written.
    #[arg(long, value_enum, default_value = "csv")]
    pub(crate) format: ReportForm,
    /// The report; without one, which reports there are and what each can be asked.
    pub(crate) name: Option<String>,
    /// What it is asked, such as `from=2026-11-01 tz=Europe/Berlin step=day`.
    #[arg(value_name = "NAME=VALUE")]
    pub(crate) parameters: Vec<String>,
}

/// The forms of a report.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum ReportForm {
    /// A row a line, for spreadsheets.
    Csv,
    /// As `GET /v1/reports/{name}` answers.
    Json,
}

/// The forms of an export.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum ExportForm {
    /// A JSON object a line; `import --format ndjson` reads it again.
    Ndjson,
    /// A row a line, for spreadsheets.
    Csv,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn each(command: &clap::Command, look: &mut dyn FnMut(&clap::Arg)) {
        command.get_arguments().for_each(&mut *look);
        command.get_subcommands().for_each(|inner| each(inner, look));
    }

    #[test]
    fn a_public_url_is_an_origin() {
        for (text, read) in [
            ("https://collect.shop.example", Some("https://collect.shop.example")),
            ("http://localhost:8787/", Some("http://localhost:8787")),
            ("https://[::1]:8443", Some("https://[::1]:8443")),
            ("collect.shop.example", None),
            ("https://", None),
            ("https://shop.example/beckon", None),
            ("https://shop.example?x", None),
            ("ftp://shop.example", None),
            ("foo bar", None),
            ("", None),
        ] {
            assert_eq!(public_url(text).ok().as_deref(), read, "{text}");
        }
    }

    #[test]
    fn the_key_file_is_beside_the_folder_however_that_is_named() {
        let here = fs::canonicalize(".").unwrap();
        let beside = |folder: &std::path::Path| {
            let name = folder.file_name().unwrap().to_str().unwrap();
            folder.with_file_name(format!("{name}.key"))
        };
        for (data, expected) in [
            ("data", PathBuf::from("data.key")),
            ("a/data/", PathBuf::from("a/data.key")),
            ("/a/data/.", PathBuf::from("/a/data.key")),
            (".", beside(&here)),
            ("./", beside(&here)),
            ("..", beside(here.parent().unwrap())),
            ("src/..", beside(&here)),
        ] {
            let data = Data { data: PathBuf::from(data), key_file: None };
            assert_eq!(data.key_file(), expected, "{:?}", data.data);
        }
    }

    #[test]
    fn the_environment_says_it_as_the_flag_does() {
        let command = Options::command();
        command.clone().debug_assert();
        let mut options = 0;
        each(&command, &mut |argument| {
            let (Some(name), Some(long)) = (argument.get_env(), argument.get_long()) else { return };
            assert_eq!(name.to_str(), Some(format!("BECKON_{}", long.to_uppercase().replace('-', "_")).as_str()));
            options += 1;
        });
        assert!(options > 10);
    }
}
