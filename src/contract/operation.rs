//! One operation of a contract: what it declares.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::Template;
#[cfg(feature = "demo")]
use super::check::Validators;

/// One operation: a method on a path template, with its declared messages.
#[derive(Debug)]
pub struct Operation {
    /// `operationId`, such as `bulk_sync.schemas.list`.
    pub id: String,
    /// Upper case.
    pub method: String,
    /// As in the document, such as `/api/syncs/{id}`.
    pub template: String,
    pub(super) route: Template,
    pub(super) body: Option<Value>,
    pub(super) answers: Vec<Answer>,
    source: Value,
    pub(super) components: Arc<Map<String, Value>>,
    #[cfg(feature = "demo")]
    pub(super) validators: Validators,
}

#[derive(Debug)]
pub(super) struct Answer {
    /// `200`, or `2XX` for an answer without a declared body.
    pub(super) status: String,
    pub(super) schema: Option<Value>,
}

impl Operation {
    /// The component name of the answer's envelope (`BulkSyncResponseEnvelope`), where the 200
    /// refers to one.
    pub fn answer_component(&self) -> Option<&str> {
        let schema = self.answer_schema()?;
        resolve(schema, &self.components).map(|(name, _)| name)
    }

    /// The declared schema of the 200, as the document has it (references unresolved).
    pub fn answer_schema(&self) -> Option<&Value> {
        self.answers.iter().find(|answer| answer.status.starts_with('2'))?.schema.as_ref()
    }

    /// The declared schema of the request's body, as the document has it.
    pub fn request_schema(&self) -> Option<&Value> {
        self.body.as_ref()
    }

    /// The schema that `{"$ref": …}` leads to; any other schema is returned as it is.
    pub fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        resolve(schema, &self.components).map_or(schema, |(_, component)| component)
    }

    /// The operation as the document has it, parameters and responses included.
    pub fn source(&self) -> &Value {
        &self.source
    }

    /// The names of the path's parameters, in order.
    pub fn path_parameters(&self) -> impl Iterator<Item = &str> {
        self.route.parameters()
    }

    /// The names of the declared query parameters.
    pub fn query_parameter_names(&self) -> impl Iterator<Item = &str> {
        array(&self.source, "parameters")
            .filter(|entry| entry["in"] == "query")
            .filter_map(|entry| entry["name"].as_str())
    }
}

/// The component that `{"$ref": …}` names, and its name.
pub(super) fn resolve<'a>(
    schema: &'a Value,
    components: &'a Map<String, Value>,
) -> Option<(&'a str, &'a Value)> {
    let name = schema.get("$ref")?.as_str()?.strip_prefix("#/components/schemas/")?;
    Some((name, components.get(name)?))
}

/// Every operation of a document, in its order.
pub(crate) fn read_all(document: &Value) -> Vec<Operation> {
    let components = document
        .pointer("/components/schemas")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let components = Arc::new(components);
    let mut operations = Vec::new();
    for (template, methods) in object(document, "paths") {
        for (method, source) in methods.as_object().into_iter().flatten() {
            operations.extend(read(template, method, source, &components));
        }
    }
    operations
}

fn read(
    template: &str,
    method: &str,
    source: &Value,
    components: &Arc<Map<String, Value>>,
) -> Option<Operation> {
    let body =
        source.get("requestBody").and_then(|body| json_schema(body.get("content")?)).cloned();
    let answers = object(source, "responses").map(|(status, answer)| Answer {
        status: status.clone(),
        schema: answer.get("content").and_then(json_schema).cloned(),
    });
    Some(Operation {
        // A path item's other members (`parameters`) have no operationId.
        id: source.get("operationId")?.as_str()?.to_owned(),
        method: method.to_uppercase(),
        template: template.to_owned(),
        route: Template::parse(template),
        body,
        answers: answers.collect(),
        source: source.clone(),
        components: Arc::clone(components),
        #[cfg(feature = "demo")]
        validators: Validators::default(),
    })
}

fn json_schema(content: &Value) -> Option<&Value> {
    content.get("application/json")?.get("schema")
}

fn object<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value.get(key).and_then(Value::as_object).into_iter().flatten()
}

pub(super) fn array<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}
