//! Bulk syncs as legacy clients see and write them natively.

use serde_json::{Value, json};

use super::bulk_syncs::{clients, fresh, legacy_body};
use crate::emulator::seed::{HIDDEN_BULK_SYNC, MULTI_BULK_SYNC};

#[tokio::test]
async fn legacy_shows_one_schedule() {
    let (_, _, legacy) = clients();
    let sync = legacy.get(&format!("/api/bulk/syncs/{MULTI_BULK_SYNC}")).await.data();
    assert_eq!(
        sync["schedule"],
        json!({ "frequency": "multi", "multi": { "type": "incremental", "schedules": [
            { "item": "incrementalFields", "schedule": { "frequency": "continuous" } },
            {
                "item": "nonincrementalFields",
                "schedule": { "frequency": "daily", "hour": "5", "minute": "0" },
            },
        ] } })
    );
    let listed = legacy.get("/api/bulk/syncs").await.data();
    let listed = listed.as_array().unwrap();
    assert_eq!(listed[2]["schedule"], json!({ "frequency": "daily", "minute": "0", "hour": "5" }));
    let items = &listed[7]["schedule"]["multi"]["schedules"];
    assert_eq!(items[0]["item"], "none");
    assert!(listed.iter().all(|sync| sync.get("default_schedule").is_none()));
    let modes = |mode: &str| listed.iter().filter(|sync| sync["mode"] == mode).count();
    assert_eq!((modes("replicate"), modes("snapshot")), (45, 15));
    assert!(listed.iter().any(|sync| sync["discover"] == true));
    assert!(listed.iter().any(|sync| sync["discover"] == false));
}

#[tokio::test]
async fn legacy_writes_keep_what_they_cannot_say() {
    let (_, upstream, legacy) = clients();
    let path = format!("/api/bulk/syncs/{HIDDEN_BULK_SYNC}");
    let before = upstream.get(&path).await.data();
    let mut body = legacy_body(&legacy.get(&path).await.data());
    let items = body["schedule"]["multi"]["schedules"].as_array_mut().unwrap();
    items.reverse();
    let weekly = items.iter_mut().find(|i| i["item"] == "nonincrementalFields").unwrap();
    weekly["schedule"]["hour"] = json!("9");
    legacy.put(&path, body).await.data();
    let after = upstream.get(&path).await.data();
    assert_eq!(after["default_schedule"], before["default_schedule"]);
    let [changed, kept] = [&after["additional_schedules"][0], &after["additional_schedules"][1]];
    assert_eq!(*kept, before["additional_schedules"][0]);
    assert_eq!(changed["id"], before["additional_schedules"][1]["id"]);
    assert_eq!(changed["resync_mode"], "rebuild");
    assert_eq!(changed["hour"], "9");
    assert_eq!(changed["created_at"], before["additional_schedules"][1]["created_at"]);
    assert_ne!(changed["updated_at"], before["additional_schedules"][1]["updated_at"]);

    let mut body = legacy_body(&legacy.get(&path).await.data());
    body["schedule"] = json!({ "frequency": "hourly", "minute": "5" });
    legacy.put(&path, body).await.data();
    let after = upstream.get(&path).await.data();
    assert_eq!(after["additional_schedules"], json!([]));
    assert_eq!(after["default_schedule"]["id"], before["default_schedule"]["id"]);
    assert_eq!(after["default_schedule"]["frequency"], "hourly");
}

/// A change to multi of a sync, and what is stored then: the default's frequency, and of each
/// additional schedule its frequency, selection, and whether its id was there before.
#[tokio::test]
async fn legacy_schedules_find_their_place() {
    let item = |item: &str, frequency: &str| json!({ "item": item, "schedule": { "frequency": frequency } });
    let multi = |items: Vec<Value>| json!({ "frequency": "multi", "multi": { "type": "incremental", "schedules": items } });
    let cases = [
        // From a manual default: the default is not shown, and stays if no item claims it.
        (
            1,
            vec![item("incrementalFields", "hourly")],
            "manual",
            vec![("hourly", "incrementalFields", false)],
        ),
        (
            1,
            vec![item("none", "daily"), item("none", "hourly")],
            "daily",
            vec![("hourly", "none", false)],
        ),
        // Of two schedules one goes.
        (
            7,
            vec![item("incrementalFields", "continuous")],
            "manual",
            vec![("continuous", "incrementalFields", true)],
        ),
        // An item of everything that stems from an additional schedule stays one.
        (
            14,
            vec![item("none", "weekly"), item("incrementalFields", "continuous")],
            "manual",
            vec![("weekly", "none", true), ("continuous", "incrementalFields", true)],
        ),
        // A second one becomes the default.
        (
            14,
            vec![item("none", "weekly"), item("none", "continuous")],
            "continuous",
            vec![("weekly", "none", true)],
        ),
        // The shown default is claimed by the first, and the additional one by the second.
        (
            10,
            vec![item("none", "hourly"), item("none", "manual")],
            "hourly",
            vec![("manual", "none", true)],
        ),
    ];
    for (number, items, default, additional) in cases {
        let (_, upstream, legacy) = clients();
        let path = format!("/api/bulk/syncs/0000000d-0000-4000-8000-{number:012x}");
        let before = upstream.get(&path).await.data();
        let known: Vec<_> = before["additional_schedules"]
            .as_array()
            .unwrap()
            .iter()
            .map(|schedule| schedule["id"].clone())
            .collect();
        let mut body = legacy_body(&legacy.get(&path).await.data());
        body["schedule"] = multi(items.clone());
        legacy.put(&path, body).await.data();
        let after = upstream.get(&path).await.data();
        assert_eq!(after["default_schedule"]["frequency"], default, "{number} {items:?}");
        assert_eq!(after["default_schedule"]["id"], before["default_schedule"]["id"]);
        let found: Vec<_> = after["additional_schedules"]
            .as_array()
            .unwrap()
            .iter()
            .map(|schedule| {
                let text = |key: &str| schedule[key].as_str().unwrap_or("none").to_owned();
                (text("frequency"), text("selective_mode"), known.contains(&schedule["id"]))
            })
            .collect();
        let expected: Vec<_> = additional
            .into_iter()
            .map(|(frequency, mode, known)| (frequency.to_owned(), mode.to_owned(), known))
            .collect();
        assert_eq!(found, expected, "{number} {items:?}");
    }
}

#[tokio::test]
async fn legacy_refuses_schedules_that_say_nothing() {
    let (_, _, legacy) = clients();
    let single = "/api/bulk/syncs/0000000d-0000-4000-8000-000000000001";
    let multi = format!("/api/bulk/syncs/{MULTI_BULK_SYNC}");
    let mut body = legacy_body(&legacy.get(single).await.data());
    let again = json!({ "frequency": "multi", "multi": { "schedules": [] } });
    for (schedule, part) in [
        (json!("daily"), "/schedule"),
        (Value::Null, "/schedule"),
        (json!({ "frequency": "multi" }), "/schedule/multi/schedules"),
        (
            json!({ "frequency": "multi", "multi": { "schedules": [{ "item": "none" }] } }),
            "schedule",
        ),
        (
            json!({ "frequency": "multi", "multi": { "schedules": [{ "item": "none", "schedule": again }] } }),
            "/schedule/multi/schedules/0",
        ),
    ] {
        body["schedule"] = schedule;
        legacy.put(single, body.clone()).await.refused(422, part);
        legacy.post("/api/bulk/syncs", body.clone()).await.refused(422, part);
    }
    let before = legacy.get(&multi).await.data();
    let mut body = legacy_body(&before);
    body["schedule"] = json!({ "frequency": "multi" });
    let after = legacy.put(&multi, body).await.data();
    assert_eq!(after["schedule"], before["schedule"]);
}

#[tokio::test]
async fn legacy_discover_and_mode() {
    let (_, upstream, legacy) = clients();
    for (discover, objects, fields) in [(true, "all", "all"), (false, "none", "none")] {
        let mut body = fresh();
        body["schedule"] = body["default_schedule"].take();
        body["discover"] = json!(discover);
        body["partitionKey"] = json!("ignored");
        body.as_object_mut().unwrap().remove("default_schedule");
        body["schemas"] = json!([{ "id": "public.users", "trackingField": "updated_at" }]);
        let id = legacy.post("/api/bulk/syncs", body).await.data()["id"].clone();
        let path = format!("/api/bulk/syncs/{}", id.as_str().unwrap());
        let sync = upstream.get(&path).await.data();
        assert_eq!(sync["automatically_add_new_objects"], objects);
        assert_eq!(sync["automatically_add_new_fields"], fields);
        let schema = upstream.get(&format!("{path}/schemas/public.users")).await.data();
        assert_eq!(schema["tracking_field"], "updated_at");
    }
    // The third sync appends; replicate written back leaves it so, snapshot does not.
    let path = "/api/bulk/syncs/0000000d-0000-4000-8000-000000000003";
    let mut body = legacy_body(&legacy.get(path).await.data());
    assert_eq!(body["mode"], "replicate");
    legacy.put(path, body.clone()).await.data();
    assert_eq!(upstream.get(path).await.data()["mode"], "append");
    body["mode"] = json!("snapshot");
    legacy.put(path, body).await.data();
    assert_eq!(upstream.get(path).await.data()["mode"], "snapshot");
}

#[tokio::test]
async fn legacy_schema_writes_keep_history() {
    let (_, upstream, legacy) = clients();
    let path = "/api/bulk/syncs/0000000d-0000-4000-8000-000000000002";
    let schema = format!("{path}/schemas/public.users");
    let before = upstream.get(&schema).await.data();
    assert_eq!(before["history_enabled"], true);
    let read = legacy.get(&schema).await.data();
    let mut body = json!({});
    for key in ["enabled", "fields", "filters", "user_output_name", "tracking_field"] {
        if let Some(value) = read.get(key) {
            body[key] = value.clone();
        }
    }
    for field in body["fields"].as_array_mut().unwrap() {
        field.as_object_mut().unwrap().remove("output_name");
    }
    legacy.put(&schema, body.clone()).await.data();
    assert_eq!(upstream.get(&schema).await.data(), before);
    upstream.put(&schema, body).await.data();
    let after = upstream.get(&schema).await.data();
    assert_eq!(after["history_enabled"], false);
    assert_eq!(after["destination_history_output_name"], "users_history");
}
