//! The one stack of layers around the handler: what every HTTP server needs.
//!
//! Layers are tower's, composed by its builder, around [`Handler`]s instead of tower services: an
//! `async fn` needs no box for its future, and a panic none for its body, so that the
//! stack costs passthrough no allocation for each layer.

mod head;
mod in_flight;
mod last_call;
mod panics;
mod request_id;
mod trace;

use std::sync::Arc;

use tower::ServiceBuilder;
use tower::layer::layer_fn;

pub use in_flight::InFlight;
pub use last_call::LastCall;
pub use request_id::RequestId;

use super::{Handler, Live};
use crate::telemetry::Metrics;

/// The handler with all layers around it.
pub(super) fn stack(
    handler: impl Handler,
    live: &Arc<Live>,
    metrics: &Arc<Metrics>,
    last_call: LastCall,
) -> impl Handler {
    ServiceBuilder::new()
        // Outermost, so that whatever happens inside, panics included, is counted until it is over.
        .layer(layer_fn(|inner| in_flight::Measured { inner, metrics: metrics.clone() }))
        // Before the trace, whose span carries the id.
        .layer(layer_fn(|inner| request_id::Identified { inner, live: live.clone() }))
        // Around the panics, so that their answers are logged like any other.
        .layer(layer_fn(trace::Traced))
        // Around all that may answer with an error of the shim's own.
        .layer(layer_fn(|inner| head::Headed { inner, live: live.clone() }))
        // Inside the trace as well, and outside of whatever the handler waits for.
        .layer(layer_fn(|inner| last_call::Heeding { inner, last_call: last_call.clone() }))
        // Innermost: everything inside it may fail, nothing outside of it does.
        .layer(layer_fn(panics::Caught))
        .service(handler)
}
