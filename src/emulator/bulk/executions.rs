//! Executions of bulk syncs: starting, reading, canceling, and their logs.

use serde_json::{Value, json};

use crate::emulator::call::{Call, Failure, Outcome, Reply};
use crate::emulator::clock;
use crate::emulator::json::{flag, given, list as items, text, texts};
use crate::emulator::paging;
use crate::emulator::store::Table;
use crate::emulator::sync::executions::{is_terminal, wind_down};
use crate::emulator::sync::logs::console;

pub(super) fn handle(call: &mut Call<'_>) -> Option<Outcome> {
    Some(match call.operation.id.as_str() {
        "bulk_sync.start" => start(call),
        "bulk_sync.cancel" => cancel_current(call),
        "bulk_sync.get_status" => get_status(call),
        "bulk_sync.executions.list" => list(call),
        "bulk_sync.executions.list_status" => list_status(call),
        "bulk_sync.executions.get" => find(call, "id", "exec_id").and_then(Reply::data),
        "bulk_sync.executions.cancel" => cancel(call),
        "bulk_sync.executions.get_logs" => get_logs(call),
        "bulk_sync.executions.export_logs" => export_logs(call),
        "bulk_sync.executions.get_console_logs"
        | "bulk_sync.executions.get_schema_console_logs" => get_console(call),
        "bulk_sync.executions.get_ingest_console_logs" => get_ingest_console(call),
        _ => return None,
    })
}

fn current<'a>(call: &'a Call<'_>, sync: &'a str) -> Option<&'a Value> {
    call.store
        .select(Table::BulkExecutions, "_sync", sync)
        .rfind(|row| !is_terminal(text(row, "status")))
}

fn find(call: &Call<'_>, sync: &str, execution: &str) -> Result<Value, Failure> {
    let sync = call.path(sync);
    call.row(Table::BulkSyncs, &sync)?;
    let row = call.row(Table::BulkExecutions, &call.path(execution))?;
    if text(row, "_sync") != sync {
        return Err(Failure::not_found("execution"));
    }
    Ok(row.clone())
}

/// Legacy's `resync: true` is `resync_mode: "rebuild"`, unless a mode is given.
fn start(call: &mut Call<'_>) -> Outcome {
    let sync = call.path("id");
    let organization = call.row(Table::BulkSyncs, &sync)?["organization_id"].clone();
    let body = call.given();
    let enabled: Vec<String> = call
        .store
        .select(Table::BulkSchemas, "_sync", &sync)
        .filter(|row| flag(row, "enabled"))
        .map(|row| text(row, "id").to_owned())
        .collect();
    let wanted = texts(&body, "schemas");
    if let Some(unknown) = wanted.iter().find(|id| !enabled.iter().any(|known| known == *id)) {
        let message = format!("schemas: {unknown} is not selected");
        return Err(Failure::bad_request(message));
    }
    if current(call, &sync).is_some() {
        return Err(Failure::conflict("the sync is running"));
    }
    let mut resync = given(&body, "resync_mode").and_then(Value::as_str);
    if resync.is_none() && flag(&body, "resync") {
        resync = Some("rebuild");
    }
    let disposition = match resync {
        Some("rebuild") => "rebuild",
        Some("resync") => "truncate",
        _ => "retain",
    };
    let fetch = if resync.is_some() { "full" } else { "incremental" };
    let now = call.store.tick();
    let schemas: Vec<Value> = enabled
        .iter()
        .filter(|id| wanted.is_empty() || wanted.contains(&id.as_str()))
        .map(|id| schema_execution(id, "created", &now))
        .collect();
    let row = json!({
        "id": call.store.next_id(Table::BulkExecutions), "_sync": sync,
        "organization_id": organization, "status": "created",
        "type": if flag(&body, "test") { "test" } else { "manual" },
        "created_at": now, "updated_at": now, "record_count": 0, "error_count": 0,
        "warning_count": 0, "is_partial": !wanted.is_empty(), "is_resync": resync.is_some(),
        "is_test": flag(&body, "test"), "output_disposition": disposition,
        "fetch_mode": given(&body, "fetch_mode").cloned().unwrap_or(json!(fetch)),
        "schemas": schemas, "version": "1",
    });
    call.store.insert(Table::BulkExecutions, row.clone());
    Reply::data(row)
}

/// What an execution says about one schema.
pub(in crate::emulator) fn schema_execution(id: &str, status: &str, now: &str) -> Value {
    json!({
        "schema": id, "output_name": id, "status": status, "created_at": now,
        "updated_at": now, "record_count": 0, "error_count": 0, "warning_count": 0,
        "version": "1",
    })
}

fn cancel_current(call: &mut Call<'_>) -> Outcome {
    let sync = call.path("id");
    call.row(Table::BulkSyncs, &sync)?;
    let Some(id) = current(call, &sync).map(|row| text(row, "id").to_owned()) else {
        return Reply::data(json!({ "message": "nothing is running" }));
    };
    wind_down_row(call, &id)
}

fn cancel(call: &mut Call<'_>) -> Outcome {
    let row = find(call, "id", "exec_id")?;
    wind_down_row(call, text(&row, "id"))
}

fn wind_down_row(call: &mut Call<'_>, id: &str) -> Outcome {
    let now = call.store.tick();
    wind_down(call.row_mut(Table::BulkExecutions, id)?, &now)?;
    Reply::data(json!({ "message": "canceling" }))
}

fn get_status(call: &Call<'_>) -> Outcome {
    let id = call.path("id");
    let row = call.row(Table::BulkSyncs, &id)?;
    let mut status = json!({
        "ingestion_status": {
            "enabled": false, "is_running": false, "status": "ok", "status_message": "",
            "updated_at": row["updated_at"],
        },
    });
    if let Some(running) = current(call, &id) {
        status["current_execution"] = running.clone();
    }
    let mut executions = call.store.select(Table::BulkExecutions, "_sync", &id);
    if let Some(last) = executions.rfind(|row| is_terminal(text(row, "status"))) {
        status["last_execution"] = last.clone();
    }
    if let Some(next) = next_time(call, row) {
        status["next_execution_time"] = json!(next);
    }
    Reply::data(status)
}

fn next_time(call: &Call<'_>, sync: &Value) -> Option<String> {
    let manual = text(&sync["default_schedule"], "frequency") == "manual"
        && items(sync, "additional_schedules").is_empty();
    (flag(sync, "active") && !manual).then(|| clock::format(call.store.seconds() + 3600))
}

/// Newest first unless `ascending`; paged in both versions.
fn list(call: &Call<'_>) -> Outcome {
    let sync = call.path("id");
    call.row(Table::BulkSyncs, &sync)?;
    let only_terminal = call.query("only_terminal") == Some("true");
    let mut rows: Vec<Value> = call
        .store
        .select(Table::BulkExecutions, "_sync", &sync)
        .filter(|row| !only_terminal || is_terminal(text(row, "status")))
        .cloned()
        .collect();
    if call.query("ascending") != Some("true") {
        rows.reverse();
    }
    Reply::whole(paging::page(call, rows)?.envelope())
}

/// The latest status of the syncs asked for: named ones, else all, or the active ones.
fn list_status(call: &Call<'_>) -> Outcome {
    let named: Vec<&String> =
        call.query.iter().filter(|(key, _)| key == "sync_id").map(|(_, value)| value).collect();
    for id in &named {
        call.row(Table::BulkSyncs, id)?;
    }
    let active = call.query("active").map(|yes| yes == "true");
    let mut statuses = Vec::new();
    for sync in call.rows(Table::BulkSyncs) {
        let id = text(sync, "id");
        if !(named.is_empty() || named.iter().any(|named| *named == id))
            || active.is_some_and(|active| active != flag(sync, "active"))
        {
            continue;
        }
        let Some(latest) = call.store.select(Table::BulkExecutions, "_sync", id).next_back() else {
            continue;
        };
        let schemas: Vec<Value> = items(latest, "schemas")
            .iter()
            .map(|schema| {
                let mut schema = schema.clone();
                schema["execution_id"] = latest["id"].clone();
                schema
            })
            .collect();
        let mut status = json!({ "sync_id": id, "status": latest["status"], "schemas": schemas });
        if let Some(next) = next_time(call, sync) {
            status["nextExecutionTime"] = json!(next);
        }
        statuses.push(status);
    }
    Reply::data(statuses)
}

fn get_logs(call: &Call<'_>) -> Outcome {
    let row = find(call, "sync_id", "execution_id")?;
    Reply::data(json!({
        "URLs": [address(&row)],
        "Expires": clock::format(call.store.seconds() + 3600),
    }))
}

fn export_logs(call: &mut Call<'_>) -> Outcome {
    let row = find(call, "sync_id", "execution_id")?;
    call.store.tick();
    let id = call.store.next_id(Table::Jobs);
    let job = json!({
        "id": id, "job_id": id, "type": "exportlogs", "status": "done",
        "organization_id": row["organization_id"], "result": { "url": address(&row) },
    });
    call.store.insert(Table::Jobs, job.clone());
    Reply::whole(json!({ "data": { "url": address(&row) }, "job": job }))
}

fn address(execution: &Value) -> String {
    let id = text(execution, "id");
    format!("https://files.polytomic.example/bulk/{id}.json")
}

fn get_console(call: &Call<'_>) -> Outcome {
    let row = find(call, "sync_id", "execution_id")?;
    let schema = call.path("schema_id");
    let known = items(&row, "schemas").iter().any(|s| text(s, "schema") == schema);
    if !schema.is_empty() && !known {
        return Err(Failure::not_found("schema"));
    }
    console(call, &row)
}

/// The lines of the latest execution that reads from the connection.
fn get_ingest_console(call: &Call<'_>) -> Outcome {
    let connection = call.path("connection_id");
    call.row(Table::Connections, &connection)?;
    let reads = |sync: &Value| {
        text(sync, "source_connection_id") == connection
            && call.query("sync_id").is_none_or(|id| id == text(sync, "id"))
    };
    let latest = call.rows(Table::BulkExecutions).rfind(|row| {
        let sync = call.store.get(Table::BulkSyncs, text(row, "_sync"));
        sync.is_some_and(reads)
    });
    match latest {
        Some(row) => console(call, row),
        None => Reply::data(json!({ "entries": [] })),
    }
}
