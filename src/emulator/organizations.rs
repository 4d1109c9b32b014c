//! Organizations: plural routes for partner and system credentials, singular for all others.

use serde_json::{Value, json};

use super::call::{Call, Failure, Outcome, Reply};
use super::json::{given, put, text};
use super::store::Table;

const SETTINGS: [&str; 5] = ["sso_domain", "sso_org_id", "issuer", "client_id", "client_secret"];

pub(super) fn handle(call: &mut Call<'_>) -> Option<Outcome> {
    Some(match call.operation.id.as_str() {
        "organization.list" => list(call),
        "organization.get" => get(call),
        "organization.get_current" => get_current(call),
        "organization.create" => create(call),
        "organization.update" => update(call),
        "organization.delete" | "organization.remove" => delete(call),
        "organization.get_record_logging" => get_record_logging(call),
        "organization.update_record_logging" => update_record_logging(call),
        _ => return None,
    })
}

/// Refuses a plural route to whoever has the singular one. Legacy knows no such difference.
pub(super) fn require_plural(call: &Call<'_>) -> Result<(), Failure> {
    if call.is_legacy() || call.caller.is_plural() {
        return Ok(());
    }
    Err(Failure::forbidden("this route is for partner credentials, use /api/organization"))
}

/// Refuses a singular route to partner and system credentials.
pub(super) fn require_singular(call: &Call<'_>) -> Result<(), Failure> {
    if !call.caller.is_plural() {
        return Ok(());
    }
    Err(Failure::forbidden(
        "this route is for one organization's credentials, use /api/organizations",
    ))
}

/// The organization of a plural path, if it is one of the caller's.
pub(super) fn of_path(call: &Call<'_>, parameter: &str) -> Result<String, Failure> {
    let id = call.path(parameter);
    if call.caller.sees(&id) && call.store.get(Table::Organizations, &id).is_some() {
        return Ok(id);
    }
    Err(Failure::not_found("organization"))
}

fn list(call: &Call<'_>) -> Outcome {
    require_plural(call)?;
    let organizations: Vec<Value> = call
        .caller
        .scope()
        .iter()
        .filter_map(|id| call.store.get(Table::Organizations, id).cloned())
        .collect();
    Reply::data(organizations)
}

fn get(call: &Call<'_>) -> Outcome {
    require_plural(call)?;
    let id = of_path(call, "id")?;
    Reply::data(call.store.get(Table::Organizations, &id).cloned())
}

fn get_current(call: &Call<'_>) -> Outcome {
    require_singular(call)?;
    let id = &call.caller.organization;
    Reply::data(call.store.get(Table::Organizations, id).cloned())
}

fn create(call: &mut Call<'_>) -> Outcome {
    require_partner(call)?;
    let body = call.given();
    check_domain(call, &body, "")?;
    let partner = call
        .store
        .get(Table::Organizations, &call.caller.organization)
        .and_then(|owner| owner.get("_partner").cloned());
    let mut row = json!({
        "id": call.store.next_id(Table::Organizations),
        "name": body["name"],
    });
    put(&mut row, "_partner", partner);
    for key in SETTINGS {
        put(&mut row, key, given(&body, key).cloned());
    }
    call.store.tick();
    call.store.insert(Table::Organizations, row.clone());
    Reply::data(row)
}

/// 2025-09-18 replaces the SSO and OIDC settings in full; 2024-02-08 leaves alone what the body
/// leaves out.
fn update(call: &mut Call<'_>) -> Outcome {
    require_partner(call)?;
    let id = of_path(call, "id")?;
    let body = call.given();
    check_domain(call, &body, &id)?;
    call.store.tick();
    let keeps = call.is_legacy();
    let Some(row) = call.store.get_mut(Table::Organizations, &id) else {
        return Err(Failure::not_found("organization"));
    };
    row["name"] = body["name"].clone();
    for key in SETTINGS {
        if given(&body, key).is_some() || !keeps {
            put(row, key, given(&body, key).cloned());
        }
    }
    Reply::data(row.clone())
}

fn delete(call: &mut Call<'_>) -> Outcome {
    require_partner(call)?;
    let id = of_path(call, "id")?;
    if id == call.caller.organization {
        return Err(Failure::forbidden("a partner's own organization stays"));
    }
    call.store.tick();
    call.store.remove(Table::Organizations, &id);
    call.store.remove_everywhere("organization_id", &id);
    Reply::nothing()
}

/// Writing organizations was a partner's business in 2024-02-08 already.
fn require_partner(call: &Call<'_>) -> Result<(), Failure> {
    if call.caller.is_plural() {
        return Ok(());
    }
    Err(Failure::forbidden("only partners may do this"))
}

fn check_domain(call: &Call<'_>, body: &Value, own: &str) -> Result<(), Failure> {
    let domain = text(body, "sso_domain");
    let taken = call
        .store
        .select(Table::Organizations, "sso_domain", domain)
        .any(|row| text(row, "id") != own);
    if taken && !domain.is_empty() {
        return Err(Failure::conflict("sso_domain is taken"));
    }
    Ok(())
}

fn get_record_logging(call: &Call<'_>) -> Outcome {
    require_singular(call)?;
    let id = &call.caller.organization;
    let row = call.store.get(Table::RecordLogging, id).cloned();
    Reply::data(row.unwrap_or_else(|| json!({ "enabled": false })))
}

fn update_record_logging(call: &mut Call<'_>) -> Outcome {
    require_singular(call)?;
    let body = call.given();
    let id = call.caller.organization.clone();
    let mut row = json!({ "id": id, "organization_id": id, "enabled": body["enabled"] });
    if let Some(connection) = given(&body, "deliveryConnectionId") {
        let found = call.row(Table::Connections, connection.as_str().unwrap_or_default())?;
        row["deliveryConnectionName"] = found["name"].clone();
    }
    for key in ["deliveryConnectionId", "deliveryPrefix"] {
        put(&mut row, key, given(&body, key).cloned());
    }
    call.store.tick();
    call.store.remove(Table::RecordLogging, &id);
    call.store.insert(Table::RecordLogging, row.clone());
    Reply::data(row)
}
