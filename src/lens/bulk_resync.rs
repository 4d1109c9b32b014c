//! `resync` of starting a bulk sync, which is `resync_mode: "rebuild"` in 2025-09-18.

use super::Lens;
use crate::disclosure::Report;
use crate::failure::{Failure, Key};
use crate::json::{Object, Text};

/// The lens; it stands on the request, the answer has nothing of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct BulkResync;

impl Lens for BulkResync {
    fn name(&self) -> &'static str {
        "bulk_resync"
    }

    fn branches(&self) -> Vec<&'static str> {
        vec![
            "bulk_resync.up.rebuild",
            "bulk_resync.up.explicit_wins",
            "bulk_resync.up.dropped",
            "bulk_resync.up.err_not_a_boolean",
        ]
    }

    fn reads(&self) -> Vec<&str> {
        vec!["resync", "resync_mode"]
    }

    fn up<'a>(
        &self,
        body: &mut Object<'a>,
        _: Option<&Object<'a>>,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let Some(resync) = body.remove("resync") else { return Ok(()) };
        match resync.as_boolean() {
            Some(true) if body.present("resync_mode").is_some() => {
                report.took("bulk_resync.up.explicit_wins");
            }
            Some(true) => {
                report.took("bulk_resync.up.rebuild");
                body.set("resync_mode", Text::string("rebuild"));
            }
            Some(false) => report.took("bulk_resync.up.dropped"),
            None if resync.is_null() => report.took("bulk_resync.up.dropped"),
            None => {
                report.took("bulk_resync.up.err_not_a_boolean");
                let message = format!("`/resync` is {}; it must be true or false.", resync.kind());
                return Err(Failure::new(Key::BadBody, message).with("pointer", "/resync"));
            }
        }
        Ok(())
    }
}
