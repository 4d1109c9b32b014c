//! The migration in one report: who calls what, how the rules do, what is left to write anew, and
//! what could be deleted. The dashboard shows it, `GET /report` tells it, and `polytomic-shim
//! report` prints it.

mod advice;
mod client;
mod markdown;
mod say;
#[cfg(test)]
pub(crate) mod tests;
mod text;

use serde::{Deserialize, Serialize};

pub(crate) use advice::SAME;
pub use advice::{Advice, Instead};
pub use client::{Asked, Form, run};
pub use say::{ago, grouped, moment, name, share};
pub(crate) use text::deletion;

use crate::catalogue::Entry;
use crate::rollout::view::{Mode, RuleView, View as RolloutView};
use crate::usage::{self, Counted, DAY};

/// How long an operation has to be without legacy traffic before its rule may go, in milliseconds.
pub const IDLE: u64 = 30 * DAY;

/// Everything that is known of a migration, at one moment.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Report {
    /// The version of the program that serves.
    pub program: String,
    /// The page that tells how to migrate.
    pub guide: String,
    /// Who calls what.
    pub usage: usage::View,
    /// Modes, comparisons and events.
    pub rollout: RolloutView,
    /// Each rule, with the traffic of its operation.
    pub rules: Vec<RuleReport>,
    /// What to write instead of each legacy operation that is called.
    pub advice: Vec<Advice>,
}

/// One rule.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RuleReport {
    /// What it does, in one line.
    pub summary: String,
    /// The `operationId` that it is for; some share one, each for other kinds of caller.
    pub operation_id: String,
    /// The legacy requests of that operation, by whoever and in whatever mode.
    pub counted: Counted,
    /// Mode and comparisons.
    #[serde(flatten)]
    pub view: RuleView,
}

/// Whether a rule could be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// Nobody has called its operation for long enough.
    Safe,
    /// Nobody has, but has not been watched for long enough; the milliseconds so far.
    TooEarly(u64),
    /// Somebody has; how many milliseconds ago.
    InUse(u64),
}

impl RuleReport {
    /// Whether the rule could be deleted: if there was no legacy request to its operation, by any
    /// caller and in any mode, for `idle` milliseconds, all of which were watched.
    pub fn deletion(&self, usage: &usage::View, idle: u64) -> Deletion {
        if self.counted.requests > 0 {
            let since = usage.at.saturating_sub(self.counted.last);
            return if since >= idle { Deletion::Safe } else { Deletion::InUse(since) };
        }
        let watched = usage.at.saturating_sub(usage.since);
        if watched >= idle { Deletion::Safe } else { Deletion::TooEarly(watched) }
    }
}

/// Puts a report together.
pub fn report(
    usage: usage::View,
    rollout: RolloutView,
    catalogue: &[Entry],
    guide: String,
) -> Report {
    let operations = usage::Operations::shared();
    let of = |entry: &Entry| {
        let method = entry.method.parse().unwrap_or_default();
        operations.named(operations.find(&method, &entry.path))
    };
    let rules = catalogue.iter().map(|entry| {
        let operation_id = of(entry).to_owned();
        let found = usage.operations.iter().find(|operation| operation.id == operation_id);
        let view = rollout.rules.iter().find(|view| view.id == entry.rule).cloned();
        RuleReport {
            summary: entry.summary.clone(),
            counted: found.map(|operation| operation.counted).unwrap_or_default(),
            operation_id,
            view: view.unwrap_or_else(|| translated(entry)),
        }
    });
    let rules: Vec<RuleReport> = rules.collect();
    let called = usage.operations.iter();
    let advice = called
        .map(|operation| {
            let is_known = operation.id != usage::UNKNOWN;
            let entries = catalogue.iter().filter(|entry| is_known && of(entry) == operation.id);
            advice::advice(operation, &entries.collect::<Vec<_>>())
        })
        .collect();
    Report { program: env!("CARGO_PKG_VERSION").to_owned(), guide, usage, rollout, rules, advice }
}

/// A rule that no rollout is configured for: everybody's requests are translated.
fn translated(entry: &Entry) -> RuleView {
    RuleView {
        id: entry.rule.clone(),
        operation: format!("{} {}", entry.method, entry.path),
        mode: Mode::Translate,
        share: 100.0,
        verify: 0.0,
        only_reads: entry.method == "GET",
        tripped: None,
        compared: 0,
        mismatched: 0,
        failed: 0,
        noise: 0,
        tolerated: 0,
        skipped: 0,
    }
}

impl Report {
    /// Leaves out callers and operations that have not been seen since a moment. What stays keeps
    /// its counts, those from before included.
    #[must_use]
    pub fn since(mut self, moment: u64) -> Self {
        let usage = &mut self.usage;
        usage.operations.retain(|operation| operation.counted.last >= moment);
        for caller in &mut usage.callers {
            caller.operations.retain(|operation| operation.counted.last >= moment);
        }
        usage.callers.retain(|caller| caller.last() >= moment);
        let ids: Vec<&str> =
            usage.operations.iter().map(|operation| operation.id.as_str()).collect();
        self.advice.retain(|advice| ids.contains(&advice.id.as_str()));
        self
    }

    /// Whether any legacy operation is left.
    pub fn has_legacy(&self) -> bool {
        !self.usage.operations.is_empty()
    }

    /// What to write instead of an operation.
    pub fn advice(&self, id: &str) -> Option<&Advice> {
        self.advice.iter().find(|advice| advice.id == id)
    }
}
