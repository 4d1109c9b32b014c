//! Connections and connection types.

use serde_json::{Value, json};

use super::call::{Call, Failure, Outcome, Reply};
use super::catalog;
use super::clock;
use super::json::{flag, given, list as items, put, text};
use super::store::{Store, Table};

pub(super) fn handle(call: &mut Call<'_>) -> Option<Outcome> {
    Some(match call.operation.id.as_str() {
        "connections.get_types" => Reply::data(catalog::types()),
        "connections.get_connection_type_schema" => get_form(call),
        "connections.get_type_parameter_values" => get_type_values(call),
        "connections.list" => list(call),
        "connections.get" => get(call),
        "connections.create" => create(call),
        "connections.update" => update(call),
        "connections.delete" | "connections.remove" => delete(call),
        "connections.test_connection" => test(call),
        "connections.connect" => connect(call),
        "connections.get_connect_session" => get_connect_session(call),
        "connections.get_parameter_values" => get_values(call),
        "connections.get_usage" => get_usage(call),
        _ => return None,
    })
}

/// Stores a connection together with the schemas that its type has.
pub(super) fn insert(store: &mut Store, row: Value) {
    for schema in catalog::schemas(text(&row["type"], "id")) {
        let mut schema = schema;
        schema["_connection"] = row["id"].clone();
        schema["organization_id"] = row["organization_id"].clone();
        store.insert(Table::Schemas, schema);
    }
    store.insert(Table::Connections, row);
}

fn get_form(call: &Call<'_>) -> Outcome {
    let kind = catalog::kind(&call.path("id")).ok_or_else(|| Failure::not_found("type"))?;
    Reply::whole(kind["configurationForm"]["jsonschema"].clone())
}

fn get_type_values(call: &Call<'_>) -> Outcome {
    catalog::kind(&call.path("type")).ok_or_else(|| Failure::not_found("type"))?;
    let field = text(&call.body, "field");
    Reply::data(json!({ field: catalog::parameter_values() }))
}

fn get_values(call: &Call<'_>) -> Outcome {
    call.row(Table::Connections, &call.path("id"))?;
    Reply::data(json!({ "database": catalog::parameter_values(), "role": null }))
}

fn list(call: &Call<'_>) -> Outcome {
    let rows: Vec<Value> = call.rows(Table::Connections).cloned().collect();
    Reply::data(rows)
}

fn get(call: &Call<'_>) -> Outcome {
    Reply::data(call.row(Table::Connections, &call.path("id"))?.clone())
}

fn create(call: &mut Call<'_>) -> Outcome {
    let organization = call.target_organization()?;
    let body = call.given();
    let kind = catalog::reference(text(&body, "type"))
        .ok_or_else(|| Failure::invalid("/type", "is not a connection type"))?;
    let now = call.store.tick();
    let actor = call.actor();
    let mut row = json!({
        "id": call.store.next_id(Table::Connections),
        "organization_id": organization,
        "type": kind,
        "saved": true,
        "api_calls_last_24_hours": 0,
        "created_at": now,
        "created_by": actor,
    });
    replace(&mut row, &body, &now, &actor);
    insert(call.store, row.clone());
    Reply::data(row)
}

fn update(call: &mut Call<'_>) -> Outcome {
    let id = call.path("id");
    let current = call.row(Table::Connections, &id)?;
    let body = call.given();
    call.stays_in(text(current, "organization_id"))?;
    if given(&body, "type").is_some_and(|kind| *kind != current["type"]["id"]) {
        return Err(Failure::invalid("/type", "of a connection cannot change"));
    }
    let now = call.store.tick();
    let actor = call.actor();
    let row = call.row_mut(Table::Connections, &id)?;
    replace(row, &body, &now, &actor);
    Reply::data(row.clone())
}

fn replace(row: &mut Value, body: &Value, now: &str, actor: &Value) {
    row["name"] = body["name"].clone();
    row["configuration"] = body["configuration"].clone();
    row["policies"] = given(body, "policies").cloned().unwrap_or(json!([]));
    put(row, "healthcheck_interval", given(body, "healthcheck_interval").cloned());
    row["status"] = json!(if flag(body, "validate") { "healthy" } else { "unchecked" });
    row["updated_at"] = json!(now);
    row["updated_by"] = actor.clone();
}

/// Refused while something depends on the connection, unless forced.
fn delete(call: &mut Call<'_>) -> Outcome {
    let id = call.path("id");
    call.row(Table::Connections, &id)?;
    if call.query("force") != Some("true") && is_used(call.store, &id) {
        let message = "the connection is in use, force removes it all the same";
        return Err(Failure::new(422, "in_use", message));
    }
    call.store.tick();
    call.store.remove(Table::Connections, &id);
    call.store.rows_mut(Table::Schemas).retain(|row| text(row, "_connection") != id);
    Reply::nothing()
}

fn is_used(store: &Store, id: &str) -> bool {
    let by_model = store.find(Table::Models, "connection_id", id).is_some();
    let by_bulk = ["source_connection_id", "destination_connection_id"]
        .iter()
        .any(|key| store.find(Table::BulkSyncs, key, id).is_some());
    let by_sync = store
        .rows(Table::ModelSyncs)
        .iter()
        .any(|sync| text(&sync["target"], "connection_id") == id);
    let by_child = store.find(Table::Connections, "parent_connection_id", id).is_some();
    by_model || by_bulk || by_sync || by_child
}

fn test(call: &Call<'_>) -> Outcome {
    catalog::kind(text(&call.body, "type")).ok_or_else(|| Failure::not_found("type"))?;
    let connection = text(&call.body, "connection_id");
    if !connection.is_empty() {
        call.row(Table::Connections, connection)?;
    }
    Reply::nothing()
}

/// Opens a session of Polytomic Connect; `ttl` is in seconds, an hour unless given.
fn connect(call: &mut Call<'_>) -> Outcome {
    let organization = call.target_organization()?;
    let body = call.given();
    if let Some(connection) = given(&body, "connection") {
        call.row(Table::Connections, connection.as_str().unwrap_or_default())?;
    }
    call.store.tick();
    let id = call.store.next_id(Table::ConnectSessions);
    let ttl = given(&body, "ttl").and_then(Value::as_i64).unwrap_or(3600);
    let token = format!("connect-{id}");
    let mut row = json!({
        "id": id, "organization_id": organization, "token": token,
        "expires_at": clock::format(call.store.seconds().saturating_add(ttl.clamp(0, 1 << 32))),
        "name": body["name"], "redirect_url": body["redirect_url"],
        "dark": flag(&body, "dark"), "whitelist": items(&body, "whitelist"),
    });
    put(&mut row, "type", given(&body, "type").cloned());
    put(&mut row, "connection_id", given(&body, "connection").cloned());
    if flag(&body, "use_organization_name") {
        let owner = call.store.get(Table::Organizations, &organization);
        put(&mut row, "organization_name", owner.map(|owner| owner["name"].clone()));
    }
    call.store.insert(Table::ConnectSessions, row);
    let address = format!("https://connect.polytomic.example/?token={token}");
    Reply::data(json!({ "redirect_url": address, "token": token }))
}

/// The latest session of the caller's organization.
fn get_connect_session(call: &Call<'_>) -> Outcome {
    let latest = call.rows(Table::ConnectSessions).next_back();
    let session = latest.ok_or_else(|| Failure::unauthorized("there is no connect session"))?;
    Reply::data(session.clone())
}

fn get_usage(call: &Call<'_>) -> Outcome {
    let id = call.path("id");
    let row = call.row(Table::Connections, &id)?;
    let by_sync: Vec<Value> = call
        .rows(Table::ModelSyncs)
        .filter(|sync| text(&sync["target"], "connection_id") == id)
        .take(5)
        .map(|sync| {
            json!({
                "syncId": sync["id"], "syncName": sync["name"], "syncType": "model",
                "totalCalls": 12,
                "categories": [{ "key": "write", "label": "Writes", "calls": 12 }],
            })
        })
        .collect();
    Reply::data(json!({
        "connectionId": id, "reportsSyncStats": true, "bySync": by_sync,
        "callsLast24h": row["api_calls_last_24_hours"],
    }))
}
