//! One event that a webhook delivers, with the record logs that it used to carry.
//!
//! The event stands under `event`, as in the list of events; a body that is the event itself is
//! understood too.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::record_logs::{RecordLogs, lacks_lists};
use super::{Answer, Flow, Progress, Question, defect};
use crate::disclosure::Report;
use crate::failure::Failure;
use crate::json::{self, Object, Text};
use crate::message::LegacyResponse;

/// A delivery that lacks lists which its logs have.
pub(super) struct EventDeliveryFlow {
    /// The body as it came.
    body: Bytes,
    /// The body around the event; none where the event is the body itself.
    around: Option<Object<'static>>,
    /// Taken at the start.
    event: Option<Object<'static>>,
    may_read: bool,
    logs: RecordLogs,
}

impl EventDeliveryFlow {
    /// A flow for a body that needs one: none for whatever goes on byte for byte. Without
    /// `may_read` nothing is asked, and the lists stay away.
    pub(super) fn new(body: &Bytes, may_read: bool) -> Option<Self> {
        let whole = body.clone();
        let body = json::parse(body).ok()?.into_owned().into_object()?;
        let inner = body.value("event").and_then(Text::into_object);
        let (around, event) = match inner {
            Some(event) => (Some(body), event),
            None => (None, body),
        };
        lacks_lists(&event).then(|| Self {
            body: whole,
            around,
            event: Some(event),
            may_read,
            logs: RecordLogs::default(),
        })
    }

    fn progress(&mut self, questions: Vec<Question>) -> Result<Progress, Failure> {
        if self.logs.is_waiting() {
            return Ok(Progress::Ask(questions));
        }
        let pointer = if self.around.is_some() { "/event" } else { "" };
        let event = self.logs.finish(|_| pointer.to_owned()).into_iter().next().flatten();
        let body = match (event, self.around.take()) {
            (None, _) => self.body.clone().into(),
            (Some(event), None) => event.to_text().into_string().into(),
            (Some(event), Some(mut around)) => {
                around.set("event", event.to_text());
                around.to_text().into_string().into()
            }
        };
        Ok(Progress::Done(LegacyResponse {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body,
        }))
    }
}

impl Flow for EventDeliveryFlow {
    fn start(&mut self) -> Result<Progress, Failure> {
        let event = self.event.take().ok_or_else(|| defect("a delivery that began before"))?;
        if !self.may_read {
            self.logs.add_without_logs(event);
            return self.progress(Vec::new());
        }
        let question = self.logs.add(event)?;
        self.progress(question.into_iter().collect())
    }

    fn answer(&mut self, id: usize, answer: Answer) -> Result<Progress, Failure> {
        let questions = self.logs.answer(id, answer)?;
        self.progress(questions)
    }

    fn take_report(&mut self) -> Report {
        std::mem::take(&mut self.logs.report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lacks_lists_needs_a_flow() {
        let event = r#"{"sync_id":"s","execution_id":"x","logs_url":"u"}"#;
        for (body, needs) in [
            (event.to_owned(), true),
            (format!(r#"{{"type":"sync.completed","event":{event}}}"#), true),
            (r#"{"type":"sync.running","event":{"sync_id":"s"}}"#.to_owned(), false),
            (r#"{"event":"sync.records","sync_id":"s"}"#.to_owned(), false),
            ("[]".to_owned(), false),
            ("no JSON".to_owned(), false),
            (String::new(), false),
        ] {
            let flow = EventDeliveryFlow::new(&Bytes::from(body.clone()), true);
            assert_eq!(flow.is_some(), needs, "{body}");
        }
    }

    #[test]
    fn without_a_key_nothing_is_asked_and_the_lists_are_disclosed() {
        let body = r#"{"n": 1.0, "event" : {"sync_id":"s","execution_id":"x","logs_url":"u","warnings":[]} }"#;
        let mut flow = EventDeliveryFlow::new(&Bytes::from_static(body.as_bytes()), false).unwrap();
        let Progress::Done(done) = flow.start().unwrap() else { panic!("it asks") };
        assert_eq!(done.body.to_bytes(), body);
        let report = flow.take_report();
        let told: Vec<_> = report.entries().map(|(_, pointer)| pointer).collect();
        assert_eq!(told.len(), 5);
        assert!(told.iter().any(|pointer| pointer == "/event/total_records"), "{told:?}");
    }
}
