//! The proxy over real sockets on loopback, against scripted upstreams.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, helpers of tests included"
)]

mod call;
mod demo;
mod destination;
mod failures;
mod headers;
mod life_cycle;
mod limits;
mod logs;
mod memory;
mod metrics;
mod protocols;
mod reload;
mod resting;
mod rollout;
mod settings;
mod streaming;
mod support;
mod tls;
mod traces;
mod unauthorized;
mod usage;
mod webhooks;
