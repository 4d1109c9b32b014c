//! Spans of requests to a collector, by OTLP over HTTP, and traces continued through the shim.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry_http::{HeaderExtractor, HeaderInjector, HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Handle;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer;

use super::log::Filtered;
use crate::passthrough::{RequestBody, read_whole};
use crate::settings::Settings;
use crate::upstream::UpstreamClient;

/// Whether traces are continued: once spans are exported, for the rest of the process.
static ON: AtomicBool = AtomicBool::new(false);

/// The largest answer of a collector that is read, in bytes.
const LARGEST: usize = 64 << 10;
/// How long a collector may take for one batch, and how long the last one may hold up the end.
const PATIENCE: Duration = Duration::from_secs(5);

/// The layer that turns spans of `tracing` into those of the collector.
type Spans = Box<dyn Layer<Filtered> + Send + Sync>;

/// Spans on their way to the collector.
#[derive(Debug)]
pub struct Export(Option<SdkTracerProvider>);

impl Export {
    /// Sends what is left.
    pub async fn finish(self) {
        let Some(provider) = self.0 else { return };
        // It waits for the collector on its own thread, and would block one that serves.
        let last = move || provider.shutdown_with_timeout(PATIENCE);
        if let Ok(Err(error)) = tokio::task::spawn_blocking(last).await {
            tracing::warn!(%error, "the last spans may be lost");
        }
    }
}

/// What hands spans to the collector; nothing where `otlp_endpoint` is not set. Called within a
/// runtime, on which it sends.
///
/// # Errors
/// TLS cannot be set up, or the exporter refuses its settings.
pub(super) fn layer(settings: &Settings) -> Result<(Option<Spans>, Export), String> {
    let Some(origin) = &settings.otlp_endpoint else { return Ok((None, Export(None))) };
    let settings = Settings { upstream: origin.clone(), ..settings.clone() };
    let client = UpstreamClient::new(&settings).map_err(|error| error.to_string())?;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Collector { client, runtime: Handle::current() })
        .with_endpoint(format!("{origin}/v1/traces"))
        .with_timeout(PATIENCE)
        .build()
        .map_err(|error| error.to_string())?;
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(Resource::builder().with_service_name("polytomic-shim").build())
        .build();
    let tracer = provider.tracer("polytomic-shim");
    let layer = tracing_opentelemetry::layer().with_tracer(tracer).with_location(false);
    ON.store(true, Ordering::Relaxed);
    Ok((Some(Box::new(layer)), Export(Some(provider))))
}

/// Makes a span part of the trace that a request belongs to.
pub fn continue_trace(span: &Span, headers: &HeaderMap) {
    if !ON.load(Ordering::Relaxed) {
        return;
    }
    let context = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
    if context.span().span_context().is_valid() {
        // Fails only where the span is not exported.
        let _ = span.set_parent(context);
    }
}

/// Says in the headers of an upstream call which span it is part of.
pub fn pass_on_trace(headers: &mut HeaderMap) {
    if !ON.load(Ordering::Relaxed) {
        return;
    }
    let context = Span::current().context();
    TraceContextPropagator::new().inject_context(&context, &mut HeaderInjector(headers));
}

/// Says in an exported span how its request was answered; in the log the line about that does.
pub fn tell_status(span: &Span, status: u16) {
    if ON.load(Ordering::Relaxed) {
        span.set_attribute("http.response.status_code", i64::from(status));
    }
}

/// The collector, over the same kind of connections as upstream: with the same roots and timeouts.
struct Collector {
    client: UpstreamClient,
    runtime: Handle,
}

impl fmt::Debug for Collector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Collector")
    }
}

impl HttpClient for Collector {
    fn send_bytes<'s, 'f>(
        &'s self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'f>>
    where
        's: 'f,
        Self: 'f,
    {
        let client = self.client.clone();
        // The exporter has a thread of its own, without the runtime that sockets need.
        let sent = self.runtime.spawn(async move {
            let response = client.stream(Box::new(request.map(RequestBody::whole))).await?;
            let (parts, body) = response.into_parts();
            let body = read_whole(body, LARGEST, PATIENCE).await;
            let body = body.map_err(|_| HttpError::from("the collector's answer was cut"))?;
            Ok(Response::from_parts(parts, body))
        });
        Box::pin(async move { sent.await? })
    }
}
