//! What is told of usage, by `GET /usage` and within the report. Times are milliseconds since
//! 1970-01-01 UTC; nothing here holds a credential.

use serde::{Deserialize, Serialize};

use super::counts::Counted;
use super::history::Bucket;
use super::who::Who;

/// Who calls what, at one moment.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct View {
    /// When this was told.
    pub at: u64,
    /// Since when is counted: the start of the process, or of the first one that used the state file.
    pub since: u64,
    /// Whether counts outlive the process, which takes a state file (`state`).
    pub kept: bool,
    /// All legacy requests.
    pub legacy: Counted,
    /// All requests of 2025-09-18.
    pub migrated: Counted,
    /// All requests of other versions.
    pub other: Counted,
    /// Requests of unknown callers whose credential upstream refused with 401; they are no callers,
    /// and count as legacy or migrated as well.
    pub refused: u64,
    /// Callers that were forgotten to make place, the longest unseen first.
    pub evicted: u64,
    /// Legacy operations that were called, by how often.
    pub operations: Vec<OperationUsage>,
    /// Clients, the latest first.
    pub callers: Vec<CallerUsage>,
    /// The last minutes with any request, in order; for two hours.
    pub minutes: Vec<Bucket>,
    /// The last hours with any request, in order; for a week.
    pub hours: Vec<Bucket>,
    /// The last days with any request, in order; for somewhat more than a year.
    pub days: Vec<Bucket>,
}

/// One legacy operation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OperationUsage {
    /// Its `operationId`, or `(unknown)`.
    pub id: String,
    /// Method and path, such as `GET /api/syncs/{id}`.
    pub operation: String,
    /// How many of the known clients have called it.
    pub callers: usize,
    /// Its requests, those of forgotten clients included.
    #[serde(flatten)]
    pub counted: Counted,
}

/// One client: a credential in a program.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CallerUsage {
    /// Who it is.
    #[serde(flatten)]
    pub who: Who,
    /// The organization that the credential belongs to, where that is known.
    pub organization: Option<String>,
    /// Its legacy requests.
    pub legacy: Counted,
    /// Its requests of 2025-09-18.
    pub migrated: Counted,
    /// Its requests of other versions.
    pub other: Counted,
    /// The legacy operations that it has called, by how often.
    pub operations: Vec<CallerOperation>,
}

/// One legacy operation of one client.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CallerOperation {
    /// Its `operationId`, or `(unknown)`.
    pub id: String,
    /// Its requests by this client.
    #[serde(flatten)]
    pub counted: Counted,
}

impl CallerUsage {
    /// When it was last seen.
    pub fn last(&self) -> u64 {
        self.legacy.last.max(self.migrated.last).max(self.other.last)
    }
}
