//! Lenses: what data looks like on either side.
//!
//! `down` turns what upstream stores into what a legacy client sees; `up` turns what a legacy
//! client sends into what upstream takes, given the current resource where one was read. Each
//! lens, declared in a rule file or coded here, obeys the same laws:
//!
//! - GetPut: `up(down(u), u)` stores `u` again, so reading and writing back changes nothing.
//! - PutGet: `down(up(l, u))` is `l`, up to the normal form that the lens documents.
//! - What a lens does not name comes out byte for byte.
//! - No JSON whatsoever makes it panic.

mod bulk_discover;
mod bulk_resync;
mod bulk_schedule;
mod bulk_schemas;
mod declared;
#[cfg(test)]
mod laws;
mod leave_out;
mod model_sync_fields;
mod model_sync_view;
mod organization_sign_on;
mod read_only;
mod webhook_endpoint;

use std::fmt::Debug;

pub use bulk_discover::BulkDiscover;
pub use bulk_resync::BulkResync;
pub use bulk_schedule::BulkSchedule;
pub use bulk_schemas::BulkSchemas;
pub use declared::{Alias, At, Fixed, HiddenValue, Keep, Rename, Wrap};
pub use leave_out::LeaveOut;
pub use model_sync_fields::ModelSyncFields;
pub use model_sync_view::ModelSyncView;
pub use organization_sign_on::OrganizationSignOn;
pub use read_only::ReadOnly;
pub use webhook_endpoint::{Registration, WebhookEndpoint};

use crate::disclosure::{How, Report};
use crate::failure::{Failure, Key};
use crate::json::Object;

/// Something a lens may have to disclose: how, at which pointer of the resource, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disclosable {
    /// How the value differs.
    pub how: How,
    /// Where in the resource, `*` for any index.
    pub pointer: String,
    /// Whether the pointer is one of the request's body, not of the answer.
    pub in_request: bool,
    /// When it happens, as the end of a sentence that starts with the pointer.
    pub when: String,
}

/// One view of a resource, in both directions. Lenses do no I/O.
pub trait Lens: Debug + Send + Sync {
    /// The name that rule files and the catalogue use.
    fn name(&self) -> &'static str;

    /// The branches that fixtures must cover.
    fn branches(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// The keys of a request body that `up` reads: standing twice they are an error.
    fn reads(&self) -> Vec<&str> {
        Vec::new()
    }

    /// What may have to be disclosed.
    fn discloses(&self) -> Vec<Disclosable> {
        Vec::new()
    }

    /// Whether `up` has anything to do in objects of a part of the body with that text. Most bodies
    /// leave out most of what they may have, and seeing that is less than taking them apart.
    fn concerns(&self, _text: &str) -> bool {
        true
    }

    /// Makes the body of an upstream request out of a legacy one.
    ///
    /// # Errors
    /// The legacy body cannot be translated; nothing is sent then.
    fn up<'a>(
        &self,
        _body: &mut Object<'a>,
        _current: Option<&Object<'a>>,
        _report: &mut Report,
    ) -> Result<(), Failure> {
        Ok(())
    }

    /// Makes the legacy view of an upstream resource.
    ///
    /// # Errors
    /// The answer is not what the upstream contract says.
    fn down(&self, _resource: &mut Object<'_>, _report: &mut Report) -> Result<(), Failure> {
        Ok(())
    }
}

/// The failure of a lens that met an answer which its contract does not allow.
pub(crate) fn invalid(pointer: &str, expected: &str) -> Failure {
    Failure::new(
        Key::UpstreamInvalid,
        format!("Upstream's answer is not what its contract says: `{pointer}` should be {expected}. Nothing was translated; report this if it stays."),
    )
    .with("pointer", pointer)
}
