//! Examples of requests and answers, made from their schemas.

use serde_json::{Map, Value, json};

use super::Operation;

/// How deep an example goes: below, optional parts are left out.
const DEPTH: usize = 6;

impl Operation {
    /// An answer with every declared property, each text being its own name in capitals. It
    /// validates, and shows where a value of a real answer would turn up.
    pub fn example_answer(&self) -> Option<Value> {
        self.answer_schema().map(|schema| self.example(schema, "value", 0))
    }

    /// A request's body with every declared property; none for an operation without one.
    pub fn example_request(&self) -> Option<Value> {
        self.request_schema().map(|schema| self.example(schema, "value", 0))
    }

    fn example(&self, schema: &Value, name: &str, depth: usize) -> Value {
        let schema = self.resolve(schema);
        if let Some(first) = schema["enum"].as_array().and_then(|values| values.first()) {
            return first.clone();
        }
        for combined in ["oneOf", "anyOf", "allOf"] {
            if let Some(first) = schema[combined].as_array().and_then(|options| options.first()) {
                return self.example(first, name, depth);
            }
        }
        match schema["type"].as_str() {
            Some("array") if depth < DEPTH => {
                json!([self.example(&schema["items"], name, depth + 1)])
            }
            Some("array") => json!([]),
            Some("integer" | "number") => json!(0),
            Some("boolean") => json!(true),
            Some("string") if schema["format"] == "date-time" => json!("2025-09-18T00:00:00Z"),
            Some("string") => json!(name.to_uppercase()),
            _ => self.example_object(schema, depth),
        }
    }

    fn example_object(&self, schema: &Value, depth: usize) -> Value {
        let required = |key: &str| {
            schema["required"].as_array().is_some_and(|keys| keys.iter().any(|own| own == key))
        };
        let properties = schema["properties"].as_object().into_iter().flatten();
        let shown = properties.filter(|(key, _)| depth < DEPTH || required(key));
        Value::Object(
            shown
                .map(|(key, schema)| (key.clone(), self.example(schema, key, depth + 1)))
                .collect::<Map<_, _>>(),
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::contract::{Contract, Version};

    #[test]
    fn examples_validate() {
        for operation in Contract::of(Version::Upstream).operations() {
            let Some(example) = operation.example_answer() else { continue };
            let found = operation.check_answer(200, &example);
            assert!(found.is_empty(), "{}: {found:?}\n{example}", operation.id);
        }
    }
}
