//! Short ways to read and build JSON objects.

use serde_json::{Map, Value};

/// The string at that key, or `""`.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The boolean at that key, or false.
pub(super) fn flag(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool).unwrap_or_default()
}

/// The integer at that key, or 0.
pub(super) fn number(value: &Value, key: &str) -> i64 {
    value.get(key).and_then(Value::as_i64).unwrap_or_default()
}

/// The array at that key, or an empty one.
pub(super) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The value at that key unless it is absent or null.
pub(super) fn given<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    value.get(key).filter(|value| !value.is_null())
}

/// The strings of the array at that key.
pub(super) fn texts<'a>(value: &'a Value, key: &str) -> Vec<&'a str> {
    list(value, key).iter().filter_map(Value::as_str).collect()
}

/// Sets a key, or takes it out where there is no value or it is null.
pub(super) fn put(object: &mut Value, key: &str, value: Option<Value>) {
    let Some(map) = object.as_object_mut() else {
        return;
    };
    match value {
        Some(value) if !value.is_null() => {
            map.insert(key.to_owned(), value);
        }
        _ => {
            map.shift_remove(key);
        }
    }
}

/// Takes a key out of an object.
pub(super) fn take(object: &mut Value, key: &str) -> Option<Value> {
    object.as_object_mut()?.shift_remove(key)
}

/// A copy of these keys, in this order, without those that are absent or null.
pub(super) fn pick(object: &Value, keys: &[&str]) -> Value {
    let mut picked = Map::new();
    for key in keys {
        if let Some(value) = given(object, key) {
            picked.insert((*key).to_owned(), value.clone());
        }
    }
    Value::Object(picked)
}

/// The value without the nulls in it, at any depth of declared objects: for the vendor a null is
/// a property that was not sent. What is free-form stays as it is.
pub(super) fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => map
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| match is_free_form(&key) {
                true => (key, value),
                false => (key, without_nulls(value)),
            })
            .collect(),
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

fn is_free_form(key: &str) -> bool {
    key.ends_with("configuration") || matches!(key, "value" | "override" | "search_values" | "body")
}
