//! A reverse proxy that lets unmodified clients of Polytomic's REST API 2024-02-08 ("legacy")
//! work against 2025-09-18 ("upstream").
//!
//! # The life of a request
//!
//! [`server`] accepts the connection and runs one stack of layers. [`exchange::Translator`] looks
//! at the version and the path: what is not legacy, and what no rule is for, goes through
//! [`passthrough`], both bodies streamed and nothing parsed. Everything else is translated:
//!
//! 1. [`rules`] give the candidates for method and path; where they depend on who calls,
//!    [`caller`] asks upstream once and remembers.
//! 2. The rule's [`flow`] says which upstream calls are made. It is a state machine: it asks for
//!    requests and is handed answers.
//! 3. The rule's lenses ([`lens`]) make upstream bodies out of legacy ones and back, on shallow
//!    objects ([`json`]) whose untouched members keep every byte, and note what they could not
//!    show or keep ([`disclosure`]).
//! 4. [`exchange`] sends what the flow asks for, through [`upstream`], within limits and deadline.
//!
//! Deliveries of webhooks ([`webhook`]) come the other way: from upstream to a receiver, through the
//! same machine that completes the list of events.
//!
//! While a [`rollout`] is staged, it decides before that whether a request is translated at all, and
//! what of upstream's own legacy answer is compared with the translated one.
//!
//! Every request ends in the counters of [`usage`]: who called which operation. [`report`] puts them
//! beside the rules and the [`rollout`], for the dashboard and for `polytomic-shim report`.
//!
//! # Invariants
//!
//! - Translations do no I/O: a flow or lens cannot open a connection. Tests and `explain` drive
//!   the same machines with answers of their own.
//! - The four message types of [`message`] cannot be mixed up: nothing that upstream said reaches
//!   a client without having been made a legacy answer.
//! - What runs beside a request only reads, is never waited for, and has limits of its own.
//! - A write is sent once, unless it provably did not reach upstream or carries an idempotency
//!   key. An accepted write is never reported as failed.
//! - What is synthesized, approximated or dropped is disclosed.
//! - The shim's own errors take shape in [`reply`] and nowhere else; each has a stable key
//!   ([`failure::Key`]).
//! - Nothing that a request contains decides which host it goes to.
//! - A webhook delivery is forwarded at most once for each request, only with a right signature, and
//!   acknowledged by nobody but its receiver.
//! - Credentials are hashed, never kept, formatted or logged.
//! - [`emulator`] shares no code with [`lens`], [`flow`] and [`rules`]: it is what they are tested
//!   against. [`contract`] is a third party to both, and [`coverage`] computes from it what the
//!   rules have to close.

pub mod admin;
mod boxed;
pub mod caller;
pub mod catalogue;
pub mod check;
pub mod cli;
pub mod contract;
pub mod coverage;
#[cfg(feature = "demo")]
pub mod demo;
pub mod disclosure;
#[cfg(feature = "demo")]
pub mod emulator;
pub mod exchange;
pub mod explain;
pub mod failure;
pub mod flow;
mod gather;
pub mod json;
pub mod lens;
pub mod message;
pub mod passthrough;
pub mod reload;
pub mod reply;
pub mod report;
pub mod rollout;
pub mod rules;
pub mod secret;
#[doc = include_str!("security.md")]
pub mod security {}
pub mod server;
pub mod settings;
pub mod telemetry;
pub mod upstream;
pub mod usage;
pub mod webhook;
