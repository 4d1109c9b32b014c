//! The checks of what goes into an operation and comes out of it. Only the emulator and the tests
//! make them, so a program without the demo is spared the validator.

use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::{Value, json};

use super::operation::array;
use super::query::{self, Parameter};
use super::schema::{self, Undeclared};
use super::{Finding, Operation};

/// What an operation is checked with, each made when it is first asked for.
#[derive(Debug, Default)]
pub(super) struct Validators {
    parameters: OnceLock<Vec<Parameter>>,
    lenient: OnceLock<Validator>,
    strict: OnceLock<Validator>,
    /// By the answer's place among those declared.
    answers: OnceLock<Vec<OnceLock<Validator>>>,
    api_error: OnceLock<Validator>,
}

impl Operation {
    /// Findings about the query string (without its `?`): unknown parameters, wrong types,
    /// required ones that are missing.
    pub fn check_query(&self, raw_query: Option<&str>) -> Vec<Finding> {
        let parameters = self.validators.parameters.get_or_init(|| {
            array(self.source(), "parameters")
                .filter_map(|entry| Parameter::read(entry, &self.components))
                .collect()
        });
        query::check(parameters, raw_query)
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
        let declared = self.answers.iter().position(|answer| {
            if (200..300).contains(&status) {
                answer.status.starts_with('2')
            } else {
                answer.status == status.to_string()
            }
        });
        match declared {
            Some(place) => self.check_declared(place, body),
            None if (400..600).contains(&status) => self.check_api_error(body),
            None => Vec::new(),
        }
    }

    fn check_declared(&self, place: usize, body: &Value) -> Vec<Finding> {
        let Some(schema) = &self.answers[place].schema else { return Vec::new() };
        let all = self
            .validators
            .answers
            .get_or_init(|| self.answers.iter().map(|_| OnceLock::new()).collect());
        let validator = all[place]
            .get_or_init(|| schema::compile(schema, &self.components, Undeclared::Allowed));
        findings(validator, body)
    }

    fn check_body(&self, body: Option<&Value>, undeclared: Undeclared) -> Vec<Finding> {
        let (schema, body) = match (&self.body, body) {
            (None, None) => return Vec::new(),
            (None, Some(_)) => return vec![whole("this operation takes no body")],
            (Some(_), None) if self.source()["requestBody"]["required"] == true => {
                return vec![whole("this operation requires a body")];
            }
            (Some(_), None) => return Vec::new(),
            (Some(schema), Some(body)) => (schema, body),
        };
        let cache = match undeclared {
            Undeclared::Allowed => &self.validators.lenient,
            Undeclared::Refused => &self.validators.strict,
        };
        let validator = cache.get_or_init(|| schema::compile(schema, &self.components, undeclared));
        findings(validator, body)
    }

    fn check_api_error(&self, body: &Value) -> Vec<Finding> {
        let validator = self.validators.api_error.get_or_init(|| {
            let reference = json!({"$ref": "#/components/schemas/ApiError"});
            schema::compile(&reference, &self.components, Undeclared::Allowed)
        });
        findings(validator, body)
    }
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
