//! From the documents' schemas to what a JSON Schema validator understands.

use jsonschema::Validator;
use serde_json::{Map, Value, json};

use super::operation::resolve;

/// Whether properties that a schema with `properties` does not declare are let through.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undeclared {
    Allowed,
    Refused,
}

/// Compiles one schema of a document, with every component that it reaches. Optional properties
/// accept null (`info.x-conventions`).
pub(crate) fn compile(
    schema: &Value,
    components: &Map<String, Value>,
    undeclared: Undeclared,
) -> Validator {
    let mut rewriter = Rewriter { components, undeclared, definitions: Map::new() };
    let mut root = rewriter.rewrite(schema);
    if let Some(root) = root.as_object_mut() {
        root.insert("$defs".to_owned(), Value::Object(rewriter.definitions));
    }
    build(&root)
}

#[expect(
    clippy::expect_used,
    reason = "the documents are compiled in, and a test compiles every schema"
)]
fn build(schema: &Value) -> Validator {
    jsonschema::draft202012::options()
        .should_validate_formats(true)
        .build(schema)
        .expect("schemas of the contract compile")
}

struct Rewriter<'a> {
    components: &'a Map<String, Value>,
    undeclared: Undeclared,
    definitions: Map<String, Value>,
}

impl Rewriter<'_> {
    fn rewrite(&mut self, schema: &Value) -> Value {
        if let Some((name, component)) = resolve(schema, self.components) {
            return self.reference(name.to_owned(), |rewriter| rewriter.rewrite(component));
        }
        let Some(schema) = schema.as_object() else {
            return schema.clone();
        };
        let mut rewritten = Map::new();
        for (keyword, value) in schema {
            let value = match keyword.as_str() {
                "properties" => self.properties(value, schema.get("required")),
                "items" | "additionalProperties" => self.rewrite(value),
                "anyOf" | "oneOf" | "allOf" => match value.as_array() {
                    Some(choices) => choices.iter().map(|choice| self.rewrite(choice)).collect(),
                    None => value.clone(),
                },
                _ => value.clone(),
            };
            rewritten.insert(keyword.clone(), value);
        }
        if self.undeclared == Undeclared::Refused && schema.contains_key("properties") {
            rewritten.entry("additionalProperties").or_insert(Value::Bool(false));
        }
        Value::Object(rewritten)
    }

    fn properties(&mut self, properties: &Value, required: Option<&Value>) -> Value {
        let required: Vec<&str> = required
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let mut rewritten = Map::new();
        for (name, schema) in properties.as_object().into_iter().flatten() {
            let schema = if required.contains(&name.as_str()) {
                self.rewrite(schema)
            } else {
                self.nullable(schema)
            };
            rewritten.insert(name.clone(), schema);
        }
        Value::Object(rewritten)
    }

    /// The schema with null let in. `type` and `enum` are widened in place, not wrapped in
    /// `anyOf`, so that a finding still says what is wrong and where.
    fn nullable(&mut self, schema: &Value) -> Value {
        if let Some((name, component)) = resolve(schema, self.components) {
            let name = format!("{name} or null");
            return self.reference(name, |rewriter| rewriter.nullable(component));
        }
        let mut rewritten = self.rewrite(schema);
        let Some(keywords) = rewritten.as_object_mut() else {
            return rewritten;
        };
        if let Some(kind) = keywords.get_mut("type")
            && let Some(name) = kind.as_str()
        {
            *kind = json!([name, "null"]);
        }
        for (keyword, null) in [
            ("enum", Value::Null),
            ("anyOf", json!({"type": "null"})),
            ("oneOf", json!({"type": "null"})),
        ] {
            if let Some(choices) = keywords.get_mut(keyword).and_then(Value::as_array_mut)
                && !choices.contains(&null)
            {
                choices.push(null);
            }
        }
        rewritten
    }

    fn reference(&mut self, name: String, body: impl FnOnce(&mut Self) -> Value) -> Value {
        let reference = json!({ "$ref": format!("#/$defs/{}", name.replace(' ', "%20")) });
        if !self.definitions.contains_key(&name) {
            // The place is taken before the body is walked: components refer to themselves.
            self.definitions.insert(name.clone(), Value::Bool(true));
            let body = body(self);
            self.definitions.insert(name, body);
        }
        reference
    }
}
