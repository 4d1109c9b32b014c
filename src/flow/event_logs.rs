//! Events, with the record logs that `sync.completed` used to carry.
//!
//! 2025-09-18 may give `logs_url` in place of the lists. Where a list is absent and `logs_url` is
//! there, the index of the execution's logs is read, and for each type that it names the
//! addresses. Paths come from the event's ids, never from the host in `logs_url`. An event must
//! not be lost to its logs: if a read fails it goes out without the lists, disclosed.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

use super::answer::{error_answer, read, strip_validators};
use super::single::query;
use super::{Answer, Flow, Job, Progress, Question, defect};
use crate::disclosure::{How, Report};
use crate::failure::Failure;
use crate::json::{Array, Object, Text};
use crate::lens::invalid;
use crate::message::{LegacyResponse, UpstreamRequest, UpstreamResponse};
use crate::rules::template::{encode_segment, target};

/// Log types of 2025-09-18 and the lists of legacy events.
const LISTS: [(&str, &str); 6] = [
    ("records", "total_records"),
    ("inserts", "inserted_records"),
    ("updates", "updated_records"),
    ("deletes", "deleted_records"),
    ("errors", "errored_records"),
    ("warnings", "warnings"),
];

/// Ids of questions: 0 is the list; then, for each event, its index and its six types.
const EACH: usize = 1 + LISTS.len();

/// The list first, then the logs of each event that needs them.
pub(super) struct EventLogsFlow {
    job: Job,
    report: Report,
    page: Option<(Object<'static>, HeaderMap)>,
    events: Vec<Pending>,
    under_way: usize,
}

/// An event, and what was found of its lists.
struct Pending {
    item: Text<'static>,
    /// The path of its execution; none where the event needs nothing.
    execution: Option<String>,
    lists: [Option<Text<'static>>; LISTS.len()],
    failed: bool,
}

impl EventLogsFlow {
    pub(super) fn new(job: Job) -> Self {
        Self { job, report: Report::default(), page: None, events: Vec::new(), under_way: 0 }
    }

    fn ask(&mut self, id: usize, path: &str) -> Result<Question, Failure> {
        self.under_way += 1;
        Ok(Question {
            id,
            urgent: false,
            request: UpstreamRequest::new(Method::GET, target(path, None)?),
        })
    }

    fn list(&mut self, answer: UpstreamResponse) -> Result<Progress, Failure> {
        let text = read(&answer.body)?.into_owned();
        let envelope = text.into_object().ok_or_else(|| invalid("", "an object"))?;
        let items = match envelope.present("data").cloned() {
            Some(data) => {
                data.into_array().ok_or_else(|| invalid("/data", "an array"))?.into_items()
            }
            None => Vec::new(),
        };
        let mut questions = Vec::new();
        for (place, item) in items.into_iter().enumerate() {
            let execution = execution_of(&item);
            match &execution {
                Some(path) => questions.push(self.ask(1 + place * EACH, &format!("{path}/logs"))?),
                None => self.report.took("event_logs.left_as_is"),
            }
            self.events.push(Pending { item, execution, lists: Default::default(), failed: false });
        }
        self.page = Some((envelope, answer.headers));
        self.progress(questions)
    }

    /// The index of an event's logs, or the addresses of one type.
    fn logs(&mut self, id: usize, answer: Answer) -> Result<Progress, Failure> {
        self.under_way = self.under_way.saturating_sub(1);
        let (place, part) = (id / EACH, id % EACH);
        let event = self.events.get_mut(place).ok_or_else(|| defect("logs of no event"))?;
        let found = answer.ok().filter(|answer| answer.status.is_success());
        let found = found.and_then(|answer| data_of(&answer.body));
        let Some(data) = found else {
            event.failed = true;
            return self.progress(Vec::new());
        };
        if let Some(kind) = part.checked_sub(1) {
            let urls = data.get("urls").filter(|urls| urls.array().is_some()).cloned();
            if let Some(list) = event.lists.get_mut(kind) {
                *list = Some(urls.unwrap_or_else(|| Array::default().to_text()));
            }
            return self.progress(Vec::new());
        }
        let path = event.execution.clone().unwrap_or_default();
        let mut questions = Vec::new();
        for (kind, (name, _)) in LISTS.iter().enumerate() {
            if data.present(name).is_some() {
                questions.push(self.ask(id + 2 + kind, &format!("{path}/{name}"))?);
            } else if let Some(list) =
                self.events.get_mut(place).and_then(|event| event.lists.get_mut(kind))
            {
                *list = Some(Array::default().to_text());
            }
        }
        self.progress(questions)
    }

    fn progress(&mut self, questions: Vec<Question>) -> Result<Progress, Failure> {
        if self.under_way > 0 {
            return Ok(Progress::Ask(questions));
        }
        let (mut envelope, headers) =
            self.page.take().ok_or_else(|| defect("events without a list"))?;
        let mut items = Vec::with_capacity(self.events.len());
        for (place, pending) in std::mem::take(&mut self.events).into_iter().enumerate() {
            items.push(self.finished(place, pending));
        }
        if envelope.has("data") {
            envelope.set("data", items.into_iter().collect::<Array<'_>>().to_text());
        }
        let body = Bytes::from(envelope.to_text().into_string());
        Ok(Progress::Done(LegacyResponse {
            status: StatusCode::OK,
            headers: strip_validators(headers),
            body: body.into(),
        }))
    }

    /// An event with its lists, or without them and disclosed.
    fn finished(&mut self, place: usize, pending: Pending) -> Text<'static> {
        let Pending { item, execution, lists, failed } = pending;
        if execution.is_none() {
            return item;
        }
        let Some((mut object, mut event)) = parts(&item) else { return item };
        self.report.took(if failed { "event_logs.without_lists" } else { "event_logs.completed" });
        for ((_, name), list) in LISTS.into_iter().zip(lists) {
            if event.present(name).is_some() {
                continue;
            }
            match list.filter(|_| !failed) {
                Some(list) => event.set(name, list),
                None => self.report.note(How::Dropped, &format!("/data/{place}/event/{name}")),
            }
        }
        object.set("event", event.to_text());
        object.to_text()
    }
}

impl Flow for EventLogsFlow {
    fn start(&mut self) -> Result<Progress, Failure> {
        let path = self.job.rule.path.fill(&self.job.bindings, None)?;
        let request =
            UpstreamRequest::new(Method::GET, target(&path, query(&self.job).as_deref())?);
        Ok(Progress::Ask(vec![Question { id: 0, urgent: true, request }]))
    }

    fn answer(&mut self, id: usize, answer: Answer) -> Result<Progress, Failure> {
        let Some(id) = id.checked_sub(1) else {
            let answer = answer?;
            if !answer.status.is_success() {
                self.report.took("event_logs.err_refused");
                return Ok(Progress::Done(error_answer(&self.job.rule.renamed, answer)));
            }
            return self.list(answer);
        };
        self.logs(id, answer)
    }

    fn report(&self) -> &Report {
        &self.report
    }
}

/// The path of the execution whose logs an event lacks; none where it lacks none.
fn execution_of(item: &Text<'static>) -> Option<String> {
    let (_, event) = parts(item)?;
    let has_address = event.present("logs_url").is_some();
    let lacks_a_list = LISTS.iter().any(|(_, name)| event.present(name).is_none());
    if !has_address || !lacks_a_list {
        return None;
    }
    let id = |key: &str| encode_segment(&event.get(key)?.as_string()?);
    Some(format!("/api/syncs/{}/executions/{}", id("sync_id")?, id("execution_id")?))
}

/// An item of the list and the event in it.
fn parts(item: &Text<'static>) -> Option<(Object<'static>, Object<'static>)> {
    let object = item.clone().into_object()?;
    let event = object.get("event").cloned()?.into_object()?;
    Some((object, event))
}

fn data_of(body: &[u8]) -> Option<Object<'static>> {
    let text = read(body).ok()?;
    let envelope = text.object()?;
    envelope.get("data").cloned().map(Text::into_owned).and_then(Text::into_object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_completed_sync_without_its_lists_is_looked_up() {
        let execution = |event: &str| {
            let text = format!(r#"{{"id":"e","event":{event}}}"#);
            execution_of(&crate::json::parse(text.as_bytes()).unwrap().into_owned())
        };
        let ids = r#""sync_id":"s/1","execution_id":"x""#;
        assert_eq!(
            execution(&format!(r#"{{{ids},"logs_url":"https://elsewhere/x"}}"#)).as_deref(),
            Some("/api/syncs/s%2F1/executions/x")
        );
        assert_eq!(execution(&format!("{{{ids}}}")), None);
        let lists: String = LISTS.iter().map(|(_, name)| format!(r#","{name}":[]"#)).collect();
        assert_eq!(execution(&format!(r#"{{{ids},"logs_url":"u"{lists}}}"#)), None);
        assert_eq!(execution(r#"{"logs_url":"u","sync_id":"..","execution_id":"x"}"#), None);
    }
}
