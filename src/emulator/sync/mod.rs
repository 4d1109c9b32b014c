//! Model syncs.
//!
//! A row holds what 2025-09-18 can say: `identities`, `model_filters` and `target_filters`. The
//! deprecated views of them (`identity`, `filters`, `filter_logic`, `target.filter_logic`) are
//! made when a sync is shown and read back when one is written.

use serde_json::{Value, json};

use super::call::{Call, Failure, Outcome, Reply};
use super::json::{flag, given, list as items, put, text};
use super::paging;
use super::store::Table;

pub(super) mod executions;
mod filters;
mod legacy;
pub(super) mod logs;
mod write;

pub(super) fn handle(call: &mut Call<'_>) -> Option<Outcome> {
    let action = call.operation.id.strip_prefix("model_sync.")?;
    Some(match action {
        "list" => list(call),
        "get" => get(call),
        "create" => create(call),
        "update" => update(call),
        "delete" | "remove" => delete(call),
        "activate" => activate(call),
        "get_schedule_options" => Reply::data(schedule_options()),
        "error_handling.get" => get_error_handling(call),
        "error_handling.update" => update_error_handling(call),
        _ => return executions::handle(call).or_else(|| logs::handle(call)),
    })
}

/// Light items in pages upstream; legacy gets everything, whole.
fn list(call: &Call<'_>) -> Outcome {
    let rows: Vec<Value> = call
        .rows(Table::ModelSyncs)
        .filter(|row| {
            call.query("active").is_none_or(|yes| (yes == "true") == flag(row, "active"))
                && call.query("mode").is_none_or(|mode| mode == text(row, "mode"))
                && call
                    .query("target_connection_id")
                    .is_none_or(|id| id == text(&row["target"], "connection_id"))
        })
        .cloned()
        .collect();
    if call.is_legacy() {
        return Reply::data(rows.iter().map(legacy::show).collect::<Vec<_>>());
    }
    let mut page = paging::page(call, rows)?;
    for item in &mut page.items {
        let target = item["target"].take();
        put(item, "target_connection_id", given(&target, "connection_id").cloned());
        put(item, "target_object", given(&target, "object").cloned());
    }
    Reply::whole(page.envelope())
}

fn get(call: &Call<'_>) -> Outcome {
    show(call, call.row(Table::ModelSyncs, &call.path("id"))?)
}

fn create(call: &mut Call<'_>) -> Outcome {
    let organization = call.target_organization()?;
    let contents = contents(call, None, &organization)?;
    let now = call.store.tick();
    let mut row = json!({
        "id": call.store.next_id(Table::ModelSyncs), "organization_id": organization,
        "created_at": now, "created_by": call.actor(), "problems": [],
    });
    write::replace(&mut row, contents);
    stamp(call, &mut row, &now);
    call.store.insert(Table::ModelSyncs, row.clone());
    show(call, &row)
}

fn update(call: &mut Call<'_>) -> Outcome {
    let id = call.path("id");
    let mut row = call.row(Table::ModelSyncs, &id)?.clone();
    let contents = contents(call, Some(&row), text(&row, "organization_id"))?;
    let now = call.store.tick();
    write::replace(&mut row, contents);
    stamp(call, &mut row, &now);
    *call.row_mut(Table::ModelSyncs, &id)? = row.clone();
    show(call, &row)
}

fn contents(
    call: &Call<'_>,
    current: Option<&Value>,
    organization: &str,
) -> Result<Value, Failure> {
    let body = call.given();
    if call.is_legacy() {
        legacy::contents(call, body, current, organization)
    } else {
        write::contents(call, &body, current, organization)
    }
}

fn stamp(call: &Call<'_>, row: &mut Value, now: &str) {
    row["updated_at"] = json!(now);
    row["updated_by"] = call.actor();
}

fn show(call: &Call<'_>, row: &Value) -> Outcome {
    Reply::data(if call.is_legacy() { legacy::show(row) } else { write::show(row) })
}

fn delete(call: &mut Call<'_>) -> Outcome {
    let id = call.path("id");
    call.row(Table::ModelSyncs, &id)?;
    if executions::current(call.store, &id).is_some() {
        return Err(Failure::conflict("the sync is running"));
    }
    call.store.tick();
    call.store.remove(Table::ModelSyncs, &id);
    call.store.rows_mut(Table::Executions).retain(|row| text(row, "_sync") != id);
    Reply::nothing()
}

fn activate(call: &mut Call<'_>) -> Outcome {
    let id = call.path("id");
    call.row(Table::ModelSyncs, &id)?;
    let active = flag(&call.body, "active");
    let now = call.store.tick();
    let actor = call.actor();
    let row = call.row_mut(Table::ModelSyncs, &id)?;
    row["active"] = json!(active);
    row["updated_at"] = json!(now);
    row["updated_by"] = actor;
    Reply::data(json!({ "id": id, "active": active }))
}

fn schedule_options() -> Value {
    let option = |frequency: &str, label: &str| {
        json!({
            "frequency": frequency, "label": label, "description": label,
            "configuration": { "type": "object" },
        })
    };
    json!({ "schedule_options": [
        option("manual", "Manual"), option("continuous", "Continuous"),
        option("hourly", "Hourly"), option("daily", "Daily"), option("weekly", "Weekly"),
        option("custom", "Custom"), option("runafter", "After another sync"),
    ] })
}

fn get_error_handling(call: &Call<'_>) -> Outcome {
    let row = call.row(Table::ModelSyncs, &call.path("id"))?;
    Reply::data(
        given(row, "_error_handling").cloned().unwrap_or_else(|| error_handling(&json!({}))),
    )
}

fn update_error_handling(call: &mut Call<'_>) -> Outcome {
    let id = call.path("id");
    call.row(Table::ModelSyncs, &id)?;
    let settings = error_handling(&call.given());
    call.store.tick();
    call.row_mut(Table::ModelSyncs, &id)?["_error_handling"] = settings.clone();
    Reply::data(settings)
}

fn error_handling(body: &Value) -> Value {
    json!({
        "auto_retry_record_errors": flag(body, "auto_retry_record_errors"),
        "notify_on_record_errors": flag(body, "notify_on_record_errors"),
        "warning_notifications": flag(body, "warning_notifications"),
        "subscribers": items(body, "subscribers"),
    })
}
