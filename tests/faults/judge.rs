//! What a client must get when one upstream call fails.

use polytomic_shim::contract::{Contract, Operation, Version};
use polytomic_shim::failure::Key;
use polytomic_shim::rules::{Calls, Rule};

use crate::client::Got;
use crate::fault::{Deed, Fault, Form, Heard};
use crate::front::Call;
use crate::requests::Asked;

/// What an upstream call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Who calls.
    Caller,
    /// Who owns a connection.
    Owner,
    /// A read that the answer, or the write, depends on.
    Read,
    /// The read that the request itself became.
    Answer,
    /// A page of a list, or an item of it: waited for when upstream is busy.
    Listed,
    Write,
    /// A read after a write, without which the answer is poorer.
    After,
    /// The logs of an event, without which the answer is poorer: waited for as well.
    Logs,
}

impl Role {
    pub fn of(asked: &Asked, rule: &Rule, call: &str, after_write: bool) -> Self {
        match call {
            "GET /api/me" => Self::Caller,
            _ if !call.starts_with("GET ") => Self::Write,
            _ if call.starts_with("GET /api/organizations/entities/") => Self::Owner,
            _ if after_write => Self::After,
            _ if asked.rule() == "events/list" && call.contains("/executions/") => Self::Logs,
            _ if asked.rule() == "events/list" => Self::Listed,
            _ => match rule.calls {
                Calls::Collect(_) => Self::Listed,
                Calls::Single(_) if asked.is_write() => Self::Read,
                Calls::Single(_) => Self::Answer,
                Calls::Coded(_) => Self::Read,
            },
        }
    }

    fn is_optional(self) -> bool {
        matches!(self, Self::After | Self::Logs)
    }

    fn waits(self) -> bool {
        matches!(self, Self::Listed | Self::Logs)
    }
}

/// What must become of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Must {
    /// The same answer as without the fault.
    Succeed,
    /// Upstream's own answer, with this status.
    HandOn(u16),
    /// The shim's error with this key, and nothing written.
    Fail(Key),
    /// The shim's error with this key, which says that a write may have been accepted.
    BeUncertain(Key),
    /// A 2xx, although its body is lost or makes no sense.
    BeAccepted,
    /// A 2xx that says what it lacks.
    BePoorer,
    /// What upstream said, which no lens has to read.
    PassOn,
}

/// What must become of a request whose call in that role fails, each time or once.
///
/// `status` is that of upstream's true answer, which some faults leave as it is.
pub fn must(rule: &Rule, role: Role, fault: &Fault, once: bool, status: Option<u16>) -> Must {
    let reads_the_answer =
        !rule.lenses.is_empty() || !rule.envelope_lenses.is_empty() || !rule.addresses.is_empty();
    let repeatable = role != Role::Write || has_key(rule);
    let again = match fault.heard {
        Heard::Status(_) => role.waits(),
        _ => repeatable,
    };
    if once && fault.heard.passes() && again {
        return Must::Succeed;
    }
    match (fault.heard, role) {
        (Heard::Good, _) => Must::Succeed,
        (_, role) if role.is_optional() => Must::BePoorer,
        (Heard::Nothing(Key::UpstreamUnreachable), _) => Must::Fail(Key::UpstreamUnreachable),
        (Heard::Nothing(key), Role::Write) => Must::BeUncertain(key),
        (Heard::Accepted(_) | Heard::Garbage, Role::Write) => Must::BeAccepted,
        (Heard::Nothing(key) | Heard::Accepted(key), _) => Must::Fail(key),
        (Heard::Garbage, Role::Answer) if !reads_the_answer => Must::PassOn,
        // Another source may know.
        (Heard::Garbage, Role::Owner)
            if matches!(fault.deed, Deed::Form(_))
                && status.is_some_and(|status| status >= 400) =>
        {
            Must::Succeed
        }
        (Heard::Garbage, _) => Must::Fail(Key::UpstreamInvalid),
        (Heard::Status(500..), Role::Caller | Role::Owner) => Must::Fail(Key::UpstreamUnreachable),
        // Another source may know.
        (Heard::Status(422), Role::Owner) => Must::Succeed,
        (Heard::Status(status), _) => Must::HandOn(status),
    }
}

/// Whether the write of a rule carries an idempotency key.
pub fn has_key(rule: &Rule) -> bool {
    matches!(&rule.calls, Calls::Single(single) if single.idempotency_key)
}

/// Everything that is known of one request with a failing call.
pub struct Case<'a> {
    pub asked: &'a Asked,
    pub role: Role,
    pub fault: &'a Fault,
    pub must: Must,
    /// Whether the call failed only once.
    pub once: bool,
    /// The answer without the fault.
    pub healthy: &'a Got,
}

const LATE: &str = Key::DeadlineExceeded.text();

/// Checks what the client got against what happened upstream.
pub fn check(case: &Case<'_>, got: Option<&Got>, calls: &[Call]) -> Result<(), String> {
    let Some(got) = got else { return Err("no whole answer".to_owned()) };
    let wrong = |what: &str| {
        let disclosed = got.header("x-shim-disclosed");
        let body: String = got.body.chars().take(300).collect();
        let calls: Vec<_> = calls.iter().map(|call| (&call.call, call.status)).collect();
        Err(format!("{what}: {} {body} {disclosed:?} {calls:?}", got.status))
    };
    if got.header("x-polytomic-version") != Some("2024-02-08") {
        return wrong("no legacy version");
    }
    let succeeded = (200..300).contains(&got.status);
    let writes: Vec<&Call> = calls.iter().filter(|call| call.is_write()).collect();
    let key = writes.first().and_then(|call| call.idempotency_key.as_ref());
    if writes.len() > 1
        && (key.is_none() || writes.iter().any(|call| call.idempotency_key.as_ref() != key))
    {
        return wrong("written twice");
    }
    let uncertain = got.json().is_some_and(|body| {
        body["message"].as_str().is_some_and(|message| message.contains("may have been accepted"))
    });
    let accepted = writes.iter().any(|call| call.accepted());
    if accepted && !succeeded && !uncertain {
        return wrong("an accepted write is reported as failed");
    }
    if !accepted && succeeded && case.asked.is_write() {
        return wrong("a failed write is reported as accepted");
    }
    if !matches!(case.role, Role::Write | Role::After) && !succeeded && !writes.is_empty() {
        return wrong("written although something before failed");
    }
    let text = case.fault.body();
    let is_cut = matches!(case.fault.deed, Deed::Form(Form::LengthTooShort));
    let is_as_it_was =
        text == Some(got.body.as_str()) || (is_cut && case.healthy.body.starts_with(&got.body));
    let findings = match got.json() {
        Some(body) => operation(case.asked).check_answer(got.status, &body),
        None => Vec::new(),
    };
    let is_legacy = got.json().is_some() && findings.is_empty();
    let disclosed = got.header("x-shim-disclosed").is_some();
    // The deadline may come while the last try is under way.
    let late = !case.once && case.fault.heard.passes() && got.key().as_deref() == Some(LATE);
    match case.must {
        Must::Fail(_) | Must::HandOn(429 | 503) if late && is_legacy => Ok(()),
        Must::Succeed if got.status != case.healthy.status => wrong("not successful"),
        Must::Succeed if got.body != case.healthy.body => wrong("another answer"),
        Must::HandOn(status) if got.status != status => wrong("another status"),
        Must::HandOn(429 | 503)
            if got.header("retry-after").is_some() != case.fault.has_retry_after() =>
        {
            wrong("another Retry-After")
        }
        Must::HandOn(_) if !is_legacy && !is_as_it_was => wrong("no legacy error"),
        Must::Fail(key) | Must::BeUncertain(key) if got.key().as_deref() != Some(key.text()) => {
            wrong("another key")
        }
        Must::Fail(key) | Must::BeUncertain(key) if got.status != key.status() => {
            wrong("another status")
        }
        Must::Fail(_) | Must::BeUncertain(_) if !is_legacy => wrong("no legacy error"),
        Must::BeUncertain(_) if !uncertain => wrong("sounds certain"),
        Must::BeAccepted if !succeeded => wrong("not accepted"),
        Must::BeAccepted if !disclosed && !is_as_it_was && got.body != case.healthy.body => {
            wrong("not disclosed")
        }
        Must::BeAccepted if matches!(case.fault.heard, Heard::Accepted(_)) && !is_legacy => {
            wrong("no legacy answer")
        }
        Must::BePoorer if !succeeded || !is_legacy => wrong("not the poorer answer"),
        Must::BeAccepted if matches!(case.fault.heard, Heard::Accepted(_)) && !is_legacy => {
            wrong("no legacy answer")
        }
        Must::BePoorer if !disclosed => wrong("not disclosed"),
        Must::PassOn if got.status != 200 => wrong("not passed on"),
        _ => Ok(()),
    }
}

/// The legacy operation of a request.
pub fn operation(asked: &Asked) -> &'static Operation {
    let path = asked.target.split('?').next().unwrap();
    let contract = Contract::of(Version::Legacy);
    let found = contract.find(asked.method, path);
    // Some clients read from the path that they post to.
    let found = found.or_else(|| contract.find(asked.method, &format!("{path}d")));
    found.unwrap_or_else(|| panic!("{path} is no legacy path")).operation
}

impl Fault {
    /// The body that it sends whatever is true.
    fn body(&self) -> Option<&'static str> {
        match self.deed {
            Deed::Answer(_, _, body) => Some(body),
            _ => None,
        }
    }

    fn has_retry_after(&self) -> bool {
        match self.deed {
            Deed::Answer(_, lines, _) => lines.iter().any(|line| line.starts_with("Retry-After")),
            Deed::Date(_) => true,
            _ => false,
        }
    }
}
