//! Whether upstream can be reached, asked at most every few seconds.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::{Method, Request};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::passthrough::RequestBody;
use crate::upstream::UpstreamClient;

/// How long an answer counts. Probes come from several sides, every few seconds each.
const FRESH: Duration = Duration::from_secs(5);
/// How long upstream may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether upstream can be reached, where that is asked; clones share it.
#[derive(Clone, Default)]
pub struct Reachable(Arc<Shared>);

#[derive(Default)]
struct Shared {
    client: ArcSwapOption<UpstreamClient>,
    last: Mutex<Option<(Instant, bool)>>,
}

impl Reachable {
    /// Asks by `client` from now on; none asks nothing, and calls upstream reachable.
    pub fn watch(&self, client: Option<UpstreamClient>) {
        self.0.client.store(client.map(Arc::new));
    }

    /// Whether upstream answers, whatever it says: `HEAD /` without a credential. One question is
    /// under way however many ask.
    pub(super) async fn is_so(&self) -> bool {
        let Some(client) = self.0.client.load_full() else { return true };
        let mut last = self.0.last.lock().await;
        if let Some((at, result)) = *last
            && at.elapsed() < FRESH
        {
            return result;
        }
        let mut request = Request::new(RequestBody::whole(Bytes::new()));
        *request.method_mut() = Method::HEAD;
        let answer = tokio::time::timeout(PATIENCE, client.stream(Box::new(request))).await;
        let result = answer.is_ok_and(|answer| answer.is_ok());
        *last = Some((Instant::now(), result));
        result
    }
}

impl std::fmt::Debug for Reachable {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let is_asked = self.0.client.load().is_some();
        formatter.debug_struct("Reachable").field("is_asked", &is_asked).finish()
    }
}
