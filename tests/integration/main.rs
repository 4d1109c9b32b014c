//! The proxy over real sockets on loopback, against scripted upstreams.

mod call;
mod destination;
mod failures;
mod headers;
mod life_cycle;
mod memory;
mod protocols;
mod settings;
mod streaming;
mod support;
