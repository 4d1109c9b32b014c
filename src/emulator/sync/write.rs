//! Model syncs of 2025-09-18: from a body to what is stored, and back to what is shown.

use serde_json::{Value, json};

use super::filters::Filters;
use crate::emulator::call::{Call, Failure};
use crate::emulator::json::{flag, given, list, pick, put, text};

/// What a write replaces. Everything else of a row is the emulator's own business.
const CONTENTS: [&str; 17] = [
    "name",
    "active",
    "mode",
    "fields",
    "override_fields",
    "overrides",
    "identities",
    "model_filters",
    "target_filters",
    "policies",
    "schedule",
    "target",
    "model_ids",
    "sync_all_records",
    "only_enrich_updates",
    "skip_initial_backfill",
    "encryption_passphrase",
];

/// The row with new contents; what they lack is cleared.
pub(super) fn replace(row: &mut Value, contents: Value) {
    for key in CONTENTS {
        put(row, key, given(&contents, key).cloned());
    }
}

/// The contents that an upstream body asks for; `current` is the row that it replaces.
///
/// # Errors
///
/// 422 where the deprecated properties contradict the new ones, where a sync with several
/// identity mappings is updated without `identities`, and for what does not exist.
pub(super) fn contents(
    call: &Call<'_>,
    body: &Value,
    current: Option<&Value>,
    organization: &str,
) -> Result<Value, Failure> {
    for (place, field) in list(body, "override_fields").iter().enumerate() {
        if given(field, "source").is_some_and(|source| text(source, "field").is_empty()) {
            let pointer = format!("/override_fields/{place}/source/field");
            return Err(Failure::invalid(&pointer, "must not be empty"));
        }
    }
    let mut contents = common(call, body, organization)?;
    put(&mut contents, "identities", identities(body, current)?);
    set_filters(&mut contents, Filters::of_body(body)?);
    Ok(contents)
}

/// The contents that bodies of both versions say in the same way.
pub(super) fn common(call: &Call<'_>, body: &Value, organization: &str) -> Result<Value, Failure> {
    call.stays_in(organization)?;
    let target = given(body, "target").cloned().unwrap_or_default();
    let connection = text(&target, "connection_id");
    call.connection(connection, organization, "/target/connection_id")?;
    if text(body, "name").is_empty() {
        return Err(Failure::invalid("/name", "must not be empty"));
    }
    let mut contents = pick(body, &["name", "mode", "schedule", "encryption_passphrase"]);
    for key in ["active", "sync_all_records", "only_enrich_updates", "skip_initial_backfill"] {
        contents[key] = json!(flag(body, key));
    }
    for key in ["policies", "overrides"] {
        contents[key] = json!(list(body, key));
    }
    contents["target"] = shown_target(&target);
    let (fields, overrides) = fields(body)?;
    let mut models: Vec<&Value> = Vec::new();
    for field in &fields {
        if let Some(model) = given(field, "source").and_then(|source| given(source, "model_id"))
            && !models.contains(&model)
        {
            models.push(model);
        }
    }
    contents["model_ids"] = json!(models);
    contents["fields"] = json!(fields);
    contents["override_fields"] = json!(overrides);
    Ok(contents)
}

pub(super) fn set_filters(contents: &mut Value, filters: Filters) {
    put(contents, "model_filters", filters.model);
    put(contents, "target_filters", filters.target);
}

/// A row as 2025-09-18 shows it. `identity` is there only while it tells everything.
pub(super) fn show(row: &Value) -> Value {
    let mut shown = row.clone();
    Filters::stored(row).show_deprecated(&mut shown);
    if let [only] = list(&row["identities"], "mappings") {
        shown["identity"] = only.clone();
    }
    shown
}

/// The target without its deprecated filter logic; an empty object name is none.
fn shown_target(target: &Value) -> Value {
    let mut kept = pick(
        target,
        &["connection_id", "object", "configuration", "create", "new_name", "search_values"],
    );
    if text(target, "object").is_empty() {
        put(&mut kept, "object", None);
    }
    kept
}

/// Field mappings, and overrides. An override with a source is an ordinary mapping.
fn fields(body: &Value) -> Result<(Vec<Value>, Vec<Value>), Failure> {
    let mut fields = list(body, "fields").to_vec();
    let mut overrides = Vec::new();
    for (place, field) in list(body, "override_fields").iter().enumerate() {
        let source = given(field, "source").filter(|source| !text(source, "field").is_empty());
        if source.is_some() {
            fields.push(pick(field, &["source", "target", "new", "override_value", "sync_mode"]));
            continue;
        }
        if given(field, "override_value").is_none() {
            let pointer = format!("/override_fields/{place}/override_value");
            return Err(Failure::invalid(&pointer, "is required"));
        }
        overrides.push(pick(field, &["target", "override_value", "new", "sync_mode"]));
    }
    Ok((fields, overrides))
}

fn identities(body: &Value, current: Option<&Value>) -> Result<Option<Value>, Failure> {
    let identity = given(body, "identity");
    if let Some(identities) = given(body, "identities") {
        let first = list(identities, "mappings").first();
        if identity.is_some() && identity != first {
            return Err(Failure::invalid("/identity", "contradicts identities"));
        }
        return Ok(first.is_some().then(|| identities.clone()));
    }
    let several = current.is_some_and(|row| list(&row["identities"], "mappings").len() > 1);
    if several {
        let message = "is required to update a sync with several identity mappings";
        return Err(Failure::invalid("/identities", message));
    }
    Ok(identity.map(|identity| json!({ "mappings": [identity] })))
}
