//! For each rule a request that reaches all of its upstream calls.

use polytomic_shim::emulator::seed::{ORGANIZATION_A, ORGANIZATION_B};
use serde_json::{Value, json};

pub const DATABASE: &str = "00000007-0000-4000-8000-000000000001";
const WAREHOUSE: &str = "00000007-0000-4000-8000-000000000002";
const CRM: &str = "00000007-0000-4000-8000-000000000003";
const MODEL: &str = "0000000a-0000-4000-8000-000000000004";
const SYNC: &str = "0000000b-0000-4000-8000-000000000007";
const BULK: &str = "0000000d-0000-4000-8000-000000000007";
const MEMBER: &str = "00000003-0000-4000-8000-000000000002";
const WEBHOOK: &str = "00000011-0000-4000-8000-000000000001";
const QUERY: &str = "00000014-0000-4000-8000-000000000002";

/// A legacy request, and whose it is.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The rule that it is for, perhaps with a word after `#` where a rule has several.
    pub name: &'static str,
    /// The secret of a seeded credential.
    pub key: &'static str,
    /// The credential that upstream takes a write of it for, where it would refuse the caller's.
    pub writes_as: Option<&'static str>,
    pub method: &'static str,
    pub target: String,
    pub body: Option<Value>,
}

impl Asked {
    pub fn rule(&self) -> &'static str {
        self.name.split('#').next().unwrap()
    }

    pub fn is_write(&self) -> bool {
        self.method != "GET"
    }
}

fn asked(name: &'static str, key: &'static str, request: &str, body: Option<Value>) -> Asked {
    let (method, target) = request.split_once(' ').unwrap();
    let method = ["GET", "POST", "PUT", "DELETE"].into_iter().find(|known| *known == method);
    Asked { name, key, writes_as: None, method: method.unwrap(), target: target.to_owned(), body }
}

/// Every rule at least once.
pub fn all() -> Vec<Asked> {
    let (user, partner) = ("demo-a-user", "demo-partner");
    let (a, b) = (ORGANIZATION_A, ORGANIZATION_B);
    let running = format!(
        "{}/executions/{}",
        polytomic_shim::emulator::seed::RUNNING_SYNC,
        polytomic_shim::emulator::seed::RUNNING_EXECUTION
    );
    let get = |name, key, target: &str| asked(name, key, &format!("GET {target}"), None);
    let share = json!({ "child_organization_id": b, "name": "Shared" });
    let mut own = asked(
        "organization/update_own",
        user,
        &format!("PUT /api/organizations/{a}"),
        Some(json!({ "name": "Acme, renamed" })),
    );
    own.writes_as = Some(partner);
    vec![
        asked("bulk_sync/create", user, "POST /api/bulk/syncs", Some(bulk("New", false))),
        get("bulk_sync/get", user, &format!("/api/bulk/syncs/{BULK}")),
        get(
            "bulk_sync/get_destination",
            user,
            &format!("/api/connections/{WAREHOUSE}/bulksync/target"),
        ),
        get("bulk_sync/list", user, "/api/bulk/syncs"),
        get("bulk_sync/schemas/list", user, &format!("/api/bulk/syncs/{BULK}/schemas")),
        asked(
            "bulk_sync/schemas/update",
            user,
            &format!("PUT /api/bulk/syncs/{BULK}/schemas/public.orders"),
            Some(json!({ "enabled": true, "partition_key": "id" })),
        ),
        asked(
            "bulk_sync/start",
            user,
            &format!("POST /api/bulk/syncs/{BULK}/executions"),
            Some(json!({ "resync": true })),
        ),
        asked(
            "bulk_sync/update",
            user,
            &format!("PUT /api/bulk/syncs/{BULK}"),
            Some(bulk("Renamed", true)),
        ),
        asked(
            "connections/create_shared",
            partner,
            &format!("POST /api/connections/{WAREHOUSE}/share"),
            Some(share.clone()),
        ),
        asked(
            "connections/create_shared#own",
            user,
            &format!("POST /api/connections/{WAREHOUSE}/share"),
            Some(share),
        ),
        get("connections/list_share", user, &format!("/api/connections/{DATABASE}/share")),
        get(
            "connections/list_share_for_partner",
            partner,
            &format!("/api/connections/{DATABASE}/share"),
        ),
        get(
            "connections/list_shared_for_partner",
            partner,
            &format!("/api/connections/{DATABASE}/shared"),
        ),
        get("events/list", user, "/api/events"),
        asked("model_sync/create", user, "POST /api/syncs", Some(sync("New"))),
        asked(
            "model_sync/executions/update",
            user,
            &format!("PUT /api/syncs/{running}"),
            Some(json!({ "status": "canceled" })),
        ),
        get("model_sync/get", user, &format!("/api/syncs/{SYNC}")),
        get("model_sync/list", user, "/api/syncs"),
        get(
            "model_sync/targets/get_target",
            user,
            &format!("/api/connections/{DATABASE}/modelsync/target?type=sales.customers"),
        ),
        asked("model_sync/update", user, &format!("PUT /api/syncs/{SYNC}"), Some(sync("Renamed"))),
        get("organization/get", user, &format!("/api/organizations/{a}")),
        get("organization/list", user, "/api/organizations"),
        asked(
            "organization/update",
            partner,
            &format!("PUT /api/organizations/{a}"),
            Some(json!({ "name": "Acme, renamed" })),
        ),
        own,
        get("query_runner/get_query", user, &format!("/api/queries/{QUERY}")),
        asked(
            "query_runner/run_query",
            user,
            &format!("POST /api/connections/{DATABASE}/query"),
            Some(json!({ "query": "select 1" })),
        ),
        asked(
            "users/create",
            user,
            &format!("POST /api/organizations/{a}/users"),
            Some(json!({ "email": "new@acme.example", "role": "member" })),
        ),
        get("users/get", user, &format!("/api/organizations/{a}/users/{MEMBER}")),
        get("users/list", user, &format!("/api/organizations/{a}/users")),
        asked("users/remove", user, &format!("DELETE /api/organizations/{a}/users/{MEMBER}"), None),
        asked("webhooks/create", user, "POST /api/webhooks", Some(webhook())),
        get("webhooks/get", user, &format!("/api/webhooks/{WEBHOOK}")),
        get("webhooks/list", user, "/api/webhooks"),
        asked("webhooks/update", user, &format!("PUT /api/webhooks/{WEBHOOK}"), Some(webhook())),
        asked("webhooks/enable", user, &format!("POST /api/webhooks/{WEBHOOK}/enable"), None),
        asked("webhooks/disable", user, &format!("POST /api/webhooks/{WEBHOOK}/disable"), None),
        asked(
            "users/update",
            user,
            &format!("PUT /api/organizations/{a}/users/{MEMBER}"),
            Some(json!({ "email": "member@acme.example", "role": "admin" })),
        ),
    ]
}

/// A webhook of the receiver that [`crate::support::with_webhook`] has.
fn webhook() -> Value {
    json!({ "endpoint": "https://receiver.example/", "secret": "secret" })
}

fn bulk(name: &str, with_schemas: bool) -> Value {
    let mut body = json!({
        "name": name,
        "source_connection_id": DATABASE,
        "destination_connection_id": WAREHOUSE,
        "destination_configuration": { "schema": "faults" },
        "mode": "replicate",
        "discover": true,
        "schedule": { "frequency": "multi", "multi": { "type": "incremental", "schedules": [
            { "item": "incrementalFields", "schedule": { "frequency": "continuous" } },
            { "item": "nonincrementalFields", "schedule": { "frequency": "daily", "hour": "7", "minute": "0" } },
        ] } },
    });
    if with_schemas {
        body["schemas"] = json!(["public.orders"]);
    }
    body
}

fn sync(name: &str) -> Value {
    let source = json!({ "model_id": MODEL, "field": "email" });
    json!({
        "name": name, "mode": "updateOrCreate", "schedule": { "frequency": "manual" },
        "fields": [{ "source": source, "target": "email" }],
        "identity": { "source": source, "target": "email", "function": "Equality" },
        "target": { "connection_id": CRM, "object": "Account" },
    })
}
