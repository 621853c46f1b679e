//! The pure part of Beckon, compiled twice: to Wasm for the page and natively for the collector.
//!
//! One idea: an [`event`] is a fact, a visitor's [`facts`] are the fold of the visitor's events, a [`segment`] is a
//! [`condition`] on those facts, and an [`offer`] is chosen by segments in [`decide`].
//!
//! Nothing here reads a clock, draws a random number, does I/O or handles JSON text: all of that is passed in as
//! values, so the same events give the same answer on both sides.
#![no_std]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

extern crate alloc;
#[cfg(test)]
#[macro_use]
extern crate std;

pub mod batch;
pub mod bucket;
pub mod clean;
pub mod condition;
pub mod decide;
pub mod event;
pub mod facts;
pub mod id;
pub mod keep;
pub mod mask;
pub mod number;
pub mod offer;
pub mod segment;
pub mod session;
pub mod text;
pub mod time;
pub mod value;
