//! What it means for the caller that a request failed on its way.

use std::error::Error;

use super::pool::PoolError;
use crate::failure::{Failure, Key};
use crate::passthrough::broken;

/// What to do where nobody knows whether upstream did what it was asked.
const ADVICE: &str = "A write may have been accepted: read the resource before sending it again.";

/// A request without an answer.
pub(super) enum SendError {
    /// There was no connection to send it on; it may be sent again, even a write.
    NotSent(Failure),
    /// It may have reached upstream.
    PerhapsSent(Failure),
}

impl SendError {
    pub(super) fn into_failure(self) -> Failure {
        match self {
            Self::NotSent(failure) | Self::PerhapsSent(failure) => failure,
        }
    }
}

/// Tells apart what the pool reports.
pub(super) fn classify(error: PoolError) -> SendError {
    let error = match error {
        PoolError::Connect(error) => {
            let message = "Upstream cannot be reached. The request was not sent; try again later.";
            let failure = Failure::new(Key::UpstreamUnreachable, message);
            return SendError::NotSent(failure.detail(chain(&*error)));
        }
        PoolError::Send(error) => error,
    };
    let detail = chain(&error);
    SendError::PerhapsSent(match () {
        // The only body that can fail is a client's, streamed.
        () if error.is_user() => broken(&detail),
        () if error.is_parse() => {
            let message = format!("Upstream answered something that is not HTTP. {ADVICE}");
            Failure::new(Key::UpstreamInvalid, message).detail(detail)
        }
        () => cut("Upstream closed the connection without an answer.").detail(detail),
    })
}

/// Upstream closed a connection too early.
pub(super) fn cut(what: &str) -> Failure {
    Failure::new(Key::UpstreamCut, format!("{what} {ADVICE}"))
}

pub(super) fn no_head() -> Failure {
    Failure::new(Key::UpstreamTimeout, format!("Upstream did not answer in time. {ADVICE}"))
}

/// The deadline of the whole request is over.
pub(crate) fn past_deadline() -> Failure {
    let message = format!(
        "The request took longer than its deadline (`deadline`), all upstream calls included. Ask for less, or try again later. {ADVICE}"
    );
    Failure::new(Key::DeadlineExceeded, message)
}

pub(super) fn slow_upload() -> Failure {
    Failure::new(
        Key::RequestTimeout,
        "The request body did not arrive in time; send it again without pauses.",
    )
}

pub(super) fn switched_protocols() -> Failure {
    let message = format!("Upstream switched protocols without being asked. {ADVICE}");
    Failure::new(Key::UpstreamInvalid, message)
}

/// An error and its causes in one line. None of them holds headers or bodies.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
