//! Plain resources, driven by a table: roles, policies, webhooks.

use serde_json::{Value, json};

use super::call::{Call, Failure, Outcome, Reply};
use super::json::{flag, given, put, text};
use super::paging;
use super::store::Table;

/// A resource that is what was written, and no more.
struct Plain {
    /// What the operation ids start with.
    prefix: &'static str,
    table: Table,
    /// What a new row has beside its id, organization and body.
    defaults: fn(now: &str) -> Value,
}

const RESOURCES: [Plain; 3] = [
    Plain {
        prefix: "permissions.roles.",
        table: Table::Roles,
        defaults: |_| json!({ "system": false }),
    },
    Plain {
        prefix: "permissions.policies.",
        table: Table::Policies,
        defaults: |_| json!({ "system": false, "policy_actions": [] }),
    },
    Plain {
        prefix: "webhooks.",
        table: Table::Webhooks,
        defaults: |now| json!({ "created_at": now, "disabled": false }),
    },
];

pub(super) fn handle(call: &mut Call<'_>) -> Option<Outcome> {
    let (resource, action) = RESOURCES.iter().find_map(|resource| {
        let action = call.operation.id.strip_prefix(resource.prefix)?;
        Some((resource, action))
    })?;
    Some(match action {
        "list" => list(call, resource),
        "create" => create(call, resource),
        "get" => get(call, resource),
        "update" => update(call, resource),
        "delete" | "remove" => delete(call, resource),
        "enable" => set_disabled(call, false),
        "disable" => set_disabled(call, true),
        "list_deliveries" => list_deliveries(call),
        _ => return None,
    })
}

fn list(call: &Call<'_>, resource: &Plain) -> Outcome {
    let rows: Vec<Value> = call.rows(resource.table).cloned().collect();
    Reply::data(rows)
}

fn get(call: &Call<'_>, resource: &Plain) -> Outcome {
    Reply::data(call.row(resource.table, &call.path("id"))?.clone())
}

fn create(call: &mut Call<'_>, resource: &Plain) -> Outcome {
    let organization = call.target_organization()?;
    let body = call.given();
    let now = call.store.tick();
    let mut row = (resource.defaults)(&now);
    row["id"] = json!(call.store.next_id(resource.table));
    for key in call.writable() {
        if let Some(value) = given(&body, key) {
            row[key] = value.clone();
        }
    }
    row["organization_id"] = json!(organization);
    call.store.insert(resource.table, row.clone());
    Reply::data(row)
}

fn update(call: &mut Call<'_>, resource: &Plain) -> Outcome {
    let id = call.path("id");
    require_own(call, resource, &id)?;
    call.stays_in(text(call.row(resource.table, &id)?, "organization_id"))?;
    let body = call.given();
    let writable = call.writable();
    let now = call.store.tick();
    let defaults = (resource.defaults)(&now);
    let row = call.row_mut(resource.table, &id)?;
    for key in writable {
        if key != "organization_id" {
            let value = given(&body, key).or_else(|| given(&defaults, key));
            put(row, key, value.cloned());
        }
    }
    Reply::data(row.clone())
}

fn delete(call: &mut Call<'_>, resource: &Plain) -> Outcome {
    let id = call.path("id");
    require_own(call, resource, &id)?;
    call.store.tick();
    call.store.remove(resource.table, &id);
    Reply::nothing()
}

fn require_own(call: &Call<'_>, resource: &Plain, id: &str) -> Result<(), Failure> {
    if flag(call.row(resource.table, id)?, "system") {
        return Err(Failure::forbidden("the system's own cannot be changed"));
    }
    Ok(())
}

fn set_disabled(call: &mut Call<'_>, disabled: bool) -> Outcome {
    let id = call.path("id");
    call.row(Table::Webhooks, &id)?;
    let now = call.store.tick();
    let row = call.row_mut(Table::Webhooks, &id)?;
    row["disabled"] = json!(disabled);
    put(row, "disabled_at", disabled.then(|| json!(now)));
    put(row, "disabled_reason", disabled.then(|| json!("disabled by request")));
    Reply::data(row.clone())
}

fn list_deliveries(call: &Call<'_>) -> Outcome {
    let id = call.path("id");
    call.row(Table::Webhooks, &id)?;
    let time = |name: &str| call.query(name).and_then(super::clock::parse);
    let (start, end) = (time("start"), time("end"));
    let rows: Vec<Value> = call
        .store
        .select(Table::Deliveries, "_webhook", &id)
        .filter(|row| {
            let at = super::clock::parse(text(row, "attempted_at"));
            call.query("event_id").is_none_or(|id| id == text(row, "event_id"))
                && call.query("success").is_none_or(|yes| (yes == "true") == flag(row, "success"))
                && start.is_none_or(|start| at >= Some(start))
                && end.is_none_or(|end| at <= Some(end))
        })
        .cloned()
        .collect();
    Reply::whole(paging::page(call, rows)?.envelope())
}
