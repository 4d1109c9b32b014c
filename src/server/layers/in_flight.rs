//! Measuring every request until the last byte of its answer is sent, or never will be.

use std::sync::Arc;
use std::time::Instant;

use http::Response;

use crate::failure::Key;
use crate::passthrough::Body;
use crate::server::{Handler, Incoming};
use crate::telemetry::{Account, Ending, Limit, Metrics};

/// One request under way: counted as such for as long as this is held, and by how it ended when
/// it is dropped.
#[derive(Debug)]
pub struct InFlight {
    metrics: Arc<Metrics>,
    since: Instant,
    // None until there is an answer.
    account: Option<Account>,
}

impl InFlight {
    fn enter(metrics: Arc<Metrics>) -> Self {
        metrics.in_flight().inc();
        Self { metrics, since: Instant::now(), account: None }
    }

    fn answered(&mut self, account: Account) {
        if let Some(key) = account.key {
            self.metrics.error(key);
            match key {
                Key::TooManyTranslations => self.metrics.shed(Limit::Translations),
                Key::Overloaded => self.metrics.shed(Limit::Waiting),
                Key::TooManyDeliveries => self.metrics.shed(Limit::Deliveries),
                Key::CallerOverloaded => self.metrics.shed(Limit::CallerWaiting),
                _ => {}
            }
        }
        self.account = Some(account);
    }

    /// The answer was cut in the middle.
    pub fn cut(&mut self, key: Key) {
        self.metrics.error(key);
        if let Some(account) = &mut self.account {
            account.ending = Ending::Failed;
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.metrics.in_flight().dec();
        let account = self.account.take();
        let ending = account.as_ref().map_or(Ending::Left, |account| account.ending);
        let meters = account.as_ref().and_then(|account| account.meters.as_ref());
        let meters = meters.unwrap_or_else(|| self.metrics.no_rule());
        meters.request(ending, self.since.elapsed());
    }
}

pub(super) struct Measured<H> {
    pub(super) inner: H,
    pub(super) metrics: Arc<Metrics>,
}

impl<H: Handler> Handler for Measured<H> {
    async fn handle(&self, request: Incoming) -> Response<Body> {
        let mut in_flight = InFlight::enter(self.metrics.clone());
        let mut response = self.inner.handle(request).await;
        in_flight.answered(response.body_mut().take_account());
        response.body_mut().set_in_flight(in_flight);
        response
    }
}
