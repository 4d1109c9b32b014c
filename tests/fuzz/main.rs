//! Inputs that nobody thought of: each target takes any bytes, and neither panics nor breaks what
//! it promises.
//!
//! Bounded by time, seeded, on the stable toolchain: `SHIM_FUZZ_SECONDS` (2) for each target,
//! `SHIM_FUZZ_SEED` (1). Inputs are mutations of real ones; one that makes a target say something
//! new is mutated further. What breaks a target is made smaller, written to a file, and the
//! command that replays it is printed.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, helpers of tests included"
)]

mod bodies;
mod corpus;
mod driver;
mod heads;
mod json;
mod lenses;
mod mutate;
mod texts;
