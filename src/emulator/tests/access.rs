//! Credentials and what they may do, versions, routes, idempotency, determinism.

use axum::body::Body;
use axum::http::Request;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::support::{Client, DATABASE, ask};
use crate::contract::Version;
use crate::emulator::seed::{
    KEYS, ORGANIZATION_A, ORGANIZATION_B, ORGANIZATION_C, RUNNING_EXECUTION, RUNNING_SYNC,
};
use crate::emulator::{Emulator, Options};

fn basic(emulator: &Emulator, organization: &str, secret: &str) -> Client {
    let mut client = Client::upstream(emulator, "");
    let pair = STANDARD.encode(format!("{organization}:{secret}"));
    client.authorization = format!("Basic {pair}");
    client
}

#[tokio::test]
async fn me_tells_the_kind_of_every_key() {
    let emulator = Emulator::seeded();
    for key in KEYS {
        for version in [Version::Legacy, Version::Upstream] {
            let me = Client::new(&emulator, version, key.secret).get("/api/me").await.data();
            for kind in ["user", "organization", "partner", "system"] {
                assert_eq!(me[format!("is_{kind}")], json!(kind == key.kind), "{}", key.secret);
            }
            let organization = me["organization_id"].as_str().unwrap_or_default();
            assert_eq!(organization, key.organization);
            assert_eq!(me.get("credential").is_some(), version == Version::Upstream);
        }
    }
}

#[tokio::test]
async fn basic_credentials_are_scoped() {
    let emulator = Emulator::seeded();
    let me = basic(&emulator, ORGANIZATION_B, "demo-partner").get("/api/me").await.data();
    assert_eq!(me["organization_id"], ORGANIZATION_B);
    assert_eq!(me["is_organization"], true);
    assert_eq!(me["is_partner"], false);
    let accepted = [
        (ORGANIZATION_A, "demo-a-user"),
        ("", "demo-a-user"),
        ("", "demo-partner"),
        (ORGANIZATION_C, "demo-system"),
    ];
    for (organization, secret) in accepted {
        let answer = basic(&emulator, organization, secret).get("/api/me").await;
        assert_eq!(answer.status, 200, "{organization} {secret}");
    }
    let refused = [
        (ORGANIZATION_C, "demo-partner"),
        (ORGANIZATION_B, "demo-a-user"),
        ("nonsense", "demo-partner"),
        (ORGANIZATION_A, "wrong"),
        (ORGANIZATION_A, ""),
    ];
    for (organization, secret) in refused {
        let answer = basic(&emulator, organization, secret).get("/api/me").await;
        assert_eq!(answer.status, 401, "{organization} {secret}");
    }
    for header in ["", "Bearer", "Bearer ", "Digest demo-a-user", "Basic ???"] {
        let mut client = Client::upstream(&emulator, "");
        header.clone_into(&mut client.authorization);
        assert_eq!(client.get("/api/me").await.status, 401, "{header}");
    }
}

#[tokio::test]
async fn a_401_has_the_shape_of_its_version() {
    let emulator = Emulator::seeded();
    let legacy = Client::legacy(&emulator, "wrong").get("/api/syncs").await;
    assert_eq!(legacy.body["status"], "Unauthorized");
    assert_eq!(legacy.body["code"], 401);
    let upstream = Client::upstream(&emulator, "wrong").get("/api/syncs").await;
    assert_eq!(upstream.body["status"], 401);
    assert_eq!(upstream.body["key"], "unauthorized");
}

#[tokio::test]
async fn organization_routes_by_kind() {
    let emulator = Emulator::seeded();
    let plural = [
        "/api/organizations".to_owned(),
        format!("/api/organizations/{ORGANIZATION_A}"),
        format!("/api/organizations/{ORGANIZATION_A}/users"),
        format!("/api/organizations/entities/{DATABASE}"),
        format!("/api/organizations/{ORGANIZATION_A}/connections/{DATABASE}/shared"),
    ];
    let singular = [
        "/api/organization".to_owned(),
        "/api/organization/users".to_owned(),
        "/api/organization/record-logging".to_owned(),
        format!("/api/connections/{DATABASE}/shared"),
    ];
    for (secret, is_plural) in [
        ("demo-a-user", false),
        ("demo-a-organization", false),
        ("demo-partner", true),
        ("demo-system", true),
    ] {
        let client = Client::upstream(&emulator, secret);
        for (paths, allowed) in [(&plural[..], is_plural), (&singular[..], !is_plural)] {
            for path in paths {
                let expected = if allowed { 200 } else { 403 };
                assert_eq!(client.get(path).await.status, expected, "{secret} {path}");
            }
        }
    }
    let partner = Client::upstream(&emulator, "demo-partner");
    let listed = partner.get("/api/organizations").await.data();
    let ids: Vec<_> = listed.as_array().unwrap().iter().map(|o| o["id"].clone()).collect();
    assert_eq!(ids, [ORGANIZATION_A, ORGANIZATION_B]);
    let other = partner.get(&format!("/api/organizations/{ORGANIZATION_C}")).await;
    assert_eq!(other.status, 404);
    let scoped = basic(&emulator, ORGANIZATION_B, "demo-partner");
    assert_eq!(scoped.get("/api/organizations").await.status, 403);
    assert_eq!(scoped.get("/api/organization").await.data()["id"], ORGANIZATION_B);
}

#[tokio::test]
async fn legacy_organization_routes_are_for_everyone() {
    let emulator = Emulator::seeded();
    let user = Client::legacy(&emulator, "demo-b-user");
    let listed = user.get("/api/organizations").await.data();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(listed[0]["id"], ORGANIZATION_B);
    let other = user.get(&format!("/api/organizations/{ORGANIZATION_A}/users")).await;
    assert_eq!(other.status, 404);
    let own = format!("/api/organizations/{ORGANIZATION_B}/users");
    let created = user.post(&own, json!({ "email": "new@birch.example" })).await.data();
    let seen = Client::upstream(&emulator, "demo-b-user")
        .get(&format!("/api/organization/users/{}", created["id"].as_str().unwrap()))
        .await;
    assert_eq!(seen.data()["email"], "new@birch.example");
}

#[tokio::test]
async fn organization_settings_are_replaced_upstream_and_kept_by_legacy() {
    let emulator = Emulator::seeded();
    let path = format!("/api/organizations/{ORGANIZATION_B}");
    let legacy = Client::legacy(&emulator, "demo-partner");
    let after = legacy.put(&path, json!({ "name": "Beech" })).await.data();
    assert_eq!(after["issuer"], "https://login.birch.example");
    let stored = emulator.state()["organization"][1].clone();
    assert!(stored["client_secret"].as_str().unwrap().starts_with("sha256:"));
    let upstream = Client::upstream(&emulator, "demo-partner");
    upstream.put(&path, json!({ "name": "Beech" })).await.data();
    let stored = emulator.state()["organization"][1].clone();
    assert!(stored.get("client_secret").is_none(), "{stored}");
    let refused = Client::upstream(&emulator, "demo-b-user");
    assert_eq!(refused.put(&path, json!({ "name": "x" })).await.status, 403);
}

#[tokio::test]
async fn other_organizations_resources_are_not_found() {
    let emulator = Emulator::seeded();
    for secret in ["demo-b-user", "demo-c-user"] {
        for version in [Version::Legacy, Version::Upstream] {
            let client = Client::new(&emulator, version, secret);
            let paths = [
                format!("/api/syncs/{RUNNING_SYNC}"),
                format!("/api/connections/{DATABASE}"),
                format!("/api/syncs/{RUNNING_SYNC}/executions/{RUNNING_EXECUTION}"),
            ];
            for path in paths {
                assert_eq!(client.get(&path).await.status, 404, "{secret} {path}");
            }
        }
    }
    let partner = Client::upstream(&emulator, "demo-partner");
    assert_eq!(partner.get(&format!("/api/syncs/{RUNNING_SYNC}")).await.status, 200);
}

#[tokio::test]
async fn sharing() {
    let emulator = Emulator::seeded();
    let body = json!({ "child_organization_id": ORGANIZATION_B, "name": "Shared" });
    let path = format!("/api/organizations/{ORGANIZATION_A}/connections/{DATABASE}/shared");
    for secret in ["demo-partner", "demo-a-user"] {
        let created = Client::upstream(&emulator, secret).post(&path, body.clone()).await.data();
        assert!(created["id"].is_string());
    }
    let wrong_owner = path.replace(ORGANIZATION_A, ORGANIZATION_B);
    let partner = Client::upstream(&emulator, "demo-partner");
    assert_eq!(partner.post(&wrong_owner, body.clone()).await.status, 404);
    let to_stranger = json!({ "child_organization_id": ORGANIZATION_C });
    assert_eq!(partner.post(&path, to_stranger).await.status, 404);
    let stranger = Client::upstream(&emulator, "demo-c-user");
    assert_eq!(stranger.post(&path, body).await.status, 404);

    let legacy = Client::legacy(&emulator, "demo-a-user");
    let earlier = json!({ "organization_id": ORGANIZATION_B });
    let share = format!("/api/connections/{DATABASE}/share");
    legacy.post(&share, earlier).await.data();
    let shared = legacy.get(&format!("/api/connections/{DATABASE}/shared")).await.data();
    assert_eq!(shared.as_array().unwrap().len(), 4);
    let child = Client::legacy(&emulator, "demo-b-user").get("/api/connections").await.data();
    assert_eq!(child.as_array().unwrap().len(), 8);
}

#[tokio::test]
async fn versions() {
    let emulator = Emulator::seeded();
    let ask_with = async |emulator: &Emulator, version: Option<&str>| {
        let mut request = Request::get("/api/me").header("authorization", "Bearer demo-a-user");
        if let Some(version) = version {
            request = request.header("x-polytomic-version", version);
        }
        ask(emulator, request.body(Body::empty()).unwrap()).await
    };
    let answer = ask_with(&emulator, None).await;
    assert_eq!(answer.headers["x-polytomic-version"], "2025-09-18");
    assert!(answer.data().get("credential").is_some());
    assert_eq!(ask_with(&emulator, Some("2022-12-12")).await.status, 400);
    let options = Options { legacy_served: false, ..Options::default() };
    let retired = Emulator::with_options(options);
    ask_with(&retired, Some("2024-02-08")).await.refused(400, "not served");
}

#[tokio::test]
async fn routes_of_the_contract_and_no_others() {
    let emulator = Emulator::seeded();
    let upstream = Client::upstream(&emulator, "demo-a-user");
    let legacy = Client::legacy(&emulator, "demo-a-user");
    let share = format!("/api/connections/{DATABASE}/share");
    assert_eq!(upstream.post(&share, json!({})).await.status, 404);
    assert_eq!(legacy.get("/api/organization").await.status, 404);
    assert_eq!(upstream.get("/api/nothing").await.status, 404);
    let execution = format!("/api/syncs/{RUNNING_SYNC}/executions/{RUNNING_EXECUTION}");
    let answer = upstream.put(&execution, json!({ "status": "canceled" })).await;
    assert_eq!(answer.status, 405);
    assert_eq!(answer.headers["allow"], "GET");
    upstream.get("/api/syncs?surprise=1").await.refused(400, "?surprise");
    assert_eq!(legacy.get("/api/syncs?surprise=1&limit=900").await.status, 200);
    let body = json!({ "active": true, "surprise": 1 });
    let activate = format!("/api/syncs/{RUNNING_SYNC}/activate");
    upstream.post(&activate, body.clone()).await.refused(422, "surprise");
    assert_eq!(legacy.post(&activate, body).await.status, 200);
}

#[tokio::test]
async fn idempotency_keys() {
    let emulator = Emulator::seeded();
    let client = Client::upstream(&emulator, "demo-a-user");
    let key = [("idempotency-key", "k1")];
    let body = json!({ "name": "Role" });
    let path = "/api/permissions/roles";
    let first = client.send("POST", path, Some(body.clone()), &key).await;
    let state = emulator.state();
    let again = client.send("POST", path, Some(body.clone()), &key).await;
    assert_eq!((first.status, &first.body), (again.status, &again.body));
    assert_eq!(emulator.state(), state);
    let other = client.send("POST", path, Some(json!({ "name": "Other" })), &key).await;
    other.refused(409, "idempotency");
    let elsewhere = Client::upstream(&emulator, "demo-b-user");
    let theirs = elsewhere.send("POST", path, Some(body.clone()), &key).await.data();
    assert_ne!(theirs["id"], first.body["data"]["id"]);
    let fresh = client.send("POST", path, Some(body), &[("idempotency-key", "k2")]).await.data();
    assert_ne!(fresh["id"], first.body["data"]["id"]);

    // A cancellation that is repeated under its key is answered as the first time.
    let cancel = format!("/api/syncs/{RUNNING_SYNC}/executions/{RUNNING_EXECUTION}/cancel");
    for _ in 0..3 {
        assert_eq!(
            client.send("POST", &cancel, None, &[("idempotency-key", "c")]).await.status,
            200
        );
    }
}

#[tokio::test]
async fn equal_writes_make_equal_states() {
    let (one, two) = (Emulator::seeded(), Emulator::seeded());
    assert_eq!(one.state(), two.state());
    for emulator in [&one, &two] {
        let client = Client::upstream(emulator, "demo-a-user");
        client.post("/api/permissions/roles", json!({ "name": "R" })).await.data();
        // What is refused leaves no trace, not even in the clock and the counters.
        if std::ptr::eq(emulator, &one) {
            let refused = client.post("/api/connections", json!({ "name": "n" })).await;
            assert_eq!(refused.status, 422);
            let body = json!({ "name": "n", "type": "abacus", "configuration": {} });
            assert_eq!(client.post("/api/connections", body).await.status, 422);
        }
        client.get("/api/syncs").await.data();
        let body = json!({ "name": "n", "type": "hubspot", "configuration": {} });
        client.post("/api/connections", body).await.data();
    }
    assert_eq!(one.state(), two.state());
}

#[tokio::test]
async fn looks_inside_without_credentials() {
    let emulator = Emulator::seeded();
    Client::upstream(&emulator, "demo-a-user").get("/api/syncs?limit=1").await;
    let request = Request::get("/_emulator/requests").body(Body::empty()).unwrap();
    let seen = ask(&emulator, request).await.body;
    let expected = json!([{
        "method": "GET", "path": "/api/syncs?limit=1", "version": "2025-09-18", "status": 200,
    }]);
    assert_eq!(seen, expected);
    assert_eq!(json!(emulator.requests()), expected);
    let request = Request::get("/_emulator/state").body(Body::empty()).unwrap();
    let state = ask(&emulator, request).await.body.to_string();
    for secret in KEYS.map(|key| key.secret).iter().chain(&["birch-secret", "demo-webhook-secret"])
    {
        assert!(!state.contains(&format!("\"{secret}\"")), "{secret}");
    }
}

#[tokio::test]
async fn is_busy_when_asked_to_be() {
    let options = Options { busy_every: 2, ..Options::default() };
    let client = Client::upstream(&Emulator::with_options(options), "demo-a-user");
    assert_eq!(client.get("/api/me").await.status, 200);
    let busy = client.get("/api/me").await;
    assert_eq!(busy.status, 429);
    assert_eq!(busy.headers["retry-after"], "1");
}

#[tokio::test]
async fn serves_until_shut_down() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(crate::emulator::serve(listener, Emulator::seeded(), async {
        stopped.await.ok();
    }));
    let answer = reqwest::Client::new()
        .post(format!("http://{address}/api/connections/{DATABASE}/schemas/refresh"))
        .bearer_auth("demo-a-user")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 202);
    let status = format!("http://{address}/api/connections/{DATABASE}/schemas/status");
    assert_eq!(answer.headers()["location"], status);
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
}
