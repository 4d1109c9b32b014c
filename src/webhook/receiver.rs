//! The way to one receiver: one request for one delivery, to the configured address only.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Version};

use super::signature::{self, Form};
use crate::failure::{Failure, Key};
use crate::flow::strip_validators;
use crate::message::{UPSTREAM_VERSION, VERSION_HEADER};
use crate::passthrough::{Body, RequestBody, incoming_headers};
use crate::settings::{Settings, Webhook};
use crate::upstream::{StartError, UpstreamClient};

/// What the receiver is told where an event lacks what could not be read.
pub(super) const DISCLOSED: HeaderName = HeaderName::from_static("x-shim-disclosed");

/// What to do where nobody knows whether the receiver has a delivery.
const PERHAPS: &str = "The receiver may have the delivery; it is not sent again.";

/// A webhook and the connections to its receiver.
pub(super) struct Receiver {
    pub(super) webhook: Webhook,
    client: UpstreamClient,
}

/// A delivery that is ready to go on.
pub(super) struct Outgoing {
    /// End-to-end headers.
    pub(super) headers: HeaderMap,
    /// The body.
    pub(super) body: Bytes,
    /// The body that came, if it is another one.
    pub(super) is_translated: bool,
    /// How its signature was written.
    pub(super) form: Form,
    /// What is disclosed, if anything is and is to be said.
    pub(super) disclosed: Option<HeaderValue>,
}

impl Receiver {
    /// Sets up TLS and an empty pool; connects to nothing.
    pub(super) fn new(webhook: &Webhook, settings: &Settings) -> Result<Self, StartError> {
        let mut settings = settings.clone();
        settings.upstream = webhook.forward.origin.clone();
        settings.upstream_timeout = webhook.timeout;
        Ok(Self { webhook: webhook.clone(), client: UpstreamClient::new(&settings)? })
    }

    /// The headers of log reads; without the credential if none is configured.
    pub(super) fn log_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let version = HeaderValue::from_static(UPSTREAM_VERSION);
        headers.insert(VERSION_HEADER, version);
        let authorization = self.webhook.authorization.as_ref();
        if let Some(mut value) =
            authorization.and_then(|secret| HeaderValue::from_str(secret.expose()).ok())
        {
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        headers
    }

    /// Forwards a delivery, once. The answer is the receiver's, but for its `Location`: whoever
    /// delivers must not be led around the shim.
    ///
    /// # Errors
    /// There is no answer: 502 or 504.
    pub(super) async fn forward(&self, outgoing: Outgoing) -> Result<Response<Body>, Failure> {
        let Outgoing { mut headers, body, is_translated, form, disclosed } = outgoing;
        let Webhook { secret, signing_secret, algorithm, encoding, prefix, header, .. } =
            &self.webhook;
        if is_translated {
            headers = strip_validators(headers);
            headers.remove(CONTENT_LENGTH);
        }
        let keeps_form = encoding.is_none_or(|encoding| encoding == form.encoding)
            && prefix.as_ref().is_none_or(|prefix| *prefix == form.prefix);
        if is_translated || secret != signing_secret || !keeps_form {
            let prefix = prefix.as_ref().unwrap_or(&form.prefix);
            let encoding = encoding.unwrap_or(form.encoding);
            let signed = signature::sign(*algorithm, signing_secret, prefix, encoding, &body);
            let signed = signed.ok_or_else(|| {
                Failure::new(Key::Internal, "The delivery could not be signed; please report this.")
            })?;
            headers.insert(header.clone(), signed);
        }
        headers.remove(DISCLOSED);
        if let Some(disclosed) = disclosed {
            headers.insert(DISCLOSED, disclosed);
        }
        let mut request = Request::new(RequestBody::whole(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.webhook.forward.target.clone().into();
        *request.headers_mut() = headers;
        let response = self.client.stream(Box::new(request)).await.map_err(of_receiver)?;
        let (mut parts, body) = response.into_parts();
        parts.headers = incoming_headers(parts.headers, parts.version);
        parts.headers.remove(LOCATION);
        parts.version = Version::HTTP_11;
        Ok(Response::from_parts(parts, Body::streamed(body, self.client.idle_timeout())))
    }
}

/// The failure of a receiver, out of what the client says of an upstream.
fn of_receiver(failure: Failure) -> Failure {
    let (key, message) = match failure.key {
        Key::UpstreamUnreachable => (
            Key::ReceiverUnreachable,
            "The webhook's receiver cannot be reached. The delivery was not sent; try again later."
                .to_owned(),
        ),
        Key::UpstreamTimeout => (
            Key::ReceiverTimeout,
            format!("The webhook's receiver did not answer in time. {PERHAPS}"),
        ),
        Key::UpstreamInvalid => (
            Key::ReceiverCut,
            format!("The webhook's receiver answered something that is not HTTP. {PERHAPS}"),
        ),
        Key::UpstreamCut => (
            Key::ReceiverCut,
            format!("The webhook's receiver closed the connection without an answer. {PERHAPS}"),
        ),
        _ => return failure,
    };
    Failure { key, message, ..failure }
}
