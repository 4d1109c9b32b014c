//! Executions of model syncs: starting, reading, canceling.

use serde_json::{Value, json};

use crate::emulator::call::{Call, Failure, Outcome, Reply};
use crate::emulator::clock;
use crate::emulator::json::{flag, text};
use crate::emulator::paging;
use crate::emulator::store::{Store, Table};

pub(super) fn handle(call: &mut Call<'_>) -> Option<Outcome> {
    Some(match call.operation.id.as_str() {
        "model_sync.start" => start(call),
        "model_sync.cancel" => cancel_current(call),
        "model_sync.get_status" => get_status(call),
        "model_sync.executions.list" => list(call),
        "model_sync.executions.get" => get(call),
        "model_sync.executions.cancel" => cancel(call),
        "model_sync.executions.update" => update(call),
        _ => return None,
    })
}

/// Whether an execution of that status is over.
pub(in crate::emulator) fn is_terminal(status: &str) -> bool {
    matches!(status, "canceled" | "completed" | "failed" | "interrupted" | "errors")
}

/// The execution of a sync that is under way.
pub(in crate::emulator) fn current<'a>(store: &'a Store, sync: &'a str) -> Option<&'a Value> {
    store.select(Table::Executions, "_sync", sync).rfind(|row| !is_terminal(text(row, "status")))
}

/// What canceling makes of an execution. One that has begun winds down first (`canceling`); a
/// second request ends it at once.
///
/// # Errors
///
/// 400 for one that is over.
pub(in crate::emulator) fn wind_down(row: &mut Value, now: &str) -> Result<(), Failure> {
    let status = match text(row, "status") {
        "running" | "processing" | "exporting" => "canceling",
        status if is_terminal(status) => {
            let message = format!("execution is already terminal: {status}");
            return Err(Failure::new(400, "execution_already_terminal", message));
        }
        _ => "canceled",
    };
    row["status"] = json!(status);
    if row.get("updated_at").is_some() {
        row["updated_at"] = json!(now);
    }
    if status == "canceled" {
        row["completed_at"] = json!(now);
    }
    Ok(())
}

/// The execution that the path names, with its sync.
pub(super) fn of_path(call: &Call<'_>) -> Result<(String, Value), Failure> {
    let sync = call.path("sync_id");
    call.row(Table::ModelSyncs, &sync)?;
    let row = call.row(Table::Executions, &call.path("id"))?;
    if text(row, "_sync") != sync {
        return Err(Failure::not_found("execution"));
    }
    Ok((sync, row.clone()))
}

fn start(call: &mut Call<'_>) -> Outcome {
    let sync = call.path("id");
    let organization = call.row(Table::ModelSyncs, &sync)?["organization_id"].clone();
    if current(call.store, &sync).is_some() {
        return Err(Failure::conflict("the sync is running"));
    }
    let kind = match () {
        () if flag(&call.body, "test") => "test",
        () if flag(&call.body, "resync") => "resync",
        () => "normal",
    };
    let now = call.store.tick();
    let row = json!({
        "id": call.store.next_id(Table::Executions), "_sync": sync,
        "organization_id": organization, "type": kind, "status": "created",
        "created_at": now, "counts": { "total": 0 }, "errors": [], "version": "1",
    });
    call.store.insert(Table::Executions, row.clone());
    Reply::data(row)
}

fn cancel_current(call: &mut Call<'_>) -> Outcome {
    let sync = call.path("id");
    call.row(Table::ModelSyncs, &sync)?;
    let Some(id) = current(call.store, &sync).map(|row| text(row, "id").to_owned()) else {
        return Reply::data(json!({ "message": "nothing is running" }));
    };
    wind_down_row(call, &id)?;
    Reply::data(json!({ "message": "canceling" }))
}

fn get_status(call: &Call<'_>) -> Outcome {
    let id = call.path("id");
    let row = call.row(Table::ModelSyncs, &id)?;
    let mut status = json!({});
    if let Some(running) = current(call.store, &id) {
        status["current_execution"] = running.clone();
    }
    let mut executions = call.store.select(Table::Executions, "_sync", &id);
    if let Some(last) = executions.rfind(|row| is_terminal(text(row, "status"))) {
        status["last_execution"] = last.clone();
    }
    if flag(row, "active") && text(&row["schedule"], "frequency") != "manual" {
        status["next_execution_time"] = json!(clock::format(call.store.seconds() + 3600));
    }
    Reply::data(status)
}

/// Newest first unless `ascending`; paged in both versions.
fn list(call: &Call<'_>) -> Outcome {
    let sync = call.path("id");
    call.row(Table::ModelSyncs, &sync)?;
    let only_completed = call.query("only_completed") == Some("true");
    let mut rows: Vec<Value> = call
        .store
        .select(Table::Executions, "_sync", &sync)
        .filter(|row| !only_completed || text(row, "status") == "completed")
        .cloned()
        .collect();
    if call.query("ascending") != Some("true") {
        rows.reverse();
    }
    Reply::whole(paging::page(call, rows)?.envelope())
}

fn get(call: &Call<'_>) -> Outcome {
    Reply::data(of_path(call)?.1)
}

fn cancel(call: &mut Call<'_>) -> Outcome {
    let (_, row) = of_path(call)?;
    if text(&row, "status") == "canceling" {
        let message = "execution is already canceling";
        return Err(Failure::new(400, "execution_already_terminal", message.to_owned()));
    }
    wind_down_row(call, text(&row, "id"))?;
    Reply::data(json!({ "message": "canceling" }))
}

/// Native legacy: a status is written, and only to cancel. What is canceled already stays so,
/// since PUT may be repeated.
fn update(call: &mut Call<'_>) -> Outcome {
    let (_, row) = of_path(call)?;
    if !matches!(text(&call.body, "status"), "canceled" | "canceling") {
        return Err(Failure::bad_request("status: only canceled can be written"));
    }
    if matches!(text(&row, "status"), "canceled" | "canceling") {
        return Reply::data(row);
    }
    let row = wind_down_row(call, text(&row, "id"))?;
    Reply::data(row)
}

fn wind_down_row(call: &mut Call<'_>, id: &str) -> Result<Value, Failure> {
    let now = call.store.tick();
    let row = call.row_mut(Table::Executions, id)?;
    wind_down(row, &now)?;
    Ok(row.clone())
}
