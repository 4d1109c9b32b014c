//! What is written down of a rollout: the plan, live changes of it, events and samples. All of it
//! is behind one lock that no request takes unless its answers differed.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::plan::{Part, Plan, Policy};
use super::state::{Facts, Ledger, Sample};
use super::view::Event;

/// Events that are kept.
const EVENTS: usize = 200;
/// Samples that are kept, and how many of them may be alike.
const SAMPLES: usize = 100;
const ALIKE: usize = 3;

#[derive(Default)]
pub(super) struct Book {
    pub(super) plan: Plan,
    /// Whether there is a plan by the settings, and not only what stands for one.
    pub(super) is_given: bool,
    pub(super) rules: Vec<Facts>,
    /// By rule; without one, for rules that nothing else is said of.
    pub(super) changes: BTreeMap<Option<String>, Part>,
    pub(super) ledgers: HashMap<String, Arc<Ledger>>,
    pub(super) events: VecDeque<Event>,
    pub(super) samples: VecDeque<Sample>,
}

impl Book {
    /// The policy of a rule, live changes included: what is said of the rule beats what is said of
    /// all, and a change beats the file.
    pub(super) fn policy(&self, rule: &Facts) -> Policy {
        let mut policy = self.rest();
        let own = [self.plan.named.get(&rule.id), self.changes.get(&Some(rule.id.clone()))];
        for part in own.into_iter().flatten() {
            policy = policy.with(part);
        }
        policy.limited_to(rule.only_reads)
    }

    /// The policy of what nothing is said of.
    pub(super) fn rest(&self) -> Policy {
        let policy = self.plan.default.clone();
        match self.changes.get(&None) {
            Some(part) => policy.with(part),
            None => policy,
        }
    }

    /// Writes an event down, and into the log.
    pub(super) fn note(&mut self, rule: Option<&str>, by: &str, what: impl Into<String>) {
        let what = what.into();
        tracing::info!(rule = rule.unwrap_or("(all)"), by, what, "rollout");
        self.events.push_front(Event {
            at: now(),
            rule: rule.map(str::to_owned),
            by: by.to_owned(),
            what,
        });
        self.events.truncate(EVENTS);
    }

    /// Whether another sample like this would say something new.
    pub(super) fn wants(&self, rule: &str, pointers: &[String]) -> bool {
        let alike = self.samples.iter().filter(|sample| sample.is_like(rule, pointers));
        alike.count() < ALIKE
    }

    pub(super) fn keep(&mut self, sample: Sample) {
        self.samples.push_front(sample);
        self.samples.truncate(SAMPLES);
    }
}

/// Milliseconds since 1970-01-01 UTC.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or_default()
}
