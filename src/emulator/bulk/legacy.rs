//! Bulk syncs of 2024-02-08, natively: one `schedule` that may be `multi`, and `discover`.

use serde_json::{Value, json};

use super::schedules::{self, Schedules, TIMING};
use crate::emulator::call::{Call, Failure};
use crate::emulator::json::{given, list, pick, put, text};

/// One legacy schedule: what it selects (`none`, `incrementalFields`, `nonincrementalFields`)
/// and when it fires.
#[derive(Clone, PartialEq)]
struct Item {
    selects: String,
    timing: Value,
}

/// A row as 2024-02-08 shows it.
pub(super) fn show(row: &Value) -> Value {
    let mut shown = row.clone();
    shown["schedule"] = show_schedule(row);
    shown["discover"] = json!(shows_discover(row));
    if text(row, "mode") == "append" {
        shown["mode"] = json!("replicate");
    }
    shown
}

/// The body with `discover` and `mode` as 2025-09-18 says them. What was written back as it was
/// shown changes nothing.
pub(super) fn upstream_body(body: &Value, current: Option<&Value>) -> Value {
    let mut body = body.clone();
    let discover = given(&body, "discover").and_then(Value::as_bool);
    let unchanged = current.filter(|row| discover == Some(shows_discover(row)));
    for key in ["automatically_add_new_objects", "automatically_add_new_fields"] {
        if given(&body, key).is_some() {
            continue;
        }
        let value = match (discover, unchanged) {
            (_, Some(current)) => given(current, key).cloned(),
            (Some(true), None) => Some(json!("all")),
            (Some(false), None) => Some(json!("none")),
            (None, None) => None,
        };
        put(&mut body, key, value);
    }
    let appends = current.is_some_and(|row| text(row, "mode") == "append");
    if appends && text(&body, "mode") == "replicate" {
        body["mode"] = json!("append");
    }
    body
}

/// The schedules that a legacy body asks for. What still says the same keeps everything; a
/// changed one keeps the id and the selection of the schedule that it stems from.
///
/// # Errors
///
/// 422 for a `multi` that names no schedules, or another `multi`.
pub(super) fn schedules(
    call: &mut Call<'_>,
    body: &Value,
    current: Option<&Value>,
    now: &str,
) -> Result<Schedules, Failure> {
    let wanted = &body["schedule"];
    let is_multi = text(wanted, "frequency") == "multi";
    let was_multi = current.is_some_and(|row| !list(row, "additional_schedules").is_empty());
    let bare = is_multi && wanted["multi"].get("schedules").is_none();
    if bare && !was_multi {
        return Err(Failure::invalid("/schedule/multi/schedules", "is required"));
    }
    let items = items_of(wanted)?;
    if let Some(current) = current
        && (bare || same(&items, &shown_items(current)))
    {
        return Ok(Schedules {
            default: current["default_schedule"].clone(),
            additional: list(current, "additional_schedules").to_vec(),
        });
    }
    let known_default = current.map(|row| &row["default_schedule"]);
    if !is_multi {
        let default = schedules::default(call, wanted, known_default, now);
        return Ok(Schedules { default, additional: Vec::new() });
    }
    let origins = current
        .map_or_else(|| vec![Origin::Fresh; items.len()], |current| origins(&items, current));
    Ok(place(call, &items, &origins, current, now))
}

/// Where an item of a changed schedule comes from.
#[derive(Clone, Copy, PartialEq)]
enum Origin {
    Default,
    Additional(usize),
    Fresh,
}

/// Finds for each item the current schedule that it stems from: an equal one before one that
/// merely selects the same, in order.
fn origins(items: &[Item], current: &Value) -> Vec<Origin> {
    let mut free: Vec<(Origin, Item)> = Vec::new();
    if shows_default(current) {
        free.push((Origin::Default, item("none", &current["default_schedule"])));
    }
    for (place, entry) in list(current, "additional_schedules").iter().enumerate() {
        free.push((Origin::Additional(place), item_of_entry(entry)));
    }
    let mut origins = vec![Origin::Fresh; items.len()];
    for exact in [true, false] {
        for (item, origin) in items.iter().zip(&mut origins) {
            let fits = |known: &Item| known.selects == item.selects && (!exact || known == item);
            if *origin == Origin::Fresh
                && let Some(place) = free.iter().position(|(_, known)| fits(known))
            {
                *origin = free.remove(place).0;
            }
        }
    }
    origins
}

/// Builds the schedules. The default is the item that stems from it, else the first fresh one
/// that selects everything, else one that never fires.
fn place(
    call: &mut Call<'_>,
    items: &[Item],
    origins: &[Origin],
    current: Option<&Value>,
    now: &str,
) -> Schedules {
    let known_default = current.map(|row| &row["default_schedule"]);
    let known = current.map_or(&[][..], |row| list(row, "additional_schedules"));
    let fresh = || {
        let mut pairs = items.iter().zip(origins);
        pairs.position(|(item, origin)| *origin == Origin::Fresh && item.selects == "none")
    };
    let chosen = origins.iter().position(|origin| *origin == Origin::Default).or_else(fresh);
    let never = json!({ "frequency": "manual" });
    let timing = chosen.map_or(&never, |place| &items[place].timing);
    let default = schedules::default(call, timing, known_default, now);
    let mut additional = Vec::new();
    for (place, (item, origin)) in items.iter().zip(origins).enumerate() {
        if Some(place) == chosen {
            continue;
        }
        let mut wanted = item.timing.clone();
        wanted["selective_mode"] = json!(item.selects);
        let known = match origin {
            Origin::Additional(place) => known.get(*place),
            Origin::Default | Origin::Fresh => None,
        };
        if let Some(known) = known {
            for key in ["selective_mode", "schemas", "resync_mode"] {
                put(&mut wanted, key, given(known, key).cloned());
            }
        }
        additional.push(schedules::additional(call, &wanted, known, now));
    }
    Schedules { default, additional }
}

fn show_schedule(row: &Value) -> Value {
    if list(row, "additional_schedules").is_empty() {
        return pick(&row["default_schedule"], &TIMING);
    }
    let items: Vec<Value> = shown_items(row)
        .into_iter()
        .map(|item| json!({ "item": item.selects, "schedule": item.timing }))
        .collect();
    json!({ "frequency": "multi", "multi": { "type": "incremental", "schedules": items } })
}

fn shown_items(row: &Value) -> Vec<Item> {
    let mut items = Vec::new();
    if shows_default(row) {
        items.push(item("none", &row["default_schedule"]));
    }
    items.extend(list(row, "additional_schedules").iter().map(item_of_entry));
    items
}

/// A default that never fires is not shown beside others.
fn shows_default(row: &Value) -> bool {
    list(row, "additional_schedules").is_empty()
        || text(&row["default_schedule"], "frequency") != "manual"
}

fn item_of_entry(entry: &Value) -> Item {
    let selects = given(entry, "selective_mode").and_then(Value::as_str);
    item(selects.unwrap_or("none"), entry)
}

fn item(selects: &str, timing: &Value) -> Item {
    Item { selects: selects.to_owned(), timing: pick(timing, &TIMING) }
}

fn items_of(wanted: &Value) -> Result<Vec<Item>, Failure> {
    if text(wanted, "frequency") != "multi" {
        return Ok(vec![item("none", wanted)]);
    }
    let mut items = Vec::new();
    for (place, entry) in list(&wanted["multi"], "schedules").iter().enumerate() {
        if text(&entry["schedule"], "frequency") == "multi" {
            let pointer = format!("/schedule/multi/schedules/{place}/schedule/frequency");
            return Err(Failure::invalid(&pointer, "cannot be multi again"));
        }
        items.push(item(text(entry, "item"), &entry["schedule"]));
    }
    Ok(items)
}

/// Whether both name the same schedules; order carries no meaning.
fn same(wanted: &[Item], shown: &[Item]) -> bool {
    let mut rest = shown.to_vec();
    let all = wanted.iter().all(|item| {
        let place = rest.iter().position(|known| known == item);
        place.map(|place| rest.remove(place)).is_some()
    });
    all && rest.is_empty()
}

fn shows_discover(row: &Value) -> bool {
    given(row, "automatically_add_new_objects").is_some_and(|value| value != "none")
}
