//! Buffered calls: one request, one whole answer.

use std::time::Duration;

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, TRAILER};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};

use super::client::UpstreamClient;
use super::encoding::decode_body;
use super::fault::{self, SendError};
use super::{AnswerBody, Envelope, Upstream};
use crate::failure::{Failure, Key};
use crate::message::{UpstreamRequest, UpstreamResponse};
use crate::passthrough::{Names, ReadError, RequestBody, incoming_headers, read_whole};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// How long to wait before a call that found no connection is tried once more: enough for a
/// restarting neighbour, and no burden on a caller that would fail anyway.
const BEFORE_SECOND_TRY: Duration = Duration::from_millis(100);

/// What of an answer's headers concerns its body as it was sent.
static OF_THE_ANSWER_S_MESSAGE: [HeaderName; 3] = [CONTENT_ENCODING, CONTENT_LENGTH, TRAILER];
static THE_ANSWER_S_MESSAGE: Names = Names::new(&OF_THE_ANSWER_S_MESSAGE);

impl Upstream for UpstreamClient {
    async fn call(
        &self,
        request: &UpstreamRequest,
        envelope: &Envelope,
    ) -> Result<UpstreamResponse, Failure> {
        let response = send(self, request, envelope).await?;
        let status = response.status();
        // In its place, so that only a pointer to it is handed on.
        let answer = std::pin::pin!(read(self, response));
        let answer = tokio::time::timeout_at(envelope.deadline, answer).await;
        let answer = answer.unwrap_or_else(|_| Err(fault::past_deadline()));
        answer.map_err(|failure| failure.after_head(status))
    }
}

/// Sends the request; gives the answer as soon as its head is there.
async fn send(
    client: &UpstreamClient,
    request: &UpstreamRequest,
    envelope: &Envelope,
) -> Result<Response<AnswerBody>, Failure> {
    let outgoing = || -> Result<Box<Request<RequestBody>>, Failure> {
        let body = RequestBody::whole(request.body.clone().unwrap_or_default());
        let mut outgoing = Box::new(Request::new(body));
        *outgoing.method_mut() = request.method.clone();
        *outgoing.uri_mut() = request.target.clone().into();
        *outgoing.headers_mut() = headers(request, envelope)?;
        Ok(outgoing)
    };
    let response = match client.send(outgoing()?, Some(envelope.deadline)).await {
        Err(SendError::NotSent(_)) => {
            tokio::time::sleep(BEFORE_SECOND_TRY).await;
            client.send(outgoing()?, Some(envelope.deadline)).await
        }
        other => other,
    };
    response.map_err(SendError::into_failure)
}

/// Reads the answer whole and undoes its encoding.
async fn read(
    client: &UpstreamClient,
    response: Response<AnswerBody>,
) -> Result<UpstreamResponse, Failure> {
    let (parts, body) = response.into_parts();
    let limit = client.max_body();
    let encoded =
        read_whole(body, limit, client.idle_timeout()).await.map_err(|error| match error {
            ReadError::TooLarge => super::encoding::upstream_too_large(limit),
            ReadError::Slow => fault::no_head(),
            ReadError::Broken(error) => {
                fault::cut("Upstream cut its answer.").detail(error.to_string())
            }
        })?;
    let encoding = parts.headers.get_all(CONTENT_ENCODING);
    let body =
        decode_body(encoding, encoded, limit).await.map_err(|error| error.of_upstream(limit))?;
    let mut headers = incoming_headers(parts.headers, parts.version);
    THE_ANSWER_S_MESSAGE.remove_from(&mut headers);
    Ok(UpstreamResponse { status: parts.status, headers, body })
}

fn headers(request: &UpstreamRequest, envelope: &Envelope) -> Result<HeaderMap, Failure> {
    let mut headers = envelope.headers.clone();
    let _of_the_client = match &request.body {
        Some(_) => headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json")),
        None => headers.remove(CONTENT_TYPE),
    };
    if let Some(key) = &request.idempotency_key
        && !headers.contains_key(IDEMPOTENCY_KEY)
    {
        let key = HeaderValue::from_str(key).map_err(|error| {
            Failure::new(Key::Internal, "A request could not be built; please report this.")
                .detail(format!("idempotency key: {error}"))
        })?;
        headers.insert(IDEMPOTENCY_KEY, key);
    }
    Ok(headers)
}
