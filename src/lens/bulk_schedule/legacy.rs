//! What a legacy client asks for in `schedule`.

use std::borrow::Cow;

use crate::disclosure::{How, Report};
use crate::failure::{Failure, Key};
use crate::json::{Object, Text};

use super::stored::Stored;

/// A legacy schedule, read and found complete.
#[derive(Debug)]
pub(super) enum Asked<'a> {
    /// Leave everything as it is.
    Unchanged,
    /// One schedule for everything.
    Single(Object<'a>),
    /// Several, each with what it covers.
    Multi(Vec<Item<'a>>),
}

/// One item of a `multi` schedule.
#[derive(Debug, Clone)]
pub(super) struct Item<'a> {
    /// What it covers: `none`, `incrementalFields`, `nonincrementalFields`.
    pub item: Cow<'a, str>,
    /// When.
    pub schedule: Object<'a>,
}

impl<'a> Asked<'a> {
    /// Reads `schedule`; `stored` is what a PUT would replace.
    pub fn read(
        schedule: Text<'a>,
        stored: Option<&Stored<'_>>,
        report: &mut Report,
    ) -> Result<Self, Failure> {
        let kind = schedule.kind();
        let Some(mut schedule) = schedule.into_object() else {
            return Err(wrong(
                "/schedule",
                &format!("is {kind}; it must be an object with a `frequency`"),
            ));
        };
        unrepeated(&schedule, || "/schedule".to_owned())?;
        if !is_multi(&schedule, || "/schedule".to_owned())? {
            if schedule.present("multi").is_some() {
                report.took("bulk_schedule.up.multi_dropped");
                report.note(How::Dropped, "/schedule/multi");
            }
            schedule.remove("multi");
            return Ok(Self::Single(schedule));
        }
        let Some(multi) = schedule.present_value("multi") else {
            if stored.is_some_and(Stored::is_multi) {
                report.took("bulk_schedule.up.bare_multi");
                return Ok(Self::Unchanged);
            }
            return Err(wrong(
                "/schedule/multi",
                "is missing; frequency `multi` needs `multi.schedules`, a list of `{item, schedule}`",
            ));
        };
        let kind = multi.kind();
        let Some(multi) = multi.into_object() else {
            return Err(wrong(
                "/schedule/multi",
                &format!("is {kind}; it must be an object with `schedules`"),
            ));
        };
        unrepeated(&multi, || "/schedule/multi".to_owned())?;
        let Some(schedules) = multi.present_value("schedules") else {
            return Err(wrong(
                "/schedule/multi/schedules",
                "is missing; it must be a list of `{item, schedule}`",
            ));
        };
        let kind = schedules.kind();
        let Some(schedules) = schedules.into_array() else {
            return Err(wrong(
                "/schedule/multi/schedules",
                &format!("is {kind}; it must be a list of `{{item, schedule}}`"),
            ));
        };
        let items = schedules.into_items().into_iter().enumerate();
        Ok(Self::Multi(
            items.map(|(index, item)| read_item(item, index)).collect::<Result<_, _>>()?,
        ))
    }
}

fn read_item(text: Text<'_>, index: usize) -> Result<Item<'_>, Failure> {
    // Written only for an error.
    let pointer = |below: &str| format!("/schedule/multi/schedules/{index}{below}");
    let kind = text.kind();
    let Some(object) = text.into_object() else {
        return Err(wrong(&pointer(""), &format!("is {kind}; it must be `{{item, schedule}}`")));
    };
    unrepeated(&object, || pointer(""))?;
    let Some(item) = object.value("item").and_then(Text::into_str) else {
        return Err(wrong(
            &pointer("/item"),
            "must be one of `none`, `incrementalFields`, `nonincrementalFields`",
        ));
    };
    let Some(mut schedule) = object.value("schedule").and_then(Text::into_object) else {
        return Err(wrong(&pointer("/schedule"), "must be an object with a `frequency`"));
    };
    unrepeated(&schedule, || pointer("/schedule"))?;
    if is_multi(&schedule, || pointer("/schedule"))? {
        return Err(wrong(
            &pointer("/schedule/frequency"),
            "is `multi` inside a `multi` schedule; give each item a frequency of its own",
        ));
    }
    schedule.remove("multi");
    Ok(Item { item, schedule })
}

/// Whether the frequency of a schedule, which has to have one, is `multi`.
fn is_multi(schedule: &Object<'_>, pointer: impl FnOnce() -> String) -> Result<bool, Failure> {
    let is_multi = schedule
        .get("frequency")
        .and_then(|frequency| frequency.as_string().map(|frequency| frequency == "multi"));
    is_multi.ok_or_else(|| {
        wrong(
            &format!("{}/frequency", pointer()),
            "must be a string such as `daily`, `hourly` or `manual`",
        )
    })
}

fn unrepeated(object: &Object<'_>, pointer: impl Fn() -> String) -> Result<(), Failure> {
    if !object.may_repeat() {
        return Ok(());
    }
    for key in ["frequency", "multi", "schedules", "item", "schedule"] {
        if object.repeats(key) {
            let pointer = pointer();
            return Err(Failure::new(
                Key::DuplicateKey,
                format!("`{pointer}/{key}` stands twice; send it once."),
            )
            .with("pointer", format!("{pointer}/{key}")));
        }
    }
    Ok(())
}

fn wrong(pointer: &str, what: &str) -> Failure {
    Failure::new(Key::ScheduleInvalid, format!("`{pointer}` {what}.")).with("pointer", pointer)
}
