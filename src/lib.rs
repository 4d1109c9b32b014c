//! polytomic-shim: legacy (2024-02-08) calls answered by upstream (2025-09-18).

pub mod admin;
pub mod cli;
pub mod contract;
pub mod emulator;
pub mod failure;
pub mod message;
pub mod passthrough;
pub mod reply;
pub mod server;
pub mod settings;
pub mod telemetry;
pub mod upstream;
