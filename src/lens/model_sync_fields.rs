//! Fields of model syncs that older SDKs require and 2025-09-18 no longer gives.
//!
//! `override_fields[].source` is required by SDKs up to 1.6.2 and `target.object` by those up to
//! 1.11.3: without them their own parsing fails. What is made up here on the way down does not go
//! up again.

use super::{Disclosable, Lens};
use crate::disclosure::{How, Report};
use crate::failure::Failure;
use crate::json::{Array, Object, Text};

/// The lens; it stands on the resource itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct ModelSyncFields;

impl Lens for ModelSyncFields {
    fn name(&self) -> &'static str {
        "model_sync_fields"
    }

    fn branches(&self) -> Vec<&'static str> {
        vec![
            "model_sync_fields.down.source",
            "model_sync_fields.down.object",
            "model_sync_fields.up.source",
            "model_sync_fields.up.object",
        ]
    }

    fn reads(&self) -> Vec<&str> {
        vec!["override_fields", "target"]
    }

    fn discloses(&self) -> Vec<Disclosable> {
        let gone = "upstream gives none, as it always does";
        let made_up = |pointer: &str, when: &str| Disclosable {
            how: How::Synthesized,
            in_request: false,
            pointer: pointer.to_owned(),
            when: when.to_owned(),
        };
        vec![
            made_up("/override_fields/*/source", gone),
            made_up("/override_fields/*/encryption_enabled", gone),
            made_up("/target/object", "the target is still to be created"),
        ]
    }

    fn up<'a>(
        &self,
        body: &mut Object<'a>,
        _: Option<&Object<'a>>,
        report: &mut Report,
    ) -> Result<(), Failure> {
        each_override(body, |field, _| {
            if field.get("source").is_some_and(|source| is_made_up(&source)) {
                report.took("model_sync_fields.up.source");
                field.remove("source");
                if field.get("encryption_enabled").and_then(|value| value.as_boolean())
                    == Some(false)
                {
                    field.remove("encryption_enabled");
                }
            }
        });
        if let Some(mut target) = body.value("target").and_then(Text::into_object)
            && target.get("object").is_some_and(|object| object.is_string(""))
        {
            report.took("model_sync_fields.up.object");
            target.remove("object");
            body.set("target", target.to_text());
        }
        Ok(())
    }

    fn down(&self, resource: &mut Object<'_>, report: &mut Report) -> Result<(), Failure> {
        each_override(resource, |field, place| {
            if field.present("source").is_some() {
                return;
            }
            report.took("model_sync_fields.down.source");
            field.set("source", Text::tree(&serde_json::json!({"field": "", "model_id": ""})));
            report.note(How::Synthesized, &format!("/override_fields/{place}/source"));
            if field.present("encryption_enabled").is_none() {
                field.set("encryption_enabled", Text::boolean(false));
                report.note(
                    How::Synthesized,
                    &format!("/override_fields/{place}/encryption_enabled"),
                );
            }
        });
        if let Some(mut target) = resource.value("target").and_then(Text::into_object)
            && target.present("object").is_none()
        {
            report.took("model_sync_fields.down.object");
            report.note(How::Synthesized, "/target/object");
            target.set("object", Text::string(""));
            resource.set("target", target.to_text());
        }
        Ok(())
    }
}

/// Whether a source is the one that `down` makes up.
fn is_made_up(source: &Text<'_>) -> bool {
    let empty = |source: &Object<'_>, key| source.get(key).is_some_and(|value| value.is_string(""));
    source.object().is_some_and(|source| empty(&source, "field") && empty(&source, "model_id"))
}

fn each_override<'a>(resource: &mut Object<'a>, mut change: impl FnMut(&mut Object<'a>, usize)) {
    let Some(fields) = resource.value("override_fields").and_then(Text::into_array) else {
        return;
    };
    if fields.items().is_empty() {
        return;
    }
    let changed = fields.into_items().into_iter().enumerate().map(|(place, field)| {
        let Some(mut object) = field.clone().into_object() else { return field };
        change(&mut object, place);
        object.to_text()
    });
    let changed: Array<'a> = changed.collect();
    resource.set("override_fields", changed.to_text());
}
