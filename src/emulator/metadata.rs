//! What connections offer to syncs: sources, destinations, target objects and their fields.

use serde_json::{Map, Value, json};

use super::call::{Call, Failure, Outcome, Reply};
use super::catalog;
use super::json::{take, text};
use super::schemas::of_connection;
use super::store::Table;

pub(super) fn handle(call: &mut Call<'_>) -> Option<Outcome> {
    Some(match call.operation.id.as_str() {
        "bulk_sync.get_source" => get_bulk_source(call),
        "bulk_sync.get_destination" => get_bulk_destination(call),
        "model_sync.get_source" | "models.get_enrichment_source" => get_source(call),
        "model_sync.get_source_fields" => get_source_fields(call),
        "model_sync.targets.list" => list_targets(call),
        "model_sync.targets.get_target" => get_target(call),
        "model_sync.targets.get_target_fields" => get_target_fields(call),
        "model_sync.targets.get_create_property" => get_create_property(call),
        "models.post" => get_input_fields(call),
        _ => return None,
    })
}

fn get_bulk_source(call: &Call<'_>) -> Outcome {
    let id = call.path("id");
    let row = call.row(Table::Connections, &id)?;
    let configuration = row["configuration"].clone();
    let mut schemas = of_connection(call, &id);
    if call.query("include_fields") == Some("false") {
        for schema in &mut schemas {
            take(schema, "fields");
        }
    }
    Reply::data(json!({
        "capabilities": { "supports_namespaces": true, "supports_tracking_fields": true },
        "configuration": configuration, "schemas": schemas,
    }))
}

/// Legacy does not know the mode `append`.
fn get_bulk_destination(call: &Call<'_>) -> Outcome {
    let row = call.row(Table::Connections, &call.path("id"))?;
    let mut modes = vec![("snapshot", "Snapshot"), ("replicate", "Replicate")];
    if !call.is_legacy() {
        modes.push(("append", "Append"));
    }
    let modes: Vec<Value> = modes
        .into_iter()
        .map(|(id, label)| {
            json!({
                "id": id, "label": label, "description": format!("{label} records"),
                "requires_identity": false, "supports_field_sync_mode": false,
                "supports_target_filters": false,
            })
        })
        .collect();
    Reply::data(json!({
        "configuration": row["configuration"], "modes": modes,
        "supported_resync_modes": ["refetch", "resync", "rebuild"],
        "supports_history_mode": true,
    }))
}

fn get_source(call: &Call<'_>) -> Outcome {
    let id = call.path("id");
    call.row(Table::Connections, &id)?;
    let schemas: Vec<Value> = of_connection(call, &id)
        .into_iter()
        .map(|mut schema| take(&mut schema, "id").unwrap_or_default())
        .collect();
    let table = json!({ "has_items": true, "items": schemas, "requires_one_of": [] });
    Reply::data(json!({
        "configuration": { "database": { "type": "string", "items": ["main", "archive"] } },
        "items": { "table": table }, "requires_one_of": ["table"],
    }))
}

fn get_source_fields(call: &Call<'_>) -> Outcome {
    let row = call.row(Table::Connections, &call.path("id"))?;
    Reply::data(model_fields(&["id", "email", "amount"], row))
}

/// `ModelField`s of these names, as old as the connection that they come from.
pub(super) fn model_fields(names: &[&str], connection: &Value) -> Vec<Value> {
    names
        .iter()
        .map(|name| {
            json!({
                "id": format!("{}.{name}", text(connection, "id")),
                "name": name, "label": name, "type": "string", "remote_type": "varchar",
                "unique": *name == "id", "user_added": false, "description": "",
                "created_at": connection["created_at"], "created_by": connection["created_by"],
                "updated_at": connection["created_at"],
            })
        })
        .collect()
}

fn get_input_fields(call: &Call<'_>) -> Outcome {
    call.row(Table::Connections, &call.path("connection_id"))?;
    Reply::data(json!([["email"], ["first_name", "last_name", "company"]]))
}

fn targets(call: &Call<'_>) -> Result<&'static [&'static str], Failure> {
    let row = call.row(Table::Connections, &call.path("id"))?;
    Ok(catalog::targets(text(&row["type"], "id")))
}

fn list_targets(call: &Call<'_>) -> Outcome {
    let modes = ["create", "update", "updateOrCreate"].map(|id| {
        json!({
            "id": id, "requires_identity": id != "create",
            "supports_per_field_mode": true, "supports_target_filters": true,
        })
    });
    let objects: Vec<Value> = targets(call)?
        .iter()
        .map(|id| json!({ "id": id, "name": id.rsplit('.').next(), "modes": modes }))
        .collect();
    let mut property = create_property("name");
    if call.query("include_target_creation_values") != Some("true") {
        take(&mut property, "values");
    }
    Reply::whole(json!({
        "data": objects,
        "target_creation": { "supported": true, "properties": [property] },
    }))
}

fn create_property(id: &str) -> Value {
    json!({
        "id": id, "title": "Name", "enum": true,
        "values": [{ "label": "Default", "value": "default" }],
    })
}

fn get_create_property(call: &Call<'_>) -> Outcome {
    targets(call)?;
    match call.path("property").as_str() {
        "name" => Reply::data(create_property("name")),
        _ => Err(Failure::not_found("property")),
    }
}

/// Native legacy: the target objects by group. `type` names a group or an object; when it is an
/// object's whole id, its fields are listed.
fn get_target(call: &Call<'_>) -> Outcome {
    let search = call.query("search").unwrap_or_default().to_lowercase();
    let kind = call.query("type").unwrap_or_default();
    let known = targets(call)?;
    let mut items = Map::new();
    if known.contains(&kind) && !kind.is_empty() {
        let fields = catalog::target_fields();
        let ids: Vec<&Value> = fields.as_array().into_iter().flatten().map(|f| &f["id"]).collect();
        items.insert(kind.to_owned(), group(Some(json!(ids))));
    } else {
        for id in known.iter().filter(|id| id.to_lowercase().contains(&search)) {
            let (name, item) = match id.split_once('.') {
                Some((name, item)) => (name, Some(item)),
                None => (*id, None),
            };
            if !kind.is_empty() && kind != name {
                continue;
            }
            let entry = items.entry(name).or_insert_with(|| group(item.map(|_| json!([]))));
            if let (Some(list), Some(item)) = (entry["items"].as_array_mut(), item) {
                list.push(json!(item));
            }
        }
    }
    Reply::data(json!({ "configuration": {}, "items": items, "requires_one_of": [] }))
}

fn group(items: Option<Value>) -> Value {
    json!({ "has_items": items.is_some(), "items": items, "requires_one_of": [] })
}

fn get_target_fields(call: &Call<'_>) -> Outcome {
    let known = targets(call)?;
    let id = match call.query("target") {
        Some(target) if known.contains(&target) => target.to_owned(),
        Some(_) => return Err(Failure::not_found("target")),
        None => String::new(),
    };
    Reply::data(json!({
        "id": id, "name": id.rsplit('.').next(), "fields": catalog::target_fields(),
        "modes": [{
            "mode": "updateOrCreate", "label": "Update or create", "description": "",
            "requires_identity": true, "supports_field_sync_mode": true,
            "supports_target_filters": true,
        }],
        "properties": {
            "supports_target_filters": true, "supports_multiple_identities": true,
            "supports_filter_value_fields": true, "target_creator": true,
            "supports_field_creation": true, "requires_configuration": false,
        },
        "refreshed_at": call.store.now(),
    }))
}
