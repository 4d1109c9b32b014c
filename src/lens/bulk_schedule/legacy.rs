//! What a legacy client asks for in `schedule`.

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
    pub item: String,
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
        unrepeated(&schedule, "/schedule")?;
        if frequency(&schedule, "/schedule")? != "multi" {
            if schedule.present("multi").is_some() {
                report.took("bulk_schedule.up.multi_dropped");
                report.note(How::Dropped, "/schedule/multi");
            }
            schedule.remove("multi");
            return Ok(Self::Single(schedule));
        }
        let Some(multi) = schedule.present("multi") else {
            if stored.is_some_and(Stored::is_multi) {
                report.took("bulk_schedule.up.bare_multi");
                return Ok(Self::Unchanged);
            }
            return Err(wrong(
                "/schedule/multi",
                "is missing; frequency `multi` needs `multi.schedules`, a list of `{item, schedule}`",
            ));
        };
        let Some(multi) = multi.clone().into_object() else {
            return Err(wrong(
                "/schedule/multi",
                &format!("is {}; it must be an object with `schedules`", multi.kind()),
            ));
        };
        unrepeated(&multi, "/schedule/multi")?;
        let Some(schedules) = multi.present("schedules") else {
            return Err(wrong(
                "/schedule/multi/schedules",
                "is missing; it must be a list of `{item, schedule}`",
            ));
        };
        let Some(schedules) = schedules.clone().into_array() else {
            return Err(wrong(
                "/schedule/multi/schedules",
                &format!("is {}; it must be a list of `{{item, schedule}}`", schedules.kind()),
            ));
        };
        let items = schedules.into_items().into_iter().enumerate();
        Ok(Self::Multi(
            items.map(|(index, item)| read_item(item, index)).collect::<Result<_, _>>()?,
        ))
    }
}

fn read_item(text: Text<'_>, index: usize) -> Result<Item<'_>, Failure> {
    let pointer = format!("/schedule/multi/schedules/{index}");
    let kind = text.kind();
    let Some(object) = text.into_object() else {
        return Err(wrong(&pointer, &format!("is {kind}; it must be `{{item, schedule}}`")));
    };
    unrepeated(&object, &pointer)?;
    let item =
        object.get("item").and_then(|item| item.as_string().map(std::borrow::Cow::into_owned));
    let Some(item) = item else {
        return Err(wrong(
            &format!("{pointer}/item"),
            "must be one of `none`, `incrementalFields`, `nonincrementalFields`",
        ));
    };
    let pointer = format!("{pointer}/schedule");
    let Some(mut schedule) = object.get("schedule").cloned().and_then(Text::into_object) else {
        return Err(wrong(&pointer, "must be an object with a `frequency`"));
    };
    unrepeated(&schedule, &pointer)?;
    if frequency(&schedule, &pointer)? == "multi" {
        return Err(wrong(
            &format!("{pointer}/frequency"),
            "is `multi` inside a `multi` schedule; give each item a frequency of its own",
        ));
    }
    schedule.remove("multi");
    Ok(Item { item, schedule })
}

fn frequency(schedule: &Object<'_>, pointer: &str) -> Result<String, Failure> {
    let frequency = schedule
        .get("frequency")
        .and_then(|value| value.as_string().map(std::borrow::Cow::into_owned));
    frequency.ok_or_else(|| {
        wrong(
            &format!("{pointer}/frequency"),
            "must be a string such as `daily`, `hourly` or `manual`",
        )
    })
}

fn unrepeated(object: &Object<'_>, pointer: &str) -> Result<(), Failure> {
    for key in ["frequency", "multi", "schedules", "item", "schedule"] {
        if object.repeats(key) {
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
