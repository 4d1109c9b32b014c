//! What is checked of a request before a handler sees it.

use axum::body::Bytes;
use serde_json::Value;

use super::Options;
use super::call::Failure;
use crate::contract::{self, Finding, Operation, Version};

/// What went away with 2025-09-18, and what took its place.
const REMOVED: [(&str, &str); 3] = [
    ("schedule", "was removed in 2025-09-18, use default_schedule and additional_schedules"),
    ("discover", "was removed in 2025-09-18, use automatically_add_new_objects and _fields"),
    ("resync", "was removed in 2025-09-18, use resync_mode"),
];

/// Refuses with 400 what the query may not have.
pub(super) fn check_query(
    side: Version,
    options: &Options,
    operation: &Operation,
    query: Option<&str>,
) -> Result<(), Failure> {
    let mut findings = operation.check_query(query);
    findings.retain(|finding| {
        let name = finding.pointer.trim_start_matches('?');
        let lenient = side == Version::Legacy || options.undeclared_accepted;
        is_declared(operation, name) || !(lenient || is_paging(operation, name))
    });
    refuse(400, &findings)
}

/// The decoded pairs of the query, without those that the operation does not know.
pub(super) fn read_query(operation: &Operation, query: Option<&str>) -> Vec<(String, String)> {
    let mut pairs = contract::query_pairs(query.unwrap_or_default());
    pairs.retain(|(name, _)| is_declared(operation, name) || is_paging(operation, name));
    pairs
}

/// The parsed body (null: none), or a refusal: 400 for bad JSON, 422 for what the contract finds.
pub(super) fn read_body(
    side: Version,
    options: &Options,
    operation: &Operation,
    raw: &Bytes,
) -> Result<Value, Failure> {
    let body: Option<Value> = match raw.is_empty() {
        true => None,
        false => Some(serde_json::from_slice(raw).map_err(|error| {
            let place = format!("line {} column {}", error.line(), error.column());
            Failure::bad_request(format!("the body is not valid JSON at {place}"))
        })?),
    };
    if side == Version::Legacy {
        // Clients send bodies where the contract declares none, and the vendor ignores them.
        let mut body = body.filter(|_| operation.request_schema().is_some());
        if let Some(body) = &mut body {
            earlier_spellings(operation, body);
        }
        refuse(422, &operation.check_request(body.as_ref()))?;
        return Ok(body.unwrap_or_default());
    }
    // Some SDKs send `{}` with every GET that has request options.
    let says_nothing = |body: &Value| body.as_object().is_some_and(serde_json::Map::is_empty);
    let body = body.filter(|body| operation.request_schema().is_some() || !says_nothing(body));
    if let Some(body) = &body {
        refuse(422, &removed(operation, body))?;
    }
    let findings = if options.undeclared_accepted {
        operation.check_request(body.as_ref())
    } else {
        operation.check_request_strict(body.as_ref())
    };
    refuse(422, &findings)?;
    Ok(body.unwrap_or_default())
}

/// What released legacy clients send under another name: `organization_id` for the child
/// organization of a shared connection (SDK 1.16), and two properties of schema configurations
/// in camel case (SDK 1.5 to 1.9).
fn earlier_spellings(operation: &Operation, body: &mut Value) {
    let Some(body) = body.as_object_mut() else {
        return;
    };
    if operation.id == "connections.create_shared_connection"
        && !body.contains_key("child_organization_id")
        && let Some(organization) = body.shift_remove("organization_id")
    {
        body.insert("child_organization_id".to_owned(), organization);
    }
    if !operation.id.starts_with("bulk_sync.") {
        return;
    }
    let schemas = body.get_mut("schemas").and_then(Value::as_array_mut);
    for schema in schemas.into_iter().flatten() {
        let Some(schema) = schema.as_object_mut() else {
            continue;
        };
        for (earlier, name) in
            [("partitionKey", "partition_key"), ("trackingField", "tracking_field")]
        {
            if let Some(value) = schema.shift_remove(earlier) {
                schema.entry(name).or_insert(value);
            }
        }
    }
}

fn removed(operation: &Operation, body: &Value) -> Vec<Finding> {
    if !["bulk_sync.create", "bulk_sync.update", "bulk_sync.start"].contains(&operation.id.as_str())
    {
        return Vec::new();
    }
    REMOVED
        .iter()
        .filter(|(name, _)| body.get(name).is_some())
        .map(|(name, message)| Finding {
            pointer: format!("/{name}"),
            message: (*message).to_owned(),
        })
        .collect()
}

fn refuse(status: u16, findings: &[Finding]) -> Result<(), Failure> {
    if findings.is_empty() {
        return Ok(());
    }
    Err(Failure::findings(status, findings))
}

fn is_declared(operation: &Operation, name: &str) -> bool {
    let name = name.split('[').next().unwrap_or(name);
    operation.query_parameter_names().any(|declared| declared == name)
}

/// The upstream list of bulk syncs pages although its types do not say so.
fn is_paging(operation: &Operation, name: &str) -> bool {
    operation.id == "bulk_sync.list" && matches!(name, "limit" | "page_token")
}
