//! What to write instead of a legacy operation.

use serde::{Deserialize, Serialize};

use crate::catalogue::Entry;
use crate::usage::{DELIVERY, OperationUsage, UNKNOWN};

/// The sections of the migration guide that stand for one operation each, by the guide's headings.
/// Operations that are not here have no section of their own.
const SECTIONS: [(&str, &str); 5] = [
    ("model_sync.list", "Model Sync: list syncs"),
    ("bulk_sync.list", "Bulk Sync: list, create, and update"),
    ("bulk_sync.create", "Bulk Sync: list, create, and update"),
    ("bulk_sync.get", "Bulk Sync: list, create, and update"),
    ("bulk_sync.update", "Bulk Sync: list, create, and update"),
];

/// What to write instead of one legacy operation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Advice {
    /// The `operationId`.
    pub id: String,
    /// Method and path, such as `GET /api/syncs/{id}`.
    pub operation: String,
    /// The heading in the migration guide, where it has one for this.
    pub section: Option<String>,
    /// What changes, for all callers or for some kinds of them; empty where nothing does but the
    /// version header.
    pub instead: Vec<Instead>,
}

/// What to write instead, as the rule does it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Instead {
    /// The rule.
    pub rule: String,
    /// What it does, in one line.
    pub summary: String,
    /// The kinds of caller that it is for; all where empty.
    pub callers: Vec<String>,
    /// The upstream calls in order, each with what it is for.
    pub calls: Vec<String>,
}

pub(super) fn advice(operation: &OperationUsage, entries: &[&Entry]) -> Advice {
    let section = SECTIONS.iter().find(|(id, _)| *id == operation.id);
    let instead = entries.iter().map(|entry| Instead {
        rule: entry.rule.clone(),
        summary: entry.summary.clone(),
        callers: entry.callers.iter().map(|kind| (*kind).to_owned()).collect(),
        calls: own(&entry.calls),
    });
    Advice {
        id: operation.id.clone(),
        operation: operation.operation.clone(),
        section: section.map(|(_, heading)| (*heading).to_owned()),
        instead: instead.collect(),
    }
}

/// The calls that a client would make itself: it knows who it is.
fn own(calls: &[String]) -> Vec<String> {
    calls.iter().filter(|call| !call.contains("; remembered)")).cloned().collect()
}

/// The kinds of caller that a rule may be for.
const KINDS: [&str; 3] = ["user", "organization", "partner"];
/// What those write anew that no rule is for.
pub(crate) const SAME: &str = "the same call; only the version header changes";

impl Advice {
    /// The kinds of caller for which nothing changes, where the others have something to write.
    pub fn unchanged_for(&self) -> Vec<&'static str> {
        if self.instead.iter().any(|instead| instead.callers.is_empty()) {
            return Vec::new();
        }
        let is_named = |kind: &str| {
            self.instead.iter().any(|instead| instead.callers.iter().any(|own| own == kind))
        };
        match self.instead.is_empty() {
            true => Vec::new(),
            false => KINDS.into_iter().filter(|kind| !is_named(kind)).collect(),
        }
    }

    /// In one line.
    pub fn line(&self) -> String {
        if self.id == UNKNOWN {
            return "no operation of the contract: check the path".to_owned();
        }
        if self.id == DELIVERY {
            return "read payloads of 2025-09-18 (`schedule`, `logs_url`, no record logs), and have them \
                    delivered to the receiver itself"
                .to_owned();
        }
        let mut parts: Vec<String> = self
            .instead
            .iter()
            .map(|instead| {
                let calls = instead.calls.join(", then ");
                match instead.callers.is_empty() {
                    true => calls,
                    false => format!("{calls} (as {})", instead.callers.join(" or ")),
                }
            })
            .collect();
        match self.unchanged_for().as_slice() {
            _ if parts.is_empty() => parts.push(SAME.to_owned()),
            [] => {}
            kinds => parts.push(format!("as {} {SAME}", kinds.join(" or "))),
        }
        parts.join("; ")
    }
}
