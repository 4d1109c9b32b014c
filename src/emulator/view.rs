//! Cuts an answer down to what its contract declares.

use serde_json::Value;

use crate::contract::Operation;

/// Takes out of a successful answer what the operation's schema does not declare: the store's
/// own properties, and on the legacy side whatever 2025-09-18 added.
///
/// The list of bulk syncs keeps its `pagination`: the vendor pages it, though its types do not
/// say so.
pub(super) fn cut(operation: &Operation, answer: &mut Value) {
    let Some(schema) = operation.answer_schema() else {
        return;
    };
    let pagination = match operation.id.as_str() {
        "bulk_sync.list" => answer.get("pagination").cloned(),
        _ => None,
    };
    cut_to(operation, schema, answer);
    if let Some(pagination) = pagination {
        answer["pagination"] = pagination;
    }
}

fn cut_to(operation: &Operation, schema: &Value, value: &mut Value) {
    let schemas = alternatives(operation, schema);
    match value {
        Value::Array(items) => {
            let Some(schema) = schemas.iter().find_map(|schema| schema.get("items")) else {
                return;
            };
            for item in items {
                cut_to(operation, schema, item);
            }
        }
        Value::Object(map) => {
            let declared =
                |name: &str| schemas.iter().find_map(|schema| schema.get("properties")?.get(name));
            // Alternatives count as one object with the properties of all: which event an event
            // is, for example, is not for its shape to tell.
            let closed = schemas.iter().any(|s| s.get("properties").is_some())
                && !schemas.iter().any(|s| s.get("additionalProperties").is_some());
            if closed {
                map.retain(|name, _| declared(name).is_some());
            }
            let rest = schemas.iter().find_map(|s| s.get("additionalProperties"));
            for (name, value) in map.iter_mut() {
                if let Some(schema) = declared(name).or(rest) {
                    cut_to(operation, schema, value);
                }
            }
        }
        _ => {}
    }
}

fn alternatives<'a>(operation: &'a Operation, schema: &'a Value) -> Vec<&'a Value> {
    let schema = operation.resolve(schema);
    let Some(choices) = schema.get("anyOf").and_then(Value::as_array) else {
        return vec![schema];
    };
    choices.iter().flat_map(|choice| alternatives(operation, choice)).collect()
}
