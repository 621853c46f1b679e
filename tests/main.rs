//! Every test that looks at more than one crate, as one program.

/// A small HTTP client, and a collector to talk to: what the tests below stand on.
mod collector;
mod http;

/// Made-up visitors, and everything that is counted counted once more: to compare with.
mod recount;
mod visitors;

/// `POST /v1/events`: what is stored, what is refused, and how that is said.
mod ingest;

/// The table of bad requests, and the edges of the limits.
mod bad_requests;

/// How many requests a client and a key may make.
mod limits;

/// What was not stored, and once more.
mod rejected;

/// Bots, and what else a user agent tells.
mod agents;

/// Personal data in every field: on no disk, in no log, in no answer.
mod personal;

/// What sessions came by.
mod channels;

/// What was acknowledged is there once, whatever happens to the process.
mod durability;

/// The same with faults of disk and clock: power cuts, full disks, failing fsyncs, outside locks, wrong clocks.
#[cfg(target_os = "linux")]
mod faults;

/// Whatever is stored can be read again, however odd.
mod survival;

/// The order in which events arrive changes nothing.
mod fold;

/// Segments, offers, slots, items, the site, the bundle; who may do what.
mod manage;

/// Keys and sites: made, shown once, revoked at once; through HTTP and on the command line.
mod keys;

/// `POST /v1/decide`, and decisions in the answer to events: offers and items.
mod decide;

/// Sealed properties, the key file, and new keys.
mod sealed;

/// Data of an earlier schema, and files that are no data.
mod migration;

/// What goes with time or on demand, and what a recount sees.
mod upkeep;

/// The dashboard: its page, its sign-in, its live stream.
mod dashboard;

/// `beckon import`: every line accounted for, and the reports equal to a recount of the file.
mod import;

/// Flags, environment, `beckon.toml`, and what `beckon config` says of them.
mod options;

/// What an operator sees of a running collector: its log.
mod operating;

/// `beckon export`, its way back in, and `beckon backup`.
mod export;

/// The recipes of `deploy/`: nginx is run, the others are checked.
mod deployment;

/// Conditions and buckets as others have specified them.
mod growthbook;

/// The rules of ARCHITECTURE.md, read from the sources.
mod architecture;
