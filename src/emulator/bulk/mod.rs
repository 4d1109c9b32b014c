//! Bulk syncs.
//!
//! A row holds what 2025-09-18 can say: `default_schedule` and `additional_schedules`, each with
//! its id and who made it when. What 2024-02-08 makes of that is in `legacy`.

use serde_json::{Value, json};

use super::call::{Call, Failure, Outcome, Reply};
use super::json::{flag, given, list as items, number, text};
use super::paging;
use super::store::Table;

mod executions;
mod legacy;
mod schedule_routes;
pub(super) mod schedules;
pub(super) mod schemas;
mod write;

pub(super) fn handle(call: &mut Call<'_>) -> Option<Outcome> {
    let action = call.operation.id.strip_prefix("bulk_sync.")?;
    Some(match action {
        "list" => list(call),
        "get" => show(call, &call.path("id")),
        "create" => create(call),
        "update" => update(call),
        "delete" | "remove" => delete(call),
        "activate" => activate(call),
        "error_handling.get" => get_error_handling(call),
        "error_handling.update" => update_error_handling(call),
        _ => {
            return executions::handle(call)
                .or_else(|| schemas::handle(call))
                .or_else(|| schedule_routes::handle(call));
        }
    })
}

/// Full items, in pages upstream; legacy gets all at once.
fn list(call: &Call<'_>) -> Outcome {
    let rows: Vec<Value> = call
        .rows(Table::BulkSyncs)
        .filter(|row| call.query("active").is_none_or(|yes| (yes == "true") == flag(row, "active")))
        .cloned()
        .collect();
    if call.is_legacy() {
        return Reply::data(rows.iter().map(legacy::show).collect::<Vec<_>>());
    }
    Reply::whole(paging::page(call, rows)?.envelope())
}

fn show(call: &Call<'_>, id: &str) -> Outcome {
    let row = call.row(Table::BulkSyncs, id)?;
    Reply::data(if call.is_legacy() { legacy::show(row) } else { row.clone() })
}

fn create(call: &mut Call<'_>) -> Outcome {
    let organization = call.target_organization()?;
    let now = call.store.tick();
    let id = call.store.next_id(Table::BulkSyncs);
    let row = json!({
        "id": id, "organization_id": organization,
        "created_at": now, "created_by": call.actor(),
    });
    let row = write(call, row, None, &now)?;
    let source = text(&row, "source_connection_id").to_owned();
    schemas::check_source(call, &source)?;
    call.store.insert(Table::BulkSyncs, row);
    schemas::create(call, &id, &source);
    schemas::select(call, &id);
    show(call, &id)
}

fn update(call: &mut Call<'_>) -> Outcome {
    let id = call.path("id");
    let current = call.row(Table::BulkSyncs, &id)?.clone();
    schemas::check_selection(call, &id)?;
    let now = call.store.tick();
    let row = write(call, current.clone(), Some(&current), &now)?;
    *call.row_mut(Table::BulkSyncs, &id)? = row;
    schemas::select(call, &id);
    show(call, &id)
}

/// The row with the body's contents and schedules.
fn write(
    call: &mut Call<'_>,
    mut row: Value,
    current: Option<&Value>,
    now: &str,
) -> Result<Value, Failure> {
    let body = call.given();
    let body = if call.is_legacy() { legacy::upstream_body(&body, current) } else { body };
    write::replace(call, &mut row, &body, current)?;
    let schedules = if call.is_legacy() {
        legacy::schedules(call, &body, current, now)?
    } else {
        schedules::of_body(call, &body, current, now)?
    };
    row["default_schedule"] = schedules.default;
    row["additional_schedules"] = json!(schedules.additional);
    row["updated_at"] = json!(now);
    row["updated_by"] = call.actor();
    Ok(row)
}

fn delete(call: &mut Call<'_>) -> Outcome {
    let id = call.path("id");
    call.row(Table::BulkSyncs, &id)?;
    call.store.tick();
    call.store.remove(Table::BulkSyncs, &id);
    for table in [Table::BulkSchemas, Table::BulkExecutions] {
        call.store.rows_mut(table).retain(|row| text(row, "_sync") != id);
    }
    Reply::nothing()
}

fn activate(call: &mut Call<'_>) -> Outcome {
    let id = call.path("id");
    call.row(Table::BulkSyncs, &id)?;
    let active = flag(&call.body, "active");
    let now = call.store.tick();
    let actor = call.actor();
    let row = call.row_mut(Table::BulkSyncs, &id)?;
    row["active"] = json!(active);
    row["updated_at"] = json!(now);
    row["updated_by"] = actor;
    Reply::data(json!({ "id": id, "active": active }))
}

fn get_error_handling(call: &Call<'_>) -> Outcome {
    let row = call.row(Table::BulkSyncs, &call.path("id"))?;
    Reply::data(
        given(row, "_error_handling").cloned().unwrap_or_else(|| error_handling(&json!({}))),
    )
}

fn update_error_handling(call: &mut Call<'_>) -> Outcome {
    let id = call.path("id");
    call.row(Table::BulkSyncs, &id)?;
    let settings = error_handling(&call.given());
    call.store.tick();
    call.row_mut(Table::BulkSyncs, &id)?["_error_handling"] = settings.clone();
    Reply::data(settings)
}

fn error_handling(body: &Value) -> Value {
    json!({
        "ingestion_failure_threshold": number(body, "ingestion_failure_threshold"),
        "subscribers": items(body, "subscribers"),
    })
}
