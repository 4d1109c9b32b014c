//! The handler of the proxy, whose workings can be exchanged while it runs.

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use http::Response;

use super::handler::Workings;
use crate::passthrough::Body;
use crate::rollout::Rollout;
use crate::rules::Rules;
use crate::server::{Handler, Incoming};
use crate::settings::Settings;
use crate::telemetry::Metrics;
use crate::upstream::UpstreamClient;
use crate::webhook::{Desk, may_be_delivery};

/// Answers legacy requests, takes webhook deliveries, and passes everything else through.
pub struct Translator {
    workings: ArcSwap<Workings>,
    webhooks: ArcSwapOption<Desk>,
    metrics: Arc<Metrics>,
    rollout: Rollout,
}

impl Translator {
    /// A translator over `client` by `rules`, counting in `metrics`.
    pub fn new(
        client: UpstreamClient,
        rules: Rules,
        settings: &Settings,
        metrics: Arc<Metrics>,
    ) -> Self {
        let rollout = Rollout::none(&rules, settings, metrics.clone());
        Self::staged(client, rules, settings, metrics, rollout)
    }

    /// The same, translating as far as `rollout` says.
    pub fn staged(
        client: UpstreamClient,
        rules: Rules,
        settings: &Settings,
        metrics: Arc<Metrics>,
        rollout: Rollout,
    ) -> Self {
        let workings = Workings::new(client, rules, settings, metrics.clone(), rollout.clone());
        let webhooks = ArcSwapOption::empty();
        Self { workings: ArcSwap::from_pointee(workings), webhooks, metrics, rollout }
    }

    /// Takes webhook deliveries at this desk from now on; those under way stay at theirs.
    pub fn take_deliveries_at(&self, desk: Desk) {
        let desk = match self.webhooks.load_full() {
            Some(earlier) => desk.after(&earlier),
            None => desk,
        };
        self.webhooks.store(Some(Arc::new(desk)));
    }

    /// Works by other rules and settings from now on; requests under way keep theirs. What is
    /// known of callers is kept as long as they call the same upstream.
    pub fn replace(&self, client: UpstreamClient, rules: Rules, settings: &Settings) {
        let (metrics, rollout) = (self.metrics.clone(), self.rollout.clone());
        let fresh = Workings::new(client, rules, settings, metrics, rollout);
        self.workings.store(Arc::new(fresh.after(&self.workings.load())));
    }

    /// The rollout that it follows.
    pub fn rollout(&self) -> &Rollout {
        &self.rollout
    }

    /// The rules in use.
    pub fn rules(&self) -> Rules {
        self.workings.load().rules().clone()
    }

    /// The way to upstream in use.
    pub fn upstream(&self) -> UpstreamClient {
        self.workings.load().upstream().clone()
    }
}

impl Handler for Translator {
    async fn handle(&self, request: Incoming) -> Response<Body> {
        let workings = self.workings.load_full();
        if may_be_delivery(&request)
            && let Some(desk) = self.webhooks.load_full()
            && desk.takes(&request)
        {
            let (exchange, metrics) = workings.parts();
            // Seldom, and a lot to remember: in a box of its own.
            return Box::pin(desk.deliver(request, exchange, metrics)).await;
        }
        workings.handle(request).await
    }
}
