//! Options: by flag, then environment.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;
use tracing::level_filters::LevelFilter;

/// Self-hosted, real-time behaviour analytics that answers the page.
#[derive(Parser)]
#[command(name = "beckon", version)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// What to log: off, error, warn, info, debug.
    #[arg(long, global = true, env = "BECKON_LOG", default_value = "info")]
    pub(crate) log: LevelFilter,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Take events in and answer; the first start creates the folder and prints its keys once.
    Serve(Serve),
    /// Bring in a file of events.
    Import(Import),
    /// Recount everything from the raw events; exit 1 where something differs.
    Verify(Data),
    /// Copy the data as of now into one file, beside a running collector or without one.
    Backup(Backup),
}

/// Where the data is.
#[derive(Args, Clone)]
pub(crate) struct Data {
    /// The folder of the data.
    #[arg(long, env = "BECKON_DATA", default_value = "beckon-data")]
    pub(crate) data: PathBuf,
    /// The file of the keys that ids and sessions are signed with; it is not in the folder, so that a copy of the data
    /// alone tells nobody's user id.
    #[arg(long, env = "BECKON_KEY_FILE", value_name = "FILE")]
    key_file: Option<PathBuf>,
}

impl Data {
    /// The key file: as set, else `DIR.key` beside the folder.
    pub(crate) fn key_file(&self) -> PathBuf {
        self.key_file.clone().unwrap_or_else(|| {
            let mut name = self.data.file_name().unwrap_or_default().to_owned();
            name.push(".key");
            self.data.with_file_name(name)
        })
    }
}

#[derive(Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) data: Data,
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, env = "BECKON_LISTEN", default_value = "127.0.0.1:8787")]
    pub(crate) listen: SocketAddr,
    /// Fixes the public key of the site `default` (`pk_...`).
    #[arg(long, env = "BECKON_PUBLIC_KEY", value_name = "KEY", hide_env_values = true)]
    pub(crate) public_key: Option<String>,
    /// Fixes the secret key of the site `default` (`sk_...`); give it by the environment, where `ps` does not show it.
    #[arg(long, env = "BECKON_SECRET_KEY", value_name = "KEY", hide_env_values = true)]
    pub(crate) secret_key: Option<String>,
    /// The address of the dashboard as browsers see it; with https:// its cookie is sent over TLS only.
    #[arg(long, env = "BECKON_PUBLIC_URL", value_name = "URL")]
    pub(crate) public_url: Option<String>,
}

#[derive(Args)]
pub(crate) struct Import {
    #[command(flatten)]
    pub(crate) data: Data,
    /// The form of the file.
    #[arg(long, value_enum)]
    pub(crate) format: Format,
    /// The file; .gz is unpacked.
    pub(crate) file: PathBuf,
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
}
