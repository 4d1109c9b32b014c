//! What somebody could try who wants the shim to say, send or show what it should not.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, helpers of tests included"
)]

mod credentials;
mod injection;
mod oversized;
mod secrets;
mod smuggling;
#[path = "../integration/support.rs"]
#[expect(dead_code, reason = "shared with the integration tests, which use all of it")]
mod support;
mod traversal;
mod world;
