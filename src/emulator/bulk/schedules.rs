//! The schedules of a bulk sync: one default, and additional ones that may be selective.

use serde_json::{Value, json};

use crate::emulator::call::{Call, Failure};
use crate::emulator::json::{given, list, pick, put, text};
use crate::emulator::store::Table;

/// When a schedule fires: what every schedule has.
pub(super) const TIMING: [&str; 6] =
    ["frequency", "minute", "hour", "day_of_month", "day_of_week", "month"];

/// What only additional schedules have.
const SELECTION: [&str; 3] = ["selective_mode", "schemas", "resync_mode"];

/// Both kinds, as a row stores them.
pub(super) struct Schedules {
    pub(super) default: Value,
    pub(super) additional: Vec<Value>,
}

/// The schedules of an upstream body. One with an id is that schedule of the current sync, one
/// without is new; current ones that the body does not name are gone.
///
/// # Errors
///
/// 422 for frequency `multi`, for a default that selects, and for an id that is not one of the
/// current sync's schedules of that kind, or is there twice.
pub(super) fn of_body(
    call: &mut Call<'_>,
    body: &Value,
    current: Option<&Value>,
    now: &str,
) -> Result<Schedules, Failure> {
    let wanted = &body["default_schedule"];
    for key in SELECTION {
        if wanted.get(key).is_some() {
            let pointer = format!("/default_schedule/{key}");
            return Err(Failure::invalid(&pointer, "is for additional schedules only"));
        }
    }
    check_frequency(wanted, "/default_schedule")?;
    let currently = current.map(|row| std::slice::from_ref(&row["default_schedule"]));
    let known = known(wanted, currently.unwrap_or_default(), "/default_schedule")?;
    let default = default(call, wanted, known, now);
    let currently = current.map_or(&[][..], |row| list(row, "additional_schedules"));
    let mut additional: Vec<Value> = Vec::new();
    for (place, wanted) in list(body, "additional_schedules").iter().enumerate() {
        let pointer = format!("/additional_schedules/{place}");
        check_frequency(wanted, &pointer)?;
        let known = known_once(wanted, currently, &additional, &pointer)?;
        let entry = self::additional(call, wanted, known, now);
        additional.push(entry);
    }
    Ok(Schedules { default, additional })
}

/// A default schedule with that timing.
pub(super) fn default(
    call: &mut Call<'_>,
    wanted: &Value,
    known: Option<&Value>,
    now: &str,
) -> Value {
    entry(call, pick(wanted, &TIMING), known, now)
}

/// An additional schedule with that timing and selection.
pub(super) fn additional(
    call: &mut Call<'_>,
    wanted: &Value,
    known: Option<&Value>,
    now: &str,
) -> Value {
    let mut contents = pick(wanted, &TIMING);
    for key in SELECTION {
        put(&mut contents, key, given(wanted, key).cloned());
    }
    entry(call, contents, known, now)
}

/// A known schedule keeps its id and maker, and when nothing changes everything.
fn entry(call: &mut Call<'_>, mut contents: Value, known: Option<&Value>, now: &str) -> Value {
    let actor = call.actor();
    let Some(known) = known else {
        contents["id"] = json!(call.store.next_id(Table::BulkSchedules));
        for (at, by) in [("created_at", "created_by"), ("updated_at", "updated_by")] {
            contents[at] = json!(now);
            contents[by] = actor.clone();
        }
        return contents;
    };
    let keys = [&TIMING[..], &SELECTION[..]].concat();
    if pick(known, &keys) == pick(&contents, &keys) {
        return known.clone();
    }
    for key in ["id", "created_at", "created_by"] {
        contents[key] = known[key].clone();
    }
    contents["updated_at"] = json!(now);
    contents["updated_by"] = actor;
    contents
}

fn check_frequency(wanted: &Value, pointer: &str) -> Result<(), Failure> {
    if text(wanted, "frequency") == "multi" {
        let pointer = format!("{pointer}/frequency");
        let message = "multi was removed in 2025-09-18, use additional_schedules";
        return Err(Failure::invalid(&pointer, message));
    }
    Ok(())
}

fn known<'a>(
    wanted: &Value,
    current: &'a [Value],
    pointer: &str,
) -> Result<Option<&'a Value>, Failure> {
    let Some(id) = given(wanted, "id") else {
        return Ok(None);
    };
    let found = current.iter().find(|schedule| schedule["id"] == *id);
    let message = "is not a schedule of this kind of this sync";
    found.map(Some).ok_or_else(|| Failure::invalid(&format!("{pointer}/id"), message))
}

fn known_once<'a>(
    wanted: &Value,
    current: &'a [Value],
    taken: &[Value],
    pointer: &str,
) -> Result<Option<&'a Value>, Failure> {
    let known = known(wanted, current, pointer)?;
    if known.is_some_and(|known| taken.iter().any(|taken| taken["id"] == known["id"])) {
        return Err(Failure::invalid(&format!("{pointer}/id"), "is there twice"));
    }
    Ok(known)
}
