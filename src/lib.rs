//! polytomic-shim: legacy (2024-02-08) calls answered by upstream (2025-09-18).

pub mod contract;
pub mod disclosure;
pub mod emulator;
pub mod failure;
pub mod json;
pub mod message;
pub mod reply;
pub mod rules;
