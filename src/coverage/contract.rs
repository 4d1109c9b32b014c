//! The breaking differences that the two contract documents show.
//!
//! Operations are matched by method and path shape, so a name that only SDKs use makes no
//! difference. Not breaking, and so not listed: what was added or is deprecated, and error statuses
//! newly declared with the error body that every operation may answer.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Difference;
use super::kind::{Kind, members};
use super::schema::{Change, Direction, What, changes};
use crate::contract::{Contract, Operation, Version};

/// The header that every operation has and the shim sets itself.
const VERSION_HEADER: &str = "#/components/parameters/X-Polytomic-Version";

/// Every breaking difference between the documents, by operation.
pub fn differences() -> Vec<Difference> {
    let legacy = Contract::of(Version::Legacy);
    let upstream = Contract::of(Version::Upstream);
    between(&legacy.operations().collect::<Vec<_>>(), &upstream.operations().collect::<Vec<_>>())
}

/// Every breaking difference from some operations to others.
pub(super) fn between(legacy: &[&Operation], upstream: &[&Operation]) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut errors: BTreeMap<String, Vec<Difference>> = BTreeMap::new();
    let mut shared = 0;
    for operation in legacy {
        let Some(counterpart) = upstream.iter().find(|other| is_same(operation, other)) else {
            let detail = format!("{} {} is gone", operation.method, operation.template);
            found.push(Difference::of_contract(operation, "operation removed", detail));
            continue;
        };
        shared += 1;
        found.extend(taken_paths(operation, legacy, upstream));
        found.extend(parameters(operation, counterpart));
        found.extend(requests(operation, counterpart));
        found.extend(answers(operation, counterpart));
        for (status, difference) in errors_of(operation, counterpart) {
            errors.entry(status).or_default().push(difference);
        }
    }
    for (status, differences) in errors {
        found.extend(everywhere(&status, differences, shared));
    }
    found
}

/// One difference in place of the same one on every operation.
fn everywhere(status: &str, differences: Vec<Difference>, shared: usize) -> Vec<Difference> {
    match differences.first() {
        Some(first) if differences.len() == shared && shared > 1 => {
            let detail = format!("on each of {shared} operations: {}", first.detail);
            vec![Difference { id: format!("* error {status} changed"), detail, ..first.clone() }]
        }
        _ => differences,
    }
}

fn is_same(one: &Operation, other: &Operation) -> bool {
    one.method == other.method && shape(&one.template) == shape(&other.template)
}

/// A path without the names of its variables.
pub fn shape(template: &str) -> String {
    let segments = template.split('/').map(|part| if part.starts_with('{') { "{}" } else { part });
    segments.collect::<Vec<_>>().join("/")
}

/// Added routes that take requests away from a legacy one: where legacy has a variable that may
/// have the very value which upstream has a route for.
fn taken_paths(
    operation: &Operation,
    legacy: &[&Operation],
    upstream: &[&Operation],
) -> Vec<Difference> {
    let added = upstream.iter().filter(|other| !legacy.iter().any(|known| is_same(known, other)));
    let mut found = Vec::new();
    for other in added.filter(|other| other.method == operation.method) {
        let parts: Vec<&str> = operation.template.split('/').collect();
        let others: Vec<&str> = other.template.split('/').collect();
        let matches = parts.len() == others.len()
            && parts
                .iter()
                .zip(&others)
                .all(|(part, other)| part.starts_with('{') || part == other);
        if !matches {
            continue;
        }
        let literals = parts.iter().zip(&others).filter(|(part, other)| part != other);
        let possible = literals.filter(|(part, literal)| {
            let name = part.trim_matches(['{', '}']);
            literal.starts_with('{') || takes(operation, name, literal)
        });
        let literals: Vec<&str> = possible.map(|(_, literal)| *literal).collect();
        let taken = parts.iter().zip(&others).filter(|(part, other)| part != other).count();
        if literals.len() == taken {
            let what = format!("path {} taken", other.template);
            found.push(Difference::of_contract(operation, &what, format!("by {}", other.id)));
        }
    }
    found
}

/// Whether a path parameter may have a value.
fn takes(operation: &Operation, name: &str, value: &str) -> bool {
    let parameters = operation.source()["parameters"].as_array().into_iter().flatten();
    let mut own = parameters.filter(|parameter| parameter["name"] == name);
    own.any(|parameter| {
        members(operation, &parameter["schema"]).iter().any(|member| match &member.kind {
            Kind::Enum(values) => values.contains(&value),
            _ => true,
        })
    })
}

/// Differences in query and headers, and in path parameters, which are matched by their place.
fn parameters(legacy: &Operation, upstream: &Operation) -> Vec<Difference> {
    let mut found = Vec::new();
    let renamed: Vec<(&str, &str)> =
        legacy.path_parameters().zip(upstream.path_parameters()).collect();
    let counterpart = |parameter: &Value| {
        let name = parameter["name"].as_str().unwrap_or_default();
        let name = match parameter["in"] == "path" {
            true => renamed.iter().find(|(own, _)| *own == name).map_or(name, |(_, other)| other),
            false => name,
        };
        declared(upstream).find(|other| other["name"] == name && other["in"] == parameter["in"])
    };
    for parameter in declared(legacy) {
        let place = place(parameter);
        let Some(other) = counterpart(parameter) else {
            found.push(Difference::of_contract(legacy, &format!("{place} removed"), String::new()));
            continue;
        };
        if other["required"] == true && parameter["required"] != true {
            found.push(Difference::of_contract(
                legacy,
                &format!("{place} required"),
                String::new(),
            ));
        }
        let (own, other) = (&parameter["schema"], &other["schema"]);
        for change in changes(Direction::Request, (legacy, own), (upstream, other)) {
            found.push(Difference::of_contract(legacy, &changed(&place, &change), change.detail));
        }
    }
    for parameter in declared(upstream).filter(|parameter| parameter["in"] != "path") {
        let is_known = declared(legacy)
            .any(|own| own["name"] == parameter["name"] && own["in"] == parameter["in"]);
        if parameter["required"] == true && !is_known {
            let place = format!("{} required", place(parameter));
            found.push(Difference::of_contract(legacy, &place, "added".to_owned()));
        }
    }
    found
}

fn declared(operation: &Operation) -> impl Iterator<Item = &Value> {
    let all = operation.source()["parameters"].as_array().into_iter().flatten();
    all.filter(|parameter| parameter["$ref"] != VERSION_HEADER)
}

fn place(parameter: &Value) -> String {
    let text = |key: &str| parameter[key].as_str().unwrap_or_default();
    format!("{} {}", text("in"), text("name"))
}

fn requests(legacy: &Operation, upstream: &Operation) -> Vec<Difference> {
    let required = |operation: &Operation| operation.source()["requestBody"]["required"] == true;
    let mut found = Vec::new();
    if required(upstream) && !required(legacy) {
        let detail = "legacy may send none".to_owned();
        found.push(Difference::of_contract(legacy, "request body required", detail));
    }
    match (legacy.request_schema(), upstream.request_schema()) {
        (Some(own), Some(other)) => {
            for change in changes(Direction::Request, (legacy, own), (upstream, other)) {
                let what = changed("request", &change);
                found.push(Difference::of_contract(legacy, &what, change.detail));
            }
        }
        (Some(_), None) => {
            let detail = "upstream takes none".to_owned();
            found.push(Difference::of_contract(legacy, "request body removed", detail));
        }
        (None, _) => {}
    }
    found
}

fn answers(legacy: &Operation, upstream: &Operation) -> Vec<Difference> {
    let Some(own) = legacy.answer_schema() else { return Vec::new() };
    let Some(other) = upstream.answer_schema() else {
        let detail = "upstream answers none".to_owned();
        return vec![Difference::of_contract(legacy, "response body removed", detail)];
    };
    let found = changes(Direction::Response, (legacy, own), (upstream, other));
    let difference = |change: Change| {
        Difference::of_contract(legacy, &changed("response", &change), change.detail)
    };
    found.into_iter().map(difference).collect()
}

/// Error bodies that changed, by status. What upstream does not declare is an `ApiError`.
fn errors_of(legacy: &Operation, upstream: &Operation) -> Vec<(String, Difference)> {
    let api_error = json!({"$ref": "#/components/schemas/ApiError"});
    let mut found = Vec::new();
    let responses = legacy.source()["responses"].as_object().into_iter().flatten();
    for (status, response) in responses.filter(|(status, _)| !status.starts_with('2')) {
        let own = &response["content"]["application/json"]["schema"];
        let other =
            &upstream.source()["responses"][status]["content"]["application/json"]["schema"];
        let other = if other.is_null() { &api_error } else { other };
        let changes = changes(Direction::Response, (legacy, own), (upstream, other));
        if own.is_null() || changes.is_empty() {
            continue;
        }
        let list = |change: &Change| match change.what {
            What::Removed => format!("{} removed", change.pointer),
            _ => format!("{} {}", change.pointer, change.what),
        };
        let detail = changes.iter().map(list).collect::<Vec<_>>().join(", ");
        let what = format!("error {status} changed");
        found.push((status.clone(), Difference::of_contract(legacy, &what, detail)));
    }
    found
}

fn changed(place: &str, change: &Change) -> String {
    match change.pointer.as_str() {
        "" => format!("{place} {}", change.what),
        pointer => format!("{place} {pointer} {}", change.what),
    }
}
