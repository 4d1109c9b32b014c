//! Connections of one organization shared with another of the same partner.

use serde_json::{Value, json};

use super::call::{Call, Failure, Outcome, Reply};
use super::connections;
use super::json::{given, text};
use super::organizations::{of_path, require_plural, require_singular};
use super::store::Table;

pub(super) fn handle(call: &mut Call<'_>) -> Option<Outcome> {
    Some(match call.operation.id.as_str() {
        // Native legacy.
        "connections.create_shared_connection" => create(call, "parent_connection_id"),
        "connections.list_shared_connections" => list(call, "parent_connection_id"),
        // Upstream.
        "connections.shared_connections.create_shared_connection" => create_for_owner(call),
        "connections.shared_connections.list_shared_connections_for_partner" => {
            list_for_partner(call)
        }
        "connections.shared_connections.list_shared_connections" => list_for_one(call),
        _ => return None,
    })
}

/// Sharing is a write of the organization that owns the parent: besides partners its own
/// credentials may do it, a scoped partner credential included.
fn create_for_owner(call: &mut Call<'_>) -> Outcome {
    let organization = of_path(call, "org_id")?;
    require_owner(call, &organization, &call.path("connection_id"))?;
    create(call, "connection_id")
}

fn list_for_partner(call: &Call<'_>) -> Outcome {
    require_plural(call)?;
    let organization = of_path(call, "org_id")?;
    require_owner(call, &organization, &call.path("connection_id"))?;
    list(call, "connection_id")
}

fn list_for_one(call: &Call<'_>) -> Outcome {
    require_singular(call)?;
    list(call, "id")
}

fn require_owner(call: &Call<'_>, organization: &str, connection: &str) -> Result<(), Failure> {
    let row = call.row(Table::Connections, connection)?;
    if text(row, "organization_id") != organization {
        return Err(Failure::not_found("connection"));
    }
    Ok(())
}

fn create(call: &mut Call<'_>, parameter: &str) -> Outcome {
    let parent_id = call.path(parameter);
    let parent = call.row(Table::Connections, &parent_id)?.clone();
    if given(&parent, "parent_connection_id").is_some() {
        return Err(Failure::forbidden("a shared connection cannot be shared on"));
    }
    let body = call.given();
    let child = text(&body, "child_organization_id").to_owned();
    require_sibling(call, text(&parent, "organization_id"), &child)?;
    let now = call.store.tick();
    let actor = call.actor();
    let id = call.store.next_id(Table::Connections);
    let mut row = parent.clone();
    row["id"] = json!(id);
    row["name"] = given(&body, "name").cloned().unwrap_or(parent["name"].clone());
    row["organization_id"] = json!(child);
    row["parent_connection_id"] = json!(parent_id);
    row["configuration"] = json!({});
    row["policies"] = json!([]);
    for (at, by) in [("created_at", "created_by"), ("updated_at", "updated_by")] {
        row[at] = json!(now);
        row[by] = actor.clone();
    }
    connections::insert(call.store, row);
    Reply::data(json!({ "id": id }))
}

/// The child has to be another organization of the same partner.
fn require_sibling(call: &Call<'_>, owner: &str, child: &str) -> Result<(), Failure> {
    let partner = |id: &str| {
        let row = call.store.get(Table::Organizations, id)?;
        row.get("_partner").cloned()
    };
    if owner == child {
        return Err(Failure::forbidden("the connection is of that organization"));
    }
    match partner(child) {
        Some(of_child) if Some(&of_child) == partner(owner).as_ref() => Ok(()),
        _ => Err(Failure::not_found("child organization")),
    }
}

fn list(call: &Call<'_>, parameter: &str) -> Outcome {
    let id = call.path(parameter);
    call.row(Table::Connections, &id)?;
    let shared: Vec<Value> =
        call.store.select(Table::Connections, "parent_connection_id", &id).cloned().collect();
    Reply::data(shared)
}
