//! The proxy over real sockets on loopback, against scripted upstreams.

mod call;
mod demo;
mod destination;
mod failures;
mod headers;
mod life_cycle;
mod logs;
mod memory;
mod protocols;
mod settings;
mod streaming;
mod support;
