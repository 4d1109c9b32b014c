//! Webhook deliveries: checked, translated down, signed again and forwarded.
//!
//! Polytomic delivers events to receivers that were written for 2024-02-08. A delivery comes in at
//! `POST /webhooks/{name}`, goes through the machine that serves `GET /api/events`, and goes on to
//! the one address that the settings give for its name. The answer is the receiver's own, so that
//! whoever delivers tries again exactly when the receiver has not taken it. The shim keeps nothing:
//! it acknowledges no delivery before the receiver has, and sends none twice for one request.

mod receiver;
pub(crate) mod signature;

use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::exchange::{Exchange, Outcome};
use crate::failure::{Failure, Key};
use crate::passthrough::{Arrival, Body, outgoing_headers, read_request};
use crate::server::{COME_AGAIN, Gate, WebhookListener, answer};
use crate::settings::{Network, Settings};
use crate::telemetry::{Account, Ending, Meters, Metrics};
use crate::upstream::{Envelope, StartError, UpstreamClient, decode_body};
use receiver::{DISCLOSED, Outgoing, Receiver};

/// The name of deliveries where others have the name of a rule: in `X-Shim-Rule`, metrics and log.
pub const RULE: &str = "webhooks/delivery";

/// The start of the paths that deliveries are posted to.
pub const PATH: &str = "/webhooks/";

/// Takes deliveries.
pub struct Desk {
    receivers: Vec<Receiver>,
    has_own_listener: bool,
    trusted_proxies: Vec<Network>,
    max_body: usize,
    request_timeout: std::time::Duration,
    shim_headers: bool,
    max_deliveries: usize,
    gate: Gate,
}

/// Whether a request may be one for the desk. Cheap: every request is asked.
pub fn may_be_delivery<B>(request: &Request<B>) -> bool {
    request.uri().path().starts_with(PATH)
}

impl Desk {
    /// A desk for the webhooks of the settings; connects to nothing.
    ///
    /// # Errors
    /// TLS to a receiver cannot be set up.
    pub fn open(settings: &Settings) -> Result<Self, StartError> {
        let receivers = settings.webhooks.iter().map(|webhook| Receiver::new(webhook, settings));
        Ok(Self {
            receivers: receivers.collect::<Result<_, _>>()?,
            has_own_listener: settings.webhook_listen.is_some(),
            trusted_proxies: settings.trusted_proxies.clone(),
            max_body: settings.max_request_body,
            request_timeout: settings.request_timeout,
            shim_headers: settings.shim_headers,
            max_deliveries: settings.max_deliveries,
            gate: Gate::default(),
        })
    }

    /// The same, with what `earlier` has under way.
    #[must_use]
    pub fn after(mut self, earlier: &Self) -> Self {
        self.gate = earlier.gate.clone();
        self
    }

    /// Whether this is the place for a request below [`PATH`]: without webhooks, and on `listen`
    /// where deliveries have a listener of their own, it is upstream's.
    pub fn takes<B>(&self, request: &Request<B>) -> bool {
        let came_by_own = request.extensions().get::<WebhookListener>().is_some();
        came_by_own || (!self.receivers.is_empty() && !self.has_own_listener)
    }

    /// Takes one delivery; the answer is the receiver's, or says why there is none.
    pub(crate) async fn deliver(
        &self,
        request: crate::server::Incoming,
        exchange: &Exchange<UpstreamClient>,
        metrics: &Metrics,
    ) -> Response<Body> {
        tracing::Span::current().record("rule", RULE);
        let meters = metrics.rule(RULE);
        let usage = metrics.usage();
        let asks = usage.asks_legacy(request.method(), request.uri().path());
        let fingerprint = || exchange.fingerprint(request.headers());
        let mut call = usage.begin(request.headers(), asks, fingerprint);
        let response = match self.taken(request, exchange, &meters).await {
            Ok(response) => response,
            Err(failure) => {
                let mut response = answer(&failure);
                let account = Account::of_error(failure.key);
                response.body_mut().set_account(Account { meters: Some(meters), ..account });
                self.note(response.headers_mut(), None);
                response
            }
        };
        call.answered(response.status(), response.body().upstream_calls());
        response
    }

    async fn taken(
        &self,
        request: crate::server::Incoming,
        exchange: &Exchange<UpstreamClient>,
        meters: &Arc<Meters>,
    ) -> Result<Response<Body>, Failure> {
        let receiver = self.receiver(&request)?;
        let webhook = &receiver.webhook;
        let signature = only_signature(request.headers(), &webhook.header)?;
        let pass = self.gate.enter(self.max_deliveries).ok_or_else(busy)?;
        let (parts, body) = request.into_parts();
        let body = self.read(body).await?;
        let form = signature::check(
            webhook.algorithm,
            &webhook.secret,
            webhook.prefix.as_deref(),
            &signature,
            &body,
        );
        let form = form.ok_or_else(|| {
            let message = "The signature is not that of the body by the webhook's secret; nothing was forwarded. \
                           Check that the secret that the webhook was registered with is the one in the shim's settings.";
            Failure::new(Key::WebhookSignature, message).with("header", webhook.header.as_str())
        })?;
        let (outcome, is_translated) =
            self.translated(receiver, &parts.headers, &body, exchange).await;
        let arrival = Arrival::of(&parts);
        let headers = outgoing_headers(parts.headers, &arrival, &self.trusted_proxies);
        let disclosed = outcome.as_ref().and_then(|outcome| told(outcome, meters));
        let translated = outcome.as_ref().filter(|_| is_translated);
        let outgoing = Outgoing {
            headers,
            body: translated.map_or(body, |outcome| outcome.response.body.to_bytes()),
            is_translated,
            form,
            disclosed: disclosed.clone().filter(|_| self.shim_headers),
        };
        let mut response = receiver.forward(outgoing).await?;
        let ending = if is_translated { Ending::Translated } else { Ending::Passed };
        let calls = outcome.as_ref().map_or(0, |outcome| outcome.upstream_calls);
        let account = Account { ending, meters: Some(meters.clone()), ..Account::default() };
        let account = Account { upstream_calls: Some(calls), ..account };
        response.body_mut().set_account(account);
        response.body_mut().set_pass(pass);
        self.note(response.headers_mut(), Some((calls, disclosed)));
        Ok(response)
    }

    fn receiver<B>(&self, request: &Request<B>) -> Result<&Receiver, Failure> {
        let name = request.uri().path().strip_prefix(PATH).unwrap_or_default();
        let found = self.receivers.iter().find(|receiver| receiver.webhook.name == name);
        let found = found.filter(|_| request.method() == Method::POST);
        found.ok_or_else(|| {
            let message = "There is no such webhook. Deliveries are POSTed to /webhooks/NAME, with a name from the shim's settings.";
            Failure::new(Key::NotFound, message)
        })
    }

    /// Reads a delivery whole. Deliveries are small: `request_timeout` is for all of it, so that
    /// whoever knows no secret cannot hold a place for long.
    async fn read(&self, body: Incoming) -> Result<Bytes, Failure> {
        let read = read_request(body, self.max_body, self.request_timeout);
        let late = || {
            let message = "The delivery did not arrive in time; send it again without pauses.";
            Failure::new(Key::RequestTimeout, message)
        };
        tokio::time::timeout(self.request_timeout, read).await.unwrap_or_else(|_| Err(late()))
    }

    /// The event as legacy has it, if anything was to be done, and whether that changed the body:
    /// if not, it goes on byte for byte.
    async fn translated(
        &self,
        receiver: &Receiver,
        headers: &HeaderMap,
        body: &Bytes,
        exchange: &Exchange<UpstreamClient>,
    ) -> (Option<Outcome>, bool) {
        let encodings = headers.get_all(CONTENT_ENCODING);
        let event = match decode_body(encodings, body.clone(), self.max_body).await {
            Ok(event) => event,
            Err(error) => {
                tracing::warn!(?error, "a delivery cannot be decoded and goes on as it came");
                return (None, false);
            }
        };
        let deadline = Instant::now() + receiver.webhook.logs_timeout;
        let envelope = Envelope::new(receiver.log_headers(), deadline);
        let Some(outcome) = exchange.deliver(&event, &envelope).await else {
            return (None, false);
        };
        if let Some(failure) = &outcome.failure {
            failure.log();
            return (None, false);
        }
        let is_translated = outcome.response.body.to_bytes() != event;
        (Some(outcome), is_translated)
    }

    /// Says in an answer what was done.
    fn note(&self, headers: &mut HeaderMap, done: Option<(usize, Option<HeaderValue>)>) {
        if !self.shim_headers {
            return;
        }
        headers.insert(HeaderName::from_static("x-shim-rule"), HeaderValue::from_static(RULE));
        let Some((calls, disclosed)) = done else { return };
        headers.insert(HeaderName::from_static("x-shim-upstream-calls"), HeaderValue::from(calls));
        if let Some(disclosed) = disclosed {
            headers.insert(DISCLOSED, disclosed);
        }
    }
}

/// Counts and logs what is disclosed; gives it as the value of a header.
fn told(outcome: &Outcome, meters: &Meters) -> Option<HeaderValue> {
    outcome.report.counts().for_each(|(how, count)| meters.disclosed(how, count));
    let span = tracing::Span::current();
    span.record("upstream_calls", outcome.upstream_calls);
    let disclosed = outcome.report.header()?;
    span.record("disclosed", &disclosed);
    HeaderValue::from_str(&disclosed).ok()
}

/// The header with the signature: there has to be one, before the body is even read.
fn only_signature(headers: &HeaderMap, name: &HeaderName) -> Result<HeaderValue, Failure> {
    let mut all = headers.get_all(name).iter();
    if let (Some(signature), None) = (all.next(), all.next()) {
        return Ok(signature.clone());
    }
    let message = format!(
        "A delivery has to be signed, in one header {name}; nothing was forwarded. The setting `header` of the webhook says which it is."
    );
    Err(Failure::new(Key::WebhookSignature, message).with("header", name.as_str()))
}

fn busy() -> Failure {
    let message = "The shim has as many deliveries under way as it may. Nothing was forwarded; try again soon.";
    Failure::new(Key::TooManyDeliveries, message).retry_after(COME_AGAIN)
}
