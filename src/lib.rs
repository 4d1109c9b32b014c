//! polytomic-shim: legacy (2024-02-08) calls answered by upstream (2025-09-18).

pub mod admin;
pub mod caller;
pub mod catalogue;
pub mod check;
pub mod cli;
pub mod contract;
pub mod coverage;
pub mod demo;
pub mod disclosure;
pub mod emulator;
pub mod exchange;
pub mod explain;
pub mod failure;
pub mod flow;
pub mod json;
pub mod lens;
pub mod message;
pub mod passthrough;
pub mod reply;
pub mod rules;
#[doc = include_str!("security.md")]
pub mod security {}
pub mod server;
pub mod settings;
pub mod telemetry;
pub mod upstream;
