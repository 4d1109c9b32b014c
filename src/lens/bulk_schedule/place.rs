//! Which stored schedule each legacy item stems from, and where it goes.
//!
//! Matching comes first, placing afterwards. An item stems from the stored schedule that covers
//! the same, an exact match before the next in order. What stems from an additional schedule
//! stays one, with its id, `schemas` and `resync_mode`: made the default it would widen to every
//! schema. Ids never cross between the default and the additional schedules.

use crate::disclosure::Report;
use crate::json::{Object, Text};

use super::legacy::{Asked, Item};
use super::stored::{Entry, Shown, Stored};
use super::{HIDDEN, is_metadata, list, manual};

/// The values of `default_schedule` and `additional_schedules` for what was asked.
pub(super) fn place<'a>(
    asked: Asked<'a>,
    stored: Option<&Stored<'a>>,
    report: &mut Report,
) -> (Text<'a>, Text<'a>) {
    let items = match asked {
        Asked::Unchanged => return unchanged(stored),
        Asked::Single(schedule) => {
            if stored.is_some_and(|stored| says_single(stored, &schedule)) {
                report.took("bulk_schedule.up.unchanged");
                return unchanged(stored);
            }
            report.took("bulk_schedule.up.single");
            return (default_from(schedule, stored), list([]));
        }
        Asked::Multi(items) => items,
    };
    let shown = stored.map(Stored::items).unwrap_or_default();
    let claims = claim(&items, &shown);
    let exact = |claim: &Option<Claim>| claim.is_some_and(|claim| claim.exact);
    if stored.is_some() && items.len() == shown.len() && claims.iter().all(exact) {
        report.took("bulk_schedule.up.unchanged");
        return unchanged(stored);
    }
    arrange(items, &claims, stored, report)
}

/// The stored schedule that an item stems from.
#[derive(Debug, Clone, Copy)]
struct Claim {
    entry: Entry,
    exact: bool,
}

/// Which stored schedule each item stems from: exact matches first, then by what they cover;
/// among several, the one that was shown in the same place, then the first. Two that look alike
/// may differ in what legacy cannot say, so the place decides which of them was changed.
fn claim(items: &[Item<'_>], shown: &[Shown<'_>]) -> Vec<Option<Claim>> {
    let mut claims: Vec<Option<Claim>> = vec![None; items.len()];
    let mut taken = vec![false; shown.len()];
    for (exact, in_place) in [(true, true), (true, false), (false, true), (false, false)] {
        for (place, item) in items.iter().enumerate() {
            let Some(slot @ None) = claims.get_mut(place) else { continue };
            let fits = |(at, shown): &(usize, &Shown<'_>)| {
                (!in_place || *at == place)
                    && shown.item == item.item
                    && !taken[*at]
                    && (!exact || shown.schedule.says_the_same_as(&item.schedule))
            };
            if let Some((at, shown)) = shown.iter().enumerate().find(fits) {
                taken[at] = true;
                *slot = Some(Claim { entry: shown.entry, exact });
            }
        }
    }
    claims
}

fn arrange<'a>(
    items: Vec<Item<'a>>,
    claims: &[Option<Claim>],
    stored: Option<&Stored<'a>>,
    report: &mut Report,
) -> (Text<'a>, Text<'a>) {
    let claimed_default =
        claims.iter().position(|claim| claim.is_some_and(|claim| claim.entry == Entry::Default));
    let first_free_none = || {
        items.iter().zip(claims).position(|(item, claim)| claim.is_none() && item.item == "none")
    };
    let default_at = claimed_default.or_else(first_free_none);
    report.took(match default_at {
        Some(_) => "bulk_schedule.up.multi_with_default",
        None => "bulk_schedule.up.multi_without_default",
    });
    let mut default = None;
    let mut additional = Vec::with_capacity(items.len());
    for (index, (item, claim)) in items.into_iter().zip(claims).enumerate() {
        if Some(index) == default_at {
            default = Some(default_from(item.schedule, stored));
            continue;
        }
        if let Some(claim) = claim {
            report.took(if claim.exact {
                "bulk_schedule.up.matched_exactly"
            } else {
                "bulk_schedule.up.matched_by_mode"
            });
            if item.item == "none" {
                report.took("bulk_schedule.up.none_stays_additional");
            }
        }
        let origin = claim.and_then(|claim| match claim.entry {
            Entry::Additional(index) => stored.and_then(|stored| stored.additional.get(index)),
            Entry::Default => None,
        });
        additional.push(additional_from(item, origin));
    }
    (default.unwrap_or_else(|| silent_default(stored)), list(&additional))
}

/// A default schedule with the fields of a legacy one and the id of the current default.
fn default_from<'a>(mut schedule: Object<'a>, stored: Option<&Stored<'a>>) -> Text<'a> {
    if let Some(id) = default_id(stored) {
        schedule.set("id", id);
    }
    schedule.into_text()
}

/// The default where no item is one: the current one if it is silent already, else a silent one
/// with its id.
fn silent_default<'a>(stored: Option<&Stored<'a>>) -> Text<'a> {
    let default = stored.and_then(|stored| stored.default.as_ref());
    match default
        .filter(|default| default.get("frequency").is_some_and(|value| value.is_string("manual")))
    {
        Some(default) => for_request(default).to_text(),
        None => manual(default_id(stored)),
    }
}

fn additional_from<'a>(item: Item<'a>, origin: Option<&Object<'a>>) -> Object<'a> {
    let mut entry = item.schedule;
    let mode_was_absent = origin.is_some_and(|origin| origin.present("selective_mode").is_none());
    if !mode_was_absent || item.item != "none" {
        entry.set("selective_mode", Text::string(&item.item));
    }
    for key in ["id"].into_iter().chain(HIDDEN) {
        if let Some(value) = origin.and_then(|origin| origin.value(key)) {
            entry.set(key, value);
        }
    }
    entry
}

/// Whether the legacy view is the single schedule `schedule`.
fn says_single(stored: &Stored<'_>, schedule: &Object<'_>) -> bool {
    let items = stored.items();
    matches!(items.as_slice(), [only] if only.entry == Entry::Default && only.schedule.says_the_same_as(schedule))
}

/// Everything as it is stored, less what no request may contain.
fn unchanged<'a>(stored: Option<&Stored<'a>>) -> (Text<'a>, Text<'a>) {
    let default = stored.and_then(|stored| stored.default.as_ref());
    let default = default.map_or_else(|| manual(None), |default| for_request(default).to_text());
    let additional: Vec<Object<'a>> = stored
        .map(|stored| stored.additional.iter().map(for_request).collect())
        .unwrap_or_default();
    (default, list(&additional))
}

fn for_request<'a>(schedule: &Object<'a>) -> Object<'a> {
    let mut schedule = schedule.clone();
    schedule.remove_where(is_metadata);
    schedule
}

fn default_id<'a>(stored: Option<&Stored<'a>>) -> Option<Text<'a>> {
    stored
        .and_then(|stored| stored.default.as_ref())
        .and_then(|default| default.present_value("id"))
}
