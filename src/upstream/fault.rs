//! What it means for the caller that a request failed on its way.

use std::error::Error;

use hyper_util::client::legacy;

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

/// Tells apart what the client library reports.
pub(super) fn classify(error: legacy::Error) -> SendError {
    let detail = chain(&error);
    if error.is_connect() {
        let message = "Upstream cannot be reached. The request was not sent; try again later.";
        return SendError::NotSent(Failure::new(Key::UpstreamUnreachable, message).detail(detail));
    }
    let failure = match source::<hyper::Error>(&error) {
        // The only body that can fail is a client's, streamed.
        Some(error) if error.is_user() => broken(&detail),
        Some(error) if error.is_parse() => {
            let message = format!("Upstream answered something that is not HTTP. {ADVICE}");
            Failure::new(Key::UpstreamInvalid, message).detail(detail)
        }
        _ => cut("Upstream closed the connection without an answer.").detail(detail),
    };
    SendError::PerhapsSent(failure)
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

fn source<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        source = error.source();
    }
    None
}
