//! Flows: which upstream calls a translation makes, as state machines without a socket.
//!
//! A flow asks for upstream requests and is handed the answers, one at a time, in whatever order
//! they come. `exchange` does all sending; tests and `explain` drive the same machines with
//! answers of their own. The set is closed: `single` (send; read first, then send; answer from
//! a follow-up read), `collect` (walk a list; complete each item by a read), two that are written
//! for one rule each, `target_metadata` and `event_logs`, and `event_delivery`, which does for one
//! delivered event what `event_logs` does for a list.

mod answer;
mod collect;
mod event_delivery;
mod event_logs;
mod reads;
mod record_logs;
mod single;
mod target_metadata;

use std::sync::Arc;

use crate::disclosure::Report;
use crate::failure::Failure;
use crate::message::{LegacyRequest, LegacyResponse, UpstreamRequest, UpstreamResponse};
use crate::rules::template::Bindings;
use crate::rules::{Calls, CodedFlow, Rule};

pub use answer::{error_answer, strip_validators};

/// What a flow works on.
#[derive(Debug, Clone)]
pub struct Job {
    /// The rule that matched.
    pub rule: Arc<Rule>,
    /// What the client asked.
    pub request: LegacyRequest,
    /// The variables of its path, and `owner` where the rule looks one up.
    pub bindings: Bindings,
    /// The key for a request that gets an `Idempotency-Key` of the shim's own.
    pub idempotency_key: String,
    /// How many pages a list may have.
    pub max_pages: usize,
}

/// One upstream request that a flow wants sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What the answer is handed back with.
    pub id: usize,
    /// Whether it goes before what is waiting already: the next page, on which more work depends.
    pub urgent: bool,
    /// The request.
    pub request: UpstreamRequest,
}

/// What a flow wants next.
#[derive(Debug)]
pub enum Progress {
    /// These to be sent; possibly none, while earlier ones are under way.
    Ask(Vec<Question>),
    /// Nothing more: this is the answer.
    Done(LegacyResponse),
}

/// What became of an upstream request.
pub type Answer = Result<UpstreamResponse, Failure>;

/// A translation under way.
pub trait Flow: Send {
    /// The first requests.
    ///
    /// # Errors
    /// The request cannot be translated; nothing was asked.
    fn start(&mut self) -> Result<Progress, Failure>;

    /// Takes one answer.
    ///
    /// # Errors
    /// The exchange fails, whatever is still under way.
    fn answer(&mut self, id: usize, answer: Answer) -> Result<Progress, Failure>;

    /// Hands over what is to be disclosed, once the flow is done or has failed; nothing is left of it.
    fn take_report(&mut self) -> Report;
}

/// The branches of flows that fixtures must cover.
pub const BRANCHES: &[&str] = &[
    "accept.err_unsupported",
    "read.refused",
    "send.untranslated",
    "follow.read",
    "follow.fallback",
    "follow.settled",
    "follow.refused",
    "collect.next_page",
    "collect.seen_twice",
    "collect.err_page",
    "collect.err_repeated_token",
    "collect.err_too_many_pages",
    "complete.gone",
    "complete.err_item",
    "target_metadata.groups",
    "target_metadata.fields",
    "target_metadata.err_refused",
    "event_logs.completed",
    "event_logs.left_as_is",
    "event_logs.without_lists",
    "event_logs.err_refused",
];

/// The flow of a rule.
pub fn begin(job: Job) -> Box<dyn Flow> {
    match job.rule.calls {
        Calls::Single(_) => Box::new(single::SingleFlow::new(job)),
        Calls::Collect(_) => Box::new(collect::CollectFlow::new(job)),
        Calls::Coded(CodedFlow::TargetMetadata) => {
            Box::new(target_metadata::TargetMetadataFlow::new(job))
        }
        Calls::Coded(CodedFlow::EventLogs) => Box::new(event_logs::EventLogsFlow::new(job)),
    }
}

/// The flow of an event that a webhook delivers, given as the body of the delivery; none where the
/// body goes on byte for byte. Unless it `may_read`, an event that lacks its record logs stays
/// without them, disclosed.
pub fn deliver(body: &bytes::Bytes, may_read: bool) -> Option<Box<dyn Flow>> {
    let flow = event_delivery::EventDeliveryFlow::new(body, may_read)?;
    Some(Box::new(flow))
}

/// A defect of a flow, told as an error instead of a panic.
fn defect(what: &str) -> Failure {
    Failure::new(
        crate::failure::Key::Internal,
        "The shim lost track of this request; please report this with the request id.",
    )
    .detail(what)
}
