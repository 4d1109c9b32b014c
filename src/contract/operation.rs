//! One operation of a contract, and the checks of what goes in and comes out of it.

use std::sync::{Arc, OnceLock};

use jsonschema::Validator;
use serde_json::{Map, Value};

use super::query::{self, Parameter};
use super::schema::{self, Undeclared};
use super::{Finding, Template};

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
    parameters: OnceLock<Vec<Parameter>>,
    body: Option<Body>,
    answers: Vec<Answer>,
    api_error: OnceLock<Validator>,
    source: Value,
    components: Arc<Map<String, Value>>,
}

#[derive(Debug)]
struct Body {
    required: bool,
    schema: Value,
    lenient: OnceLock<Validator>,
    strict: OnceLock<Validator>,
}

#[derive(Debug)]
struct Answer {
    /// `200`, or `2XX` for an answer without a declared body.
    status: String,
    schema: Option<Value>,
    validator: OnceLock<Validator>,
}

impl Operation {
    /// Findings about the query string (without its `?`): unknown parameters, wrong types,
    /// required ones that are missing.
    pub fn check_query(&self, raw_query: Option<&str>) -> Vec<Finding> {
        query::check(self.query_parameters(), raw_query)
    }

    /// Findings about the request's body; undeclared properties pass.
    pub fn check_request(&self, body: Option<&Value>) -> Vec<Finding> {
        self.check_body(body, Undeclared::Allowed)
    }

    /// Findings about the request's body; undeclared properties of declared objects are
    /// findings too.
    pub fn check_request_strict(&self, body: Option<&Value>) -> Vec<Finding> {
        self.check_body(body, Undeclared::Refused)
    }

    /// Findings about an answer's body. Any 2xx status uses the schema of the 200 (an operation
    /// without one passes any body); another status its own schema; an undeclared error status
    /// that of `ApiError`.
    pub fn check_answer(&self, status: u16, body: &Value) -> Vec<Finding> {
        let declared = self.answers.iter().find(|answer| {
            if (200..300).contains(&status) {
                answer.status.starts_with('2')
            } else {
                answer.status == status.to_string()
            }
        });
        let validator = match declared {
            Some(answer) => answer.schema.as_ref().map(|schema| {
                answer
                    .validator
                    .get_or_init(|| schema::compile(schema, &self.components, Undeclared::Allowed))
            }),
            None if (400..600).contains(&status) => {
                return self.check_api_error(body);
            }
            None => None,
        };
        validator.map_or_else(Vec::new, |validator| findings(validator, body))
    }

    /// The component name of the answer's envelope (`BulkSyncResponseEnvelope`), where the 200
    /// refers to one.
    pub fn answer_component(&self) -> Option<&str> {
        let schema = self.answer_schema()?;
        schema::resolve(schema, &self.components).map(|(name, _)| name)
    }

    /// The declared schema of the 200, as the document has it (references unresolved).
    pub fn answer_schema(&self) -> Option<&Value> {
        self.answers.iter().find(|answer| answer.status.starts_with('2'))?.schema.as_ref()
    }

    /// The declared schema of the request's body, as the document has it.
    pub fn request_schema(&self) -> Option<&Value> {
        self.body.as_ref().map(|body| &body.schema)
    }

    /// The schema that `{"$ref": …}` leads to; any other schema is returned as it is.
    pub fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        schema::resolve(schema, &self.components).map_or(schema, |(_, component)| component)
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
        self.query_parameters().iter().map(|parameter| parameter.name.as_str())
    }

    fn query_parameters(&self) -> &[Parameter] {
        self.parameters.get_or_init(|| {
            array(&self.source, "parameters")
                .filter_map(|entry| Parameter::read(entry, &self.components))
                .collect()
        })
    }

    fn check_body(&self, body: Option<&Value>, undeclared: Undeclared) -> Vec<Finding> {
        let (declared, body) = match (&self.body, body) {
            (None, None) => return Vec::new(),
            (None, Some(_)) => return vec![whole("this operation takes no body")],
            (Some(declared), None) if declared.required => {
                return vec![whole("this operation requires a body")];
            }
            (Some(_), None) => return Vec::new(),
            (Some(declared), Some(body)) => (declared, body),
        };
        let cache = match undeclared {
            Undeclared::Allowed => &declared.lenient,
            Undeclared::Refused => &declared.strict,
        };
        let validator =
            cache.get_or_init(|| schema::compile(&declared.schema, &self.components, undeclared));
        findings(validator, body)
    }

    fn check_api_error(&self, body: &Value) -> Vec<Finding> {
        let validator = self.api_error.get_or_init(|| {
            let reference = serde_json::json!({"$ref": "#/components/schemas/ApiError"});
            schema::compile(&reference, &self.components, Undeclared::Allowed)
        });
        findings(validator, body)
    }
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
    let body = source.get("requestBody").and_then(|body| {
        Some(Body {
            required: body.get("required").and_then(Value::as_bool) == Some(true),
            schema: body.get("content").and_then(json_schema)?.clone(),
            lenient: OnceLock::new(),
            strict: OnceLock::new(),
        })
    });
    let answers = object(source, "responses").map(|(status, answer)| Answer {
        status: status.clone(),
        schema: answer.get("content").and_then(json_schema).cloned(),
        validator: OnceLock::new(),
    });
    Some(Operation {
        // A path item's other members (`parameters`) have no operationId.
        id: source.get("operationId")?.as_str()?.to_owned(),
        method: method.to_uppercase(),
        template: template.to_owned(),
        route: Template::parse(template),
        parameters: OnceLock::new(),
        body,
        answers: answers.collect(),
        api_error: OnceLock::new(),
        source: source.clone(),
        components: Arc::clone(components),
    })
}

fn json_schema(content: &Value) -> Option<&Value> {
    content.get("application/json")?.get("schema")
}

fn findings(validator: &Validator, body: &Value) -> Vec<Finding> {
    validator
        .iter_errors(body)
        .map(|error| Finding {
            pointer: error.instance_path().to_string(),
            // Masked: a value may be a credential, and findings end up in errors and logs.
            message: error.masked().to_string(),
        })
        .collect()
}

fn whole(message: &str) -> Finding {
    Finding { pointer: String::new(), message: message.to_owned() }
}

fn object<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value.get(key).and_then(Value::as_object).into_iter().flatten()
}

fn array<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}
