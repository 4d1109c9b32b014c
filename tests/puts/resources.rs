//! Random resources, as upstream takes them: of everything that can be said there.

use polytomic_shim::emulator::seed;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

pub const BULK_SYNC: &str = "/api/bulk/syncs/0000000d-0000-4000-8000-00000000000f";
pub const BULK_SCHEMA: &str =
    "/api/bulk/syncs/0000000d-0000-4000-8000-00000000000f/schemas/public.orders";
pub const MODEL_SYNC: &str = "/api/syncs/0000000b-0000-4000-8000-00000000003c";
pub const ORGANIZATION: &str = "/api/organizations/00000002-0000-4000-8000-000000000001";

const DATABASE: &str = seed::SHARED_CONNECTION;
const WAREHOUSE: &str = "00000007-0000-4000-8000-000000000002";
const MODEL: &str = "0000000a-0000-4000-8000-000000000001";

/// Both objects as one.
fn with(
    required: impl Strategy<Value = Value>,
    optional: impl Strategy<Value = Value>,
) -> impl Strategy<Value = Value> {
    (required, optional).prop_map(|(mut all, more)| {
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    })
}

fn members(
    list: Vec<BoxedStrategy<(&'static str, Option<Value>)>>,
) -> impl Strategy<Value = Value> {
    list.prop_map(|members| {
        Value::Object(
            members.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect(),
        )
    })
}

fn maybe(
    key: &'static str,
    strategy: impl Strategy<Value = Value> + 'static,
) -> BoxedStrategy<(&'static str, Option<Value>)> {
    prop::option::of(strategy).prop_map(move |value| (key, value)).boxed()
}

fn one_of(values: &'static [&'static str]) -> impl Strategy<Value = Value> {
    select(values).prop_map(Value::from)
}

fn boolean() -> impl Strategy<Value = Value> {
    any::<bool>().prop_map(Value::from)
}

fn text() -> impl Strategy<Value = Value> {
    "[a-z]{1,6}".prop_map(Value::from)
}

fn number() -> impl Strategy<Value = Value> {
    "[0-9]".prop_map(Value::from)
}

fn times() -> Vec<BoxedStrategy<(&'static str, Option<Value>)>> {
    vec![
        maybe("hour", number()),
        maybe("minute", number()),
        maybe("day_of_week", number()),
        maybe("day_of_month", number()),
        maybe("month", number()),
    ]
}

fn frequency() -> impl Strategy<Value = Value> {
    one_of(&["manual", "continuous", "hourly", "daily", "weekly", "custom"])
        .prop_map(|frequency| json!({ "frequency": frequency }))
}

fn additional() -> impl Strategy<Value = Value> {
    let schemas = prop::collection::vec(one_of(&["public.users", "public.orders"]), 0..3)
        .prop_map(Value::from);
    let mut own = times();
    own.push(maybe(
        "selective_mode",
        one_of(&["none", "incrementalFields", "nonincrementalFields"]),
    ));
    own.push(maybe("schemas", schemas));
    own.push(maybe("resync_mode", one_of(&["normal", "refetch", "resync", "rebuild"])));
    with(frequency(), members(own))
}

/// A bulk sync with any schedules, modes and settings.
pub fn bulk_sync() -> impl Strategy<Value = Value> {
    let default = with(frequency(), members(times()));
    const DISCOVER: &[&str] = &["all", "onlyIncremental", "onlyNonIncremental", "none"];
    let required = (default, prop::collection::vec(additional(), 0..5), text()).prop_map(|(default, additional, name)| {
        json!({
            "name": name, "source_connection_id": DATABASE, "destination_connection_id": WAREHOUSE,
            "destination_configuration": { "schema": "raw", "advanced": { "batch": 500 } },
            "default_schedule": default, "additional_schedules": additional,
        })
    });
    with(
        required,
        members(vec![
            maybe("active", boolean()),
            maybe("mode", one_of(&["snapshot", "replicate", "append"])),
            maybe("automatically_add_new_objects", one_of(DISCOVER)),
            maybe("automatically_add_new_fields", one_of(DISCOVER)),
            maybe("disable_record_timestamps", boolean()),
            maybe("normalize_names", one_of(&["enabled", "disabled", "legacy"])),
            maybe("concurrency_limit", (1..9).prop_map(Value::from)),
            maybe("resync_concurrency_limit", (1..9).prop_map(Value::from)),
            maybe("data_cutoff_timestamp", Just(json!("2025-01-01T00:00:00Z"))),
        ]),
    )
}

/// The configuration of one schema of a bulk sync.
pub fn bulk_schema() -> impl Strategy<Value = Value> {
    with(
        Just(json!({})),
        members(vec![
            maybe("enabled", boolean()),
            maybe("history_enabled", boolean()),
            maybe("partition_key", text()),
            maybe("tracking_field", text()),
            maybe("user_output_name", text()),
            maybe("disable_data_cutoff", boolean()),
            maybe("data_cutoff_timestamp", Just(json!("2025-01-01T00:00:00Z"))),
        ]),
    )
}

fn source() -> impl Strategy<Value = Value> {
    one_of(&["id", "email", "plan", "amount"])
        .prop_map(|field| json!({ "model_id": MODEL, "field": field }))
}

fn identity() -> impl Strategy<Value = Value> {
    let required = (
        source(),
        one_of(&["id", "email", "external_id"]),
        one_of(&["Equality", "ISubstring", "OneOf"]),
    );
    let required = required.prop_map(|(source, target, function)| json!({ "source": source, "target": target, "function": function }));
    with(
        required,
        members(vec![maybe("new_field", boolean()), maybe("remote_field_type_id", text())]),
    )
}

fn function() -> impl Strategy<Value = Value> {
    one_of(&["Equality", "Inequality", "StringContains"])
}

fn labelled(conditions: Vec<Value>) -> Vec<Value> {
    let label = |(place, mut condition): (usize, Value)| {
        condition["label"] = json!(char::from(b'A' + u8::try_from(place).unwrap()).to_string());
        condition
    };
    conditions.into_iter().enumerate().map(label).collect()
}

fn filters(condition: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    (prop::collection::vec(condition, 1..4), any::<bool>()).prop_map(|(conditions, negated)| {
        let labels: Vec<String> = (0..conditions.len())
            .map(|place| char::from(b'A' + u8::try_from(place).unwrap()).to_string())
            .collect();
        let logic = labels.join(if negated { " OR " } else { " AND " });
        json!({ "conditions": labelled(conditions), "logic": logic })
    })
}

/// A model sync with any identities, filters, fields and target.
pub fn model_sync() -> impl Strategy<Value = Value> {
    let on_model = (source(), function(), text()).prop_map(|(source, function, value)| json!({ "source": source, "function": function, "value": value }));
    let on_target = (one_of(&["plan", "stage"]), function(), prop::option::of(text()), prop::option::of(source())).prop_map(|(field, function, value, source)| {
        json!({ "field": field, "function": function, "value": value, "value_source": source })
    });
    let identities =
        (prop::collection::vec(identity(), 1..4), prop::option::of(one_of(&["priority", "and"])))
            .prop_map(|(mappings, strategy)| json!({ "mappings": mappings, "strategy": strategy }));
    let field = (source(), one_of(&["email", "plan", "amount"]))
        .prop_map(|(source, target)| json!({ "source": source, "target": target, "new": false }));
    let override_field = (one_of(&["tier", "owner"]), text())
        .prop_map(|(target, value)| json!({ "target": target, "override_value": value }));
    let target = prop_oneof![
        Just(json!({ "connection_id": DATABASE, "object": "sales.customers" })),
        Just(
            json!({ "connection_id": DATABASE, "new_name": "created", "create": { "name": "created" } })
        ),
    ];
    let required = (
        prop::collection::vec(field, 1..4),
        target,
        text(),
        one_of(&["create", "update", "updateOrCreate", "replace"]),
    );
    let required = required.prop_map(|(fields, target, name, mode)| {
        json!({ "name": name, "mode": mode, "fields": fields, "target": target, "schedule": { "frequency": "manual" } })
    });
    with(
        required,
        members(vec![
            maybe("identities", identities),
            maybe("model_filters", filters(on_model)),
            maybe("target_filters", filters(on_target)),
            maybe(
                "override_fields",
                prop::collection::vec(override_field, 0..3).prop_map(Value::from),
            ),
            maybe("active", boolean()),
            maybe("sync_all_records", boolean()),
            maybe("only_enrich_updates", boolean()),
            maybe("skip_initial_backfill", boolean()),
        ]),
    )
}

/// An organization's names; sign-on by OIDC has secrets that nobody can read back.
pub fn organization() -> impl Strategy<Value = Value> {
    with(
        text().prop_map(|name| json!({ "name": name })),
        members(vec![maybe("sso_domain", text()), maybe("sso_org_id", text())]),
    )
}
