//! The schedules of a bulk sync: one `schedule` in legacy, `default_schedule` and
//! `additional_schedules` upstream.
//!
//! A legacy schedule is either a single one or, with frequency `multi`, a list of items, each
//! with the fields that it covers (`/components/schemas/BulkSchedule` and
//! `BulkItemizedSchedule` of 2024-02-08). Upstream keeps a default for every schema and field,
//! and additional ones that may be narrower and have `schemas` and `resync_mode`, which legacy
//! cannot say. The normal form of a legacy schedule: items in any order, a `multi` with one item
//! `none` the same as a single schedule, `null` the same as absent.

mod legacy;
mod place;
mod stored;

use super::{Disclosable, Lens};
use crate::disclosure::{How, Report};
use crate::failure::{Failure, Key};
use crate::json::{Array, Object, Text};

use legacy::Asked;
use stored::Stored;

/// The lens; it stands on the resource itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct BulkSchedule;

impl Lens for BulkSchedule {
    fn name(&self) -> &'static str {
        "bulk_schedule"
    }

    fn branches(&self) -> Vec<&'static str> {
        vec![
            "bulk_schedule.up.absent",
            "bulk_schedule.up.new_style",
            "bulk_schedule.up.single",
            "bulk_schedule.up.multi_with_default",
            "bulk_schedule.up.multi_without_default",
            "bulk_schedule.up.unchanged",
            "bulk_schedule.up.bare_multi",
            "bulk_schedule.up.matched_exactly",
            "bulk_schedule.up.matched_by_mode",
            "bulk_schedule.up.none_stays_additional",
            "bulk_schedule.up.multi_dropped",
            "bulk_schedule.up.err_conflict",
            "bulk_schedule.up.err_invalid",
            "bulk_schedule.down.single",
            "bulk_schedule.down.multi_with_default",
            "bulk_schedule.down.multi_without_default",
            "bulk_schedule.down.hidden",
            "bulk_schedule.down.missing",
        ]
    }

    fn reads(&self) -> Vec<&str> {
        vec!["schedule", "default_schedule", "additional_schedules"]
    }

    fn discloses(&self) -> Vec<Disclosable> {
        let disclosable = |how, in_request, pointer: &str, when: &str| Disclosable {
            how,
            in_request,
            pointer: pointer.to_owned(),
            when: when.to_owned(),
        };
        vec![
            disclosable(
                How::Dropped,
                false,
                "/schedule/multi/schedules/*",
                "upstream limits that schedule to some schemas or gives it a resync mode",
            ),
            disclosable(
                How::Dropped,
                true,
                "/schedule/multi",
                "it stands beside a frequency that is not `multi`",
            ),
            disclosable(
                How::Synthesized,
                false,
                "/schedule",
                "upstream's answer has no default schedule",
            ),
        ]
    }

    fn up<'a>(
        &self,
        body: &mut Object<'a>,
        current: Option<&Object<'a>>,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let new_style = body.has("default_schedule") || body.has("additional_schedules");
        let Some(schedule) = body.value("schedule") else {
            report.took(if new_style {
                "bulk_schedule.up.new_style"
            } else {
                "bulk_schedule.up.absent"
            });
            return Ok(());
        };
        if new_style {
            report.took("bulk_schedule.up.err_conflict");
            return Err(conflict());
        }
        let stored = current.map(Stored::read).transpose()?;
        let asked = Asked::read(schedule, stored.as_ref(), report)
            .inspect_err(|_| report.took("bulk_schedule.up.err_invalid"))?;
        let (default, additional) = place::place(asked, stored.as_ref(), report);
        body.replace("schedule", "default_schedule", default);
        body.set("additional_schedules", additional);
        Ok(())
    }

    fn down(&self, resource: &mut Object<'_>, report: &mut Report) -> Result<(), Failure> {
        let stored = Stored::read(resource)?;
        let shown = stored.show(report);
        resource.replace("default_schedule", "schedule", shown);
        resource.remove("additional_schedules");
        Ok(())
    }
}

fn conflict() -> Failure {
    Failure::new(
        Key::ScheduleConflict,
        "The body has `schedule` beside `default_schedule` or `additional_schedules`, which replace it. Send either the legacy form or the new one.",
    )
    .with("pointer", "/schedule")
}

/// Whether legacy clients never see that member of a stored schedule: it says where it came from.
fn is_metadata(key: &str) -> bool {
    matches!(key, "created_at" | "created_by" | "updated_at" | "updated_by")
}

/// The same, and the id, which a legacy schedule does not have.
fn is_unseen(key: &str) -> bool {
    key == "id" || is_metadata(key)
}

/// What of an additional schedule has no place in a legacy item.
const HIDDEN: [&str; 2] = ["schemas", "resync_mode"];

/// A schedule that never fires by itself.
fn manual(id: Option<Text<'_>>) -> Text<'static> {
    Text::written(match id {
        Some(id) => [r#"{"id":"#, id.as_text(), r#","frequency":"manual"}"#].concat(),
        None => r#"{"frequency":"manual"}"#.to_owned(),
    })
}

/// The text of an array of objects.
fn list<'o>(objects: impl IntoIterator<Item = &'o Object<'o>>) -> Text<'static> {
    objects.into_iter().map(Object::to_text).collect::<Array<'_>>().to_text()
}
