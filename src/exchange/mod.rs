//! The life of one translated request: who calls, which rule, drive its flow, answer.
//!
//! Everything goes out through one [`Upstream`], so that tests and `explain` run the same code
//! with answers of their own. HTTP itself is `handler.rs`'s business.

mod anew;
mod beside;
mod bounds;
mod deprecation;
mod drive;
mod handler;
mod limits;
mod location;
mod long;
mod outcome;
mod request_path;
mod session;
mod staged;
mod translator;
mod turn;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method};

use crate::boxed::boxed;
use crate::caller::{Caller, Callers, Fingerprint, Owners, Refusal, Salt, scoped_organization};
use crate::failure::{Failure, Key};
use crate::flow::{self, Job};
use crate::message::LegacyRequest;
use crate::reply::reply;
use crate::rules::template::{Bindings, decoded};
use crate::rules::{CallerKind, Calls, Candidates, CodedFlow, Rule, Rules};
use crate::telemetry::{Meters, Metrics};
use crate::upstream::{Envelope, Upstream};
use crate::webhook;

pub use bounds::Bounds;
pub use outcome::Outcome;
pub use request_path::check as check_path;
pub use translator::Translator;

pub use limits::Ceilings;

use drive::drive;
use limits::Limits;
use outcome::{refused, stamp};
use session::{Patience, Session};
use turn::Turn;

/// Translates requests.
pub struct Exchange<U> {
    upstream: U,
    rules: Rules,
    bounds: Bounds,
    limits: Arc<Limits>,
    callers: Arc<Callers>,
    owners: Arc<Owners>,
    salt: Salt,
    metrics: Arc<Metrics>,
    idempotency_key: fn() -> String,
}

/// What is to be done with a request.
#[derive(Debug)]
pub enum Choice {
    /// No rule is for it: forward it as it is.
    Forward,
    /// A rule is.
    Translate(Chosen),
}

/// The rule for a request.
#[derive(Debug)]
pub struct Chosen {
    rule: Arc<Rule>,
    bindings: Bindings,
    fingerprint: Fingerprint,
    /// Whether the rule was chosen by a verdict that was remembered from before.
    from_memory: bool,
    /// Requests that choosing took.
    calls: usize,
}

impl Chosen {
    /// The rule.
    pub fn rule(&self) -> &Arc<Rule> {
        &self.rule
    }
}

impl<U: Upstream> Exchange<U> {
    /// An exchange over `upstream` by `rules`.
    pub fn new(upstream: U, rules: Rules, bounds: Bounds) -> Self {
        Self {
            upstream,
            rules,
            limits: Arc::new(Limits::new(bounds.total_concurrency, bounds.caller_concurrency)),
            callers: Arc::new(Callers::new(
                bounds.caller_cache_size,
                bounds.caller_cache_ttl,
                bounds.caller_kind,
            )),
            owners: Arc::new(Owners::new(bounds.caller_cache_size, Duration::from_secs(24 * 3600))),
            salt: Salt::random(),
            metrics: Arc::default(),
            idempotency_key: || uuid::Uuid::new_v4().to_string(),
            bounds,
        }
    }

    /// The same, refusing what is over `ceilings`.
    #[must_use]
    pub fn with_ceilings(mut self, ceilings: Ceilings) -> Self {
        let limits = Limits::new(self.bounds.total_concurrency, self.bounds.caller_concurrency);
        self.limits = Arc::new(limits.with_ceilings(ceilings));
        self
    }

    /// The same, with what `earlier` has under way, and with what it knows of callers if both have
    /// the same upstream; as far as their bounds are the same.
    #[must_use]
    pub fn after(mut self, earlier: &Self, same_upstream: bool) -> Self {
        if self.limits.same_as(&earlier.limits) {
            self.limits = earlier.limits.clone();
        }
        let cache = |bounds: &Bounds| {
            (bounds.caller_cache_size, bounds.caller_cache_ttl, bounds.caller_kind)
        };
        // One salt for the whole process, so that the log calls a caller by one name.
        self.salt = earlier.salt.clone();
        if same_upstream && cache(&self.bounds) == cache(&earlier.bounds) {
            self.callers = earlier.callers.clone();
            self.owners = earlier.owners.clone();
        }
        self
    }

    /// The same, with a salt for fingerprints that others share.
    #[must_use]
    pub fn with_salt(mut self, salt: Salt) -> Self {
        self.salt = salt;
        self
    }

    /// The caller of a request, in a form that tells nothing of its credential.
    pub fn fingerprint(&self, headers: &HeaderMap) -> Fingerprint {
        self.salt.of(headers)
    }

    /// The organization of a caller, where it is remembered; nobody is asked.
    pub fn known_organization(&self, caller: &Fingerprint) -> Option<String> {
        self.callers.remembered(caller)?.organization
    }

    /// The same, counting in `metrics`.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Arc<Metrics>) -> Self {
        self.metrics = metrics;
        self
    }

    /// The same, with an `Idempotency-Key` that does not change: for snapshots and `explain`.
    #[must_use]
    pub fn with_fixed_idempotency_key(mut self) -> Self {
        self.idempotency_key = || "00000000-0000-4000-8000-000000000000".to_owned();
        self
    }

    /// The rules.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The kind of every caller, where configured.
    pub fn pinned(&self) -> Option<CallerKind> {
        self.callers.pinned()
    }

    /// The way out.
    pub fn upstream(&self) -> &U {
        &self.upstream
    }

    /// The rules for a request, whoever calls.
    pub fn candidates(&self, method: &Method, path: &str) -> Candidates {
        self.rules.candidates(method, path)
    }

    /// The rule for a request of this caller; asks upstream who calls if that decides.
    ///
    /// # Errors
    /// The answer that the client gets instead.
    pub async fn choose(
        &self,
        candidates: Candidates,
        envelope: &Envelope,
    ) -> Result<Choice, Box<Outcome>> {
        // Made anew, not taken from `usage`, which tells clients apart by a hash that could be forged:
        // what a caller may see goes by this one.
        let fingerprint = self.salt.of(&envelope.headers);
        one_credential(&envelope.headers)
            .map_err(|failure| Box::new(refused(failure.into(), 0)))?;
        // Most rules are the same for all, and nobody has to be asked.
        if candidates.are_for_anybody() {
            return Ok(match candidates.for_caller(None) {
                None => Choice::Forward,
                Some((rule, bindings)) => Choice::Translate(Chosen {
                    rule,
                    bindings,
                    fingerprint,
                    from_memory: false,
                    calls: 0,
                }),
            });
        }
        let session = self.session(envelope, fingerprint, self.metrics.look_up().clone());
        // What few rules need is not to be carried along by all.
        let choice =
            boxed(|| self.choose_within(candidates, &session, envelope, fingerprint)).await;
        choice.map_err(|refusal| Box::new(refused(refusal, session.calls())))
    }

    async fn choose_within(
        &self,
        candidates: Candidates,
        session: &Session<'_, U>,
        envelope: &Envelope,
        fingerprint: Fingerprint,
    ) -> Result<Choice, Refusal> {
        let depends = candidates.depend_on_caller();
        let remembered = depends && self.callers.remembered(&fingerprint).is_some();
        let kind = match self.callers.pinned() {
            Some(kind) => Some(kind),
            None if depends => Some(self.identify(session, fingerprint).await?.kind),
            None => None,
        };
        let Some((rule, mut bindings)) = candidates.for_caller(kind) else {
            return Ok(Choice::Forward);
        };
        if let Some(parameter) = &rule.own_organization {
            self.check_organization(session, envelope, fingerprint, &bindings, parameter).await?;
        }
        if let Some(parameter) = &rule.owner_of {
            let connection = bindings
                .iter()
                .find(|(name, _)| name == parameter)
                .map(|(_, value)| value.clone())
                .unwrap_or_default();
            let scoped = scoped_organization(&envelope.headers)?;
            let ask = |request| session.call(request, Patience::HandsOn);
            let identify = || self.identify(session, fingerprint);
            let find = self.owners.find(fingerprint, &connection, scoped, ask, identify);
            let owner = find.await?;
            let segment = crate::rules::template::encode_segment(&owner);
            let invalid = || crate::lens::invalid("/data/organization_id", "an id");
            bindings.push(("owner".to_owned(), segment.ok_or_else(invalid)?));
        }
        Ok(Choice::Translate(Chosen {
            rule,
            bindings,
            fingerprint,
            from_memory: remembered,
            calls: session.calls(),
        }))
    }

    /// The id in the path has to be the caller's own organization: the singular routes would
    /// serve that one whatever the path says.
    async fn check_organization(
        &self,
        session: &Session<'_, U>,
        envelope: &Envelope,
        fingerprint: Fingerprint,
        bindings: &Bindings,
        parameter: &str,
    ) -> Result<(), Refusal> {
        let own = match scoped_organization(&envelope.headers)? {
            Some(organization) if self.callers.pinned().is_some() => Some(organization),
            _ => self.identify(session, fingerprint).await?.organization,
        };
        let asked =
            bindings.iter().find(|(name, _)| name == parameter).map(|(_, value)| decoded(value));
        if asked.is_some() && asked.as_deref() == own.as_deref() {
            return Ok(());
        }
        let message = "The organization was not found: this credential belongs to another one. Use an id that GET /api/organizations lists for it.";
        Err(Failure::new(Key::NotFound, message).into())
    }

    async fn identify(
        &self,
        session: &Session<'_, U>,
        fingerprint: Fingerprint,
    ) -> Result<Caller, Refusal> {
        let asked = AtomicBool::new(false);
        let ask = |request| {
            asked.store(true, Ordering::Relaxed);
            session.call(request, Patience::HandsOn)
        };
        let caller = self.callers.identify(fingerprint, ask).await;
        self.metrics.caller(!asked.load(Ordering::Relaxed));
        caller
    }

    async fn run(&self, chosen: Chosen, request: LegacyRequest, envelope: &Envelope) -> Outcome {
        let meters = self.metrics.rule(&chosen.rule.id);
        let session = self.session(envelope, chosen.fingerprint, meters);
        let Chosen { rule, bindings, calls, .. } = chosen;
        let patience = match rule.calls {
            Calls::Collect(_) | Calls::Coded(CodedFlow::EventLogs) => Patience::WaitsAsTold,
            Calls::Single(_) | Calls::Coded(CodedFlow::TargetMetadata) => Patience::HandsOn,
        };
        let job = Job {
            rule: rule.clone(),
            request,
            bindings,
            idempotency_key: match &rule.calls {
                // Making one asks the system for randomness.
                Calls::Single(single) if single.idempotency_key => (self.idempotency_key)(),
                _ => String::new(),
            },
            max_pages: self.bounds.max_pages,
        };
        let mut flow = flow::begin(job);
        let result = drive(flow.as_mut(), &session, self.bounds.concurrency, patience).await;
        let report = flow.take_report();
        let upstream_calls = calls + session.calls();
        let (response, failure) = match result {
            Ok(response) => (response, None),
            Err(failure) => (reply(&failure), Some(failure)),
        };
        let mut outcome = Outcome { response, failure, upstream_calls, report, rule: Some(rule) };
        stamp(&mut outcome);
        outcome
    }

    /// Completes an event that a webhook delivers, with the credential of `envelope`; without one
    /// nothing is asked. The outcome's body is the delivery's; none where the event goes on byte
    /// for byte.
    pub async fn deliver(&self, event: &Bytes, envelope: &Envelope) -> Option<Outcome> {
        let may_read = envelope.headers.contains_key(AUTHORIZATION);
        let mut flow = flow::deliver(event, may_read)?;
        let fingerprint = self.salt.of(&envelope.headers);
        let session = self.session(envelope, fingerprint, self.metrics.rule(webhook::RULE));
        let patience = Patience::WaitsAsTold;
        let result = drive(flow.as_mut(), &session, self.bounds.concurrency, patience).await;
        let (response, failure) = match result {
            Ok(response) => (response, None),
            Err(failure) => (reply(&failure), Some(failure)),
        };
        let report = flow.take_report();
        let upstream_calls = session.calls();
        Some(Outcome { response, failure, upstream_calls, report, rule: None })
    }

    fn session<'s>(
        &'s self,
        envelope: &'s Envelope,
        fingerprint: Fingerprint,
        meters: Arc<Meters>,
    ) -> Session<'s, U> {
        let caller = self.limits.of(fingerprint);
        Session::new(&self.upstream, envelope, &self.limits, caller, meters)
    }
}

/// Upstream could take either of two credentials for the caller, and the verdict would be about the
/// other.
fn one_credential(headers: &HeaderMap) -> Result<(), Failure> {
    if headers.get_all(AUTHORIZATION).iter().nth(1).is_none() {
        return Ok(());
    }
    let message = "The request has more than one Authorization header; send one.";
    Err(Failure::new(Key::Unauthorized, message))
}
