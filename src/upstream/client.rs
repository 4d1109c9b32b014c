//! One pool of connections to the configured origin.

use std::sync::Arc;
use std::time::Duration;

use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response};
use tokio::time::Instant;

use super::connector::{self, Roots};
use super::fault::{self, SendError};
use super::pool::{AnswerBody, Pool};
use crate::failure::Failure;
use crate::passthrough::{Progress, RequestBody};
use crate::secret;
use crate::settings::{Network, Settings};
use crate::telemetry;

/// The way to upstream; clones share its connections.
#[derive(Clone)]
pub struct UpstreamClient(Arc<Shared>);

struct Shared {
    pool: Pool,
    roots: Roots,
    trusted_proxies: Vec<Network>,
    request_timeout: Duration,
    upstream_timeout: Duration,
    // How late a timeout of a request with a body may be noticed.
    look: Duration,
    max_body: usize,
}

/// Why there is no way to upstream at all.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The file of additional roots changed since the settings were checked.
    #[error("the certificates in {path} cannot be used: {reason}")]
    Certificates {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The TLS library refused its own defaults.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

impl UpstreamClient {
    /// Sets up TLS and an empty pool; connects to nothing.
    pub fn new(settings: &Settings) -> Result<Self, StartError> {
        let (connector, roots) = connector::connector(settings)?;
        Ok(Self(Arc::new(Shared {
            pool: Pool::new(connector, settings.upstream.clone()),
            roots,
            trusted_proxies: settings.trusted_proxies.clone(),
            request_timeout: settings.request_timeout,
            upstream_timeout: settings.upstream_timeout,
            look: settings.request_timeout.min(settings.upstream_timeout) / 4,
            max_body: settings.max_upstream_body,
        })))
    }

    /// Sends a request whose body may be a stream, and hands back the answer as soon as its head
    /// is there. Scheme, host and `Host` of the request are replaced by the configured upstream's.
    ///
    /// Fails when there is no connection (502), when a connection breaks (502), when upstream takes
    /// longer than `upstream_timeout` after it has the whole request (504), and when the
    /// client pauses its body for longer than `request_timeout` (408).
    pub async fn stream(
        &self,
        request: Box<Request<RequestBody>>,
    ) -> Result<Response<AnswerBody>, Failure> {
        self.send(request, None).await.map_err(SendError::into_failure)
    }

    /// Like [`Self::stream`], no longer than to a deadline; and tells whether a failed request has
    /// left.
    pub(super) async fn send(
        &self,
        mut request: Box<Request<RequestBody>>,
        deadline: Option<Instant>,
    ) -> Result<Response<AnswerBody>, SendError> {
        let target = request.uri().path_and_query().cloned();
        let target = target.unwrap_or(PathAndQuery::from_static("/"));
        telemetry::pass_on_trace(request.headers_mut());
        let progress = request.body().progress();
        let started = Instant::now();
        let mut response = std::pin::pin!(self.0.pool.send(target, request, started));
        let mut now = started;
        let mut response = loop {
            let (until, failure) = match (self.patience(started, progress.as_deref()), deadline) {
                ((until, _), Some(deadline)) if deadline < until => {
                    (deadline, fault::past_deadline as _)
                }
                (patience, _) => patience,
            };
            if until <= now {
                return Err(SendError::PerhapsSent(failure()));
            }
            // While a body is sent, who is waited for changes without notice: look again soon.
            let look = progress.as_ref().map_or(until, |_| until.min(now + self.0.look));
            if let Ok(response) = tokio::time::timeout_at(look, response.as_mut()).await {
                break response.map_err(fault::classify)?;
            }
            now = Instant::now();
        };
        secret::hide(response.headers_mut());
        // Nothing that the shim sends asks for another protocol.
        if response.status().is_informational() {
            return Err(SendError::PerhapsSent(fault::switched_protocols()));
        }
        Ok(response)
    }

    /// Until when to wait for the head of an answer, and what it means when it does not come.
    fn patience(
        &self,
        started: Instant,
        progress: Option<&Progress>,
    ) -> (Instant, fn() -> Failure) {
        match progress.map(Progress::waiting) {
            None => (started + self.0.upstream_timeout, fault::no_head),
            Some((true, since)) => (since + self.0.request_timeout, fault::slow_upload),
            Some((false, since)) => (since + self.0.upstream_timeout, fault::no_head),
        }
    }

    /// How long a body from upstream may pause.
    pub fn idle_timeout(&self) -> Duration {
        self.0.upstream_timeout
    }

    /// Largest answer that [`super::Upstream::call`] reads, in bytes, after decoding.
    pub fn max_body(&self) -> usize {
        self.0.max_body
    }

    /// The value of `Host` in requests of HTTP/1.1.
    pub(crate) fn host(&self) -> &HeaderValue {
        self.0.pool.host()
    }

    /// Proxies whose `X-Forwarded-*` headers are believed.
    pub fn trusted_proxies(&self) -> &[Network] {
        &self.0.trusted_proxies
    }

    /// Which roots upstream's certificate is checked against.
    pub fn roots(&self) -> Roots {
        self.0.roots
    }
}
