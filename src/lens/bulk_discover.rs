//! `discover` of a bulk sync, which 2025-09-18 split into `automatically_add_new_objects` and
//! `automatically_add_new_fields`.
//!
//! The normal form: `null` is the same as absent, and what a client says with the newer fields
//! wins over `discover`.

use super::{Disclosable, Lens};
use crate::disclosure::{How, Report};
use crate::failure::{Failure, Key};
use crate::json::{Object, Text};

/// The lens; it stands on the resource itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct BulkDiscover;

const OBJECTS: &str = "automatically_add_new_objects";
const FIELDS: &str = "automatically_add_new_fields";

impl Lens for BulkDiscover {
    fn name(&self) -> &'static str {
        "bulk_discover"
    }

    fn branches(&self) -> Vec<&'static str> {
        vec![
            "bulk_discover.up.unchanged",
            "bulk_discover.up.set",
            "bulk_discover.up.explicit_wins",
            "bulk_discover.up.null",
            "bulk_discover.up.err_not_a_boolean",
            "bulk_discover.down.exact",
            "bulk_discover.down.approximated",
        ]
    }

    fn reads(&self) -> Vec<&str> {
        vec!["discover", OBJECTS, FIELDS]
    }

    fn discloses(&self) -> Vec<Disclosable> {
        let when = "new objects and new fields are not added alike, which one boolean cannot say"
            .to_owned();
        vec![Disclosable {
            how: How::Approximated,
            in_request: false,
            pointer: "/discover".to_owned(),
            when,
        }]
    }

    fn up<'a>(
        &self,
        body: &mut Object<'a>,
        current: Option<&Object<'a>>,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let Some(discover) = body.remove("discover") else { return Ok(()) };
        if discover.is_null() {
            report.took("bulk_discover.up.null");
            return Ok(());
        }
        let Some(discover) = discover.as_boolean() else {
            report.took("bulk_discover.up.err_not_a_boolean");
            return Err(Failure::new(
                Key::BadBody,
                format!("`/discover` is {}; it must be true or false.", discover.kind()),
            )
            .with("pointer", "/discover"));
        };
        let unchanged =
            current.filter(|current| shown(current.present(OBJECTS).as_ref()) == discover);
        report.took(if unchanged.is_some() {
            "bulk_discover.up.unchanged"
        } else {
            "bulk_discover.up.set"
        });
        for key in [OBJECTS, FIELDS] {
            if body.present(key).is_some() {
                report.took("bulk_discover.up.explicit_wins");
                continue;
            }
            match unchanged {
                Some(current) => match current.value(key) {
                    Some(value) => body.set(key, value),
                    None => drop(body.remove(key)),
                },
                None => body.set(key, Text::string(if discover { "all" } else { "none" })),
            }
        }
        Ok(())
    }

    fn down(&self, resource: &mut Object<'_>, report: &mut Report) -> Result<(), Failure> {
        let (objects, fields) = (resource.present(OBJECTS), resource.present(FIELDS));
        let is = |setting: &Option<Text<'_>>, value| match setting {
            Some(setting) => setting.is_string(value),
            None => value == "none",
        };
        let are_both = |value| is(&objects, value) && is(&fields, value);
        let exact = are_both("all") || are_both("none");
        let shown = shown(objects.as_ref());
        if exact {
            report.took("bulk_discover.down.exact");
        } else {
            report.took("bulk_discover.down.approximated");
            report.note(How::Approximated, "/discover");
        }
        resource.set("discover", Text::boolean(shown));
        Ok(())
    }
}

/// What a legacy client sees as `discover` where that is how objects are added.
fn shown(objects: Option<&Text<'_>>) -> bool {
    objects.is_some_and(|value| !value.is_string("none"))
}
