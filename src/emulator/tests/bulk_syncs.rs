//! Bulk syncs: what upstream refuses and replaces.

use serde_json::{Value, json};

use super::support::{Client, DATABASE, WAREHOUSE};
use crate::emulator::Emulator;
use crate::emulator::seed::{HIDDEN_BULK_SYNC, MULTI_BULK_SYNC};

/// What a client may write, of what it has read.
fn writable(sync: &Value, names: &[&str]) -> Value {
    const COMMON: [&str; 15] = [
        "active",
        "automatically_add_new_fields",
        "automatically_add_new_objects",
        "concurrency_limit",
        "data_cutoff_timestamp",
        "destination_configuration",
        "destination_connection_id",
        "disable_record_timestamps",
        "mode",
        "name",
        "normalize_names",
        "policies",
        "resync_concurrency_limit",
        "source_configuration",
        "source_connection_id",
    ];
    let mut body = json!({});
    for key in COMMON.iter().chain(names) {
        if let Some(value) = sync.get(key) {
            body[*key] = value.clone();
        }
    }
    unstamp(&mut body["default_schedule"]);
    for schedule in body["additional_schedules"].as_array_mut().into_iter().flatten() {
        unstamp(schedule);
    }
    if body["default_schedule"].is_null() {
        body.as_object_mut().unwrap().remove("default_schedule");
        body.as_object_mut().unwrap().remove("additional_schedules");
    }
    body
}

fn unstamp(schedule: &mut Value) {
    if let Some(schedule) = schedule.as_object_mut() {
        schedule.retain(|key, _| !key.starts_with("created_") && !key.starts_with("updated_"));
    }
}

fn upstream_body(sync: &Value) -> Value {
    writable(sync, &["default_schedule", "additional_schedules"])
}

pub(super) fn legacy_body(sync: &Value) -> Value {
    writable(sync, &["schedule", "discover"])
}

/// The stored syncs and schemas without the time and maker of the latest write of each sync.
fn stored(emulator: &Emulator) -> Value {
    let mut state = emulator.state();
    for row in state["bulk_sync"].as_array_mut().unwrap() {
        row.as_object_mut().unwrap().retain(|key, _| !key.starts_with("updated_"));
    }
    json!([state["bulk_sync"], state["bulk_schema"]])
}

pub(super) fn fresh() -> Value {
    json!({
        "name": "n", "source_connection_id": DATABASE, "destination_connection_id": WAREHOUSE,
        "destination_configuration": {}, "default_schedule": { "frequency": "manual" },
    })
}

pub(super) fn clients() -> (Emulator, Client, Client) {
    let emulator = Emulator::seeded();
    let upstream = Client::upstream(&emulator, "demo-a-user");
    let legacy = Client::legacy(&emulator, "demo-a-user");
    (emulator, upstream, legacy)
}

#[tokio::test]
async fn refuses_what_was_removed() {
    let (emulator, upstream, _) = clients();
    let state = emulator.state();
    let with = |pointer: &str, value: Value| {
        let mut body = fresh();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[key] = value;
        body
    };
    let path = format!("/api/bulk/syncs/{MULTI_BULK_SYNC}");
    for (pointer, value) in [
        ("/schedule", json!({ "frequency": "daily" })),
        ("/discover", json!(true)),
        ("/default_schedule/frequency", json!("multi")),
        ("/default_schedule/selective_mode", json!("none")),
        ("/default_schedule/schemas", json!([])),
        ("/default_schedule/resync_mode", json!("normal")),
        ("/default_schedule/id", json!("nobody's")),
        ("/additional_schedules", json!([{ "frequency": "multi" }])),
        ("/additional_schedules", json!([{ "frequency": "daily", "id": "nobody's" }])),
        ("/additional_schedules", json!([{ "frequency": "daily", "created_at": "now" }])),
        ("/schemas", json!(["no.such"])),
        ("/source_connection_id", json!("nobody's")),
        ("/organization_id", json!("nobody's")),
    ] {
        let body = with(pointer, value);
        let name = pointer.rsplit('/').next().unwrap();
        upstream.post("/api/bulk/syncs", body.clone()).await.refused(422, name);
        upstream.put(&path, body).await.refused(422, name);
    }
    let start = format!("{path}/executions");
    upstream.post(&start, json!({ "resync": true })).await.refused(422, "/resync");
    let mut body = fresh();
    body.as_object_mut().unwrap().remove("default_schedule");
    upstream.post("/api/bulk/syncs", body).await.refused(422, "default_schedule");
    assert_eq!(emulator.state(), state);
}

#[tokio::test]
async fn an_upstream_put_replaces_everything() {
    let (emulator, upstream, _) = clients();
    let path = format!("/api/bulk/syncs/{HIDDEN_BULK_SYNC}");
    let before = upstream.get(&path).await.data();
    let schemas = emulator.state()["bulk_schema"].clone();
    let mut body = fresh();
    body["additional_schedules"] = json!([
        { "frequency": "hourly", "selective_mode": "incrementalFields" },
        before["additional_schedules"][1].clone(),
    ]);
    unstamp(&mut body["additional_schedules"][1]);
    let after = upstream.put(&path, body).await.data();
    assert_eq!(after["active"], false);
    assert_eq!(after["policies"], json!([]));
    for key in ["automatically_add_new_objects", "concurrency_limit", "data_cutoff_timestamp"] {
        assert!(after.get(key).is_none(), "{key}");
    }
    assert_ne!(after["default_schedule"]["id"], before["default_schedule"]["id"]);
    assert_eq!(after["default_schedule"]["created_at"], after["updated_at"]);
    let [added, kept] = [&after["additional_schedules"][0], &after["additional_schedules"][1]];
    assert_ne!(added["id"], before["additional_schedules"][0]["id"]);
    assert_eq!(added["created_by"]["name"], "ada@acme.example");
    assert_eq!(*kept, before["additional_schedules"][1]);
    assert_eq!(emulator.state()["bulk_schema"], schemas);

    let mut twice = upstream_body(&after);
    twice["additional_schedules"][1]["id"] = twice["additional_schedules"][0]["id"].clone();
    upstream.put(&path, twice).await.refused(422, "/additional_schedules/");
}

#[tokio::test]
async fn what_is_put_back_changes_nothing() {
    let (emulator, upstream, legacy) = clients();
    let before = stored(&emulator);
    for (client, body) in
        [(&upstream, upstream_body as fn(&Value) -> Value), (&legacy, legacy_body)]
    {
        for sync in emulator.state()["bulk_sync"].as_array().unwrap() {
            if sync["organization_id"] != crate::emulator::seed::ORGANIZATION_A {
                continue;
            }
            let path = format!("/api/bulk/syncs/{}", sync["id"].as_str().unwrap());
            let read = client.get(&path).await.data();
            let mut written = client.put(&path, body(&read)).await.data();
            for key in ["updated_at", "updated_by"] {
                written[key] = read[key].clone();
            }
            assert_eq!(written, read);
        }
        assert_eq!(stored(&emulator), before);
    }
}

#[tokio::test]
async fn schemas_are_selected() {
    let (_, upstream, _) = clients();
    let mut body = fresh();
    body["schemas"] = json!(["public.users", {
        "id": "public.orders", "history_enabled": true, "fields": ["id", { "id": "email", "obfuscate": true }],
    }]);
    let id = upstream.post("/api/bulk/syncs", body).await.data()["id"].clone();
    let path = format!("/api/bulk/syncs/{}/schemas", id.as_str().unwrap());
    let listed = upstream.get(&path).await.data();
    let enabled: Vec<_> = listed.as_array().unwrap().iter().map(|s| &s["enabled"]).collect();
    assert_eq!(enabled, [true, true, false, false]);
    let encoded = upstream.get(&format!("{path}/public.order%2Fitems%20%231")).await;
    assert_eq!(encoded.data()["id"], "public.order/items #1");
    let orders = upstream.get(&format!("{path}/public.orders")).await.data();
    assert_eq!(orders["history_enabled"], true);
    let fields: Vec<_> = orders["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| (field["enabled"] == true, field["obfuscated"] == true))
        .collect();
    assert_eq!(fields, [(true, false), (true, true), (false, false), (false, false)]);
}

#[tokio::test]
async fn starts_and_cancels() {
    let (_, upstream, legacy) = clients();
    let path = format!("/api/bulk/syncs/{HIDDEN_BULK_SYNC}/executions");
    let started = legacy.post(&path, json!({ "resync": true })).await.data();
    assert_eq!(started["output_disposition"], "rebuild");
    upstream.send("POST", &path, None, &[]).await.refused(409, "running");
    let cancel = format!("{path}/{}/cancel", started["id"].as_str().unwrap());
    upstream.send("POST", &cancel, None, &[]).await.data();
    upstream.send("POST", &cancel, None, &[]).await.refused(400, "already terminal");
    let started = upstream.send("POST", &path, None, &[]).await.data();
    assert_eq!(started["is_resync"], false);
}

#[tokio::test]
async fn schedules_one_by_one() {
    let (_, upstream, _) = clients();
    let sync = format!("/api/bulk/syncs/{HIDDEN_BULK_SYNC}");
    let path = format!("{sync}/schedules");
    let body =
        json!({ "schedule": { "frequency": "weekly", "dayOfWeek": "2", "selectiveMode": "none" } });
    let created = upstream.post(&path, body).await.data();
    assert_eq!(created["isDefault"], false);
    let stored = upstream.get(&sync).await.data()["additional_schedules"].clone();
    assert_eq!(stored[2]["day_of_week"], "2");
    let first = format!("{path}/{}", stored[0]["id"].as_str().unwrap());
    let body = json!({ "schedule": { "frequency": "daily" } });
    let updated = upstream.put(&first, body).await.data();
    assert_eq!(updated["schemas"], json!(["public.orders"]));
    assert_eq!(upstream.send("DELETE", &first, None, &[]).await.status, 204);
    assert_eq!(upstream.get(&first).await.status, 404);
    assert_eq!(upstream.get(&path).await.data().as_array().unwrap().len(), 3);
}
