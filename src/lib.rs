//! polytomic-shim: legacy (2024-02-08) calls answered by upstream (2025-09-18).

pub mod cli;
pub mod contract;
pub mod emulator;
pub mod failure;
pub mod message;
pub mod reply;
pub mod settings;
pub mod telemetry;
