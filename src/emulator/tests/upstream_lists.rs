//! Pages, filters and light items of the upstream lists, and their whole legacy counterparts.

use serde_json::{Value, json};

use super::support::{CRM, Client};
use crate::emulator::seed::MULTI_BULK_SYNC;
use crate::emulator::{Emulator, Options};

fn ids(data: &Value) -> Vec<String> {
    data.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

/// All pages, with the sizes of each.
async fn walk(client: &Client, path: &str) -> (Vec<String>, Vec<usize>) {
    let (mut all, mut sizes) = (Vec::new(), Vec::new());
    let mut token = String::new();
    for _ in 0..20 {
        let separator = if path.contains('?') { '&' } else { '?' };
        let next = match token.is_empty() {
            true => path.to_owned(),
            false => format!("{path}{separator}page_token={token}"),
        };
        let answer = client.get(&next).await;
        let next = answer.body["pagination"]["next_page_token"].as_str().map(str::to_owned);
        let page = ids(&answer.data());
        sizes.push(page.len());
        all.extend(page);
        match next {
            Some(next) => token = next,
            None => return (all, sizes),
        }
    }
    panic!("{path} does not end");
}

#[tokio::test]
async fn lists_of_syncs_come_in_pages() {
    let emulator = Emulator::seeded();
    let upstream = Client::upstream(&emulator, "demo-a-user");
    let legacy = Client::legacy(&emulator, "demo-a-user");
    for (path, sizes) in [("/api/syncs", vec![50, 50, 20]), ("/api/bulk/syncs", vec![50, 10])] {
        let (all, found) = walk(&upstream, path).await;
        assert_eq!(found, sizes, "{path}");
        let whole = legacy.get(path).await;
        assert!(whole.body.get("pagination").is_none());
        assert_eq!(all, ids(&whole.data()), "{path}");
        let (by_seven, found) = walk(&upstream, &format!("{path}?limit=7")).await;
        assert_eq!(found[0], 7);
        assert_eq!(by_seven, all);
        for limit in ["0", "51", "-1", "many"] {
            let answer = upstream.get(&format!("{path}?limit={limit}")).await;
            answer.refused(400, "?limit");
        }
        upstream.get(&format!("{path}?page_token=x")).await.refused(400, "?page_token");
    }
}

#[tokio::test]
async fn a_token_belongs_to_its_filters() {
    let emulator = Emulator::seeded();
    let client = Client::upstream(&emulator, "demo-a-user");
    let first = client.get("/api/syncs?active=true&limit=5").await;
    let token = first.body["pagination"]["next_page_token"].as_str().unwrap().to_owned();
    let on = client.get(&format!("/api/syncs?active=true&page_token={token}")).await;
    assert_eq!(on.status, 200);
    let off = client.get(&format!("/api/syncs?page_token={token}")).await;
    off.refused(400, "?page_token");
    let elsewhere = client.get(&format!("/api/bulk/syncs?page_token={token}")).await;
    elsewhere.refused(400, "?page_token");
}

#[tokio::test]
async fn a_walk_survives_removal() {
    let emulator = Emulator::seeded();
    let client = Client::upstream(&emulator, "demo-a-user");
    let first = client.get("/api/syncs?limit=20").await;
    let token = first.body["pagination"]["next_page_token"].as_str().unwrap().to_owned();
    let last = ids(&first.data()).pop().unwrap();
    assert_eq!(client.send("DELETE", &format!("/api/syncs/{last}"), None, &[]).await.status, 204);
    let next = client.get(&format!("/api/syncs?limit=20&page_token={token}")).await.data();
    assert_eq!(next[0]["name"], "Sync 021");
}

#[tokio::test]
async fn filters() {
    let emulator = Emulator::seeded();
    let paths = [
        "/api/syncs?active=false".to_owned(),
        "/api/syncs?mode=append".to_owned(),
        format!("/api/syncs?target_connection_id={CRM}"),
        "/api/bulk/syncs?active=false".to_owned(),
    ];
    for path in paths {
        let (upstream, _) = walk(&Client::upstream(&emulator, "demo-a-user"), &path).await;
        let legacy = Client::legacy(&emulator, "demo-a-user").get(&path).await.data();
        assert!(!upstream.is_empty() && upstream.len() < 60, "{path}");
        assert_eq!(upstream, ids(&legacy), "{path}");
    }
}

#[tokio::test]
async fn upstream_items_are_light() {
    let emulator = Emulator::seeded();
    let upstream = Client::upstream(&emulator, "demo-a-user");
    let legacy = Client::legacy(&emulator, "demo-a-user");
    let light = upstream.get("/api/syncs?limit=1").await.data()[0].clone();
    assert_eq!(light["target_connection_id"], CRM);
    assert_eq!(light["target_object"], "Account");
    let full = legacy.get("/api/syncs").await.data()[0].clone();
    for key in ["fields", "target", "identity", "policies", "override_fields"] {
        assert!(light.get(key).is_none(), "{key}");
        assert!(full.get(key).is_some(), "{key}");
    }
    let path = format!("/api/bulk/syncs/{MULTI_BULK_SYNC}/schemas");
    let light = upstream.get(&path).await.data()[0].clone();
    let full = legacy.get(&path).await.data()[0].clone();
    for key in ["fields", "filters"] {
        assert!(light.get(key).is_none(), "{key}");
        assert!(full.get(key).is_some(), "{key}");
    }
    assert!(light.get("history_enabled").is_some());
    assert!(full.get("history_enabled").is_none());
}

#[tokio::test]
async fn options_set_the_size() {
    let options = Options { page_limit: 9, model_syncs: 30, ..Options::default() };
    let emulator = Emulator::with_options(options);
    let (all, sizes) = walk(&Client::upstream(&emulator, "demo-a-user"), "/api/syncs").await;
    assert_eq!((all.len(), sizes), (30, vec![9, 9, 9, 3]));
}

#[tokio::test]
async fn executions_come_in_pages_newest_first() {
    let emulator = Emulator::seeded();
    let client = Client::upstream(&emulator, "demo-a-user");
    let path = "/api/syncs/0000000b-0000-4000-8000-00000000000c/executions";
    let (newest, sizes) = walk(&client, path).await;
    assert_eq!(sizes, [50, 5]);
    assert!(newest.is_sorted_by(|a, b| a > b));
    let (oldest, _) = walk(&client, &format!("{path}?ascending=true")).await;
    assert!(newest.iter().rev().eq(&oldest));
}

#[tokio::test]
async fn events_tell_of_their_logs() {
    let emulator = Emulator::seeded();
    let path = "/api/events?type=sync.completed";
    let upstream = Client::upstream(&emulator, "demo-a-user").get(path).await.data();
    let legacy = Client::legacy(&emulator, "demo-a-user").get(path).await.data();
    let [quiet, indexed, listed] = [0, 1, 2];
    assert!(upstream[indexed]["event"].get("total_records").is_none());
    assert!(upstream[indexed]["event"]["logs_url"].is_string());
    for name in ["total_records", "inserted_records", "deleted_records", "warnings"] {
        assert_eq!(legacy[indexed]["event"][name], upstream[listed]["event"][name], "{name}");
        assert_eq!(legacy[quiet]["event"][name], json!([]), "{name}");
    }
    assert!(legacy[indexed]["event"].get("logs_url").is_none());
    let event = &upstream[indexed]["event"];
    let index = format!(
        "/api/syncs/{}/executions/{}/logs",
        event["sync_id"].as_str().unwrap(),
        event["execution_id"].as_str().unwrap()
    );
    let client = Client::upstream(&emulator, "demo-a-user");
    let found = client.get(&index).await.data();
    let kinds: Vec<_> = found.as_object().unwrap().keys().collect();
    assert_eq!(kinds, ["records", "warnings", "inserts", "updates"]);
    let urls = client.get(&index.replace("/logs", "/inserts")).await.data();
    assert_eq!(urls["urls"], upstream[listed]["event"]["inserted_records"]);
    let file = client.get(&index.replace("/logs", "/inserts/0.json")).await;
    assert_eq!(file.status, 302);
    let location = file.headers["location"].to_str().unwrap();
    assert!(location.starts_with("http://localhost:8099/_emulator/files/"), "{location}");
}

#[tokio::test]
async fn targets_by_group_are_legacy_only() {
    let emulator = Emulator::seeded();
    let legacy = Client::legacy(&emulator, "demo-a-user");
    let path = format!("/api/connections/{}/modelsync/target", super::support::DATABASE);
    let all = legacy.get(&path).await.data();
    assert_eq!(
        all["items"],
        json!({
            "sales": { "has_items": true, "items": ["customers", "orders"], "requires_one_of": [] },
            "support": { "has_items": true, "items": ["tickets"], "requires_one_of": [] },
            "audit": { "has_items": false, "items": null, "requires_one_of": [] },
        })
    );
    let found = legacy.get(&format!("{path}?search=ORD")).await.data();
    assert_eq!(found["items"]["sales"]["items"], json!(["orders"]));
    let group = legacy.get(&format!("{path}?type=support")).await.data();
    assert_eq!(group["items"].as_object().unwrap().len(), 1);
    let exact = legacy.get(&format!("{path}?type=sales.orders")).await.data();
    let fields = json!(["email", "external_id", "plan", "seats"]);
    assert_eq!(exact["items"]["sales.orders"]["items"], fields);
    assert_eq!(Client::upstream(&emulator, "demo-a-user").get(&path).await.status, 404);
}

#[tokio::test]
async fn queries_of_unknown_status() {
    let emulator = Emulator::seeded();
    let upstream = Client::upstream(&emulator, "demo-a-user");
    let legacy = Client::legacy(&emulator, "demo-a-user");
    let path = format!("/api/connections/{}/query", super::support::DATABASE);
    let body = json!({ "query": "select unknown" });
    let query = upstream.post(&path, body.clone()).await.data();
    assert_eq!(query["status"], "unknown");
    let path_of = |query: &Value| format!("/api/queries/{}", query["id"].as_str().unwrap());
    assert_eq!(legacy.get(&path_of(&query)).await.data()["status"], "running");
    assert_eq!(legacy.post(&path, body).await.data()["status"], "running");
    let done = upstream.post(&path, json!({ "query": "select 1" })).await.data();
    let results = upstream.get(&path_of(&done)).await;
    let next = results.body["links"]["next"].as_str().unwrap().to_owned();
    assert!(next.starts_with("http://127.0.0.1:8099/api/queries/"), "{next}");
    let rest = upstream.get(next.trim_start_matches("http://127.0.0.1:8099")).await;
    assert!(rest.body["links"].get("next").is_none());
    assert_eq!(rest.data()["results"].as_array().unwrap().len(), 1);
}
