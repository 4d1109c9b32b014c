//! Long answers wait for their turn to be written.

use http::Response;
use http_body::Body as _;

use crate::passthrough::Body;

/// An answer of so many bytes lets others be made before it is written. Making one takes several times
/// as long as writing it, and whoever reads has fallen asleep meanwhile: to write to one who sleeps is
/// to wake it, a microsecond or several, and to one who has just been woken is not. Of lists of 50
/// (64 KB) each woke 1.5 times; it is 0.4 like this, and 9 us of 117 less. A single answer is made too
/// soon to gain.
const LONG: u64 = 16 << 10;

/// The answer, once what else is ready has been looked at, if it is long.
pub(super) async fn in_turn(answer: Response<Body>) -> Response<Body> {
    if answer.body().size_hint().lower() >= LONG {
        tokio::task::yield_now().await;
    }
    answer
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use bytes::Bytes;

    use super::*;
    use crate::message::{Content, LegacyResponse};
    use crate::passthrough::respond;

    #[tokio::test]
    async fn only_long_answers_let_others_go_first() {
        for (length, waits) in [(0, false), (LONG - 1, false), (LONG, true), (LONG * 9, true)] {
            let body = Bytes::from(vec![b'x'; usize::try_from(length).unwrap()]);
            let (status, headers) = (http::StatusCode::OK, http::HeaderMap::new());
            let answer = respond(LegacyResponse { status, headers, body: Content::from(body) });
            let mut turn = std::pin::pin!(in_turn(answer));
            let first = futures_util::poll!(turn.as_mut());
            assert_eq!(first.is_pending(), waits, "{length}");
            let answer = match first {
                Poll::Ready(answer) => answer,
                Poll::Pending => turn.await,
            };
            assert_eq!(answer.body().size_hint().exact(), Some(length));
        }
    }
}
