//! What one request adds to the metrics, and the counters that it adds to.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use prometheus_client::metrics::counter::Counter;

use super::Histogram;
use crate::disclosure::How;
use crate::failure::{Fault, Key};

/// How a request ended, as the label `outcome`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ending {
    /// By a rule, whatever upstream's status.
    Translated,
    /// Forwarded as legacy: no rule is for it.
    #[default]
    Passed,
    /// Forwarded as legacy, to be answered as legacy: the rollout says so.
    Legacy,
    /// Forwarded untouched: it asked for 2025-09-18.
    Migrated,
    /// Forwarded untouched: it asked for any other version.
    OtherVersion,
    /// Answered with an error that is the caller's to mend.
    Refused,
    /// Answered with an error that is upstream's or the shim's, or cut in the middle.
    Failed,
    /// The client left before there was an answer.
    Left,
}

impl Ending {
    /// Every ending, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Translated,
        Self::Passed,
        Self::Legacy,
        Self::Migrated,
        Self::OtherVersion,
        Self::Refused,
        Self::Failed,
        Self::Left,
    ];

    /// The value of the label.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Translated => "translated",
            Self::Passed => "passed",
            Self::Legacy => "legacy",
            Self::Migrated => "migrated",
            Self::OtherVersion => "other_version",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Left => "left",
        }
    }
}

/// What is known of a request once it has an answer. The default is one that was passed.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// How it ended.
    pub ending: Ending,
    /// The counters of its rule; none where no rule was for it.
    pub meters: Option<Arc<Meters>>,
    /// The shim's own error that it was answered with.
    pub key: Option<Key>,
    /// How many calls to upstream it took; none where it was forwarded, which is one.
    pub upstream_calls: Option<usize>,
}

impl Account {
    /// Of a request that the shim answers with an error of its own.
    pub fn of_error(key: Key) -> Self {
        let ending = match key.fault() {
            Fault::Caller => Ending::Refused,
            Fault::Upstream | Fault::Shim => Ending::Failed,
        };
        Self { ending, meters: None, key: Some(key), upstream_calls: Some(0) }
    }
}

/// How upstream answered a call, as the label `status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusClass {
    /// The first digit of its status, from 1 to 5.
    Digit(u8),
    /// Not at all.
    None,
}

impl StatusClass {
    /// Every value of the label, in the order of their numbers.
    pub(super) const TEXTS: [&'static str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

    /// The class of a status; of none, when there was no answer.
    pub fn of(status: Option<StatusCode>) -> Self {
        let digit = status.and_then(|status| u8::try_from(status.as_u16() / 100).ok());
        digit.filter(|digit| (1..=5).contains(digit)).map_or(Self::None, Self::Digit)
    }

    fn number(self) -> usize {
        match self {
            Self::Digit(digit) => usize::from(digit),
            Self::None => 0,
        }
    }
}

/// Ready counters of one rule: counting is an atomic addition, nothing else.
#[derive(Debug)]
pub struct Meters {
    pub(super) requests: [Counter; Ending::ALL.len()],
    pub(super) request_seconds: Histogram,
    pub(super) upstream: [Counter; StatusClass::TEXTS.len()],
    pub(super) upstream_seconds: Histogram,
    pub(super) disclosures: [Counter; 3],
}

impl Meters {
    /// Counts a request that is over.
    pub fn request(&self, ending: Ending, duration: Duration) {
        if let Some(counter) = self.requests.get(ending as usize) {
            counter.inc();
        }
        self.request_seconds.observe(duration);
    }

    /// Counts a call to upstream that is over.
    pub fn upstream(&self, status: StatusClass, duration: Duration) {
        if let Some(counter) = self.upstream.get(status.number()) {
            counter.inc();
        }
        self.upstream_seconds.observe(duration);
    }

    /// Counts that many disclosures.
    pub fn disclosed(&self, how: How, count: u64) {
        if let Some(counter) = self.disclosures.get(how as usize) {
            counter.inc_by(count);
        }
    }
}
