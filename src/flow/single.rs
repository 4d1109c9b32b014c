//! One request upstream, perhaps with a read before it and another after it.

use std::sync::Arc;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{Method, StatusCode};
use serde_json::Value;

use super::answer::{error_answer, strip_validators, success_body};
use super::reads::{Reads, Taken};
use super::{Answer, Flow, Job, Progress, Question, defect};
use crate::disclosure::{How, Report};
use crate::failure::{Failure, Key};
use crate::json::{self, Document, JsonError, Object};
use crate::message::{LegacyResponse, UpstreamRequest, UpstreamResponse};
use crate::reply::json_headers;
use crate::rules::template::{decoded, target};
use crate::rules::{Calls, Follow, Single};

/// Send; read first, then send; send, then answer from a read.
pub(super) struct SingleFlow {
    job: Arc<Job>,
    report: Report,
    stage: Stage,
    reads: Reads,
}

enum Stage {
    Reading,
    Sending,
    /// The read after the request; with the refusal that it may turn into a success.
    Following {
        accepted: UpstreamResponse,
        refused: bool,
    },
}

const SEND: usize = 0;
const FOLLOW: usize = 1;
/// The first read; further ones have the ids that follow.
const READ: usize = 2;

impl SingleFlow {
    pub(super) fn new(job: Job) -> Self {
        Self {
            job: Arc::new(job),
            report: Report::default(),
            stage: Stage::Reading,
            reads: Reads::default(),
        }
    }

    fn single(&self) -> Result<&Single, Failure> {
        match &self.job.rule.calls {
            Calls::Single(single) => Ok(single),
            Calls::Collect(_) | Calls::Coded(_) => Err(defect("a list in the flow of one request")),
        }
    }

    /// Takes the answer of a read; sends once all are there.
    fn was_read(&mut self, place: usize, answer: UpstreamResponse) -> Result<Progress, Failure> {
        let job = self.job.clone();
        let Calls::Single(single) = &job.rule.calls else {
            return Err(defect("a list in the flow of one request"));
        };
        match self.reads.take(single, place, answer)? {
            Taken::Waiting => Ok(Progress::Ask(Vec::new())),
            Taken::Complete => {
                let document = sent_document(&job)?;
                let body = document.as_ref().map(request_object).transpose()?;
                self.send(body)
            }
            Taken::Refused(answer) => {
                self.report.took("read.refused");
                Ok(Progress::Done(error_answer(&job.rule.renamed, answer)))
            }
        }
    }

    /// Sends the request; `body` is what the client sent, where lenses look at it.
    fn send(&mut self, body: Option<Object<'_>>) -> Result<Progress, Failure> {
        let job = self.job.clone();
        let Calls::Single(single) = &job.rule.calls else {
            return Err(defect("a list in the flow of one request"));
        };
        let body = self.body(&job, single, body)?;
        let path = single.path.fill(&job.bindings, None)?;
        let mut request =
            UpstreamRequest::new(single.method.clone(), upstream_target(&job, &path)?);
        request.body = body;
        request.idempotency_key = single.idempotency_key.then(|| job.idempotency_key.clone());
        self.stage = Stage::Sending;
        Ok(Progress::Ask(vec![Question { id: SEND, urgent: false, request }]))
    }

    /// The body to send, with the current resource if one was read.
    fn body(
        &mut self,
        job: &Job,
        single: &Single,
        body: Option<Object<'_>>,
    ) -> Result<Option<Bytes>, Failure> {
        let sent = &job.request.body;
        // Some SDKs send `{}` with a GET or DELETE, which means nothing.
        let takes_none = single.method == Method::GET || single.method == Method::DELETE;
        if !single.body || takes_none || sent.is_empty() {
            return Ok(None);
        }
        if job.rule.lenses.is_empty() {
            return Ok(Some(sent.clone()));
        }
        let mut body = body.ok_or_else(|| defect("a body that nobody has read"))?;
        let current = self.reads.current(single)?;
        for lens in &job.rule.lenses {
            lens.up(&mut body, current.as_ref(), &mut self.report)?;
        }
        Ok(Some(Bytes::from(body.to_text().into_string())))
    }

    /// Checks what can be checked before anything is sent.
    fn check(&mut self, body: &Object<'_>) -> Result<(), Failure> {
        let rule = &self.job.rule;
        let accepted = rule.accept.iter().map(|accept| accept.field.as_str());
        let mut read = rule.lenses.iter().flat_map(|lens| lens.reads()).chain(accepted);
        // Bodies where any key repeats are few.
        if body.may_repeat()
            && let Some(key) = read.find(|key| body.repeats(key))
        {
            return Err(Failure::new(
                Key::DuplicateKey,
                format!("`/{key}` stands twice in the body; send it once."),
            )
            .with("pointer", format!("/{key}")));
        }
        for accept in &rule.accept {
            let value = body.present(&accept.field).and_then(super::super::json::Text::into_str);
            if !value.is_some_and(|value| accept.values.iter().any(|accepted| *accepted == value)) {
                self.report.took("accept.err_unsupported");
                let message = format!(
                    "`/{}` must be {}. {}",
                    accept.field,
                    accept.values.join(" or "),
                    accept.instead
                );
                return Err(Failure::new(Key::StatusUnsupported, message)
                    .with("pointer", format!("/{}", accept.field)));
            }
        }
        Ok(())
    }

    fn sent(&mut self, answer: UpstreamResponse) -> Result<Progress, Failure> {
        let single = self.single()?;
        let settled = |follow: &Follow| {
            follow.settled.as_ref().is_some_and(|(status, ..)| answer.status == *status)
        };
        match &single.follow {
            Some(follow) if answer.status.is_success() || settled(follow) => {
                let path = follow.path.fill(&self.job.bindings, None)?;
                let request = UpstreamRequest::new(Method::GET, target(&path, None)?);
                let refused = !answer.status.is_success();
                self.stage = Stage::Following { accepted: answer, refused };
                Ok(Progress::Ask(vec![Question { id: FOLLOW, urgent: false, request }]))
            }
            _ => self.finish(answer),
        }
    }

    /// No answer, or only the head of one. A write that upstream accepted is never reported as
    /// failed: clients repeat what failed, and a repeated POST makes a second resource.
    fn lost(&mut self, failure: Failure) -> Result<Progress, Failure> {
        let accepted = failure.upstream_status.filter(StatusCode::is_success);
        let is_write = self.job.request.method != Method::GET;
        let Some(status) = accepted.filter(|_| is_write) else { return Err(failure) };
        failure.log();
        let answer = UpstreamResponse { status, headers: json_headers(), body: Bytes::new() };
        if self.single()?.follow.is_some() {
            return self.sent(answer);
        }
        self.report.took("send.untranslated");
        self.report.note(How::Dropped, "/data");
        let body = Bytes::from_static(if status == StatusCode::NO_CONTENT { b"" } else { b"{}" });
        Ok(Progress::Done(LegacyResponse { status, headers: answer.headers, body: body.into() }))
    }

    fn followed(&mut self, answer: Answer) -> Result<Progress, Failure> {
        let Stage::Following { accepted, refused } =
            std::mem::replace(&mut self.stage, Stage::Sending)
        else {
            return Err(defect("a follow-up nobody asked for"));
        };
        let job = self.job.clone();
        let Calls::Single(single) = &job.rule.calls else {
            return Err(defect("a list in the flow of one request"));
        };
        let Some(follow) = &single.follow else { return Err(defect("a rule lost its follow-up")) };
        let is_read = |answer: &UpstreamResponse| {
            answer.status.is_success()
                && json::parse(&answer.body).is_ok_and(|text| text.object().is_some())
        };
        let read = answer.ok().filter(is_read);
        if refused {
            let settled = read.filter(|answer| is_settled(follow, answer));
            self.report.took(if settled.is_some() { "follow.settled" } else { "follow.refused" });
            return match settled {
                Some(answer) => self.finish(answer),
                None => Ok(Progress::Done(error_answer(&job.rule.renamed, accepted))),
            };
        }
        if let Some(answer) = read
            && let Ok(done) = self.finish(answer)
        {
            self.report.took("follow.read");
            return Ok(done);
        }
        self.report.took("follow.fallback");
        for pointer in &follow.synthesized {
            self.report.note(How::Synthesized, pointer);
        }
        let body = filled(&follow.fallback, &job).to_string();
        let headers = strip_validators(accepted.headers);
        Ok(Progress::Done(LegacyResponse { status: StatusCode::OK, headers, body: body.into() }))
    }

    /// The answer: translated; or, where an accepted write cannot be, as it is and disclosed.
    fn finish(&mut self, answer: UpstreamResponse) -> Result<Progress, Failure> {
        let rule = self.job.rule.clone();
        if !answer.status.is_success() {
            return Ok(Progress::Done(error_answer(&rule.renamed, answer)));
        }
        let is_write = self.job.request.method != Method::GET;
        let former = is_write.then(|| self.report.clone());
        let status = answer.status;
        let (headers, body) = match (success_body(&self.job, &answer, &mut self.report), former) {
            (Ok(body), _) => (strip_validators(answer.headers), body),
            (Err(failure), None) => return Err(failure),
            (Err(_), Some(former)) => {
                self.report = former;
                self.report.took("send.untranslated");
                self.report.note(How::Approximated, "/data");
                (answer.headers, answer.body)
            }
        };
        Ok(Progress::Done(LegacyResponse { status, headers, body: body.into() }))
    }
}

impl Flow for SingleFlow {
    fn start(&mut self) -> Result<Progress, Failure> {
        let job = self.job.clone();
        let document = sent_document(&job)?;
        let body = document.as_ref().map(request_object).transpose()?;
        if let Some(body) = &body {
            self.check(body)?;
        }
        let (reads, questions) = Reads::plan(self.single()?, &job, READ, body.as_ref())?;
        if questions.is_empty() {
            return self.send(body);
        }
        self.reads = reads;
        Ok(Progress::Ask(questions))
    }

    fn answer(&mut self, id: usize, answer: Answer) -> Result<Progress, Failure> {
        match (&self.stage, id) {
            (Stage::Reading, READ..) => self.was_read(id - READ, answer?),
            (Stage::Sending, SEND) => match answer {
                Ok(answer) => self.sent(answer),
                Err(failure) => self.lost(failure),
            },
            (Stage::Following { .. }, FOLLOW) => self.followed(answer),
            _ => Err(defect("an answer nobody waits for")),
        }
    }

    fn take_report(&mut self) -> Report {
        std::mem::take(&mut self.report)
    }
}

fn is_settled(follow: &Follow, answer: &UpstreamResponse) -> bool {
    let Some((_, path, values)) = &follow.settled else { return false };
    let Ok(text) = json::parse(&answer.body) else { return false };
    path.first(&text).is_some_and(|state| values.iter().any(|value| state.is_string(value)))
}

/// The body that the client sent, where the rule looks at it.
fn sent_document(job: &Job) -> Result<Option<Document<'_>>, Failure> {
    let Job { rule, request, .. } = job;
    let is_needed = rule.reads_body() && !(request.body.is_empty() && rule.accept.is_empty());
    is_needed.then(|| request_document(&request.body)).transpose()
}

/// Reads a request body.
fn request_document(body: &[u8]) -> Result<Document<'_>, Failure> {
    Document::read(body).map_err(|error| match error {
        JsonError::Invalid { line, column, ref what } => {
            let message = format!("The body is not JSON: {what} at line {line} column {column}.");
            Failure::new(Key::BadJson, message).with("line", line).with("column", column)
        }
        JsonError::TooDeep => {
            Failure::new(Key::BadJson, format!("The body is {error}; send it flatter."))
        }
    })
}

/// The members of a request body.
fn request_object<'d>(document: &'d Document<'_>) -> Result<Object<'d>, Failure> {
    let text = document.text();
    let kind = text.kind();
    text.into_object().ok_or_else(|| {
        Failure::new(Key::BadBody, format!("The body is {kind}; this operation takes an object."))
            .with("pointer", "")
    })
}

/// Path and query of the request that goes up.
fn upstream_target(job: &Job, path: &str) -> Result<PathAndQuery, Failure> {
    let own = &job.request.target;
    // Many paths are the same in both versions: nothing has to be checked again then.
    if own.path() == path && job.rule.drop_query.is_empty() {
        return Ok(own.clone());
    }
    target(path, query(job).as_deref())
}

/// The query of the request without what does not go up.
pub(super) fn query(job: &Job) -> Option<String> {
    let query = job.request.target.query()?;
    if job.rule.drop_query.is_empty() {
        return Some(query.to_owned());
    }
    let dropped = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default();
        !job.rule.drop_query.iter().any(|drop| *drop == decoded(name))
    };
    let kept: Vec<&str> =
        query.split('&').filter(|pair| !pair.is_empty()).filter(dropped).collect();
    Some(kept.join("&"))
}

/// The fallback with `{name}` replaced by the request's variables.
fn filled(template: &Value, job: &Job) -> Value {
    match template {
        Value::String(text) => {
            let fill = |text: String, (name, value): &(String, String)| {
                text.replace(&format!("{{{name}}}"), &decoded(value))
            };
            Value::String(job.bindings.iter().fold(text.clone(), fill))
        }
        Value::Object(map) => Value::Object(
            map.iter().map(|(key, value)| (key.clone(), filled(value, job))).collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(|item| filled(item, job)).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::LegacyRequest;
    use crate::rules::Rules;

    /// The path and query that a GET goes up with where the path upstream is another one.
    fn goes_up(target: &'static str, path: &str) -> String {
        let (method, target) = (Method::GET, PathAndQuery::from_static(target));
        let candidates = Rules::embedded().unwrap().candidates(&method, target.path());
        let (rule, bindings) = candidates.for_caller(None).unwrap();
        let request = LegacyRequest { method, target, body: Bytes::new(), origins: None };
        let job = Job { rule, request, bindings, idempotency_key: String::new(), max_pages: 1 };
        upstream_target(&job, path).unwrap().to_string()
    }

    #[test]
    fn a_query_goes_up_without_what_a_rule_drops() {
        assert_eq!(
            goes_up("/api/bulk/syncs/1?limit=5&a=b", "/api/bulk/syncs/1"),
            "/api/bulk/syncs/1?limit=5&a=b"
        );
        assert_eq!(goes_up("/api/bulk/syncs/1?limit=5", "/other"), "/other?limit=5");
        assert_eq!(goes_up("/api/syncs?limit=5&a=b", "/api/syncs"), "/api/syncs?a=b");
        assert_eq!(goes_up("/api/syncs?limit=5", "/api/syncs"), "/api/syncs");
    }
}
