//! The selection of schemas in a bulk sync's PUT: a legacy entry cannot say everything that is
//! stored, and an entry replaces what is stored.

use super::Lens;
use crate::disclosure::Report;
use crate::failure::Failure;
use crate::json::{Array, Object, Text};

/// The lens; it stands on the resource, whose member `schemas` is read by the rule.
#[derive(Debug, Clone, Copy, Default)]
pub struct BulkSchemas;

/// What a legacy entry cannot say (`V2UpdateBulkSyncRequestSchemasItem` of 2024-02-08).
const HIDDEN: [&str; 2] = ["history_enabled", "user_output_name"];

impl Lens for BulkSchemas {
    fn name(&self) -> &'static str {
        "bulk_schemas"
    }

    fn branches(&self) -> Vec<&'static str> {
        vec!["bulk_schemas.up.kept", "bulk_schemas.up.newly_selected"]
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
        let Some(stored) =
            current.and_then(|current| current.get("schemas")).cloned().and_then(Text::into_array)
        else {
            return Ok(());
        };
        let stored: Vec<Object<'a>> =
            stored.into_items().into_iter().filter_map(Text::into_object).collect();
        let Some(entries) = body.get("schemas").cloned().and_then(Text::into_array) else {
            return Ok(());
        };
        let kept = entries.into_items().into_iter().map(|entry| keep(entry, &stored, report));
        let entries: Array<'a> = kept.collect();
        body.set("schemas", entries.to_text());
        Ok(())
    }
}

/// An entry with what it cannot say of a schema that is selected already. A plain id leaves the
/// schema as it is, and needs nothing.
fn keep<'a>(entry: Text<'a>, stored: &[Object<'a>], report: &mut Report) -> Text<'a> {
    let Some(mut object) = entry.clone().into_object() else { return entry };
    let same = |schema: &&Object<'a>| {
        object
            .get("id")
            .is_some_and(|id| schema.get("id").is_some_and(|own| own.to_tree() == id.to_tree()))
    };
    let selected =
        |schema: &&Object<'a>| schema.get("enabled").and_then(Text::as_boolean) == Some(true);
    let Some(schema) = stored.iter().filter(selected).find(same) else {
        report.took("bulk_schemas.up.newly_selected");
        return entry;
    };
    let hidden = HIDDEN.into_iter().filter(|key| !object.has(key));
    let hidden: Vec<_> =
        hidden.filter_map(|key| schema.present(key).map(|value| (key, value.clone()))).collect();
    for (key, value) in hidden {
        report.took("bulk_schemas.up.kept");
        object.set(key, value);
    }
    object.to_text()
}
