//! Requests while a rollout is staged: who is translated, who is forwarded as legacy, and what
//! runs beside. The substance is in [`crate::rollout`].

use std::pin::Pin;
use std::sync::Arc;

use http::header::{
    CONTENT_ENCODING, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE,
    RANGE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use http_body::Body as _;
use hyper::body::Incoming as IncomingBody;

use super::handler::Workings;
use super::location::{self, Front};
use super::{Choice, Outcome};
use crate::failure::Failure;
use crate::message::{LEGACY_VERSION, VERSION_HEADER};
use crate::passthrough::{self, Arrival, Body};
use crate::rollout::{Asked, Beside, Course, Who, ask_what_is_served, sign};
use crate::rules::{Candidates, Rule};
use crate::server::Incoming;
use crate::telemetry::{Account, Ending};
use crate::upstream::Envelope;

/// Says which mode a request was served in.
const MODE_HEADER: HeaderName = HeaderName::from_static("x-shim-mode");

/// The largest answer that is looked at for a refusal of the version, in bytes.
const LARGEST_REFUSAL: usize = 8 << 10;

/// Boxed, so that requests of a rollout that stages nothing do not have to hold what these need.
type Pending<'s, T> = Pin<Box<dyn Future<Output = T> + Send + 's>>;

/// What is done with a request, by the rule that it comes under.
pub(super) struct Courses {
    rules: Vec<(Arc<Rule>, Course)>,
    /// Where it comes under none.
    rest: Course,
}

impl Courses {
    fn all(&self) -> impl Iterator<Item = Course> {
        self.rules.iter().map(|(_, course)| *course).chain([self.rest])
    }

    fn of(&self, rule: &Rule) -> Course {
        let own = self.rules.iter().find(|(own, _)| own.id == rule.id);
        own.map_or(self.rest, |(_, course)| *course)
    }

    /// Whether the request is forwarded as legacy, whatever rule it comes under. Where some say so
    /// and some do not, it has to be found out first who calls.
    pub(super) fn are_legacy(&self, candidates: &Candidates) -> bool {
        let may_be_none = candidates.is_empty() || candidates.depend_on_caller();
        let counted = self.rules.len() + usize::from(may_be_none);
        !self.all().take(counted).any(|course| matches!(course, Course::Translate { .. }))
    }

    /// Whether a request that was chosen a rule for is forwarded as legacy.
    pub(super) fn is_legacy(&self, choice: &Choice) -> bool {
        let course = match choice {
            Choice::Forward => self.rest,
            Choice::Translate(chosen) => self.of(chosen.rule()),
        };
        !matches!(course, Course::Translate { .. })
    }

    /// The rule, where there is no other that the request could come under.
    fn only(&self) -> Option<&Rule> {
        match self.rules.as_slice() {
            [(rule, _)] => Some(rule),
            _ => None,
        }
    }

    /// The rules that are shadowed.
    fn shadowed(&self) -> Vec<Arc<Rule>> {
        let shadowed = self.rules.iter().filter(|(_, course)| *course == Course::Shadow);
        shadowed.map(|(rule, _)| rule.clone()).collect()
    }
}

impl Workings {
    /// What the rollout does with a request, by the rule that it comes under. Only patterns of
    /// organizations ask upstream, and what they ask is remembered.
    pub(super) fn courses<'s>(
        &'s self,
        candidates: &'s Candidates,
        request: &'s Incoming,
    ) -> Pending<'s, Courses> {
        Box::pin(async move {
            let headers = request.headers();
            let organization = match self.rollout.asks_for_organization() {
                true => self.organization(headers).await,
                false => None,
            };
            let fingerprint = self.exchange.fingerprint(headers);
            let who = Who { headers, fingerprint, organization };
            let course =
                |rule: &Arc<Rule>| (rule.clone(), self.rollout.course(Some(&rule.id), &who));
            let rules = candidates.rules().map(course).collect();
            Courses { rules, rest: self.rollout.course(None, &who) }
        })
    }

    async fn organization(&self, headers: &HeaderMap) -> Option<String> {
        let mut parts = Request::new(()).into_parts().0;
        parts.headers = headers.clone();
        let envelope = self.envelope(&parts, &Arrival::of(&parts));
        self.exchange.organization(&envelope).await
    }

    /// Forwards a request as 2024-02-08: nothing of it is changed, and of the answer only an
    /// address of upstream in `Location`. What is shadowed is compared beside that.
    pub(super) fn serve_legacy(
        &self,
        request: Incoming,
        courses: Courses,
    ) -> Pending<'_, Result<Response<Body>, Failure>> {
        Box::pin(self.forward_as_legacy(request, courses))
    }

    async fn forward_as_legacy(
        &self,
        request: Incoming,
        courses: Courses,
    ) -> Result<Response<Body>, Failure> {
        let (parts, body) = request.into_parts();
        let arrival = Arrival::of(&parts);
        let front = Front::of(arrival.clone(), &parts.headers, &self.trusted_proxies);
        let envelope = || self.envelope(&parts, &arrival);
        if self.rollout.should_ask() {
            let (rollout, client) = (self.rollout.clone(), self.exchange.upstream().clone());
            tokio::spawn(ask_what_is_served(rollout, client, envelope()));
        }
        let shadowed = courses.shadowed();
        let is_shadowed = !shadowed.is_empty() && is_comparable(&parts, &body);
        let target = passthrough::target(&parts)?;
        let beside = is_shadowed.then(|| {
            Beside::prepare(&self.rollout, shadowed, &self.exchange, || {
                self.asked(envelope(), target, &front)
            })
        });
        let version = Some(HeaderValue::from_static(LEGACY_VERSION));
        let mut response =
            self.forward(Box::new(Request::from_parts(parts, body)), version).await?;
        let (status, head) = (response.status(), head_of(response.headers()));
        let says_something = status.is_success() || status.is_client_error();
        match beside.flatten().filter(|_| says_something) {
            Some(beside) => {
                let pieces = response.body_mut().tap(beside.budget());
                tokio::spawn(beside.shadow((status, head), pieces));
            }
            None if status.is_client_error() => {
                // What refuses the version may say so in its body only.
                let pieces = response.body_mut().tap(LARGEST_REFUSAL);
                let rollout = self.rollout.clone();
                tokio::spawn(async move {
                    let body = pieces.await.unwrap_or_default().concat();
                    rollout.heard(sign(status, &head, &body));
                });
            }
            None => self.rollout.heard(sign(status, &head, b"")),
        }
        self.mark(&mut response, if is_shadowed { "shadow" } else { "legacy" });
        let meters = courses.only().map(|rule| self.metrics.rule(&rule.id));
        response.body_mut().set_account(Account {
            ending: Ending::Legacy,
            meters,
            ..Account::default()
        });
        location::rewrite(response.headers_mut(), || self.origins(&front));
        Ok(response)
    }

    /// Counts a translated answer, and has it compared if it was drawn for that.
    pub(super) fn watch(
        &self,
        outcome: &Outcome,
        courses: Courses,
        rule: Arc<Rule>,
        envelope: &Envelope,
        parts: &Parts,
        front: &Front,
    ) {
        let key = outcome.failure.as_ref().map(|failure| failure.key);
        self.rollout.translated(&rule.id, outcome.response.status, key);
        let is_drawn = courses.of(&rule) == (Course::Translate { verify: true });
        if !is_drawn || !rule.only_reads() || !has_no_condition(&parts.headers) {
            return;
        }
        let Ok(target) = passthrough::target(parts) else { return };
        let beside = Beside::prepare(&self.rollout, vec![rule.clone()], &self.exchange, || {
            self.asked(envelope.clone(), target, front)
        });
        if let Some(beside) = beside {
            tokio::spawn(beside.verify(rule, outcome.clone()));
        }
    }

    fn asked(&self, envelope: Envelope, target: http::uri::PathAndQuery, front: &Front) -> Asked {
        let caller = self.exchange.fingerprint(&envelope.headers);
        Asked { target, envelope, caller, origins: self.origins(front) }
    }

    /// Says in the answer which mode it was served in.
    pub(super) fn mark(&self, response: &mut Response<Body>, mode: &'static str) {
        if self.shim_headers {
            response.headers_mut().insert(MODE_HEADER, HeaderValue::from_static(mode));
        }
    }
}

/// Whether the answer to a request can be compared: it reads, and asks for all of it.
fn is_comparable(parts: &Parts, body: &IncomingBody) -> bool {
    parts.method == Method::GET && body.is_end_stream() && has_no_condition(&parts.headers)
}

fn has_no_condition(headers: &HeaderMap) -> bool {
    let conditions =
        [IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE];
    !conditions.iter().any(|name| headers.contains_key(name))
}

/// The headers that matter for reading an answer.
fn head_of(headers: &HeaderMap) -> HeaderMap {
    let mut head = HeaderMap::new();
    for name in [CONTENT_ENCODING, VERSION_HEADER] {
        for value in headers.get_all(&name) {
            head.append(name.clone(), value.clone());
        }
    }
    head
}
