//! The plain part of a bulk sync's contents: everything but schedules and schemas.

use serde_json::{Value, json};

use crate::emulator::call::{Call, Failure};
use crate::emulator::json::{flag, given, list, put, text};

/// Properties that are there only when given.
const OPTIONAL: [&str; 5] = [
    "automatically_add_new_fields",
    "automatically_add_new_objects",
    "concurrency_limit",
    "resync_concurrency_limit",
    "data_cutoff_timestamp",
];

/// Replaces the row's contents; what the body lacks goes back to its default.
///
/// # Errors
///
/// 422 for connections that do not exist, 400 where the source of a sync would change.
pub(super) fn replace(
    call: &Call<'_>,
    row: &mut Value,
    body: &Value,
    current: Option<&Value>,
) -> Result<(), Failure> {
    call.stays_in(text(row, "organization_id"))?;
    for key in ["source_connection_id", "destination_connection_id"] {
        let organization = text(row, "organization_id");
        call.connection(text(body, key), organization, &format!("/{key}"))?;
        row[key] = body[key].clone();
    }
    if current
        .is_some_and(|current| current["source_connection_id"] != body["source_connection_id"])
    {
        return Err(Failure::bad_request("/source_connection_id: cannot change"));
    }
    if text(body, "name").is_empty() {
        return Err(Failure::invalid("/name", "must not be empty"));
    }
    row["name"] = body["name"].clone();
    row["active"] = json!(flag(body, "active"));
    row["mode"] = given(body, "mode").cloned().unwrap_or(json!("replicate"));
    row["destination_configuration"] = body["destination_configuration"].clone();
    row["source_configuration"] = given(body, "source_configuration").cloned().unwrap_or(json!({}));
    row["disable_record_timestamps"] = json!(flag(body, "disable_record_timestamps"));
    row["normalize_names"] = given(body, "normalize_names").cloned().unwrap_or(json!("enabled"));
    row["policies"] = json!(list(body, "policies"));
    for key in OPTIONAL {
        put(row, key, given(body, key).cloned());
    }
    Ok(())
}
