//! What the fuzz targets of `fuzz/` reach of the collector. The program itself begins in `main.rs`; without the feature
//! `fuzz` there is nothing here.
#![cfg(feature = "fuzz")]
#![allow(dead_code, unused_imports, reason = "the parts of a program, without the program")]

mod access;
mod clock;
mod config;
mod error;
mod export;
pub mod fuzz;
mod http;
mod ingest;
mod recommend;
mod report;
mod secrets;
mod store;
