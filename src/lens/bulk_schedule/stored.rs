//! The schedules as upstream keeps them, and the legacy view of them.

use crate::disclosure::{How, Report};
use crate::failure::Failure;
use crate::json::{Object, Text};
use crate::lens::invalid;

use super::{HIDDEN, is_unseen, manual};

/// When a schedule fires, and the word for one that never does by itself.
const FREQUENCY: &str = "frequency";
const SILENT: &str = "manual";
/// What an additional schedule covers.
const MODE: &str = "selective_mode";

/// What a bulk sync has stored.
#[derive(Debug)]
pub(super) struct Stored<'a> {
    /// `default_schedule`; none where upstream gives none.
    pub default: Option<Object<'a>>,
    /// `additional_schedules`, in order.
    pub additional: Vec<Object<'a>>,
}

/// One stored schedule as a legacy client sees it.
#[derive(Debug)]
pub(super) struct Shown<'a> {
    /// Which stored one it is.
    pub entry: Entry,
    /// What it covers: `none`, `incrementalFields`, `nonincrementalFields`.
    pub item: String,
    /// Its fields without what legacy cannot say.
    pub schedule: Object<'a>,
}

/// Which of the stored schedules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    /// The default.
    Default,
    /// The additional one at this index.
    Additional(usize),
}

impl<'a> Stored<'a> {
    /// Reads the schedules of an upstream resource.
    pub fn read(resource: &Object<'a>) -> Result<Self, Failure> {
        let object = |text: Text<'a>, pointer: &str| {
            text.into_object().ok_or_else(|| invalid(pointer, "an object"))
        };
        let default = resource
            .present_value("default_schedule")
            .map(|text| object(text, "/default_schedule"))
            .transpose()?;
        let mut additional = Vec::new();
        if let Some(list) = resource.present_value("additional_schedules") {
            let list = list.into_array();
            let list = list.ok_or_else(|| invalid("/additional_schedules", "an array"))?;
            for item in list.into_items() {
                additional.push(object(item, "/additional_schedules/*")?);
            }
        }
        Ok(Self { default, additional })
    }

    /// Whether the default never fires by itself and is therefore not shown among several.
    fn default_is_silent(&self) -> bool {
        self.default.as_ref().is_none_or(|default| {
            default.get(FREQUENCY).is_some_and(|value| value.is_string(SILENT))
        })
    }

    /// Whether the legacy view has frequency `multi`.
    pub fn is_multi(&self) -> bool {
        !self.additional.is_empty()
    }

    /// What a legacy client sees, item by item.
    pub fn items(&self) -> Vec<Shown<'a>> {
        let default =
            self.default.as_ref().filter(|_| !(self.is_multi() && self.default_is_silent()));
        let default = default.map(|default| Shown {
            entry: Entry::Default,
            item: "none".to_owned(),
            schedule: without_metadata(default),
        });
        let additional = self.additional.iter().enumerate().map(|(index, entry)| {
            let mut schedule = without_metadata(entry);
            let mode = schedule.remove(MODE);
            for key in HIDDEN {
                schedule.remove(key);
            }
            let item = mode
                .and_then(|mode| mode.as_string().map(std::borrow::Cow::into_owned))
                .unwrap_or_else(|| "none".to_owned());
            Shown { entry: Entry::Additional(index), item, schedule }
        });
        default.into_iter().chain(additional).collect()
    }

    /// The legacy `schedule`. Lists show thousands, so the text is written straight away.
    pub fn show(&self, report: &mut Report) -> Text<'static> {
        if !self.is_multi() {
            return self.show_single(report);
        }
        let mut out = String::with_capacity(512);
        out.push_str(r#"{"frequency":"multi","multi":{"type":"incremental","schedules":["#);
        let shows_default = self.show_default(&mut out);
        report.took(match shows_default {
            true => "bulk_schedule.down.multi_with_default",
            false => "bulk_schedule.down.multi_without_default",
        });
        for (place, entry) in (usize::from(shows_default)..).zip(&self.additional) {
            if place > 0 {
                out.push(',');
            }
            if show_additional(entry, &mut out) {
                report.took("bulk_schedule.down.hidden");
                report.note(How::Dropped, &format!("/schedule/multi/schedules/{place}"));
            }
        }
        out.push_str("]}}");
        Text::written(out)
    }

    /// Appends the item of the default schedule; tells whether there is one.
    fn show_default(&self, out: &mut String) -> bool {
        let Some(default) = &self.default else { return false };
        let (start, mut is_silent) = (out.len(), false);
        out.push_str(r#"{"item":"none","schedule":"#);
        default.write_some(
            |key, value| {
                if key == FREQUENCY {
                    is_silent = value().is_string(SILENT);
                }
                !is_unseen(key)
            },
            out,
        );
        out.push('}');
        if is_silent {
            out.truncate(start);
        }
        !is_silent
    }

    fn show_single(&self, report: &mut Report) -> Text<'static> {
        let Some(default) = &self.default else {
            report.took("bulk_schedule.down.missing");
            report.note(How::Synthesized, "/schedule");
            return manual(None);
        };
        report.took("bulk_schedule.down.single");
        let mut out = String::with_capacity(128);
        default.write_some(|key, _| !is_unseen(key), &mut out);
        Text::written(out)
    }
}

/// Appends the item of an additional schedule; tells whether it is more than an item can say.
fn show_additional(entry: &Object<'_>, out: &mut String) -> bool {
    out.push_str(r#"{"item":"#);
    let item = out.len();
    out.push_str(r#","schedule":"#);
    let (mut mode, mut hidden) = (None, [false; HIDDEN.len()]);
    entry.write_some(
        |key, value| {
            if key == MODE {
                mode = Some(value()).filter(|mode| mode.as_string().is_some());
                return false;
            }
            if let Some(place) = HIDDEN.iter().position(|own| *own == key) {
                let value = value();
                hidden[place] = !value.is_null() && !value.is_empty_array();
                return false;
            }
            !is_unseen(key)
        },
        out,
    );
    out.push('}');
    // Only now is known what it covers.
    out.insert_str(item, mode.as_ref().map_or("\"none\"", Text::as_text));
    hidden.contains(&true)
}

fn without_metadata<'a>(schedule: &Object<'a>) -> Object<'a> {
    let mut schedule = schedule.clone();
    schedule.remove_where(is_unseen);
    schedule
}
