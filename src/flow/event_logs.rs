//! The list of events, each of a completed sync with the record logs that it used to carry.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

use super::answer::{error_answer, read, strip_validators};
use super::record_logs::RecordLogs;
use super::single::query;
use super::{Answer, Flow, Job, Progress, Question, defect};
use crate::disclosure::Report;
use crate::failure::Failure;
use crate::json::{Array, Object, Text};
use crate::lens::invalid;
use crate::message::{LegacyResponse, UpstreamRequest, UpstreamResponse};
use crate::rules::template::target;

/// The id of the list's question; those of its events' logs follow.
const LIST: usize = 0;
const LOGS: usize = 1;

/// The list first, then the logs of each event that needs them.
pub(super) struct EventLogsFlow {
    job: Job,
    page: Option<(Object<'static>, HeaderMap)>,
    items: Vec<Item>,
    logs: RecordLogs,
}

/// An item of the list.
enum Item {
    /// No event that could lack anything.
    Whole(Text<'static>),
    /// The item around an event that is among those of [`RecordLogs`].
    Around(Text<'static>, Box<Object<'static>>),
}

impl EventLogsFlow {
    pub(super) fn new(job: Job) -> Self {
        Self { job, page: None, items: Vec::new(), logs: RecordLogs::default() }
    }

    fn list(&mut self, answer: UpstreamResponse) -> Result<Progress, Failure> {
        let text = read(&answer.body)?.into_owned();
        let envelope = text.into_object().ok_or_else(|| invalid("", "an object"))?;
        let items = match envelope.present_value("data") {
            Some(data) => {
                data.into_array().ok_or_else(|| invalid("/data", "an array"))?.into_items()
            }
            None => Vec::new(),
        };
        let mut questions = Vec::new();
        for item in items {
            let Some((object, event)) = parts(&item) else {
                self.logs.report.took("event_logs.left_as_is");
                self.items.push(Item::Whole(item));
                continue;
            };
            questions.extend(self.logs.add(event)?);
            self.items.push(Item::Around(item, Box::new(object)));
        }
        self.page = Some((envelope, answer.headers));
        self.progress(questions)
    }

    fn progress(&mut self, mut questions: Vec<Question>) -> Result<Progress, Failure> {
        if self.logs.is_waiting() {
            questions.iter_mut().for_each(|question| question.id += LOGS);
            return Ok(Progress::Ask(questions));
        }
        let (mut envelope, headers) =
            self.page.take().ok_or_else(|| defect("events without a list"))?;
        let places: Vec<usize> = (0..self.items.len())
            .filter(|place| matches!(self.items.get(*place), Some(Item::Around(..))))
            .collect();
        let pointer = |place: usize| {
            format!("/data/{}/event", places.get(place).copied().unwrap_or_default())
        };
        let mut events = self.logs.finish(pointer).into_iter();
        let items = std::mem::take(&mut self.items).into_iter().map(|item| match item {
            Item::Whole(item) => item,
            Item::Around(item, mut object) => match events.next().flatten() {
                Some(event) => {
                    object.set("event", event.to_text());
                    object.to_text()
                }
                None => item,
            },
        });
        let items: Array<'_> = items.collect();
        if envelope.has("data") {
            envelope.set("data", items.to_text());
        }
        let body = Bytes::from(envelope.to_text().into_string());
        Ok(Progress::Done(LegacyResponse {
            status: StatusCode::OK,
            headers: strip_validators(headers),
            body: body.into(),
        }))
    }
}

impl Flow for EventLogsFlow {
    fn start(&mut self) -> Result<Progress, Failure> {
        let path = self.job.rule.path.fill(&self.job.bindings, None)?;
        let request =
            UpstreamRequest::new(Method::GET, target(&path, query(&self.job).as_deref())?);
        Ok(Progress::Ask(vec![Question { id: LIST, urgent: true, request }]))
    }

    fn answer(&mut self, id: usize, answer: Answer) -> Result<Progress, Failure> {
        if let Some(id) = id.checked_sub(LOGS) {
            let questions = self.logs.answer(id, answer)?;
            return self.progress(questions);
        }
        let answer = answer?;
        if !answer.status.is_success() {
            self.logs.report.took("event_logs.err_refused");
            return Ok(Progress::Done(error_answer(&self.job.rule.renamed, answer)));
        }
        self.list(answer)
    }

    fn take_report(&mut self) -> Report {
        std::mem::take(&mut self.logs.report)
    }
}

/// An item of the list and the event in it.
fn parts(item: &Text<'static>) -> Option<(Object<'static>, Object<'static>)> {
    let object = item.clone().into_object()?;
    let event = object.value("event")?.into_object()?;
    Some((object, event))
}
