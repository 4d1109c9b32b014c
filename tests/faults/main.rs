//! Every translation against every way in which upstream, or the client, can fail, over real
//! sockets.
//!
//! The table of failures is `fault.rs`, that of requests `requests.rs`; `judge.rs` says from both
//! what the client must get by law 3: an accepted write is never reported as failed, nor a failed
//! one as accepted, and none is sent twice. The emulator answers behind a front that misbehaves on
//! command (`front.rs`), so that what really happened upstream is known.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, helpers of tests included"
)]

mod client;
mod fault;
mod front;
mod goaway;
mod judge;
mod leaving;
mod matrix;
mod requests;
#[path = "../integration/support.rs"]
#[expect(dead_code, reason = "shared with the integration tests, which use all of it")]
mod support;
