//! Reads whose caller turned out to be another than was remembered: which rule is for them, and
//! which version they are served in, is decided once more.

use http::request::Parts;
use http::{HeaderValue, Response};

use super::Choice;
use super::handler::Workings;
use super::location::{self, Front};
use super::staged::Courses;
use crate::failure::Failure;
use crate::flow::error_answer;
use crate::message::{
    LEGACY_VERSION, LegacyRequest, LegacyResponse, UpstreamRequest, VERSION_HEADER,
};
use crate::passthrough::{Body, respond};
use crate::telemetry::{Account, Ending};
use crate::upstream::{Envelope, Upstream as _};

/// What of a request stays the same, whoever calls.
pub(super) struct Anew<'r> {
    pub(super) envelope: &'r Envelope,
    pub(super) parts: &'r Parts,
    pub(super) front: &'r Front,
}

impl Workings {
    /// Answers a read by the rule that is for it now, or forwards it, in the version that the rollout
    /// says: without `courses` nothing is staged.
    pub(super) async fn answer_anew(
        &self,
        request: LegacyRequest,
        courses: Option<Courses>,
        anew: Anew<'_>,
    ) -> Result<Response<Body>, Failure> {
        let choice = match self.exchange.choose_for(&request, anew.envelope).await {
            Ok(choice) => choice,
            Err(refused) => return Ok(self.finish(*refused, anew.front)),
        };
        let is_legacy = courses.as_ref().is_some_and(|own| own.is_legacy(&choice));
        let fresh = match choice {
            _ if is_legacy => return self.forward_legacy_anew(request, &anew).await,
            Choice::Forward => return self.forward_anew(request, &anew).await,
            Choice::Translate(fresh) => fresh,
        };
        let rule = fresh.rule().clone();
        let outcome = self.exchange.run(fresh, request, anew.envelope).await;
        if let Some(courses) = courses {
            self.watch(&outcome, courses, rule, anew.envelope, anew.parts, anew.front);
        }
        Ok(self.finish(outcome, anew.front))
    }

    /// Forwards a read that no rule is for.
    async fn forward_anew(
        &self,
        request: LegacyRequest,
        anew: &Anew<'_>,
    ) -> Result<Response<Body>, Failure> {
        let request = UpstreamRequest::new(request.method, request.target);
        let answer = self.exchange.upstream().call(&request, anew.envelope).await?;
        let answer = match answer.status.is_success() {
            true => LegacyResponse {
                status: answer.status,
                headers: answer.headers,
                body: answer.body.into(),
            },
            false => error_answer(&[], answer),
        };
        let mut response = respond(answer);
        let headers = response.headers_mut();
        let version = HeaderValue::from_static(LEGACY_VERSION);
        headers.insert(VERSION_HEADER, version);
        location::rewrite(headers, || self.origins(anew.front));
        Ok(response)
    }

    /// Forwards a read as 2024-02-08, and its answer as it is.
    async fn forward_legacy_anew(
        &self,
        request: LegacyRequest,
        anew: &Anew<'_>,
    ) -> Result<Response<Body>, Failure> {
        let mut envelope = anew.envelope.clone();
        let version = HeaderValue::from_static(LEGACY_VERSION);
        envelope.headers.insert(VERSION_HEADER, version);
        let request = UpstreamRequest::new(request.method, request.target);
        let answer = self.exchange.upstream().call(&request, &envelope).await?;
        let mut response = respond(LegacyResponse {
            status: answer.status,
            headers: answer.headers,
            body: answer.body.into(),
        });
        response.body_mut().set_account(Account { ending: Ending::Legacy, ..Account::default() });
        self.mark(&mut response, "legacy");
        location::rewrite(response.headers_mut(), || self.origins(anew.front));
        Ok(response)
    }
}
