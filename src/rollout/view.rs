//! What is told of the rollout: by the admin API, the dashboard and the report.
//!
//! Times are milliseconds since 1970-01-01 UTC. Nothing here holds a credential, nor a value that
//! was not redacted.

use serde::{Deserialize, Serialize};

/// What is done with the requests of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Forwarded as they are, as 2024-02-08.
    Legacy,
    /// Answered by upstream's legacy answer; the translation runs beside it and is compared.
    Shadow,
    /// Translated.
    #[default]
    Translate,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 3] = [Self::Legacy, Self::Shadow, Self::Translate];

    /// The word in files, in the API and in metrics.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Shadow => "shadow",
            Self::Translate => "translate",
        }
    }

    /// The mode with a name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.text() == text)
    }
}

/// Everything that is told of the rollout at one moment.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct View {
    /// Each rule, in the order of their ids.
    pub rules: Vec<RuleView>,
    /// What happened, the latest first; bounded.
    pub events: Vec<Event>,
    /// Answers that differed, the latest first; bounded.
    pub mismatches: Vec<Mismatch>,
    /// Since when upstream has refused 2024-02-08, where it does.
    pub legacy_gone_since: Option<u64>,
    /// Whether the admin API takes changes, which needs a token.
    pub can_change: bool,
}

/// One rule in the rollout.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RuleView {
    /// The id, as in `X-Shim-Rule`.
    pub id: String,
    /// Method and path of the legacy operation, such as `GET /api/syncs/{id}`.
    pub operation: String,
    /// The mode that the rollout file asks for.
    pub mode: Mode,
    /// Percentage of callers that are in that mode; the others are in `legacy`.
    pub share: f64,
    /// Percentage of translated requests that are compared with upstream's legacy answer.
    pub verify: f64,
    /// Whether its plan only reads, so that it can run beside a legacy answer.
    pub only_reads: bool,
    /// Why and since when the breaker holds the rule at `legacy`.
    pub tripped: Option<Tripped>,
    /// Comparisons in this process's life.
    pub compared: u64,
    /// How many of those differed.
    pub mismatched: u64,
    /// How many could not be made: one of the two answers was an error of the way.
    pub failed: u64,
    /// How many differed only where that is tolerated, or disclosed by the translation.
    #[serde(default)]
    pub tolerated: u64,
    /// How many were left out, because the limits of shadow work were reached.
    #[serde(default)]
    pub skipped: u64,
    /// Pointers that two legacy answers in a row disagreed on, and which were left out.
    pub noise: u64,
}

/// A breaker that has tripped.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tripped {
    /// When.
    pub at: u64,
    /// Why, as a sentence.
    pub why: String,
}

/// Something that happened to the rollout.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: u64,
    /// The rule it concerns; none where it concerns all.
    pub rule: Option<String>,
    /// Who did it: `breaker`, `file`, or the name that came with the admin token.
    pub by: String,
    /// What happened, as a sentence.
    pub what: String,
}

/// Two answers that differ where they should not.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Mismatch {
    /// What `polytomic-shim capture` takes.
    pub id: String,
    /// When.
    pub at: u64,
    /// The rule.
    pub rule: String,
    /// Method and path of the legacy operation, its parameters as in the contract.
    pub operation: String,
    /// The caller's fingerprint.
    pub caller: String,
    /// Where and how they differ; bounded.
    pub differences: Vec<Difference>,
}

/// One difference between upstream's legacy answer and the translated one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// JSON pointer; `*` stands for any item.
    pub pointer: String,
    /// Upstream's legacy value, redacted; none where it has none.
    pub legacy: Option<String>,
    /// The translated value, redacted; none where it has none.
    pub translated: Option<String>,
}
