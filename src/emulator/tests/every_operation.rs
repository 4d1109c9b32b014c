//! Every operation of both contracts answers the seed with 2xx, as its contract says.

use serde_json::{Value, json};

use super::support::{CRM, Client, DATABASE, MARKETING, WAREHOUSE};
use crate::contract::{Contract, Operation, Version};
use crate::emulator::seed::{MULTI_BULK_SYNC, ORGANIZATION_A, ORGANIZATION_B, RUNNING_SYNC};
use crate::emulator::{Emulator, Options};

const MODEL_SYNC: &str = "0000000b-0000-4000-8000-000000000001";

#[tokio::test]
async fn every_upstream_operation_answers() {
    drive(Version::Upstream).await;
}

#[tokio::test]
async fn every_legacy_operation_answers() {
    drive(Version::Legacy).await;
}

/// Values that stand where something else belongs.
fn odd_values() -> Vec<Value> {
    vec![
        Value::Null,
        json!(""),
        json!("x"),
        json!(-1),
        json!(u64::MAX),
        json!(1.5),
        json!(true),
        json!([]),
        json!({}),
        json!([null, "x", {}, []]),
        json!({ "id": null, "frequency": "multi", "multi": [], "schedules": {} }),
        json!([{ "id": "public.users", "item": "none", "field_id": "x", "schedule": {} }]),
    ]
}

/// Whatever a body has in it, it is accepted or refused: nothing fails and nothing panics.
#[tokio::test]
async fn odd_bodies_are_refused_or_accepted() {
    for version in [Version::Legacy, Version::Upstream] {
        let options = Options { undeclared_accepted: true, ..Options::default() };
        let emulator = Emulator::with_options(options);
        for operation in Contract::of(version).operations() {
            let Some(body) = body(operation, version) else {
                continue;
            };
            let client = Client::new(&emulator, version, secret(operation));
            let (method, path) = (operation.method.as_str(), path(operation));
            let mut bodies = odd_values();
            for key in body.as_object().unwrap().keys() {
                for odd in odd_values() {
                    let mut changed = body.clone();
                    changed[key] = odd;
                    bodies.push(changed);
                }
            }
            for key in declared(operation) {
                for odd in odd_values() {
                    let mut changed = body.clone();
                    changed[&key] = odd;
                    bodies.push(changed);
                }
            }
            for body in bodies {
                let answer = client.send(method, &path, Some(body.clone()), &[]).await;
                assert!(answer.status < 500, "{path} {body}: {answer:?}");
            }
        }
    }
}

#[tokio::test]
async fn odd_paths_and_queries_are_refused_or_accepted() {
    for version in [Version::Legacy, Version::Upstream] {
        let emulator = Emulator::seeded();
        for operation in Contract::of(version).operations() {
            let client = Client::new(&emulator, version, secret(operation));
            let method = operation.method.as_str();
            let mut paths = Vec::new();
            for odd in ["..", "%00", "%2F", "%FF", "{id}", &"x".repeat(5000)] {
                let mut path = operation.template.clone();
                for name in operation.path_parameters() {
                    path = path.replace(&format!("{{{name}}}"), &odd.replace(['{', '}'], "%7B"));
                }
                paths.push(path);
            }
            if method == "GET" {
                for name in operation.query_parameter_names() {
                    for odd in ["", "x", "0", "-1", "18446744073709551615", "true", "%FF"] {
                        paths.push(format!("{}?{name}={odd}", path(operation)));
                        paths.push(format!("{}?{name}[{odd}]={odd}", path(operation)));
                    }
                }
            }
            for path in paths {
                let answer = client.send(method, &path, None, &[]).await;
                assert!(answer.status < 500, "{path}: {answer:?}");
            }
        }
    }
}

fn declared(operation: &Operation) -> Vec<String> {
    operation
        .request_schema()
        .and_then(|schema| operation.resolve(schema)["properties"].as_object())
        .map(|properties| properties.keys().cloned().collect())
        .unwrap_or_default()
}

fn secret(operation: &Operation) -> &'static str {
    match operation.template.starts_with("/api/organizations") {
        true => "demo-partner",
        false => "demo-a-user",
    }
}

async fn drive(version: Version) {
    let reading = Emulator::seeded();
    let before = reading.state();
    for operation in Contract::of(version).operations() {
        // A fresh state for each write, so that no operation depends on another.
        let emulator = match operation.method.as_str() {
            "GET" => reading.clone(),
            _ => Emulator::seeded(),
        };
        ask(&emulator, version, operation).await;
    }
    assert_eq!(reading.state(), before, "some GET changed something");
}

async fn ask(emulator: &Emulator, version: Version, operation: &Operation) {
    let client = Client::new(emulator, version, secret(operation));
    let (id, path) = (&operation.id, path(operation));
    let (method, body) = (operation.method.as_str(), body(operation, version));
    let answer = client.send(method, &path, body.clone(), &[]).await;
    assert!(answer.status < 400, "{id} {path}: {answer:?}");
    if let Some(schema) = operation.answer_schema() {
        let declared = operation.resolve(schema);
        let whole = declared["properties"]["data"].is_null();
        assert!(whole || !answer.body["data"].is_null(), "{id}: {answer:?}");
    }
    if body.is_some() {
        let wrong = client.send(method, &path, Some(json!([])), &[]).await;
        assert!([400, 422].contains(&wrong.status), "{id}: {wrong:?}");
    }
    let nobody = Client::new(emulator, version, "nobody");
    let refused = nobody.send(method, &path, body, &[]).await;
    assert_eq!(refused.status, 401, "{id}");
}

fn path(operation: &Operation) -> String {
    let id = operation.id.as_str();
    let of_sync = operation.template.starts_with("/api/syncs");
    let of_bulk = operation.template.starts_with("/api/bulk");
    let of_organization = operation.template.starts_with("/api/organization");
    let bulk = match id {
        "bulk_sync.start" => "0000000d-0000-4000-8000-00000000000f",
        "bulk_sync.executions.cancel" => "0000000d-0000-4000-8000-000000000003",
        _ => MULTI_BULK_SYNC,
    };
    let mut path = operation.template.clone();
    for name in operation.path_parameters() {
        let value = match name {
            "sync_id" if of_bulk => bulk,
            "sync_id" if id.contains("cancel") || id.ends_with(".update") => RUNNING_SYNC,
            "sync_id" => MODEL_SYNC,
            "exec_id" | "execution_id" => match id {
                "bulk_sync.executions.cancel" => "00000010-0000-4000-8000-000000000006",
                _ => "00000010-0000-4000-8000-00000000000d",
            },
            "schedule_id" => "0000000f-0000-4000-8000-000000000008",
            "schema_id" => "public.users",
            "field_id" => "added",
            "property" => "name",
            "filename" => "0.json",
            "org_id" => ORGANIZATION_A,
            "parent_connection_id" | "connection_id" => DATABASE,
            "type" if id == "jobs.get" => "createmodel",
            "type" if of_sync => "records",
            "type" => "postgresql",
            "id" => match id {
                _ if operation.template.contains("/executions/{id}") => {
                    if id.contains("cancel") || id.ends_with(".update") {
                        "0000000c-0000-4000-8000-00000000000a"
                    } else {
                        "0000000c-0000-4000-8000-000000000001"
                    }
                }
                "model_sync.start" | "model_sync.delete" | "model_sync.remove" => {
                    "0000000b-0000-4000-8000-000000000014"
                }
                _ if of_sync => MODEL_SYNC,
                _ if of_bulk => bulk,
                "entities.get" | "entities.get_for_partner" => DATABASE,
                "organization.delete" | "organization.remove" => ORGANIZATION_B,
                _ if id.starts_with("users.") => "00000003-0000-4000-8000-000000000002",
                _ if of_organization => ORGANIZATION_A,
                "connections.get_connection_type_schema" => "postgresql",
                _ if id.starts_with("connections.proxy") => MARKETING,
                _ if operation.template.starts_with("/api/connections") => DATABASE,
                _ if id.starts_with("permissions.roles") => "00000005-0000-4000-8000-000000000002",
                _ if id.starts_with("permissions.policies") => {
                    "00000006-0000-4000-8000-000000000002"
                }
                _ if id.starts_with("models") => "0000000a-0000-4000-8000-000000000001",
                _ if id.starts_with("webhooks") => "00000011-0000-4000-8000-000000000001",
                "query_runner.get_query" => "00000014-0000-4000-8000-000000000003",
                "jobs.get" => "00000015-0000-4000-8000-000000000003",
                _ => panic!("no value for {name} of {id}"),
            },
            _ => panic!("no value for {name} of {id}"),
        };
        path = path.replace(&format!("{{{name}}}"), value);
    }
    match id {
        "connections.delete" | "connections.remove" => path + "?force=true",
        "users.create_api_key" => path + "?force=true",
        "model_sync.targets.get_target_fields" => path + "?target=sales.customers",
        "models.create" | "models.update" => path + "?async=true",
        "bulk_sync.list" if operation.answer_schema().is_some() => path + "?active=true",
        _ => path,
    }
}

fn body(operation: &Operation, version: Version) -> Option<Value> {
    operation.request_schema()?;
    let schedule = json!({ "frequency": "daily", "hour": "4" });
    Some(match operation.id.as_str() {
        "bulk_sync.create" | "bulk_sync.update" => {
            let name = match version {
                Version::Legacy => "schedule",
                Version::Upstream => "default_schedule",
            };
            json!({
                "name": "n", "source_connection_id": DATABASE, "active": true,
                "destination_connection_id": WAREHOUSE, "destination_configuration": {},
                "schemas": ["public.users"], name: schedule,
            })
        }
        id if id.ends_with(".activate") => json!({ "active": true }),
        id if id.starts_with("bulk_sync.schedules") => json!({ "schedule": schedule }),
        "bulk_sync.start" => json!({ "test": true, "schemas": ["public.users"] }),
        "bulk_sync.schemas.patch" => {
            json!({ "schemas": [{ "id": "public.users", "enabled": true }] })
        }
        "bulk_sync.schemas.update" => {
            json!({ "enabled": true, "fields": [{ "id": "id", "enabled": true }] })
        }
        id if id.ends_with("error_handling.update") => json!({ "subscribers": ["a@b.example"] }),
        "connections.get_type_parameter_values" => json!({ "field": "database" }),
        "connections.create" | "connections.update" | "connections.test_connection" => {
            let mut body = json!({ "configuration": {}, "type": "postgresql" });
            if !operation.id.ends_with("test_connection") {
                body["name"] = json!("n");
            }
            body
        }
        "connections.connect" => json!({ "name": "n", "redirect_url": "https://a.example" }),
        id if id.ends_with("create_shared_connection") => {
            json!({ "child_organization_id": ORGANIZATION_B, "name": "n" })
        }
        "connections.proxy.execute_proxy" => json!({ "request": { "method": "GET", "path": "/" } }),
        "connections.proxy.update_proxy_settings" => json!({ "enabled": true }),
        "query_runner.run_query" => json!({ "query": "select 1" }),
        "schemas.upsert_field" => {
            json!({ "fields": [{ "field_id": "f", "label": "F", "type": "string" }] })
        }
        "schemas.patch_field" => json!({ "label": "L" }),
        "schemas.set_primary_keys" => {
            json!({ "fields": [{ "field_id": "email", "is_primary_key": true }] })
        }
        "models.post" => json!({ "configuration": {} }),
        id if id.starts_with("models.") => {
            json!({ "configuration": {}, "connection_id": DATABASE, "name": "n", "labels": ["l"] })
        }
        "notifications.set_global_error_subscribers" => json!({ "emails": ["a@b.example"] }),
        "organization.update_record_logging" => {
            json!({ "enabled": true, "deliveryConnectionId": WAREHOUSE })
        }
        id if id.starts_with("organization.") => json!({ "name": "n" }),
        "users.update_current_org_user" => json!({ "role": "admin" }),
        id if id.starts_with("users.") => json!({ "email": "new@acme.example" }),
        id if id.starts_with("permissions.") => json!({ "name": "n" }),
        "model_sync.executions.update" => json!({ "status": "canceled" }),
        "model_sync.start" => json!({ "resync": true }),
        "model_sync.create" | "model_sync.update" => json!({
            "name": "n", "mode": "create", "schedule": { "frequency": "manual" },
            "fields": [{ "source": { "model_id": "m", "field": "f" }, "target": "email" }],
            "target": { "connection_id": CRM, "object": "Account" },
        }),
        id if id.starts_with("webhooks.") => {
            json!({ "endpoint": "https://a.example", "secret": "s" })
        }
        id => panic!("no body for {id}"),
    })
}
