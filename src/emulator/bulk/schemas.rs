//! The schemas of a bulk sync: which are selected, and how they are written.

use serde_json::{Value, json};

use crate::emulator::call::{Call, Failure, Outcome, Reply};
use crate::emulator::catalog;
use crate::emulator::json::{flag, given, list as items, pick, put, text};
use crate::emulator::store::{Store, Table};

/// What a schema's configuration may have beside `enabled`, `fields` and `filters`.
const SETTINGS: [&str; 6] = [
    "data_cutoff_timestamp",
    "disable_data_cutoff",
    "history_enabled",
    "partition_key",
    "tracking_field",
    "user_output_name",
];

pub(super) fn handle(call: &mut Call<'_>) -> Option<Outcome> {
    let action = call.operation.id.strip_prefix("bulk_sync.schemas.")?;
    Some(match action {
        "list" => list(call),
        "get" => get(call),
        "update" => update(call),
        "patch" => patch(call),
        "cancel" => cancel(call),
        _ => return None,
    })
}

/// Stores the schemas of a new sync, as its source has them, all selected.
pub(super) fn create(call: &mut Call<'_>, sync: &str, source: &str) {
    let kind = call.store.get(Table::Connections, source);
    let kind = kind.map(|row| text(&row["type"], "id").to_owned()).unwrap_or_default();
    let organization = call.store.get(Table::BulkSyncs, sync);
    let organization = organization.map(|row| row["organization_id"].clone()).unwrap_or_default();
    seed(call.store, sync, &organization, &kind);
}

/// Like [`create`], without a call.
pub(in crate::emulator) fn seed(store: &mut Store, sync: &str, organization: &Value, kind: &str) {
    for schema in catalog::schemas(kind) {
        let fields: Vec<Value> = items(&schema, "fields")
            .iter()
            .map(|field| {
                json!({
                    "id": field["id"], "enabled": true, "obfuscated": false,
                    "output_name": field["id"],
                })
            })
            .collect();
        store.insert(
            Table::BulkSchemas,
            json!({
                "id": schema["id"], "_sync": sync, "organization_id": organization,
                "enabled": true, "output_name": schema["name"], "fields": fields,
                "filters": [], "history_enabled": false, "disable_data_cutoff": false,
            }),
        );
    }
}

/// Refuses a selection of schemas that the source of a new sync does not have.
pub(super) fn check_source(call: &Call<'_>, source: &str) -> Result<(), Failure> {
    let row = call.row(Table::Connections, source)?;
    check_known(call, &catalog::schemas(text(&row["type"], "id")))
}

/// Refuses a selection of schemas that a sync does not have.
pub(super) fn check_selection(call: &Call<'_>, sync: &str) -> Result<(), Failure> {
    let known: Vec<Value> = call.store.select(Table::BulkSchemas, "_sync", sync).cloned().collect();
    check_known(call, &known)
}

fn check_known(call: &Call<'_>, known: &[Value]) -> Result<(), Failure> {
    for (place, wanted) in items(&call.body, "schemas").iter().enumerate() {
        if !known.iter().any(|known| text(known, "id") == id_of(wanted)) {
            let pointer = format!("/schemas/{place}");
            return Err(Failure::invalid(&pointer, "schema not found"));
        }
    }
    Ok(())
}

/// Applies the `schemas` of a body: those it names are selected, and no others. Absent or empty
/// it changes nothing. A name alone leaves the schema's configuration as it is; an object
/// replaces it, except that a legacy one keeps what it cannot say.
pub(super) fn select(call: &mut Call<'_>, sync: &str) {
    let body = call.given();
    let wanted = items(&body, "schemas");
    if wanted.is_empty() {
        return;
    }
    let legacy = call.is_legacy();
    let rows = call.store.rows_mut(Table::BulkSchemas);
    for row in rows.iter_mut().filter(|row| text(row, "_sync") == sync) {
        let named = wanted.iter().find(|wanted| id_of(wanted) == text(row, "id"));
        match named {
            None => row["enabled"] = json!(false),
            Some(Value::String(_)) => row["enabled"] = json!(true),
            Some(configuration) => configure(row, configuration, legacy),
        }
    }
}

fn id_of(wanted: &Value) -> &str {
    wanted.as_str().unwrap_or_else(|| text(wanted, "id"))
}

fn configure(row: &mut Value, configuration: &Value, legacy: bool) {
    let kept = legacy && flag(row, "enabled");
    row["enabled"] = given(configuration, "enabled").cloned().unwrap_or(json!(true));
    for key in SETTINGS {
        let hidden = matches!(key, "history_enabled" | "user_output_name");
        if !(kept && hidden && given(configuration, key).is_none()) {
            put(row, key, given(configuration, key).cloned());
        }
    }
    for key in ["history_enabled", "disable_data_cutoff"] {
        row[key] = json!(flag(row, key));
    }
    row["filters"] = json!(items(configuration, "filters"));
    let wanted = items(configuration, "fields");
    if wanted.is_empty() {
        return;
    }
    let fields = row.get_mut("fields").and_then(Value::as_array_mut);
    for field in fields.into_iter().flatten() {
        let named = wanted.iter().find(|wanted| id_of(wanted) == text(field, "id"));
        field["enabled"] = match named {
            Some(named) => given(named, "enabled").cloned().unwrap_or(json!(true)),
            None => json!(false),
        };
        let Some(named) = named.filter(|named| named.is_object()) else {
            continue;
        };
        field["obfuscated"] = json!(flag(named, "obfuscate"));
        if !(kept && given(named, "user_output_name").is_none()) {
            put(field, "user_output_name", given(named, "user_output_name").cloned());
        }
    }
}

/// Upstream leaves `fields` and `filters` out of the list (the contract's view sees to that).
fn list(call: &Call<'_>) -> Outcome {
    let sync = call.path("id");
    call.row(Table::BulkSyncs, &sync)?;
    let enabled = call.query("filters[enabled]").map(|yes| yes == "true");
    let rows: Vec<Value> = call
        .store
        .select(Table::BulkSchemas, "_sync", &sync)
        .filter(|row| enabled.is_none_or(|enabled| enabled == flag(row, "enabled")))
        .cloned()
        .collect();
    Reply::data(rows)
}

fn get(call: &Call<'_>) -> Outcome {
    let sync = call.path("id");
    call.row(Table::BulkSyncs, &sync)?;
    let id = call.path("schema_id");
    call.store
        .select(Table::BulkSchemas, "_sync", &sync)
        .find(|row| text(row, "id") == id)
        .cloned()
        .map_or_else(|| Err(Failure::not_found("schema")), Reply::data)
}

fn row_mut<'a>(call: &'a mut Call<'_>, sync: &str, id: &str) -> Result<&'a mut Value, Failure> {
    call.row(Table::BulkSyncs, sync)?;
    call.store
        .rows_mut(Table::BulkSchemas)
        .iter_mut()
        .find(|row| text(row, "_sync") == sync && text(row, "id") == id)
        .ok_or_else(|| Failure::not_found("schema"))
}

/// A full replacement. `destination_history_output_name` is not among what can be said here, and
/// on the legacy side `history_enabled` neither: both stay.
fn update(call: &mut Call<'_>) -> Outcome {
    let (sync, id) = (call.path("id"), call.path("schema_id"));
    let body = call.given();
    let legacy = call.is_legacy();
    let row = row_mut(call, &sync, &id)?;
    row["enabled"] = json!(flag(&body, "enabled"));
    for key in SETTINGS {
        if !(legacy && key == "history_enabled" && given(&body, key).is_none()) {
            put(row, key, given(&body, key).cloned());
        }
    }
    for key in ["history_enabled", "disable_data_cutoff"] {
        row[key] = json!(flag(row, key));
    }
    row["filters"] = json!(items(&body, "filters"));
    set_fields(row, items(&body, "fields"), true);
    let row = row.clone();
    call.store.tick();
    Reply::data(row)
}

/// Changes what the body names and nothing else.
fn patch(call: &mut Call<'_>) -> Outcome {
    let sync = call.path("id");
    call.row(Table::BulkSyncs, &sync)?;
    let body = call.given();
    for wanted in items(&body, "schemas") {
        row_mut(call, &sync, text(wanted, "id"))?;
    }
    for wanted in items(&body, "schemas") {
        let row = row_mut(call, &sync, text(wanted, "id"))?;
        let named = [&SETTINGS[..], &["enabled", "filters", "destination_history_output_name"]];
        for key in named.concat() {
            if let Some(value) = given(wanted, key) {
                row[key] = value.clone();
            }
        }
        set_fields(row, items(wanted, "fields"), false);
    }
    call.store.tick();
    list(call)
}

/// Sets what is said about fields; those not named are cleared in a replacement that names any.
fn set_fields(row: &mut Value, wanted: &[Value], replaces: bool) {
    let fields = row.get_mut("fields").and_then(Value::as_array_mut);
    for field in fields.into_iter().flatten() {
        let named = wanted.iter().find(|wanted| id_of(wanted) == text(field, "id"));
        let Some(named) = named else {
            if replaces && !wanted.is_empty() {
                field["enabled"] = json!(false);
            }
            continue;
        };
        if replaces {
            let kept = pick(field, &["id", "output_name"]);
            *field = kept;
            field["enabled"] = json!(false);
            field["obfuscated"] = json!(false);
        }
        for key in ["enabled", "obfuscated", "user_output_name"] {
            if let Some(value) = given(named, key) {
                field[key] = value.clone();
            }
        }
    }
}

/// Takes a schema out of the execution under way.
fn cancel(call: &mut Call<'_>) -> Outcome {
    get(call)?;
    let (sync, id) = (call.path("id"), call.path("schema_id"));
    let now = call.store.tick();
    let running = call
        .store
        .rows_mut(Table::BulkExecutions)
        .iter_mut()
        .rfind(|row| text(row, "_sync") == sync && text(row, "status") == "running");
    let schemas = running.and_then(|row| row.get_mut("schemas")?.as_array_mut());
    let Some(schema) = schemas.and_then(|all| all.iter_mut().find(|s| text(s, "schema") == id))
    else {
        return Reply::data(json!({ "message": "nothing is running" }));
    };
    schema["status"] = json!("canceled");
    schema["completed_at"] = json!(now);
    Reply::data(json!({ "message": "canceled" }))
}
