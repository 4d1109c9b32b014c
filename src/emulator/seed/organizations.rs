//! Organizations, their people, credentials, connections and models.

use serde_json::{Value, json};

use super::{Home, KEYS, ORGANIZATION_A, ORGANIZATION_B, ORGANIZATION_C, stamped};
use crate::emulator::catalog;
use crate::emulator::connections;
use crate::emulator::json::text;
use crate::emulator::metadata::model_fields;
use crate::emulator::store::{Store, Table};

/// Name, first user, and whether under the partner.
const ORGANIZATIONS: [(&str, &str, &str, bool); 3] = [
    (ORGANIZATION_A, "Acme", "ada@acme.example", true),
    (ORGANIZATION_B, "Birch", "ben@birch.example", true),
    (ORGANIZATION_C, "Cedar", "cleo@cedar.example", false),
];

pub(super) fn seed(store: &mut Store) -> Vec<Home> {
    let partner = store.next_id(Table::Partners);
    let row = json!({ "id": partner, "name": "Partner of Acme", "owner_organization_id": ORGANIZATION_A });
    store.insert(Table::Partners, row);
    let mut homes = Vec::new();
    for (id, name, email, under_partner) in ORGANIZATIONS {
        let mut row = json!({
            "id": store.next_id(Table::Organizations), "name": name,
            "sso_domain": format!("{}.example", name.to_lowercase()),
        });
        if under_partner {
            row["_partner"] = json!(partner);
        }
        if id == ORGANIZATION_B {
            row["issuer"] = json!("https://login.birch.example");
            row["client_id"] = json!("birch-client");
            row["client_secret"] = json!("birch-secret");
        }
        store.insert(Table::Organizations, row);
        let user = user(store, id, email, "admin");
        let member = format!("member@{}.example", name.to_lowercase());
        self::user(store, id, &member, "member");
        access(store, id);
        let actor = json!({ "id": user, "name": email, "type": "user" });
        homes.push(home(store, id, actor));
    }
    keys(store, &partner);
    share(store, &homes[0], &homes[1]);
    homes
}

fn user(store: &mut Store, organization: &str, email: &str, role: &str) -> String {
    let id = store.next_id(Table::Users);
    let row = json!({
        "id": id, "email": email, "role": role, "role_ids": [], "organization_id": organization,
        "harbor_ids": [], "harbor_only": false,
    });
    store.insert(Table::Users, row);
    id
}

/// A system role and policy, and one of each that can be changed.
fn access(store: &mut Store, organization: &str) {
    for (name, system) in [("Administrator", true), ("Analyst", false)] {
        let role = json!({
            "id": store.next_id(Table::Roles), "name": name, "system": system,
            "organization_id": organization,
        });
        let policy = json!({
            "id": store.next_id(Table::Policies), "name": format!("{name} policy"),
            "system": system, "organization_id": organization,
            "policy_actions": [{ "action": "read", "role_ids": [role["id"]] }],
        });
        store.insert(Table::Roles, role);
        store.insert(Table::Policies, policy);
    }
}

fn keys(store: &mut Store, partner: &str) {
    for key in KEYS {
        let subject = match key.kind {
            "user" => {
                let user = store.find(Table::Users, "organization_id", key.organization);
                user.map(|user| text(user, "id").to_owned()).unwrap_or_default()
            }
            "organization" => key.organization.to_owned(),
            "partner" => partner.to_owned(),
            _ => "system".to_owned(),
        };
        let row = json!({
            "id": store.next_id(Table::Keys), "kind": key.kind, "subject": subject,
            "organization_id": key.organization, "_secret": key.secret,
        });
        store.insert(Table::Keys, row);
    }
}

fn home(store: &mut Store, organization: &'static str, actor: Value) -> Home {
    let mut connect = |name: &str, kind: &str| connection(store, organization, &actor, name, kind);
    let database = connect("Production database", "postgresql");
    let warehouse = connect("Warehouse", "snowflake");
    let applications = [connect("CRM", "salesforce"), connect("Marketing", "hubspot")];
    add_field(store, text(&database, "id"));
    let models = ["Users", "Orders", "Accounts", "Leads"]
        .map(|name| model(store, organization, &actor, &database, name))
        .to_vec();
    Home { organization, actor, database, warehouse, applications, models }
}

fn connection(
    store: &mut Store,
    organization: &str,
    actor: &Value,
    name: &str,
    kind: &str,
) -> Value {
    let row = json!({
        "id": store.next_id(Table::Connections), "name": name, "organization_id": organization,
        "type": catalog::reference(kind), "configuration": { "database": "main" },
        "policies": [], "saved": true, "status": "healthy", "api_calls_last_24_hours": 42,
        "rate_limit": { "currently_limited": false },
        "_proxied": kind == "hubspot",
    });
    let row = stamped(store, actor, row);
    connections::insert(store, row.clone());
    row
}

fn model(
    store: &mut Store,
    organization: &str,
    actor: &Value,
    database: &Value,
    name: &str,
) -> Value {
    let row = json!({
        "id": store.next_id(Table::Models), "name": name, "organization_id": organization,
        "type": "postgresql", "connection_id": database["id"],
        "configuration": { "table": name.to_lowercase() }, "identifier": "id",
        "fields": model_fields(&["id", "email", "plan", "amount"], database),
        "labels": [{ "name": "demo" }], "policies": [], "relations": [],
        "tracking_columns": ["updated_at"], "version": 1,
    });
    let row = stamped(store, actor, row);
    store.insert(Table::Models, row.clone());
    row
}

/// Organization B has a connection of organization A's.
fn share(store: &mut Store, owner: &Home, other: &Home) {
    let mut row = owner.database.clone();
    row["id"] = json!(store.next_id(Table::Connections));
    row["name"] = json!("Database of Acme");
    row["organization_id"] = json!(other.organization);
    row["parent_connection_id"] = owner.database["id"].clone();
    row["configuration"] = json!({});
    let row = stamped(store, &owner.actor, row);
    connections::insert(store, row);
}

/// A field that somebody added to the first schema of a connection.
fn add_field(store: &mut Store, connection: &str) {
    let rows = store.rows_mut(Table::Schemas);
    let schema = rows.iter_mut().find(|row| text(row, "_connection") == connection);
    if let Some(fields) = schema.and_then(|schema| schema.get_mut("fields")?.as_array_mut()) {
        fields.push(json!({
            "id": "added", "name": "Added", "type": "string", "remote_type": "string",
            "path": "$.added", "is_primary_key": false, "source_primary_key": false,
            "primary_key_override": false, "user_managed": true,
        }));
    }
}
