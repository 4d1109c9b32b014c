//! Model syncs of 2024-02-08, natively: what that version shows of a row, and how its writes
//! keep what it cannot say.

use serde_json::{Value, json};

use super::filters::Filters;
use super::write;
use crate::emulator::call::{Call, Failure};
use crate::emulator::json::{given, list, put, text};

/// A row as 2024-02-08 shows it: the first identity mapping, the filters in one list, and the
/// properties that its structures always write out (`override_fields[].source`,
/// `target.object`).
pub(super) fn show(row: &Value) -> Value {
    let mut shown = row.clone();
    Filters::stored(row).show_deprecated(&mut shown);
    if let Some(first) = list(&row["identities"], "mappings").first() {
        shown["identity"] = first.clone();
    }
    let overrides = shown.get_mut("override_fields").and_then(Value::as_array_mut);
    for field in overrides.into_iter().flatten() {
        field["source"] = json!({ "field": "", "model_id": "" });
        field["encryption_enabled"] = json!(false);
    }
    if given(&shown["target"], "object").is_none() {
        shown["target"]["object"] = json!("");
    }
    shown
}

/// The contents that a legacy body asks for. While a view is written back as it was shown, what
/// is behind it stays.
pub(super) fn contents(
    call: &Call<'_>,
    body: Value,
    current: Option<&Value>,
    organization: &str,
) -> Result<Value, Failure> {
    let mut contents = write::common(call, &body, organization)?;
    let shown = current.map(show).unwrap_or_default();
    put(&mut contents, "identities", identities(&body, current, &shown));
    let filters = match current {
        Some(current) if same_filters(&body, &shown) => Filters::stored(current),
        _ => Filters::deprecated(&body),
    };
    write::set_filters(&mut contents, filters);
    Ok(contents)
}

/// The identity mappings after a write: a changed `identity` replaces the first only.
fn identities(body: &Value, current: Option<&Value>, shown: &Value) -> Option<Value> {
    let identity = given(body, "identity");
    let stored = current.and_then(|row| given(row, "identities"));
    if identity == given(shown, "identity") {
        return stored.cloned();
    }
    let identity = identity?;
    let mut mappings = vec![identity.clone()];
    let rest = stored.map_or(&[][..], |stored| list(stored, "mappings"));
    if rest.len() < 2 {
        return Some(json!({ "mappings": mappings }));
    }
    mappings.extend(rest.iter().skip(1).cloned());
    let mut changed = stored.cloned().unwrap_or_default();
    changed["mappings"] = json!(mappings);
    Some(changed)
}

/// What is not declared in 2024-02-08 (`value_field`) is not shown, and so not compared.
fn same_filters(body: &Value, shown: &Value) -> bool {
    let comparable = |sync: &Value| -> Vec<Value> {
        let mut filters = list(sync, "filters").to_vec();
        for filter in &mut filters {
            put(filter, "value_field", None);
        }
        filters
    };
    comparable(body) == comparable(shown)
        && text(body, "filter_logic") == text(shown, "filter_logic")
        && text(&body["target"], "filter_logic") == text(&shown["target"], "filter_logic")
}
