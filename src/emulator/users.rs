//! Users of an organization, by the plural routes and by the singular ones.

use serde_json::{Value, json};

use super::call::{Call, Failure, Outcome, Reply};
use super::json::{given, text};
use super::organizations::{of_path, require_plural, require_singular};
use super::store::Table;

pub(super) fn handle(call: &mut Call<'_>) -> Option<Outcome> {
    Some(match call.operation.id.as_str() {
        "users.list" | "users.list_current_org_users" => list(call),
        "users.create" | "users.create_current_org_user" => create(call),
        "users.get" | "users.get_current_org_user" => get(call),
        "users.update" | "users.update_current_org_user" => update(call),
        "users.delete" | "users.remove" | "users.delete_current_org_user" => delete(call),
        "users.create_api_key" => create_api_key(call),
        _ => return None,
    })
}

/// The organization that the route is about, if the caller may use that route for it.
fn organization(call: &Call<'_>) -> Result<String, Failure> {
    if call.operation.template.starts_with("/api/organization/") {
        require_singular(call)?;
        return Ok(call.caller.organization.clone());
    }
    require_plural(call)?;
    of_path(call, "org_id")
}

fn user(call: &Call<'_>) -> Result<String, Failure> {
    let organization = organization(call)?;
    let id = call.path("id");
    call.store
        .get(Table::Users, &id)
        .filter(|user| text(user, "organization_id") == organization)
        .map(|_| id)
        .ok_or_else(|| Failure::not_found("user"))
}

fn list(call: &Call<'_>) -> Outcome {
    let organization = organization(call)?;
    let users: Vec<Value> =
        call.store.select(Table::Users, "organization_id", &organization).cloned().collect();
    Reply::data(users)
}

fn get(call: &Call<'_>) -> Outcome {
    let id = user(call)?;
    Reply::data(call.store.get(Table::Users, &id).cloned())
}

fn create(call: &mut Call<'_>) -> Outcome {
    let organization = organization(call)?;
    let body = call.given();
    check_email(call, &organization, text(&body, "email"), "")?;
    let mut row = json!({
        "id": call.store.next_id(Table::Users),
        "email": body["email"],
        "organization_id": organization,
        "harbor_ids": [],
        "harbor_only": false,
    });
    set_roles(&mut row, &body);
    call.store.tick();
    call.store.insert(Table::Users, row.clone());
    Reply::data(row)
}

fn update(call: &mut Call<'_>) -> Outcome {
    let id = user(call)?;
    let organization = organization(call)?;
    let body = call.given();
    check_email(call, &organization, text(&body, "email"), &id)?;
    call.store.tick();
    let Some(row) = call.store.get_mut(Table::Users, &id) else {
        return Err(Failure::not_found("user"));
    };
    if let Some(email) = given(&body, "email") {
        row["email"] = email.clone();
    }
    set_roles(row, &body);
    Reply::data(row.clone())
}

fn delete(call: &mut Call<'_>) -> Outcome {
    let id = user(call)?;
    call.store.tick();
    let keys = call.store.rows_mut(Table::Keys);
    keys.retain(|key| text(key, "subject") != id);
    Reply::data(call.store.remove(Table::Users, &id))
}

/// A user has one key: a second one is refused unless forced, which ends the first.
fn create_api_key(call: &mut Call<'_>) -> Outcome {
    let id = user(call)?;
    let organization = organization(call)?;
    let has_key = call.store.find(Table::Keys, "subject", &id).is_some();
    if has_key && call.query("force") != Some("true") {
        return Err(Failure::forbidden("the user has a key, force replaces it"));
    }
    call.store.tick();
    let keys = call.store.rows_mut(Table::Keys);
    keys.retain(|key| text(key, "subject") != id);
    let key = call.store.next_id(Table::Keys);
    let secret = format!("issued-{key}");
    let row = json!({
        "id": key, "kind": "user", "subject": id,
        "organization_id": organization, "_secret": secret,
    });
    call.store.insert(Table::Keys, row);
    Reply::data(json!({ "value": secret }))
}

/// A full replacement: no role means `member`, no role ids none.
fn set_roles(row: &mut Value, body: &Value) {
    row["role"] = given(body, "role").cloned().unwrap_or(json!("member"));
    row["role_ids"] = given(body, "role_ids").cloned().unwrap_or(json!([]));
}

fn check_email(call: &Call<'_>, organization: &str, email: &str, own: &str) -> Result<(), Failure> {
    let taken = call
        .store
        .select(Table::Users, "organization_id", organization)
        .any(|user| text(user, "email") == email && text(user, "id") != own);
    if taken {
        return Err(Failure::invalid("/email", "is taken by another user"));
    }
    Ok(())
}
