//! What happens to an HTTP request: its version and path decide whether it is translated or
//! passed through.

use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_ENCODING, HOST};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use tokio::time::Instant;

use super::anew::Anew;
use super::location::{self, Front};
use super::long::in_turn;
use super::outcome::{CALLS_HEADER, DISCLOSED_HEADER, RULE_HEADER};
use super::staged::Courses;
use super::{Bounds, Ceilings, Choice, Exchange, Outcome, Turn, deprecation, request_path};
use crate::boxed::boxed;
use crate::caller::Salt;
use crate::failure::{Failure, Key};
use crate::flow::error_answer;
use crate::message::{
    LEGACY_VERSION, LegacyRequest, Origins, UPSTREAM_VERSION, UpstreamResponse, VERSION_HEADER,
};
use crate::passthrough::{
    self, Arrival, Body, Names, forward, outgoing_headers, read_request, read_whole, respond,
};
use crate::rollout::Rollout;
use crate::rules::{Candidates, Rules};
use crate::server::{COME_AGAIN, Gate, Incoming, answer};
use crate::settings::{Network, Origin, Settings};
use crate::telemetry::{Account, Ending, Metrics, StatusClass};
use crate::upstream::{Envelope, UpstreamClient, decode_body};
use crate::usage::Asks;

/// What a translator works by, as long as nothing of it changes.
pub(super) struct Workings {
    pub(super) exchange: Exchange<UpstreamClient>,
    pub(super) rollout: Rollout,
    pub(super) metrics: Arc<Metrics>,
    default_version: HeaderValue,
    upstream: Origin,
    public_url: Option<Origin>,
    pub(super) trusted_proxies: Vec<Network>,
    max_request_body: usize,
    request_timeout: Duration,
    upstream_timeout: Duration,
    deadline: Duration,
    pub(super) shim_headers: bool,
    max_translations: usize,
    translations: Gate,
    deprecation: Vec<(HeaderName, HeaderValue)>,
}

/// What the shim says of itself.
static OF_THE_SHIM: [HeaderName; 3] = [RULE_HEADER, CALLS_HEADER, DISCLOSED_HEADER];
static THE_SHIM: Names = Names::new(&OF_THE_SHIM);

/// The largest 401 body that is rebuilt; a longer one is no error message.
const MAX_ERROR: usize = 64 * 1024;

impl Workings {
    /// A translator over `client` by `rules` as far as `rollout` says, counting in `metrics`.
    pub(super) fn new(
        client: UpstreamClient,
        rules: Rules,
        settings: &Settings,
        metrics: Arc<Metrics>,
        rollout: Rollout,
    ) -> Self {
        let salt = settings.fingerprint_salt.as_ref().map_or_else(Salt::random, Salt::shared);
        Self {
            exchange: Exchange::new(client, rules, Bounds::from(settings))
                .with_salt(salt)
                .with_ceilings(Ceilings::from(settings))
                .with_metrics(metrics.clone()),
            rollout,
            metrics,
            default_version: settings.default_version.clone(),
            upstream: settings.upstream.clone(),
            public_url: settings.public_url.clone(),
            trusted_proxies: settings.trusted_proxies.clone(),
            max_request_body: settings.max_request_body,
            request_timeout: settings.request_timeout,
            upstream_timeout: settings.upstream_timeout,
            deadline: settings.deadline,
            shim_headers: settings.shim_headers,
            max_translations: settings.max_translations,
            translations: Gate::default(),
            deprecation: deprecation::headers(settings),
        }
    }

    /// The same, with what `earlier` knows and counts.
    pub(super) fn after(mut self, earlier: &Self) -> Self {
        let same_upstream = self.upstream == earlier.upstream;
        self.exchange = self.exchange.after(&earlier.exchange, same_upstream);
        self.translations = earlier.translations.clone();
        self
    }

    /// What translates, and what counts.
    pub(super) fn parts(&self) -> (&Exchange<UpstreamClient>, &Metrics) {
        (&self.exchange, &self.metrics)
    }

    /// The way to upstream.
    pub(super) fn upstream(&self) -> &UpstreamClient {
        self.exchange.upstream()
    }

    /// The rules.
    pub(super) fn rules(&self) -> &Rules {
        self.exchange.rules()
    }

    /// Answers one request.
    pub(super) async fn handle(&self, request: Incoming) -> Response<Body> {
        let version = request.headers().get(VERSION_HEADER).unwrap_or(&self.default_version);
        let ending = match version.as_bytes() == UPSTREAM_VERSION.as_bytes() {
            true => Ending::Migrated,
            false => Ending::OtherVersion,
        };
        let usage = self.metrics.usage();
        let asks = match version.as_bytes() == LEGACY_VERSION.as_bytes() {
            true => usage.asks_legacy(request.method(), request.uri().path()),
            false if ending == Ending::Migrated => Asks::Upstream,
            false => Asks::Other,
        };
        let fingerprint = || self.exchange.fingerprint(request.headers());
        let mut call = usage.begin(request.headers(), asks, fingerprint);
        let span = tracing::Span::current();
        if !span.is_disabled() && request.headers().contains_key(AUTHORIZATION) {
            let caller = call.fingerprint().unwrap_or_else(fingerprint);
            span.record("caller", tracing::field::display(caller));
        }
        let result = if version.as_bytes() == LEGACY_VERSION.as_bytes() {
            self.legacy(request).await
        } else {
            if matches!(ending, Ending::OtherVersion) {
                let caller = self.exchange.fingerprint(request.headers());
                self.metrics.versions().count(version, caller);
            }
            // Absent, and the default is another version: upstream must not fall back on its own.
            let version = (!request.headers().contains_key(VERSION_HEADER))
                .then(|| self.default_version.clone());
            self.forward(request, version).await.map(|mut response| {
                response.body_mut().set_account(Account { ending, ..Account::default() });
                response
            })
        };
        let mut response = result.unwrap_or_else(|failure| answer(&failure));
        if !self.deprecation.is_empty() && matches!(asks, Asks::Legacy(_)) {
            deprecation::add(&self.deprecation, response.headers_mut());
        }
        call.answered(response.status(), response.body().upstream_calls());
        // Only rules ask who calls; whatever goes through would look in vain.
        if response.body().is_by_rule()
            && let Some(caller) = call.of_unknown_organization()
        {
            call.belongs_to(self.exchange.known_organization(&caller));
        }
        response
    }

    async fn legacy(&self, request: Incoming) -> Result<Response<Body>, Failure> {
        let path = request.uri().path();
        request_path::check(path)?;
        let candidates = self.exchange.candidates(request.method(), path);
        let mut courses = None;
        if !self.rollout.is_idle() {
            let own = Box::pin(self.courses(&candidates, &request)).await;
            if own.are_legacy(&candidates) {
                return Box::pin(self.serve_legacy(request, own)).await;
            }
            courses = Some(own);
        }
        if candidates.is_empty() {
            return self.pass(request).await;
        }
        // A translation has a lot to remember. In a box of its own, it is not moved about with
        // every request that passes.
        boxed(|| self.translated(request, candidates, courses)).await
    }

    async fn translated(
        &self,
        request: Incoming,
        candidates: Candidates,
        mut courses: Option<Courses>,
    ) -> Result<Response<Body>, Failure> {
        let pass = self.translations.enter(self.max_translations).ok_or_else(busy)?;
        let (parts, body) = request.into_parts();
        let arrival = Arrival::of(&parts);
        let front = Front::of(arrival.clone(), &parts.headers, &self.trusted_proxies);
        let envelope = self.envelope(&parts, &arrival);
        let choice = self.exchange.choose(candidates, &envelope).await;
        if let Ok(choice) = &choice
            && let Some(own) = courses.take_if(|own| own.is_legacy(choice))
        {
            return self.serve_legacy(Box::new(Request::from_parts(parts, body)), own).await;
        }
        let chosen = match choice {
            Ok(Choice::Forward) => {
                let request = Box::new(Request::from_parts(parts, body));
                return Box::pin(self.pass(request)).await;
            }
            Ok(Choice::Translate(chosen)) => chosen,
            Err(refused) => return Ok(self.finish(*refused, &front)),
        };
        let rule = courses.is_some().then(|| chosen.rule().clone());
        let has_addresses = !chosen.rule().addresses.is_empty();
        let origins = has_addresses.then(|| self.origins(&front)).flatten();
        let request = self.read(&parts, body, origins).await?;
        let mut response = match self.exchange.translate_once(chosen, request, &envelope).await {
            Turn::Answered(outcome) => {
                if let (Some(courses), Some(rule)) = (courses, rule) {
                    self.watch(&outcome, courses, rule, &envelope, &parts, &front);
                }
                self.finish(*outcome, &front)
            }
            Turn::Contradicted(request) => {
                let anew = Anew { envelope: &envelope, parts: &parts, front: &front };
                Box::pin(self.answer_anew(request, courses, anew)).await?
            }
        };
        // What the answer takes in memory is taken until the client has it.
        response.body_mut().set_pass(pass);
        Ok(in_turn(response).await)
    }

    /// Forwards a legacy request that no rule is for. Only its version changes on the way up; on
    /// the way down a 401 takes the legacy form, and addresses of upstream become the shim's.
    async fn pass(&self, request: Incoming) -> Result<Response<Body>, Failure> {
        let front =
            Front::of(Arrival::of_request(&request), request.headers(), &self.trusted_proxies);
        let version = HeaderValue::from_static(UPSTREAM_VERSION);
        let mut response = self.forward(request, Some(version)).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            response = Box::pin(self.legacy_401(response)).await;
        }
        let headers = response.headers_mut();
        headers.insert(VERSION_HEADER, HeaderValue::from_static(LEGACY_VERSION));
        location::rewrite(headers, || self.origins(&front));
        Ok(response)
    }

    /// Forwards a request and measures how long upstream takes.
    pub(super) async fn forward(
        &self,
        request: Incoming,
        version: Option<HeaderValue>,
    ) -> Result<Response<Body>, Failure> {
        let started = Instant::now();
        let result = forward(self.exchange.upstream(), request, version).await;
        let status = result.as_ref().ok().map(Response::status);
        self.metrics.no_rule().upstream(StatusClass::of(status), started.elapsed());
        result
    }

    async fn legacy_401(&self, response: Response<Body>) -> Response<Body> {
        let (parts, body) = response.into_parts();
        let body = read_whole(body, MAX_ERROR, self.upstream_timeout).await.unwrap_or_default();
        let body = decode_body(parts.headers.get_all(CONTENT_ENCODING), body, MAX_ERROR)
            .await
            .unwrap_or_default();
        respond(error_answer(
            &[],
            UpstreamResponse { status: parts.status, headers: parts.headers, body },
        ))
    }

    /// What all upstream calls of a translated request have in common.
    pub(super) fn envelope(&self, parts: &Parts, arrival: &Arrival) -> Envelope {
        let mut headers = outgoing_headers(parts.headers.clone(), arrival, &self.trusted_proxies);
        headers.insert(VERSION_HEADER, HeaderValue::from_static(UPSTREAM_VERSION));
        // Set once more for each call, in the copy that the call has: here, so that it has room there.
        headers.insert(HOST, self.upstream().host().clone());
        Envelope::new(headers, Instant::now() + self.deadline)
    }

    async fn read(
        &self,
        parts: &Parts,
        body: hyper::body::Incoming,
        origins: Option<Origins>,
    ) -> Result<LegacyRequest, Failure> {
        let target = passthrough::target(parts)?;
        let limit = self.max_request_body;
        let body = read_request(body, limit, self.request_timeout).await?;
        let encodings = parts.headers.get_all(CONTENT_ENCODING);
        let body =
            decode_body(encodings, body, limit).await.map_err(|error| error.of_request(limit))?;
        Ok(LegacyRequest { method: parts.method.clone(), target, body, origins })
    }

    pub(super) fn origins(&self, front: &Front) -> Option<Origins> {
        front.origins(&self.upstream, self.public_url.as_ref())
    }

    pub(super) fn finish(&self, outcome: Outcome, front: &Front) -> Response<Body> {
        let Outcome { response, failure, upstream_calls, report, rule } = outcome;
        if let Some(failure) = &failure {
            failure.log();
        }
        let mut account = Account { ending: Ending::Translated, ..Account::default() };
        if let Some(failure) = &failure {
            account = Account::of_error(failure.key);
        }
        account.upstream_calls = Some(upstream_calls);
        let rule = rule.as_ref().map(|rule| rule.id.as_str());
        let disclosed = response.headers.get(DISCLOSED_HEADER);
        let disclosed = disclosed.and_then(|disclosed| disclosed.to_str().ok());
        // All at once: each time takes the span out of its place and puts it back.
        let span = tracing::Span::current();
        tracing::record_all!(
            span,
            rule = rule,
            upstream_calls = upstream_calls,
            disclosed = disclosed
        );
        if let Some(rule) = rule {
            let meters = self.metrics.rule(rule);
            report.counts().for_each(|(how, count)| meters.disclosed(how, count));
            account.meters = Some(meters);
        } else if failure.is_none() {
            // Upstream refused the credential before a rule was chosen.
            account.ending = Ending::Refused;
        }
        let mut response = respond(response);
        response.body_mut().set_account(account);
        let headers = response.headers_mut();
        if !self.shim_headers {
            THE_SHIM.remove_from(headers);
        }
        location::rewrite(headers, || self.origins(front));
        response
    }
}

fn busy() -> Failure {
    let message =
        "The shim translates as many requests at once as it may. Nothing was sent; try again soon.";
    Failure::new(Key::TooManyTranslations, message).retry_after(COME_AGAIN)
}
