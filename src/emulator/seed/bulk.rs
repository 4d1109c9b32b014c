//! Bulk syncs with every form of schedule, and executions in every status.

use serde_json::{Value, json};

use super::{Home, stamped};
use crate::emulator::bulk::schemas;
use crate::emulator::json::{put, text};
use crate::emulator::store::{Store, Table};

const STATUSES: [&str; 11] = [
    "created",
    "scheduled",
    "running",
    "exporting",
    "canceling",
    "canceled",
    "completed",
    "failed",
    "processing",
    "errors",
    "interrupted",
];

const MODES: [&str; 4] = ["replicate", "snapshot", "replicate", "append"];

/// Values of `automatically_add_new_objects` and `automatically_add_new_fields`.
const ADDED: [(Option<&str>, Option<&str>); 7] = [
    (None, None),
    (Some("none"), Some("none")),
    (Some("all"), Some("all")),
    (Some("onlyIncremental"), Some("none")),
    (Some("none"), Some("all")),
    (Some("onlyNonIncremental"), None),
    (None, Some("onlyIncremental")),
];

pub(super) fn seed(store: &mut Store, home: &Home, count: usize) {
    for n in 1..=count {
        let row = sync(store, home, n);
        let row = stamped(store, &home.actor, row);
        let id = text(&row, "id").to_owned();
        store.insert(Table::BulkSyncs, row);
        schemas::seed(store, &id, &json!(home.organization), "postgresql");
        if let Some(status) = STATUSES.get(n - 1) {
            execution(store, home, &id, "completed");
            execution(store, home, &id, status);
        }
        vary_schemas(store, &id, n);
    }
}

fn sync(store: &mut Store, home: &Home, n: usize) -> Value {
    let forms = forms();
    let (default, additional) = forms[(n - 1) % forms.len()].clone();
    let mut row = json!({
        "id": store.next_id(Table::BulkSyncs), "organization_id": home.organization,
        "name": format!("Bulk sync {n:02}"), "active": !n.is_multiple_of(4),
        "mode": MODES[n % MODES.len()],
        "source_connection_id": home.database["id"],
        "destination_connection_id": home.warehouse["id"],
        "source_configuration": {},
        "destination_configuration": { "schema": format!("bulk_{n}"), "advanced": { "batch": 500 } },
        "disable_record_timestamps": n.is_multiple_of(5), "normalize_names": "enabled",
        "policies": [],
    });
    let (objects, fields) = ADDED[n % ADDED.len()];
    put(&mut row, "automatically_add_new_objects", objects.map(Value::from));
    put(&mut row, "automatically_add_new_fields", fields.map(Value::from));
    if n.is_multiple_of(6) {
        row["concurrency_limit"] = json!(4);
        row["resync_concurrency_limit"] = json!(2);
        row["data_cutoff_timestamp"] = json!("2025-01-01T00:00:00Z");
    }
    row["default_schedule"] = schedule(store, home, default);
    row["additional_schedules"] =
        additional.into_iter().map(|additional| schedule(store, home, additional)).collect();
    row
}

fn schedule(store: &mut Store, home: &Home, mut row: Value) -> Value {
    row["id"] = json!(store.next_id(Table::BulkSchedules));
    stamped(store, &home.actor, row)
}

/// Default and additional schedules, in every form that there is.
fn forms() -> Vec<(Value, Vec<Value>)> {
    let manual = || json!({ "frequency": "manual" });
    let continuous = || json!({ "frequency": "continuous" });
    let hourly = || json!({ "frequency": "hourly", "minute": "15" });
    let daily = || json!({ "frequency": "daily", "hour": "5", "minute": "0" });
    let weekly =
        || json!({ "frequency": "weekly", "day_of_week": "1", "hour": "3", "minute": "30" });
    let custom = json!({
        "frequency": "custom", "minute": "0", "hour": "*/6", "day_of_month": "1",
        "month": "*", "day_of_week": "*",
    });
    let selecting = |mut timing: Value, mode: &str| {
        timing["selective_mode"] = json!(mode);
        timing
    };
    let with = |mut timing: Value, key: &str, value: Value| {
        timing[key] = value;
        timing
    };
    let (changed, rest, all) = ("incrementalFields", "nonincrementalFields", "none");
    vec![
        (manual(), vec![]),
        (hourly(), vec![]),
        (daily(), vec![]),
        (weekly(), vec![]),
        (custom, vec![]),
        (continuous(), vec![]),
        (manual(), vec![selecting(continuous(), changed), selecting(daily(), rest)]),
        (daily(), vec![selecting(hourly(), changed)]),
        (daily(), vec![selecting(weekly(), rest)]),
        (daily(), vec![selecting(weekly(), all)]),
        (daily(), vec![with(hourly(), "schemas", json!(["public.users"]))]),
        (daily(), vec![with(selecting(weekly(), all), "resync_mode", json!("resync"))]),
        (manual(), vec![hourly()]),
        (manual(), vec![selecting(daily(), all), selecting(hourly(), changed)]),
        (
            continuous(),
            vec![
                with(
                    with(selecting(hourly(), changed), "schemas", json!(["public.orders"])),
                    "resync_mode",
                    json!("refetch"),
                ),
                with(selecting(weekly(), rest), "resync_mode", json!("rebuild")),
            ],
        ),
        (hourly(), vec![selecting(daily(), changed), selecting(weekly(), changed)]),
        (
            weekly(),
            vec![
                with(daily(), "schemas", json!([])),
                with(hourly(), "resync_mode", json!("normal")),
            ],
        ),
    ]
}

/// Some schemas are not selected, some are written with history or under another name.
fn vary_schemas(store: &mut Store, sync: &str, n: usize) {
    let rows = store.rows_mut(Table::BulkSchemas);
    let mut rows = rows.iter_mut().filter(|row| text(row, "_sync") == sync);
    let (Some(first), Some(second), Some(third)) = (rows.next(), rows.next(), rows.next()) else {
        return;
    };
    if n.is_multiple_of(2) {
        first["history_enabled"] = json!(true);
        first["destination_history_output_name"] = json!("users_history");
        first["fields"][1]["user_output_name"] = json!("mail");
        first["filters"] = json!([{ "field_id": "id", "function": "GreaterThan", "value": 0 }]);
    }
    if n.is_multiple_of(3) {
        second["user_output_name"] = json!("purchases");
        second["tracking_field"] = json!("updated_at");
        second["partition_key"] = json!("id");
    }
    if n.is_multiple_of(5) {
        third["enabled"] = json!(false);
    }
}

fn execution(store: &mut Store, home: &Home, sync: &str, status: &str) {
    let now = store.tick();
    let of_schema = match status {
        "canceling" => "canceled",
        "errors" => "failed",
        other => other,
    };
    let mut row = json!({
        "id": store.next_id(Table::BulkExecutions), "_sync": sync,
        "organization_id": home.organization, "type": "scheduled", "status": status,
        "created_at": now, "updated_at": now, "started_at": now, "record_count": 100,
        "error_count": 0, "warning_count": 0, "is_partial": false, "is_resync": false,
        "is_test": false, "output_disposition": "retain", "fetch_mode": "incremental",
        "version": "1",
        "schemas": [{
            "schema": "public.users", "output_name": "users", "status": of_schema,
            "created_at": now, "started_at": now, "updated_at": now, "record_count": 100,
            "error_count": 0, "warning_count": 0, "version": "1",
        }],
    });
    if matches!(status, "canceled" | "completed" | "failed" | "errors" | "interrupted") {
        row["completed_at"] = json!(store.tick());
    }
    store.insert(Table::BulkExecutions, row);
}
