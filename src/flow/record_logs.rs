//! Record logs for events that lack them: one machine for the events of a list and for one that
//! is delivered.
//!
//! 2025-09-18 may give `logs_url` in place of the lists. Where a list is absent and `logs_url` is
//! there, the index of the execution's logs is read, and for each type that it names the
//! addresses. Paths come from the event's ids, never from the host in `logs_url`. An event must
//! not be lost to its logs: if a read fails it goes out without the lists, disclosed.

use http::Method;

use super::answer::read;
use super::{Answer, Question, defect};
use crate::disclosure::{How, Report};
use crate::failure::Failure;
use crate::json::{Array, Object, Text};
use crate::message::UpstreamRequest;
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

/// Ids of questions: for each event, its index and its six types.
const EACH: usize = 1 + LISTS.len();

/// Events under way to having their lists.
#[derive(Debug, Default)]
pub(super) struct RecordLogs {
    pub(super) report: Report,
    events: Vec<Pending>,
    under_way: usize,
}

/// An event, and what was found of its lists.
#[derive(Debug)]
struct Pending {
    event: Object<'static>,
    /// The path of its execution; none where the event needs nothing.
    execution: Option<String>,
    lists: [Option<Text<'static>>; LISTS.len()],
    failed: bool,
}

impl RecordLogs {
    /// Takes an event; gives the first question about it, if there is one.
    pub(super) fn add(&mut self, event: Object<'static>) -> Result<Option<Question>, Failure> {
        let execution = execution_of(&event);
        let id = self.events.len() * EACH;
        let question = match &execution {
            Some(path) => Some(self.ask(id, &format!("{path}/logs"))?),
            None => {
                self.report.took("event_logs.left_as_is");
                None
            }
        };
        self.events.push(Pending { event, execution, lists: Default::default(), failed: false });
        Ok(question)
    }

    /// Takes an event whose logs cannot be read: nothing is asked, and its lists stay away.
    pub(super) fn add_without_logs(&mut self, event: Object<'static>) {
        let execution = execution_of(&event);
        self.events.push(Pending { event, execution, lists: Default::default(), failed: true });
    }

    /// Whether answers are still to come.
    pub(super) fn is_waiting(&self) -> bool {
        self.under_way > 0
    }

    /// The index of an event's logs, or the addresses of one type; gives what to ask next.
    pub(super) fn answer(&mut self, id: usize, answer: Answer) -> Result<Vec<Question>, Failure> {
        self.under_way = self.under_way.saturating_sub(1);
        let (place, part) = (id / EACH, id % EACH);
        let event = self.events.get_mut(place).ok_or_else(|| defect("logs of no event"))?;
        let found = answer.ok().filter(|answer| answer.status.is_success());
        let Some(data) = found.and_then(|answer| data_of(&answer.body)) else {
            event.failed = true;
            return Ok(Vec::new());
        };
        if let Some(kind) = part.checked_sub(1) {
            let urls = data.value("urls").filter(|urls| urls.array().is_some());
            if let Some(list) = event.lists.get_mut(kind) {
                *list = Some(urls.unwrap_or_else(|| Array::default().to_text()));
            }
            return Ok(Vec::new());
        }
        let path = event.execution.clone().unwrap_or_default();
        let mut questions = Vec::new();
        for (kind, (name, _)) in LISTS.iter().enumerate() {
            if data.present(name).is_some() {
                questions.push(self.ask(id + 1 + kind, &format!("{path}/{name}"))?);
            } else if let Some(list) =
                self.events.get_mut(place).and_then(|event| event.lists.get_mut(kind))
            {
                *list = Some(Array::default().to_text());
            }
        }
        Ok(questions)
    }

    /// The events in their order, each with its lists; none for one that stays as it is, because it
    /// lacks nothing or, disclosed, because its logs could not be read. `pointer` says where the event of a place stands.
    pub(super) fn finish(
        &mut self,
        pointer: impl Fn(usize) -> String,
    ) -> Vec<Option<Object<'static>>> {
        let events = std::mem::take(&mut self.events).into_iter().enumerate();
        events.map(|(place, pending)| self.finished(&pointer(place), pending)).collect()
    }

    fn finished(&mut self, pointer: &str, pending: Pending) -> Option<Object<'static>> {
        let Pending { mut event, execution, lists, failed } = pending;
        execution?;
        self.report.took(if failed { "event_logs.without_lists" } else { "event_logs.completed" });
        for ((_, name), list) in LISTS.into_iter().zip(lists) {
            if event.present(name).is_some() {
                continue;
            }
            match list.filter(|_| !failed) {
                Some(list) => event.set(name, list),
                None => self.report.note(How::Dropped, &format!("{pointer}/{name}")),
            }
        }
        (!failed).then_some(event)
    }

    fn ask(&mut self, id: usize, path: &str) -> Result<Question, Failure> {
        self.under_way += 1;
        let request = UpstreamRequest::new(Method::GET, target(path, None)?);
        Ok(Question { id, urgent: false, request })
    }
}

/// Whether an event lacks lists that its logs have.
pub(super) fn lacks_lists(event: &Object<'_>) -> bool {
    execution_of(event).is_some()
}

/// The path of the execution whose logs an event lacks; none where it lacks none.
fn execution_of(event: &Object<'_>) -> Option<String> {
    let has_address = event.present("logs_url").is_some();
    let lacks_a_list = LISTS.iter().any(|(_, name)| event.present(name).is_none());
    if !has_address || !lacks_a_list {
        return None;
    }
    let id = |key: &str| encode_segment(&event.get(key)?.as_string()?);
    Some(format!("/api/syncs/{}/executions/{}", id("sync_id")?, id("execution_id")?))
}

fn data_of(body: &[u8]) -> Option<Object<'static>> {
    let text = read(body).ok()?;
    let envelope = text.object()?;
    envelope.value("data").map(Text::into_owned).and_then(Text::into_object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_completed_sync_without_its_lists_is_looked_up() {
        let execution = |event: &str| {
            execution_of(&crate::json::parse(event.as_bytes()).unwrap().into_object().unwrap())
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
