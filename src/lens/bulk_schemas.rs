//! The selection of schemas in a bulk sync's PUT: a legacy entry cannot say everything that is
//! stored, and an entry replaces what is stored.

use std::collections::HashMap;

use super::Lens;
use crate::disclosure::Report;
use crate::failure::Failure;
use crate::json::{Array, Object, Text};

/// The lens; it stands on the resource, whose members `schemas` and `schemas_in_full` are read by
/// the rule.
#[derive(Debug, Clone, Copy, Default)]
pub struct BulkSchemas;

/// What a legacy entry cannot say (`V2UpdateBulkSyncRequestSchemasItem` of 2024-02-08).
const HIDDEN: [&str; 2] = ["history_enabled", "user_output_name"];
/// What a legacy field of an entry cannot say (`FieldConfiguration` of 2024-02-08).
const HIDDEN_OF_FIELDS: [&str; 1] = ["user_output_name"];

impl Lens for BulkSchemas {
    fn name(&self) -> &'static str {
        "bulk_schemas"
    }

    fn branches(&self) -> Vec<&'static str> {
        vec![
            "bulk_schemas.up.kept",
            "bulk_schemas.up.fields_kept",
            "bulk_schemas.up.newly_selected",
        ]
    }

    fn reads(&self) -> Vec<&str> {
        vec!["schemas"]
    }

    fn up<'a>(
        &self,
        body: &mut Object<'a>,
        current: Option<&Object<'a>>,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let Some(current) = current.filter(|current| current.has("schemas")) else {
            return Ok(());
        };
        let mut stored = objects(current, "schemas");
        stored.retain(|schema| {
            schema.get("enabled").and_then(|value| value.as_boolean()) == Some(true)
        });
        let whole = objects(current, "schemas_in_full");
        let (stored, whole) = (by_id(&stored), by_id(&whole));
        let Some(entries) = body.value("schemas").and_then(Text::into_array) else {
            return Ok(());
        };
        let entries = entries.into_items().into_iter();
        let entries: Array<'a> =
            entries.map(|entry| keep(entry, &stored, &whole, report)).collect();
        body.set("schemas", entries.to_text());
        Ok(())
    }
}

/// An entry with what it cannot say of a schema that is selected already. A plain id leaves the
/// schema as it is, and needs nothing.
fn keep<'a>(
    entry: Text<'a>,
    stored: &ById<'_, 'a>,
    whole: &ById<'_, 'a>,
    report: &mut Report,
) -> Text<'a> {
    let Some(mut object) = entry.clone().into_object() else { return entry };
    let id = id(&object);
    let Some(schema) = id.as_ref().and_then(|id| stored.get(id)) else {
        report.took("bulk_schemas.up.newly_selected");
        return entry;
    };
    if take_over(&mut object, schema, &HIDDEN) {
        report.took("bulk_schemas.up.kept");
    }
    if let Some(schema) = id.as_ref().and_then(|id| whole.get(id)) {
        keep_fields(&mut object, schema, report);
    }
    object.to_text()
}

/// The fields of an entry with the names that legacy cannot say.
fn keep_fields<'a>(entry: &mut Object<'a>, schema: &Object<'a>, report: &mut Report) {
    let stored = objects(schema, "fields");
    let stored = by_id(&stored);
    let Some(fields) = entry.value("fields").and_then(Text::into_array) else { return };
    let mut kept = false;
    let with_names = fields.into_items().into_iter().map(|field| {
        let Some(mut object) = field.clone().into_object() else { return field };
        let origin = id(&object).and_then(|id| stored.get(&id));
        kept |= origin.is_some_and(|origin| take_over(&mut object, origin, &HIDDEN_OF_FIELDS));
        object.to_text()
    });
    let with_names: Array<'a> = with_names.collect();
    if kept {
        report.took("bulk_schemas.up.fields_kept");
        entry.set("fields", with_names.to_text());
    }
}

/// Gives `object` the keys of `origin` that it leaves out; whether there were any.
fn take_over<'a>(object: &mut Object<'a>, origin: &Object<'a>, keys: &[&'static str]) -> bool {
    let mut any = false;
    for key in keys {
        if let Some(value) = origin.present_value(key).filter(|_| !object.has(key)) {
            object.set(*key, value);
            any = true;
        }
    }
    any
}

/// Objects by their ids: there may be thousands on either side.
type ById<'o, 'a> = HashMap<String, &'o Object<'a>>;

/// The first object of each id.
fn by_id<'o, 'a>(objects: &'o [Object<'a>]) -> ById<'o, 'a> {
    let mut found = HashMap::with_capacity(objects.len());
    for object in objects {
        if let Some(id) = id(object) {
            found.entry(id).or_insert(object);
        }
    }
    found
}

/// The id of an object, however it is written.
fn id(object: &Object<'_>) -> Option<String> {
    object.get("id").map(|id| id.to_tree().to_string())
}

fn objects<'a>(resource: &Object<'a>, key: &str) -> Vec<Object<'a>> {
    let items = resource.value(key).and_then(Text::into_array).map(Array::into_items);
    items.unwrap_or_default().into_iter().filter_map(Text::into_object).collect()
}
