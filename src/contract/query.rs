//! Checks of the query string against the declared parameters.

use jsonschema::Validator;
use serde_json::{Map, Value};

use super::schema::{self, Undeclared};
use super::{Finding, query_pairs};

/// One declared query parameter.
#[derive(Debug)]
pub(crate) struct Parameter {
    name: String,
    required: bool,
    shape: Shape,
    validator: Validator,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Boolean,
    Integer,
    Text,
    /// `style: form, explode: true`: the name repeated.
    List,
    /// `style: deepObject`: `name[key]=value`, or `name[key][]=value` for lists in it.
    Map {
        of_lists: bool,
    },
}

impl Parameter {
    /// Reads a `parameters[]` entry with `in: query`; anything else is nothing.
    pub(crate) fn read(entry: &Value, components: &Map<String, Value>) -> Option<Parameter> {
        if entry.get("in").and_then(Value::as_str) != Some("query") {
            return None;
        }
        let declared = entry.get("schema")?;
        let shape = match declared.get("type").and_then(Value::as_str) {
            Some("boolean") => Shape::Boolean,
            Some("integer") => Shape::Integer,
            Some("array") => Shape::List,
            Some("object") => {
                Shape::Map { of_lists: declared.pointer("/additionalProperties/items").is_some() }
            }
            _ => Shape::Text,
        };
        Some(Parameter {
            name: entry.get("name")?.as_str()?.to_owned(),
            required: entry.get("required").and_then(Value::as_bool) == Some(true),
            shape,
            validator: schema::compile(declared, components, Undeclared::Allowed),
        })
    }

    fn takes(&self, name: &str) -> bool {
        match self.shape {
            Shape::Map { .. } => name.strip_prefix(self.name.as_str()).is_some_and(|rest| {
                // The npm SDKs write the whole map as one JSON text.
                rest.is_empty() || (rest.starts_with('[') && rest.ends_with(']'))
            }),
            _ => name == self.name,
        }
    }

    fn value(&self, given: &[&(String, String)]) -> Result<Value, &'static str> {
        let (Shape::Boolean | Shape::Integer | Shape::Text) = self.shape else {
            return Ok(self.collection(given));
        };
        let [(_, text)] = given else {
            return Err("given more than once");
        };
        Ok(match self.shape {
            Shape::Boolean => match text.as_str() {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                _ => Value::String(text.clone()),
            },
            Shape::Integer => {
                text.parse::<i64>().map_or_else(|_| Value::String(text.clone()), Value::from)
            }
            _ => Value::String(text.clone()),
        })
    }

    fn collection(&self, given: &[&(String, String)]) -> Value {
        let Shape::Map { of_lists } = self.shape else {
            return given.iter().map(|(_, text)| text.as_str()).collect();
        };
        if let [(name, text)] = given
            && *name == self.name
        {
            return serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()));
        }
        let mut map = Map::new();
        for (name, text) in given.iter().filter(|(name, _)| *name != self.name) {
            let key = name[self.name.len()..].trim_end_matches("[]");
            let text = Value::String(text.clone());
            if !of_lists {
                map.insert(key.to_owned(), text);
            } else if let Some(list) =
                map.entry(key).or_insert_with(|| Value::Array(Vec::new())).as_array_mut()
            {
                list.push(text);
            }
        }
        Value::Object(map)
    }
}

/// Unknown parameters, wrong types, and required ones that are missing.
pub(crate) fn check(parameters: &[Parameter], raw_query: Option<&str>) -> Vec<Finding> {
    let given = query_pairs(raw_query.unwrap_or_default());
    let mut findings = Vec::new();
    for (name, _) in &given {
        if !parameters.iter().any(|parameter| parameter.takes(name)) {
            findings.push(finding(name, "is not a parameter of this operation"));
        }
    }
    for parameter in parameters {
        let given: Vec<_> = given.iter().filter(|(name, _)| parameter.takes(name)).collect();
        if given.is_empty() {
            if parameter.required {
                findings.push(finding(&parameter.name, "is required"));
            }
            continue;
        }
        match parameter.value(&given) {
            Ok(value) => findings.extend(
                parameter
                    .validator
                    .iter_errors(&value)
                    .map(|error| finding(&parameter.name, &error.masked().to_string())),
            ),
            Err(message) => findings.push(finding(&parameter.name, message)),
        }
    }
    findings
}

fn finding(name: &str, message: &str) -> Finding {
    Finding { pointer: format!("?{name}"), message: message.to_owned() }
}
