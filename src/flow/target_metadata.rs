//! `GET /api/connections/{id}/modelsync/target`, which 2025-09-18 no longer has, rebuilt from the
//! connection's target objects.
//!
//! An id with a dot (`sales.customers`) is an item of the group before the dot; one without is a
//! group of its own. Where `type` names one target object exactly, the answer has its fields.
//! All of it stands for something that upstream no longer says, and is disclosed so.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Map, Value, json};

use super::answer::{error_answer, read, strip_validators};
use super::{Answer, Flow, Job, Progress, Question, defect};
use crate::contract::query_pairs;
use crate::disclosure::{How, Report};
use crate::failure::Failure;
use crate::json::Text;
use crate::lens::invalid;
use crate::message::{LegacyResponse, UpstreamRequest, UpstreamResponse};
use crate::rules::template::{Template, encode_segment, target};

/// Target objects first, then perhaps the fields of one.
pub(super) struct TargetMetadataFlow {
    job: Job,
    report: Report,
    /// The target object that `type` names exactly, while its fields are read.
    exact: Option<String>,
}

const OBJECTS: usize = 0;
const FIELDS: usize = 1;

impl TargetMetadataFlow {
    pub(super) fn new(job: Job) -> Self {
        Self { job, report: Report::default(), exact: None }
    }

    fn ask(&self, id: usize, path: &str, query: Option<&str>) -> Result<Progress, Failure> {
        let template = Template::parse(path).map_err(|_| defect("a path that is none"))?;
        let path = template.fill(&self.job.bindings, None)?;
        let request = UpstreamRequest::new(Method::GET, target(&path, query)?);
        Ok(Progress::Ask(vec![Question { id, urgent: false, request }]))
    }

    /// A parameter of the legacy query that is not empty.
    fn parameter(&self, name: &str) -> Option<String> {
        let pairs = query_pairs(self.job.request.target.query().unwrap_or_default());
        pairs
            .into_iter()
            .find(|(own, value)| own == name && !value.is_empty())
            .map(|(_, value)| value)
    }

    fn objects(&mut self, answer: UpstreamResponse) -> Result<Progress, Failure> {
        let ids = ids(&answer.body, "id")?;
        let kind = self.parameter("type");
        if let Some(exact) = kind.as_ref().filter(|kind| ids.contains(kind)) {
            let query = format!("target={}", encode_segment(exact).unwrap_or_default());
            self.exact = Some(exact.clone());
            return self.ask(FIELDS, "/api/connections/{id}/modelsync/target/fields", Some(&query));
        }
        self.report.took("target_metadata.groups");
        let search = self.parameter("search").map(|search| search.to_lowercase());
        let found = ids
            .iter()
            .filter(|id| search.as_ref().is_none_or(|search| id.to_lowercase().contains(search)));
        let mut groups: Map<String, Value> = Map::new();
        for id in found {
            let (group, item) =
                id.split_once('.').map_or((id.as_str(), None), |(group, item)| (group, Some(item)));
            if kind.as_ref().is_some_and(|kind| kind != group) {
                continue;
            }
            let entry = groups.entry(group).or_insert_with(|| group_of(None));
            if let Some(item) = item {
                entry["has_items"] = json!(true);
                match entry["items"].as_array_mut() {
                    Some(items) => items.push(json!(item)),
                    None => entry["items"] = json!([item]),
                }
            }
        }
        Ok(self.done(answer.headers, groups))
    }

    fn fields(&mut self, answer: UpstreamResponse) -> Result<Progress, Failure> {
        self.report.took("target_metadata.fields");
        let text = read(&answer.body)?;
        let envelope = text.object().ok_or_else(|| invalid("", "an object"))?;
        let fields = envelope.get("data");
        let fields = fields.and_then(Text::into_object).and_then(|data| data.value("fields"));
        let fields = match fields {
            Some(fields) => {
                strings(&fields, "id").ok_or_else(|| invalid("/data/fields", "a list of fields"))?
            }
            None => Vec::new(),
        };
        let search = self.parameter("search").map(|search| search.to_lowercase());
        let found = fields
            .into_iter()
            .filter(|id| search.as_ref().is_none_or(|search| id.to_lowercase().contains(search)));
        let items: Vec<Value> = found.map(Value::from).collect();
        let exact = self.exact.take().ok_or_else(|| defect("fields of no target"))?;
        Ok(self.done(answer.headers, Map::from_iter([(exact, group_of(Some(items)))])))
    }

    fn done(&mut self, headers: HeaderMap, groups: Map<String, Value>) -> Progress {
        self.report.note(How::Approximated, "/data");
        let body =
            json!({ "data": { "configuration": {}, "items": groups, "requires_one_of": [] } });
        let body = Bytes::from(body.to_string());
        Progress::Done(LegacyResponse {
            status: StatusCode::OK,
            headers: strip_validators(headers),
            body: body.into(),
        })
    }
}

impl Flow for TargetMetadataFlow {
    fn start(&mut self) -> Result<Progress, Failure> {
        self.ask(OBJECTS, "/api/connections/{id}/modelsync/targetobjects", None)
    }

    fn answer(&mut self, id: usize, answer: Answer) -> Result<Progress, Failure> {
        let answer = answer?;
        if !answer.status.is_success() {
            self.report.took("target_metadata.err_refused");
            return Ok(Progress::Done(error_answer(&self.job.rule.renamed, answer)));
        }
        match id {
            OBJECTS => self.objects(answer),
            _ => self.fields(answer),
        }
    }

    fn take_report(&mut self) -> Report {
        std::mem::take(&mut self.report)
    }
}

/// One group (`/components/schemas/ConnectionMeta` of 2024-02-08).
fn group_of(items: Option<Vec<Value>>) -> Value {
    json!({ "has_items": items.is_some(), "items": items, "requires_one_of": [] })
}

/// The ids of the target objects in an answer.
fn ids(body: &[u8], key: &str) -> Result<Vec<String>, Failure> {
    let text = read(body)?;
    let envelope = text.object().ok_or_else(|| invalid("", "an object"))?;
    match envelope.present("data") {
        Some(data) => {
            strings(&data, key).ok_or_else(|| invalid("/data", "a list of target objects"))
        }
        None => Ok(Vec::new()),
    }
}

/// The strings under `key` of each item of a list.
fn strings(list: &Text<'_>, key: &str) -> Option<Vec<String>> {
    let items = list.array()?;
    let ids = items
        .items()
        .iter()
        .filter_map(|item| item.object()?.get(key)?.as_string().map(Cow::into_owned));
    Some(ids.collect())
}
