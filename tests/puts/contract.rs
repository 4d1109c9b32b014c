//! What the two contracts say of requests.

use std::collections::BTreeSet;

use polytomic_shim::contract::{Contract, Operation, Version};
use serde_json::Value;

/// The operations of both contracts that are PUT.
pub fn puts() -> Vec<String> {
    let legacy =
        Contract::of(Version::Legacy).operations().filter(|operation| operation.method == "PUT");
    legacy
        .filter(|operation| Contract::of(Version::Upstream).operation(&operation.id).is_some())
        .map(|operation| operation.id.clone())
        .collect()
}

/// Pointers of upstream's request that the legacy one does not have, `*` for any index.
pub fn unknown_to_legacy(operation: &str) -> Vec<String> {
    let declared = |version| {
        let operation = Contract::of(version).operation(operation).unwrap();
        let mut pointers = BTreeSet::new();
        if let Some(schema) = operation.request_schema() {
            declared(operation, schema, "", &mut pointers, 0);
        }
        pointers
    };
    declared(Version::Upstream).difference(&declared(Version::Legacy)).cloned().collect()
}

fn declared(
    operation: &Operation,
    schema: &Value,
    base: &str,
    pointers: &mut BTreeSet<String>,
    depth: usize,
) {
    if depth > 8 {
        return;
    }
    let schema = operation.resolve(schema);
    for (key, property) in schema["properties"].as_object().into_iter().flatten() {
        let pointer = format!("{base}/{key}");
        pointers.insert(pointer.clone());
        declared(operation, property, &pointer, pointers, depth + 1);
    }
    if schema["items"].is_object() {
        declared(operation, &schema["items"], &format!("{base}/*"), pointers, depth + 1);
    }
    for option in
        ["anyOf", "oneOf"].iter().flat_map(|key| schema[*key].as_array().into_iter().flatten())
    {
        declared(operation, option, base, pointers, depth + 1);
    }
}

/// The pointers of a value that are not null, `*` for any index.
pub fn pointers_of(value: &Value, base: &str, pointers: &mut BTreeSet<String>) {
    if !value.is_null() && !base.is_empty() {
        pointers.insert(base.to_owned());
    }
    for (key, member) in value.as_object().into_iter().flatten() {
        pointers_of(member, &format!("{base}/{key}"), pointers);
    }
    for item in value.as_array().into_iter().flatten() {
        pointers_of(item, &format!("{base}/*"), pointers);
    }
}

/// What a client that knows only the legacy contract sends back of what it was shown.
pub fn as_legacy_request(operation: &str, shown: &Value) -> Value {
    let operation = Contract::of(Version::Legacy).operation(operation).unwrap();
    prune(operation, operation.request_schema().unwrap(), shown)
}

fn prune(operation: &Operation, schema: &Value, value: &Value) -> Value {
    let schema = operation.resolve(schema);
    match value {
        Value::Object(map) if schema["properties"].is_object() => {
            let known = map.iter().filter_map(|(key, member)| {
                Some((key.clone(), prune(operation, schema["properties"].get(key)?, member)))
            });
            Value::Object(known.collect())
        }
        Value::Array(items) if schema["items"].is_object() => {
            items.iter().map(|item| prune(operation, &schema["items"], item)).collect()
        }
        other => other.clone(),
    }
}
