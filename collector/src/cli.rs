//! The commands, one file each.

pub(crate) mod backup;
pub(crate) mod config;
pub(crate) mod erase;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod keys;
pub(crate) mod report;
pub(crate) mod serve;
pub(crate) mod verify;
