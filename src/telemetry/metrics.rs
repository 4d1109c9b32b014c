//! All metrics of a process, as `GET /metrics` of the admin listener tells them.
//!
//! Labels are bounded: ids of rules and operations, stable keys, classes of status, and a limited
//! number of SDKs; never a path or a caller.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::account::{Ending, Meters, StatusClass};
use super::histogram::Histogram;
use super::rollout::RolloutMetrics;
use super::versions::Versions;
use crate::disclosure::How;
use crate::failure::Key;
use crate::usage::Usage;

/// The media type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The label `rule` of requests that no rule is for.
const NO_RULE: &str = "(none)";
/// The label `rule` of upstream calls that find out which rule a request is for.
const LOOK_UP: &str = "(look-up)";

type Labels = Vec<(&'static str, String)>;

/// Why a request or connection was shed, as the label `limit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Too many connections (`max_connections`).
    Connections,
    /// Too many translated requests at once (`max_translations`).
    Translations,
    /// Too many upstream calls wait for their turn (`max_waiting`).
    Waiting,
    /// Too many webhook deliveries at once (`max_deliveries`).
    Deliveries,
    /// Too many of one caller do (`caller_max_waiting`).
    CallerWaiting,
}

impl Limit {
    /// Every limit, in the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::Connections,
        Self::Translations,
        Self::Waiting,
        Self::Deliveries,
        Self::CallerWaiting,
    ];

    /// The value of the label.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Translations => "translations",
            Self::Waiting => "waiting",
            Self::Deliveries => "deliveries",
            Self::CallerWaiting => "caller_waiting",
        }
    }
}

/// The metrics of one process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    families: Families,
    by_rule: RwLock<HashMap<String, Arc<Meters>, foldhash::fast::RandomState>>,
    no_rule: Arc<Meters>,
    look_up: Arc<Meters>,
    errors: Vec<Counter>,
    sheds: Vec<Counter>,
    caller_hits: Counter,
    caller_misses: Counter,
    in_flight: Gauge,
    reloads: Vec<Counter>,
    versions: Versions,
    usage: Arc<Usage>,
    rollout: RolloutMetrics,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("polytomic_shim");
        let families = Families::register(&mut registry);
        let errors = fixed(
            &mut registry,
            "errors",
            "Answers that were the shim's own errors, and answers that were cut, by key",
            ("key", &mut Key::ALL.iter().map(|key| key.text())),
        );
        let sheds = fixed(
            &mut registry,
            "sheds",
            "Requests and connections turned away at a limit",
            ("limit", &mut Limit::ALL.iter().map(|limit| limit.text())),
        );
        let callers = fixed(
            &mut registry,
            "caller_cache",
            "Questions of who is calling, by whether the answer was remembered",
            ("result", &mut ["hit", "miss"].into_iter()),
        );
        let reloads = fixed(
            &mut registry,
            "reloads",
            "Times that settings, rules and certificates were read again",
            ("result", &mut ["applied", "refused"].into_iter()),
        );
        let versions = Versions::register(&mut registry);
        let usage = Arc::new(Usage::default());
        registry.register_collector(Box::new(usage.clone()));
        let rollout = RolloutMetrics::register(&mut registry);
        let mut callers = callers.into_iter();
        let in_flight = Gauge::default();
        registry.register("in_flight", "Requests under way, to their last byte", in_flight.clone());
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The running program", build);
        Self {
            no_rule: Arc::new(families.meters(NO_RULE)),
            look_up: Arc::new(families.meters(LOOK_UP)),
            registry,
            families,
            by_rule: RwLock::default(),
            errors,
            sheds,
            caller_hits: callers.next().unwrap_or_default(),
            caller_misses: callers.next().unwrap_or_default(),
            in_flight,
            reloads,
            versions,
            usage,
            rollout,
        }
    }
}

/// Counters of one label whose values are all known beforehand, in their order.
fn fixed(
    registry: &mut Registry,
    name: &str,
    help: &str,
    (label, values): (&'static str, &mut dyn Iterator<Item = &str>),
) -> Vec<Counter> {
    let family = Family::<Labels, Counter>::default();
    registry.register(name, help, family.clone());
    values.map(|value| counter(&family, &[(label, value)])).collect()
}

impl Metrics {
    /// All metrics in the text form that Prometheus and OpenMetrics collectors read.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    /// The counters of a rule. Takes a lock: ask once for each translated request.
    pub fn rule(&self, id: &str) -> Arc<Meters> {
        let known = self.by_rule.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        known.unwrap_or_else(|| {
            let mut all = self.by_rule.write().unwrap_or_else(PoisonError::into_inner);
            let fresh = || Arc::new(self.families.meters(id));
            all.entry(id.to_owned()).or_insert_with(fresh).clone()
        })
    }

    /// The counters of what no rule is for.
    pub fn no_rule(&self) -> &Arc<Meters> {
        &self.no_rule
    }

    /// The counters of upstream calls that find out which rule a request is for.
    pub fn look_up(&self) -> &Arc<Meters> {
        &self.look_up
    }

    /// Requests of versions that are neither legacy nor upstream's.
    pub fn versions(&self) -> &Versions {
        &self.versions
    }

    /// Who calls what.
    pub fn usage(&self) -> &Arc<Usage> {
        &self.usage
    }

    /// What the rollout counts.
    pub fn rollout(&self) -> &RolloutMetrics {
        &self.rollout
    }

    /// Counts an error that a caller got to see.
    pub fn error(&self, key: Key) {
        if let Some(counter) = self.errors.get(key as usize) {
            counter.inc();
        }
    }

    /// Counts what was turned away at a limit.
    pub fn shed(&self, limit: Limit) {
        if let Some(counter) = self.sheds.get(limit as usize) {
            counter.inc();
        }
    }

    /// Counts a look into the cache of callers.
    pub fn caller(&self, remembered: bool) {
        if remembered {
            self.caller_hits.inc()
        } else {
            self.caller_misses.inc()
        };
    }

    /// Counts a reload.
    pub fn reload(&self, applied: bool) {
        if let Some(counter) = self.reloads.get(usize::from(!applied)) {
            counter.inc();
        }
    }

    /// How many requests are under way.
    pub fn in_flight(&self) -> &Gauge {
        &self.in_flight
    }
}

/// The metrics with a label for the rule.
#[derive(Debug, Default)]
struct Families {
    requests: Family<Labels, Counter>,
    request: Family<Labels, Histogram>,
    upstream_calls: Family<Labels, Counter>,
    upstream_call: Family<Labels, Histogram>,
    disclosures: Family<Labels, Counter>,
}

impl Families {
    fn register(registry: &mut Registry) -> Self {
        let all = Self::default();
        registry.register("requests", "Requests by rule and outcome", all.requests.clone());
        registry.register_with_unit(
            "request_duration",
            "Time from the head of a request to the last byte of its answer, by rule",
            Unit::Seconds,
            all.request.clone(),
        );
        registry.register(
            "upstream_calls",
            "Calls to upstream by rule and class of status; none where there was no answer",
            all.upstream_calls.clone(),
        );
        registry.register_with_unit(
            "upstream_call_duration",
            "Time that a call to upstream took: of a translation to the end of the answer, else to its head",
            Unit::Seconds,
            all.upstream_call.clone(),
        );
        registry.register(
            "disclosures",
            "Values that were dropped, synthesized or approximated, by rule",
            all.disclosures.clone(),
        );
        all
    }

    fn meters(&self, rule: &str) -> Meters {
        let each = |family, label, value| counter(family, &[("rule", rule), (label, value)]);
        let labels = labels(&[("rule", rule)]);
        Meters {
            requests: Ending::ALL.map(|ending| each(&self.requests, "outcome", ending.text())),
            request_seconds: self.request.get_or_create_owned(&labels),
            upstream: StatusClass::TEXTS.map(|text| each(&self.upstream_calls, "status", text)),
            upstream_seconds: self.upstream_call.get_or_create_owned(&labels),
            disclosures: [How::Dropped, How::Synthesized, How::Approximated]
                .map(|how| each(&self.disclosures, "how", how.text())),
        }
    }
}

fn counter(family: &Family<Labels, Counter>, pairs: &[(&'static str, &str)]) -> Counter {
    family.get_or_create_owned(&labels(pairs))
}

fn labels(pairs: &[(&'static str, &str)]) -> Labels {
    pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}
