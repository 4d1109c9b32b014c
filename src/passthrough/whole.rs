//! Reading a body whole, for who has to look into it.

use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body as HttpBody;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::BoxError;
use crate::failure::{Failure, Key};

/// Why a body could not be read whole.
#[derive(Debug)]
pub enum ReadError {
    /// It is larger than the limit.
    TooLarge,
    /// No next part came in time.
    Slow,
    /// It ended early or broke the protocol.
    Broken(BoxError),
}

/// Reads a body of at most `limit` bytes; each next part must come within `patience`. Trailers are
/// dropped.
pub async fn read_whole<B>(body: B, limit: usize, patience: Duration) -> Result<Bytes, ReadError>
where
    B: HttpBody<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let hint = body.size_hint();
    if hint.lower() > limit as u64 {
        return Err(ReadError::TooLarge);
    }
    let mut body = std::pin::pin!(body);
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while !body.is_end_stream() {
        let mut next = body.frame();
        let next = match futures_util::poll!(&mut next) {
            // Most come with the head, and nothing is to be timed.
            Poll::Ready(next) => next,
            Poll::Pending => {
                tokio::time::timeout(patience, next).await.map_err(|_| ReadError::Slow)?
            }
        };
        let Some(frame) = next else { break };
        let frame = frame.map_err(|error| ReadError::Broken(error.into()))?;
        let Ok(data) = frame.into_data() else { continue };
        if data.len() > limit - first.len() - all.len() {
            return Err(ReadError::TooLarge);
        }
        // Most bodies come in one part, which needs no copying.
        if first.is_empty() && all.is_empty() {
            first = data;
            continue;
        }
        if all.is_empty() {
            let expected = usize::try_from(hint.lower()).unwrap_or(0);
            all.reserve(expected.max(first.len() + data.len()));
            all.extend_from_slice(&std::mem::take(&mut first));
        }
        all.extend_from_slice(&data);
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

/// Reads a client's body of at most `limit` bytes as it came, encoded or not.
pub async fn read_request(
    body: Incoming,
    limit: usize,
    patience: Duration,
) -> Result<Bytes, Failure> {
    read_whole(body, limit, patience).await.map_err(|error| match error {
        ReadError::TooLarge => too_large(limit),
        ReadError::Slow => Failure::new(
            Key::RequestTimeout,
            "The request body did not arrive in time; send it again without pauses.",
        ),
        ReadError::Broken(error) => broken(&error.to_string()),
    })
}

/// The failure for a request body over the limit, encoded or decoded.
pub(crate) fn too_large(limit: usize) -> Failure {
    let message = format!("The request body is larger than {limit} bytes; send less at once.");
    Failure::new(Key::BodyTooLarge, message).with("limit", limit)
}

/// The failure for a request body that ended early or is malformed as HTTP.
pub(crate) fn broken(detail: &str) -> Failure {
    Failure::new(Key::BadBody, "The request body ended early or is malformed; send it again.")
        .detail(detail)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::{Stream, StreamExt, stream};
    use http_body::Frame;
    use http_body_util::StreamBody;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    async fn read(
        parts: impl Stream<Item = Result<Frame<Bytes>, Infallible>>,
    ) -> Result<Bytes, ReadError> {
        read_whole(StreamBody::new(parts), 10, PATIENCE).await
    }

    fn part(text: &'static str) -> Result<Frame<Bytes>, Infallible> {
        Ok(Frame::data(Bytes::from_static(text.as_bytes())))
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_may_pause_but_not_for_long() {
        let late = |pause| {
            let late = stream::once(async move {
                tokio::time::sleep(pause).await;
                part("and half")
            });
            stream::iter([part("ha")]).chain(late)
        };
        assert_eq!(read(late(PATIENCE / 2)).await.unwrap(), "haand half");
        assert!(matches!(read(late(PATIENCE * 2)).await, Err(ReadError::Slow)));
    }

    #[tokio::test]
    async fn a_body_is_as_long_as_it_may_be() {
        assert_eq!(read(stream::iter([part("01234"), part("56789")])).await.unwrap(), "0123456789");
        for parts in [vec![part("0123456789a")], vec![part("0123456789"), part("a")]] {
            assert!(matches!(read(stream::iter(parts)).await, Err(ReadError::TooLarge)));
        }
    }
}
