//! Events, queries, jobs, webhooks and what else has happened in organization A.

use serde_json::{Value, json};

use super::{Home, MULTI_BULK_SYNC, syncs};
use crate::emulator::activity::query_row;
use crate::emulator::clock;
use crate::emulator::json::text;
use crate::emulator::store::{Store, Table};
use crate::emulator::sync::logs;

pub(super) fn seed(store: &mut Store, home: &Home) {
    let execution = syncs::completed(store, home);
    sync_events(store, home, &execution);
    bulk_events(store, home);
    queries(store, home);
    webhooks(store, home);
    let organization = home.organization;
    let emails = json!({ "id": organization, "organization_id": organization, "emails": ["ops@acme.example"] });
    store.insert(Table::Notifications, emails);
    let session = json!({
        "id": store.next_id(Table::ConnectSessions), "organization_id": organization,
        "token": "connect-demo", "name": "Connect", "dark": false, "type": "hubspot",
        "redirect_url": "https://acme.example/done", "whitelist": [],
        "expires_at": clock::format(store.seconds() + 3600),
    });
    store.insert(Table::ConnectSessions, session);
}

fn event(store: &mut Store, home: &Home, kind: &str, mut body: Value) {
    body["organization_id"] = json!(home.organization);
    let row = json!({
        "id": store.next_id(Table::Events), "type": kind, "event": body,
        "organization_id": home.organization, "created_at": store.tick(),
    });
    store.insert(Table::Events, row);
}

/// One event of each kind; of `sync.completed` one with the addresses of its record logs, one
/// with the address of their index instead, and one of an execution that logged nothing.
fn sync_events(store: &mut Store, home: &Home, execution: &Value) {
    let (sync, id) = (text(execution, "_sync"), text(execution, "id"));
    let about = json!({
        "sync_id": sync, "execution_id": id, "sync_name": "Sync 001",
        "target_connection_id": home.applications[0]["id"],
    });
    let with = |extra: Value| {
        let mut body = about.clone();
        for (key, value) in extra.as_object().into_iter().flatten() {
            body[key] = value.clone();
        }
        body
    };
    event(store, home, "sync.running", about.clone());
    let counts = json!({
        "status": "completed", "trigger": "schedule", "schedule": { "frequency": "hourly" },
        "record_count": 10, "inserted_count": 4, "updated_count": 6, "upserted_count": 0,
        "error_count": 0, "warning_count": 1,
    });
    let mut listed = with(counts.clone());
    for (name, kind) in [
        ("total_records", "records"),
        ("inserted_records", "inserts"),
        ("updated_records", "updates"),
        ("deleted_records", "deletes"),
        ("errored_records", "errors"),
        ("warnings", "warnings"),
    ] {
        listed[name] = json!(logs::urls(execution, kind));
    }
    event(store, home, "sync.completed", listed);
    let index = |sync: &str, id: &str| {
        json!(format!("https://app.polytomic.example/api/syncs/{sync}/executions/{id}/logs"))
    };
    let mut indexed = with(counts.clone());
    indexed["logs_url"] = index(sync, id);
    event(store, home, "sync.completed", indexed);
    let quiet = super::RUNNING_EXECUTION;
    let mut nothing = with(counts);
    nothing["sync_id"] = json!(super::RUNNING_SYNC);
    nothing["execution_id"] = json!(quiet);
    nothing["logs_url"] = index(super::RUNNING_SYNC, quiet);
    event(store, home, "sync.completed", nothing);
    let problems =
        json!({ "error": "2 records failed", "number_of_errors": 2, "number_of_warnings": 0 });
    event(store, home, "sync.completed_with_errors", with(problems));
    event(store, home, "sync.failed", with(json!({ "error": "the target is down" })));
    event(store, home, "sync.canceled", with(json!({ "status": "canceled" })));
}

fn bulk_events(store: &mut Store, home: &Home) {
    let row = store.find(Table::BulkExecutions, "_sync", MULTI_BULK_SYNC);
    let execution = row.map(|row| row["id"].clone()).unwrap_or_default();
    for kind in ["running", "completed", "completed_with_errors", "failed", "canceled"] {
        let mut body = json!({
            "sync_id": MULTI_BULK_SYNC, "sync_name": "Bulk sync 07", "execution_id": execution,
            "source_connection_id": home.database["id"],
            "destination_connection_id": home.warehouse["id"],
        });
        if matches!(kind, "completed" | "completed_with_errors" | "failed") {
            body["trigger_source"] = json!("schedule");
            body["schedule"] = json!({ "frequency": "continuous", "id": "1" });
        }
        if kind == "failed" {
            body["error"] = json!("the source is down");
        }
        event(store, home, &format!("bulk_sync.{kind}"), body);
    }
}

fn queries(store: &mut Store, home: &Home) {
    let expires = clock::format(store.seconds() + 3600);
    for status in ["created", "running", "unknown", "done", "failed"] {
        let id = store.next_id(Table::Queries);
        let row = query_row(id, &json!(home.organization), status, &expires);
        store.insert(Table::Queries, row);
    }
    for status in ["created", "running", "done", "failed"] {
        let id = store.next_id(Table::Jobs);
        let mut row = json!({
            "id": id, "job_id": id, "type": "createmodel", "status": status,
            "organization_id": home.organization,
        });
        match status {
            "done" => row["result"] = json!({ "id": home.models[0]["id"] }),
            "failed" => row["error"] = json!("the job failed"),
            _ => {}
        }
        store.insert(Table::Jobs, row);
    }
}

fn webhooks(store: &mut Store, home: &Home) {
    for disabled in [false, true] {
        let id = store.next_id(Table::Webhooks);
        let mut row = json!({
            "id": id, "organization_id": home.organization, "disabled": disabled,
            "endpoint": "https://hooks.acme.example/polytomic", "secret": "demo-webhook-secret",
            "created_at": store.tick(),
        });
        if disabled {
            row["disabled_at"] = json!(store.tick());
            row["disabled_reason"] = json!("the endpoint failed for days");
        }
        store.insert(Table::Webhooks, row);
        for success in [true, false] {
            let mut row = json!({
                "id": store.next_id(Table::Deliveries), "_webhook": id, "success": success,
                "organization_id": home.organization, "event_type": "sync.completed",
                "event_id": super::latest(store, Table::Events), "duration_ms": 12,
                "status_code": if success { 200 } else { 500 }, "response_body": "",
                "attempted_at": store.tick(),
            });
            if !success {
                row["error"] = json!("status 500");
                row["error_kind"] = json!("status");
            }
            store.insert(Table::Deliveries, row);
        }
    }
}
