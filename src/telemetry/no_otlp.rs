//! Built without the feature `otlp`: nothing is exported, and traces go through as they are.

use http::HeaderMap;
use tracing::Span;
use tracing_subscriber::layer::Identity;

use crate::settings::Settings;

/// No spans on their way anywhere.
#[derive(Debug)]
pub struct Export;

impl Export {
    /// There is nothing to send.
    #[expect(clippy::unused_async, reason = "the export that there may be has to wait")]
    pub async fn finish(self) {}
}

/// No layer.
#[expect(clippy::unnecessary_wraps, reason = "the export that there may be can fail to start")]
pub(super) fn layer(_: &Settings) -> Result<(Option<Identity>, Export), String> {
    Ok((None, Export))
}

/// Nothing to continue.
pub fn continue_trace(_: &Span, _: &HeaderMap) {}

/// Nothing to add.
pub fn pass_on_trace(_: &mut HeaderMap) {}
