//! `/api/bulk/syncs/{sync_id}/schedules`: the same schedules one by one, in camel case.

use serde_json::{Value, json};

use super::schedules;
use crate::emulator::call::{Call, Failure, Outcome, Reply};
use crate::emulator::json::{given, list as items, put, text};
use crate::emulator::store::Table;

/// The names of this resource, and those of the row.
const NAMES: [(&str, &str); 9] = [
    ("frequency", "frequency"),
    ("minute", "minute"),
    ("hour", "hour"),
    ("dayOfMonth", "day_of_month"),
    ("dayOfWeek", "day_of_week"),
    ("month", "month"),
    ("selectiveMode", "selective_mode"),
    ("schemas", "schemas"),
    ("syncMode", "resync_mode"),
];

pub(super) fn handle(call: &mut Call<'_>) -> Option<Outcome> {
    let action = call.operation.id.strip_prefix("bulk_sync.schedules.")?;
    Some(match action {
        "list" => list(call),
        "get" => get(call),
        "create" => create(call),
        "update" => update(call),
        "delete" => delete(call),
        _ => return None,
    })
}

fn list(call: &Call<'_>) -> Outcome {
    let row = call.row(Table::BulkSyncs, &call.path("sync_id"))?;
    let mut shown = vec![show(row, &row["default_schedule"], true)];
    for entry in items(row, "additional_schedules") {
        shown.push(show(row, entry, false));
    }
    Reply::data(shown)
}

fn get(call: &Call<'_>) -> Outcome {
    let (row, place) = find(call)?;
    Reply::data(match place {
        None => show(&row, &row["default_schedule"], true),
        Some(place) => show(&row, &row["additional_schedules"][place], false),
    })
}

fn create(call: &mut Call<'_>) -> Outcome {
    let id = call.path("sync_id");
    let row = call.row(Table::BulkSyncs, &id)?.clone();
    let wanted = read(call)?;
    let now = call.store.tick();
    let entry = schedules::additional(call, &wanted, None, &now);
    let shown = show(&row, &entry, false);
    let stored = call.row_mut(Table::BulkSyncs, &id)?;
    if let Some(additional) = stored["additional_schedules"].as_array_mut() {
        additional.push(entry);
    }
    Reply::data(shown)
}

fn update(call: &mut Call<'_>) -> Outcome {
    let (row, place) = find(call)?;
    let mut wanted = read(call)?;
    let now = call.store.tick();
    let Some(place) = place else {
        if given(&wanted, "selective_mode").is_some_and(|mode| mode != "none") {
            return Err(Failure::bad_request("the default schedule cannot select"));
        }
        let entry = schedules::default(call, &wanted, Some(&row["default_schedule"]), &now);
        call.row_mut(Table::BulkSyncs, text(&row, "id"))?["default_schedule"] = entry.clone();
        return Reply::data(show(&row, &entry, true));
    };
    let known = &row["additional_schedules"][place];
    // This resource cannot say these two, so it leaves them alone.
    for key in ["schemas", "resync_mode"] {
        put(&mut wanted, key, given(known, key).cloned());
    }
    let entry = schedules::additional(call, &wanted, Some(known), &now);
    call.row_mut(Table::BulkSyncs, text(&row, "id"))?["additional_schedules"][place] =
        entry.clone();
    Reply::data(show(&row, &entry, false))
}

fn delete(call: &mut Call<'_>) -> Outcome {
    let (row, place) = find(call)?;
    let Some(place) = place else {
        return Err(Failure::forbidden("the default schedule cannot be deleted"));
    };
    call.store.tick();
    let stored = call.row_mut(Table::BulkSyncs, text(&row, "id"))?;
    if let Some(additional) = stored["additional_schedules"].as_array_mut() {
        additional.remove(place);
    }
    Reply::nothing()
}

/// The sync and the place of the path's schedule among the additional ones; no place: the
/// default.
fn find(call: &Call<'_>) -> Result<(Value, Option<usize>), Failure> {
    let row = call.row(Table::BulkSyncs, &call.path("sync_id"))?;
    let id = call.path("schedule_id");
    if text(&row["default_schedule"], "id") == id {
        return Ok((row.clone(), None));
    }
    items(row, "additional_schedules")
        .iter()
        .position(|entry| text(entry, "id") == id)
        .map(|place| (row.clone(), Some(place)))
        .ok_or_else(|| Failure::not_found("schedule"))
}

fn read(call: &Call<'_>) -> Result<Value, Failure> {
    let body = call.given();
    if text(&body["schedule"], "frequency") == "multi" {
        return Err(Failure::bad_request("/schedule/frequency: cannot be multi"));
    }
    let mut wanted = json!({});
    for (name, stored) in NAMES {
        put(&mut wanted, stored, given(&body["schedule"], name).cloned());
    }
    Ok(wanted)
}

fn show(sync: &Value, entry: &Value, is_default: bool) -> Value {
    let mut shown = json!({
        "syncId": sync["id"], "isDefault": is_default,
        "createdAt": entry["created_at"], "createdBy": entry["created_by"]["id"],
        "updatedAt": entry["updated_at"], "updatedBy": entry["updated_by"]["id"],
    });
    for (name, stored) in NAMES {
        put(&mut shown, name, given(entry, stored).cloned());
    }
    shown
}
