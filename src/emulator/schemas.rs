//! Source schemas of connections: their fields, primary keys, records, and refreshing them.

use serde_json::{Value, json};

use super::call::{Call, Failure, Outcome, Reply};
use super::json::{flag, given, list, put, text};
use super::service::origin;
use super::store::Table;

pub(super) fn handle(call: &mut Call<'_>) -> Option<Outcome> {
    Some(match call.operation.id.as_str() {
        "schemas.get" => get(call),
        "schemas.get_status" => get_status(call),
        "schemas.get_records" => get_records(call),
        "schemas.refresh" => refresh(call),
        "schemas.upsert_field" => upsert_field(call),
        "schemas.patch_field" => patch_field(call),
        "schemas.delete_field" => delete_field(call),
        "schemas.set_primary_keys" => set_primary_keys(call),
        "schemas.reset_primary_keys" => reset_primary_keys(call),
        _ => return None,
    })
}

/// The schemas of a connection, in the order of the source.
pub(super) fn of_connection(call: &Call<'_>, connection: &str) -> Vec<Value> {
    call.store.select(Table::Schemas, "_connection", connection).cloned().collect()
}

fn get(call: &Call<'_>) -> Outcome {
    let connection = call.path("id");
    call.row(Table::Connections, &connection)?;
    let id = call.path("schema_id");
    of_connection(call, &connection)
        .into_iter()
        .find(|schema| text(schema, "id") == id)
        .map_or_else(|| Err(Failure::not_found("schema")), Reply::data)
}

fn get_status(call: &Call<'_>) -> Outcome {
    let row = call.row(Table::Connections, &call.path("id"))?;
    let refreshed = given(row, "_refreshed").unwrap_or(&row["created_at"]);
    Reply::data(json!({
        "cache_status": "fresh",
        "last_refresh_started": refreshed, "last_refresh_finished": refreshed,
    }))
}

fn get_records(call: &Call<'_>) -> Outcome {
    get(call)?;
    let record =
        |n: i32| json!({ "id": n, "email": format!("person{n}@example.com"), "amount": 12.5 });
    Reply::data(vec![record(1), record(2)])
}

/// 202, and the address that tells when it is done.
fn refresh(call: &mut Call<'_>) -> Outcome {
    let id = call.path("id");
    call.row(Table::Connections, &id)?;
    let now = call.store.tick();
    call.row_mut(Table::Connections, &id)?["_refreshed"] = json!(now);
    let status = format!("{}/api/connections/{id}/schemas/status", origin(call));
    Reply::elsewhere(202, status)
}

/// The fields of the path's schema, to be changed.
fn fields<'a>(call: &'a mut Call<'_>) -> Result<&'a mut Vec<Value>, Failure> {
    let connection = call.path("connection_id");
    call.row(Table::Connections, &connection)?;
    let id = call.path("schema_id");
    call.store
        .rows_mut(Table::Schemas)
        .iter_mut()
        .find(|row| text(row, "_connection") == connection && text(row, "id") == id)
        .and_then(|schema| schema.get_mut("fields")?.as_array_mut())
        .ok_or_else(|| Failure::not_found("schema"))
}

fn upsert_field(call: &mut Call<'_>) -> Outcome {
    let body = call.given();
    let known = fields(call)?;
    for field in list(&body, "fields") {
        let id = text(field, "field_id");
        let row = json!({
            "id": id, "name": field["label"], "type": kind(text(field, "type")),
            "remote_type": field["type"], "path": given(field, "path").unwrap_or(&json!("")),
            "is_primary_key": false, "source_primary_key": false,
            "primary_key_override": false, "user_managed": true,
        });
        match known.iter_mut().find(|known| text(known, "id") == id) {
            Some(known) => *known = row,
            None => known.push(row),
        }
    }
    call.store.tick();
    Reply::nothing()
}

fn patch_field(call: &mut Call<'_>) -> Outcome {
    let body = call.given();
    let id = call.path("field_id");
    let field = user_field(fields(call)?, &id)?;
    for (from, to) in [("label", "name"), ("path", "path"), ("type", "remote_type")] {
        if let Some(value) = given(&body, from) {
            field[to] = value.clone();
        }
    }
    if let Some(given) = given(&body, "type").and_then(Value::as_str) {
        field["type"] = json!(kind(given));
    }
    let field = field.clone();
    call.store.tick();
    Reply::data(field)
}

fn delete_field(call: &mut Call<'_>) -> Outcome {
    let id = call.path("field_id");
    let known = fields(call)?;
    user_field(known, &id)?;
    known.retain(|field| text(field, "id") != id);
    call.store.tick();
    Reply::nothing()
}

/// Fields of the source itself cannot be changed.
fn user_field<'a>(fields: &'a mut [Value], id: &str) -> Result<&'a mut Value, Failure> {
    let field = fields.iter_mut().find(|field| text(field, "id") == id);
    match field {
        Some(field) if flag(field, "user_managed") => Ok(field),
        Some(_) => Err(Failure::bad_request("the field belongs to the source")),
        None => Err(Failure::not_found("field")),
    }
}

fn set_primary_keys(call: &mut Call<'_>) -> Outcome {
    let body = call.given();
    let known = fields(call)?;
    let wanted = list(&body, "fields");
    for field in wanted {
        let id = text(field, "field_id");
        if !known.iter().any(|known| text(known, "id") == id) {
            return Err(Failure::bad_request(format!("no field {id}")));
        }
    }
    for field in known {
        let named = wanted.iter().find(|wanted| wanted["field_id"] == field["id"]);
        if let Some(named) = named {
            field["is_primary_key"] = named["is_primary_key"].clone();
            field["primary_key_override"] = json!(true);
        }
    }
    call.store.tick();
    Reply::nothing()
}

fn reset_primary_keys(call: &mut Call<'_>) -> Outcome {
    for field in fields(call)? {
        let key = flag(field, "source_primary_key");
        put(field, "is_primary_key", Some(json!(key)));
        put(field, "primary_key_override", Some(json!(false)));
    }
    call.store.tick();
    Reply::nothing()
}

/// The nearest of the types that schemas know.
fn kind(given: &str) -> &str {
    match given {
        "string" | "number" | "boolean" | "datetime" | "array" | "object" | "binary" => given,
        "int" | "bigint" | "smallint" | "single" | "double" => "number",
        _ => "unknown",
    }
}
