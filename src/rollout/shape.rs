//! What the legacy contract says of an answer: which members it declares.

use serde_json::Value;

use crate::contract::{Contract, Operation, Version};

/// The schemas that may stand behind one place of an answer; none where the contract says nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct Shape<'c> {
    operation: Option<&'c Operation>,
    schemas: Vec<&'c Value>,
}

/// Schemas refer to themselves; nothing sensible is nested deeper.
const DEPTH: usize = 16;

impl Shape<'static> {
    /// The answer of a legacy operation.
    pub(super) fn of(method: &str, path: &str) -> Self {
        let contract = Contract::of(Version::Legacy);
        let found = contract.operations().find(|own| own.method == method && own.template == path);
        let Some(operation) = found else { return Self::default() };
        let mut schemas = Vec::new();
        if let Some(schema) = operation.answer_schema() {
            spread(operation, schema, &mut schemas, 0);
        }
        Self { operation: Some(operation), schemas }
    }
}

impl<'c> Shape<'c> {
    /// The shape of a member.
    pub(super) fn member(&self, key: &str) -> Self {
        self.inner(|schema| match schema.get("properties").and_then(|all| all.get(key)) {
            Some(property) => Some(property),
            None => schema.get("additionalProperties").filter(|other| other.is_object()),
        })
    }

    /// The shape of an item.
    pub(super) fn item(&self) -> Self {
        self.inner(|schema| schema.get("items"))
    }

    /// Whether the contract lists the members of this place, and `key` is none of them.
    pub(super) fn is_undeclared(&self, key: &str) -> bool {
        let lists = |schema: &&&Value| schema.get("properties").is_some_and(Value::is_object);
        let is_open = |schema: &&Value| {
            schema.get("additionalProperties").is_some_and(|other| *other != Value::Bool(false))
        };
        let knows = |schema: &&Value| schema["properties"].get(key).is_some();
        self.schemas.iter().any(|schema| lists(&schema))
            && !self.schemas.iter().any(|schema| is_open(schema) || knows(schema))
    }

    fn inner(&self, step: impl Fn(&'c Value) -> Option<&'c Value>) -> Self {
        let Some(operation) = self.operation else { return Self::default() };
        let mut schemas = Vec::new();
        for schema in self.schemas.iter().filter_map(|schema| step(schema)) {
            spread(operation, schema, &mut schemas, 0);
        }
        Self { operation: Some(operation), schemas }
    }
}

/// The schema without references, and each of its choices.
fn spread<'c>(
    operation: &'c Operation,
    schema: &'c Value,
    into: &mut Vec<&'c Value>,
    depth: usize,
) {
    let schema = operation.resolve(schema);
    if depth > DEPTH {
        return;
    }
    into.push(schema);
    for keyword in ["anyOf", "oneOf", "allOf"] {
        for choice in schema.get(keyword).and_then(Value::as_array).into_iter().flatten() {
            spread(operation, choice, into, depth + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_tells_what_it_declares() {
        let shape = Shape::of("GET", "/api/syncs");
        let sync = shape.member("data").item();
        assert!(!sync.is_undeclared("fields") && sync.is_undeclared("identities"));
        let schedule = sync.member("schedule");
        assert!(!schedule.is_undeclared("frequency"), "{schedule:?}");
        assert!(!Shape::of("GET", "/nowhere").is_undeclared("x"));
        // Free-form objects have no members that could be undeclared.
        let connection = Shape::of("GET", "/api/connections/{id}").member("data");
        assert!(!connection.member("configuration").is_undeclared("anything"));
    }
}
