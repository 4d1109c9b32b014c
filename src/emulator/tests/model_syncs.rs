//! Model syncs: contradictions, replacement, what legacy keeps, executions.

use serde_json::{Value, json};

use super::support::{CRM, Client};
use crate::emulator::Emulator;
use crate::emulator::seed::{IDENTITIES_SYNC, ORGANIZATION_A, RUNNING_EXECUTION, RUNNING_SYNC};

fn clients() -> (Emulator, Client, Client) {
    let emulator = Emulator::seeded();
    let upstream = Client::upstream(&emulator, "demo-a-user");
    let legacy = Client::legacy(&emulator, "demo-a-user");
    (emulator, upstream, legacy)
}

/// What a client may write, of what it has read.
fn writable(sync: &Value) -> Value {
    let mut body = sync.clone();
    body.as_object_mut().unwrap().retain(|key, _| {
        !key.starts_with("created_")
            && !key.starts_with("updated_")
            && !matches!(key.as_str(), "id" | "model_ids" | "problems")
    });
    body
}

fn without(mut body: Value, keys: &[&str]) -> Value {
    for key in keys {
        body.as_object_mut().unwrap().remove(*key);
    }
    body
}

fn stored(emulator: &Emulator) -> Value {
    let mut state = emulator.state();
    for row in state["sync"].as_array_mut().unwrap() {
        row.as_object_mut().unwrap().retain(|key, _| !key.starts_with("updated_"));
    }
    state["sync"].take()
}

#[tokio::test]
async fn what_is_put_back_changes_nothing() {
    let (emulator, upstream, legacy) = clients();
    let before = stored(&emulator);
    for client in [&upstream, &legacy] {
        for sync in before.as_array().unwrap() {
            if sync["organization_id"] != ORGANIZATION_A {
                continue;
            }
            let path = format!("/api/syncs/{}", sync["id"].as_str().unwrap());
            let read = client.get(&path).await.data();
            let mut written = client.put(&path, writable(&read)).await.data();
            for key in ["updated_at", "updated_by"] {
                written[key] = read[key].clone();
            }
            assert_eq!(written, read);
        }
        assert_eq!(stored(&emulator), before);
    }
}

#[tokio::test]
async fn deprecated_properties_must_agree() {
    let (_, upstream, _) = clients();
    let path = format!("/api/syncs/{IDENTITIES_SYNC}");
    let read = upstream.get(&path).await.data();
    assert!(read.get("identity").is_none());
    assert_eq!(read["filters"].as_array().unwrap().len(), 3);
    let body = writable(&read);
    let first = body["identities"]["mappings"][0].clone();
    let mut agreeing = body.clone();
    agreeing["identity"] = first.clone();
    assert_eq!(upstream.put(&path, agreeing).await.status, 200);

    let mut identity = body.clone();
    identity["identity"] = body["identities"]["mappings"][1].clone();
    upstream.put(&path, identity).await.refused(422, "/identity");
    let mut only = without(body.clone(), &["identities"]);
    only["identity"] = first;
    upstream.put(&path, only).await.refused(422, "/identities");
    upstream.put(&path, without(body.clone(), &["identities"])).await.refused(422, "/identities");

    let mut filters = body.clone();
    filters["filters"][0]["value"] = json!("free");
    upstream.put(&path, filters).await.refused(422, "/filters");
    let mut filters = body.clone();
    filters["filters"].as_array_mut().unwrap().pop();
    upstream.put(&path, filters).await.refused(422, "/filters");
    let mut logic = body.clone();
    logic["filter_logic"] = json!("A OR B");
    upstream.put(&path, logic).await.refused(422, "/filter_logic");
    let mut logic = body;
    logic["target"]["filter_logic"] = json!("NOT A");
    upstream.put(&path, logic).await.refused(422, "/target/filter_logic");
}

#[tokio::test]
async fn deprecated_properties_alone_are_read() {
    let (_, upstream, _) = clients();
    let path = format!("/api/syncs/{IDENTITIES_SYNC}");
    let read = upstream.get(&path).await.data();
    let body = without(writable(&read), &["model_filters", "target_filters"]);
    let written = upstream.put(&path, body).await.data();
    assert_eq!(written["model_filters"], read["model_filters"]);
    assert_eq!(written["target_filters"], read["target_filters"]);
}

#[tokio::test]
async fn an_upstream_put_replaces_everything() {
    let (_, upstream, _) = clients();
    let path = "/api/syncs/0000000b-0000-4000-8000-000000000014";
    let read = upstream.get(path).await.data();
    assert!(read.get("model_filters").is_some() && read.get("identity").is_some());
    let body = json!({
        "name": "bare", "mode": "create", "schedule": { "frequency": "manual" },
        "fields": [], "target": { "connection_id": CRM },
    });
    let written = upstream.put(path, body).await.data();
    for key in ["identity", "identities", "filters", "model_filters", "target_filters"] {
        assert!(written.get(key).is_none(), "{key}");
    }
    assert_eq!(written["active"], false);
    assert_eq!(written["created_at"], read["created_at"]);
}

#[tokio::test]
async fn overrides_with_a_source_are_mappings() {
    let (_, upstream, legacy) = clients();
    let source = json!({ "model_id": "m", "field": "f" });
    let with = |field: Value| {
        json!({
            "name": "n", "mode": "create", "schedule": { "frequency": "manual" }, "fields": [],
            "target": { "connection_id": CRM, "object": "" }, "override_fields": [field],
        })
    };
    let mapped = with(json!({ "target": "plan", "source": source }));
    for client in [&upstream, &legacy] {
        let created = client.post("/api/syncs", mapped.clone()).await.data();
        assert_eq!(created["override_fields"], json!([]));
        assert_eq!(created["fields"][0]["source"], source);
    }
    let blank = json!({ "model_id": "", "field": "" });
    let synthesized = with(json!({ "target": "plan", "source": blank, "override_value": "x" }));
    let refused = upstream.post("/api/syncs", synthesized.clone()).await;
    refused.refused(422, "/override_fields/0/source");
    let created = legacy.post("/api/syncs", synthesized).await.data();
    assert_eq!(created["override_fields"][0]["source"], blank);
    assert_eq!(created["target"]["object"], "");
    let path = format!("/api/syncs/{}", created["id"].as_str().unwrap());
    let stored = upstream.get(&path).await.data();
    assert!(stored["override_fields"][0].get("source").is_none());
    assert!(stored["target"].get("object").is_none());
    let nothing = with(json!({ "target": "plan" }));
    upstream.post("/api/syncs", nothing).await.refused(422, "override_value");
}

#[tokio::test]
async fn legacy_writes_keep_what_they_cannot_say() {
    let (_, upstream, legacy) = clients();
    let path = format!("/api/syncs/{IDENTITIES_SYNC}");
    let before = upstream.get(&path).await.data();
    assert!(before["target_filters"]["conditions"][0].get("value_source").is_some());
    let mut body = writable(&legacy.get(&path).await.data());
    assert_eq!(body["identity"], before["identities"]["mappings"][0]);
    body["name"] = json!("Renamed");
    body["enricher"] = json!({ "unknown": "to both" });
    body["identity"]["target"] = json!("external_id");
    legacy.put(&path, body.clone()).await.data();
    let after = upstream.get(&path).await.data();
    assert_eq!(after["identities"]["mappings"][0]["target"], "external_id");
    assert_eq!(after["identities"]["mappings"][1], before["identities"]["mappings"][1]);
    assert_eq!(after["identities"]["strategy"], before["identities"]["strategy"]);
    assert_eq!(after["model_filters"], before["model_filters"]);
    assert_eq!(after["target_filters"], before["target_filters"]);
    body["filter_logic"] = json!("A OR B");
    legacy.put(&path, body).await.data();
    let after = upstream.get(&path).await.data();
    assert_eq!(after["model_filters"]["logic"], "A OR B");
    assert!(after["target_filters"]["conditions"][0].get("value_source").is_none());
}

#[tokio::test]
async fn cancels() {
    let (_, upstream, legacy) = clients();
    let running = format!("/api/syncs/{RUNNING_SYNC}/executions/{RUNNING_EXECUTION}");
    let cancel = format!("{running}/cancel");
    let post = async |path: &str| upstream.send("POST", path, None, &[]).await;
    post(&cancel).await.data();
    assert_eq!(upstream.get(&running).await.data()["status"], "canceling");
    post(&cancel).await.refused(400, "already canceling");
    post(&format!("/api/syncs/{RUNNING_SYNC}/cancel")).await.data();
    let canceled = upstream.get(&running).await.data();
    assert_eq!(canceled["status"], "canceled");
    assert!(canceled["completed_at"].is_string());
    post(&cancel).await.refused(400, "already terminal");
    // The first 11 syncs have a completed execution, then one in each status.
    for number in 1..=11 {
        let sync = format!("0000000b-0000-4000-8000-{number:012x}");
        let execution = format!("0000000c-0000-4000-8000-{:012x}", number * 2);
        let path = format!("/api/syncs/{sync}/executions/{execution}");
        let status = upstream.get(&path).await.data()["status"].clone();
        let answer = post(&format!("{path}/cancel")).await;
        match status.as_str().unwrap() {
            "completed" | "failed" | "interrupted" | "canceled" => answer.refused(400, "terminal"),
            "canceling" => answer.refused(400, "already canceling"),
            _ => assert_eq!(answer.status, 200, "{status}"),
        }
        let again = legacy.put(&path, json!({ "status": "canceled" })).await;
        match status.as_str().unwrap() {
            "completed" | "failed" | "interrupted" => again.refused(400, "terminal"),
            _ => assert!(again.data()["status"].as_str().unwrap().starts_with("cancel")),
        }
    }
    let wrong = legacy.put(&running, json!({ "status": "running" })).await;
    wrong.refused(400, "status");
    let elsewhere = running.replace(RUNNING_SYNC, IDENTITIES_SYNC);
    assert_eq!(legacy.put(&elsewhere, json!({ "status": "canceled" })).await.status, 404);
}

#[tokio::test]
async fn starts_one_at_a_time() {
    let (_, upstream, _) = clients();
    let path = format!("/api/syncs/{IDENTITIES_SYNC}/executions");
    let started = upstream.post(&path, json!({ "test": true })).await.data();
    upstream.send("POST", &path, None, &[]).await.refused(409, "running");
    let sync = format!("/api/syncs/{IDENTITIES_SYNC}");
    upstream.send("DELETE", &sync, None, &[]).await.refused(409, "running");
    let status = upstream.get(&format!("{sync}/status")).await.data();
    assert_eq!(status["current_execution"]["id"], started["id"]);
    upstream.send("POST", &format!("{sync}/cancel"), None, &[]).await.data();
    assert_eq!(upstream.send("DELETE", &sync, None, &[]).await.status, 204);
    assert_eq!(upstream.get(&sync).await.status, 404);
}
