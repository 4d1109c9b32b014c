//! Model syncs of every kind, and executions in every status.

use serde_json::{Value, json};

use super::{Home, latest, stamped};
use crate::emulator::json::text;
use crate::emulator::store::{Store, Table};

const MODES: [&str; 7] =
    ["updateOrCreate", "create", "update", "append", "replace", "remove", "snapshot"];

const STATUSES: [&str; 11] = [
    "created",
    "scheduled",
    "queued",
    "waiting",
    "running",
    "processing",
    "canceling",
    "canceled",
    "completed",
    "failed",
    "interrupted",
];

/// Executions of the one sync that has more than a page of them.
const MANY: usize = 55;

pub(super) fn seed(store: &mut Store, home: &Home, count: usize) {
    for n in 1..=count {
        let row = sync(store, home, n);
        let row = stamped(store, &home.actor, row);
        store.insert(Table::ModelSyncs, row);
        let id = latest(store, Table::ModelSyncs);
        if n <= STATUSES.len() {
            execution(store, home, &id, "completed");
            execution(store, home, &id, STATUSES[n - 1]);
        } else if n == STATUSES.len() + 1 {
            for _ in 0..MANY {
                execution(store, home, &id, "completed");
            }
        }
    }
}

/// The n-th sync. What it has depends on what divides n, so that every combination occurs.
fn sync(store: &mut Store, home: &Home, n: usize) -> Value {
    let model = &home.models[n % home.models.len()];
    let source = |field: &str| json!({ "model_id": model["id"], "field": field });
    let mut row = json!({
        "id": store.next_id(Table::ModelSyncs), "organization_id": home.organization,
        "name": format!("Sync {n:03}"), "active": !n.is_multiple_of(3),
        "mode": MODES[n % MODES.len()], "schedule": schedule(n),
        "fields": [
            { "source": source("email"), "target": "email", "new": false },
            { "source": source("plan"), "target": "plan", "new": n.is_multiple_of(9), "sync_mode": "update" },
        ],
        "override_fields": [], "overrides": [], "policies": [], "problems": [],
        "model_ids": [model["id"]], "target": target(home, n),
        "sync_all_records": n.is_multiple_of(11), "only_enrich_updates": false,
        "skip_initial_backfill": n.is_multiple_of(13),
    });
    let mapping = |field: &str, target: &str| json!({ "source": source(field), "target": target, "function": "Equality", "new_field": false });
    row["identities"] = json!({ "mappings": [mapping("email", "email")] });
    if n.is_multiple_of(6) {
        row["identities"] = json!({
            "mappings": [mapping("email", "email"), mapping("id", "external_id")],
            "strategy": if n.is_multiple_of(12) { "and" } else { "priority" },
        });
    }
    if n.is_multiple_of(4) {
        row["model_filters"] = json!({
            "conditions": [
                { "source": source("plan"), "function": "Equality", "value": "pro", "label": "A" },
                { "source": source("amount"), "function": "GreaterThan", "value": 12.5, "label": "B" },
            ],
            "logic": "A AND B",
        });
    }
    if n.is_multiple_of(5) {
        row["target_filters"] = json!({
            "conditions": [{ "field": "seats", "function": "IsNotNull", "label": "A" }],
            "logic": "A",
        });
    }
    if n.is_multiple_of(20) {
        let condition = &mut row["target_filters"]["conditions"][0];
        *condition = json!({
            "field": "plan", "function": "Equality", "value_source": source("plan"), "label": "A",
        });
    }
    if n.is_multiple_of(7) {
        row["override_fields"] = json!([
            { "target": "plan", "override_value": "free", "new": false },
            { "target": "seats", "override_value": "1", "new": true, "sync_mode": "create" },
        ]);
    }
    if n.is_multiple_of(8) {
        row["overrides"] = json!([{
            "field": source("plan"), "field_id": "plan", "function": "IsNull",
            "override": "free",
        }]);
    }
    if n.is_multiple_of(30) {
        row["encryption_passphrase"] = json!("demo-passphrase");
    }
    if n.is_multiple_of(17) {
        row["problems"] = json!([{
            "code": "field_missing", "message": "a field is gone", "path": "/fields/0",
            "severity": "error",
        }]);
    }
    row
}

/// Objects in three systems, by ids with and without dots; every tenth is still to be created.
fn target(home: &Home, n: usize) -> Value {
    if n.is_multiple_of(10) {
        return json!({
            "connection_id": home.database["id"], "new_name": format!("created_{n}"),
            "create": { "name": format!("created_{n}") }, "configuration": {},
        });
    }
    let (connection, object) = match n % 4 {
        0 => (&home.database, "sales.customers"),
        1 => (&home.applications[0], "Account"),
        2 => (&home.applications[1], "contacts"),
        _ => (&home.database, "audit"),
    };
    json!({ "connection_id": connection["id"], "object": object })
}

fn schedule(n: usize) -> Value {
    match n % 7 {
        0 => json!({ "frequency": "manual" }),
        1 => json!({ "frequency": "hourly", "minute": "15" }),
        2 => json!({ "frequency": "daily", "hour": "5", "minute": "0" }),
        3 => json!({ "frequency": "weekly", "day_of_week": "1", "hour": "6", "minute": "30" }),
        4 => json!({ "frequency": "continuous" }),
        5 => json!({
            "frequency": "custom", "minute": "*/20", "hour": "*", "day_of_month": "*",
            "month": "*", "day_of_week": "1-5",
        }),
        _ => json!({
            "frequency": "runafter", "run_after_success_only": true,
            "run_after": { "sync_ids": [], "bulk_sync_ids": [] },
        }),
    }
}

fn execution(store: &mut Store, home: &Home, sync: &str, status: &str) {
    let now = store.tick();
    let mut row = json!({
        "id": store.next_id(Table::Executions), "_sync": sync,
        "organization_id": home.organization, "type": "normal", "status": status,
        "created_at": now, "errors": [], "version": "1", "counts": { "total": 0 },
    });
    if !matches!(status, "created" | "scheduled" | "queued" | "waiting") {
        row["started_at"] = json!(now);
    }
    if matches!(status, "canceled" | "completed" | "failed" | "interrupted") {
        row["completed_at"] = json!(store.tick());
    }
    match status {
        "completed" => {
            row["counts"] = json!({
                "total": 10, "insert": 4, "update": 6, "delete": 0, "upserts": 0, "error": 0,
                "warnings": 1,
            });
        }
        "failed" => row["errors"] = json!(["the target refused the record"]),
        _ => {}
    }
    store.insert(Table::Executions, row);
}

/// The latest completed execution of the first sync of that organization.
pub(super) fn completed(store: &Store, home: &Home) -> Value {
    store
        .rows(Table::Executions)
        .iter()
        .find(|row| {
            text(row, "organization_id") == home.organization && text(row, "status") == "completed"
        })
        .cloned()
        .unwrap_or_default()
}
