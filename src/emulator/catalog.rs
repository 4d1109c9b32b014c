//! What the emulated backends offer: connection types, schemas, target objects.

use serde_json::{Value, json};

/// Id, name, operations, and the model sync target objects of a type. An id with a dot is an
/// item in a group.
struct Backend {
    id: &'static str,
    name: &'static str,
    operations: &'static [&'static str],
    targets: &'static [&'static str],
    schemas: &'static [&'static str],
}

const BACKENDS: [Backend; 4] = [
    Backend {
        id: "postgresql",
        name: "PostgreSQL",
        operations: &["source", "destination", "enrichment", "query", "bulksync"],
        targets: &["sales.customers", "sales.orders", "support.tickets", "audit"],
        // The last one has to be encoded in a path.
        schemas: &["public.users", "public.orders", "public.events", "public.order/items #1"],
    },
    Backend {
        id: "salesforce",
        name: "Salesforce",
        operations: &["source", "destination"],
        targets: &["Account", "Contact", "Lead"],
        schemas: &["Account", "Contact", "Opportunity"],
    },
    Backend {
        id: "hubspot",
        name: "HubSpot",
        operations: &["source", "destination"],
        targets: &["companies", "contacts", "custom.projects"],
        schemas: &["companies", "contacts", "deals"],
    },
    Backend {
        id: "snowflake",
        name: "Snowflake",
        operations: &["source", "destination", "query", "bulksync"],
        targets: &["analytics.accounts", "analytics.events"],
        schemas: &["RAW.ACCOUNTS", "RAW.EVENTS"],
    },
];

/// Every connection type, as `GET /api/connection_types` lists them.
pub(super) fn types() -> Vec<Value> {
    BACKENDS.iter().map(full).collect()
}

/// One connection type in full.
pub(super) fn kind(id: &str) -> Option<Value> {
    backend(id).map(full)
}

/// One connection type as connections show it.
pub(super) fn reference(id: &str) -> Option<Value> {
    let backend = backend(id)?;
    Some(json!({
        "id": backend.id, "name": backend.name, "operations": backend.operations,
        "logo_url": logo(backend.id, "light"), "logo_dark_url": logo(backend.id, "dark"),
    }))
}

/// The source schemas of a type, each with its fields.
pub(super) fn schemas(id: &str) -> Vec<Value> {
    let names = backend(id).map_or(&[][..], |backend| backend.schemas);
    names
        .iter()
        .map(|name| {
            json!({
                "id": name,
                "name": name.rsplit('.').next(),
                "fields": [
                    field("id", "number", true),
                    field("email", "string", false),
                    field("amount", "number", false),
                    field("updated_at", "datetime", false),
                ],
            })
        })
        .collect()
}

/// The ids of the model sync target objects of a type.
pub(super) fn targets(id: &str) -> &'static [&'static str] {
    backend(id).map_or(&[], |backend| backend.targets)
}

/// The fields that every target object has.
pub(super) fn target_fields() -> Value {
    let field = |id: &str, name: &str, kind: &str, identity: bool| {
        json!({
            "id": id, "name": name, "type": kind, "source_type": kind,
            "description": format!("The {name}"),
            "association": false, "multiple_associations": false,
            "createable": true, "updateable": true, "required": identity,
            "encryptable": false, "filterable": true, "supports_identity": identity,
            "identity_functions": [{ "id": "Equality", "label": "Equals" }],
            "filter_functions": [{
                "id": "Equality", "label": "equals", "multi_value": false,
                "requires_value": true, "values": [],
            }],
            "values": [],
        })
    };
    json!([
        field("email", "Email", "string", true),
        field("external_id", "External id", "string", true),
        field("plan", "Plan", "string", false),
        field("seats", "Seats", "number", false),
    ])
}

/// Values that a connection parameter may take.
pub(super) fn parameter_values() -> Value {
    json!({
        "allows_creation": false,
        "values": [
            { "label": "Main", "value": "main", "path": "database" },
            { "label": "Archive", "value": "archive", "path": "database" },
        ],
    })
}

fn backend(id: &str) -> Option<&'static Backend> {
    BACKENDS.iter().find(|backend| backend.id == id)
}

fn full(backend: &Backend) -> Value {
    let can = |operation: &str| backend.operations.contains(&operation);
    json!({
        "id": backend.id, "name": backend.name, "use_oauth": backend.id == "salesforce",
        "logo_url": logo(backend.id, "light"), "logo_dark_url": logo(backend.id, "dark"),
        "capabilities": {
            "source": can("source"), "destination": can("destination"),
            "enrichment": can("enrichment"), "orchestration": false, "logging": false,
        },
        "configurationForm": {
            "jsonschema": {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object", "title": backend.name,
                "properties": { "database": { "type": "string", "title": "Database" } },
                "required": ["database"],
            },
            "uischema": { "type": "VerticalLayout" },
        },
        "envConfig": {}, "initialConfiguration": { "database": "main" },
    })
}

fn field(id: &str, kind: &str, key: bool) -> Value {
    json!({
        "id": id, "name": id, "type": kind, "remote_type": kind, "path": format!("$.{id}"),
        "is_primary_key": key, "source_primary_key": key, "primary_key_override": false,
        "user_managed": false,
        "values": [{ "label": "Any", "value": "any", "depends_on": { "id": "any" } }],
    })
}

fn logo(id: &str, shade: &str) -> String {
    format!("https://static.polytomic.example/{id}-{shade}.svg")
}
