//! The single sign-on settings of an organization, which a PUT replaces in full in 2025-09-18.
//!
//! What the legacy body leaves out keeps its value where it can be read. `client_id` and
//! `client_secret` cannot be read: where they would be lost the request is refused, unless the
//! deployment allows it.

use super::{Disclosable, Lens};
use crate::disclosure::{How, Report};
use crate::failure::{Failure, Key};
use crate::json::Object;

/// The lens; it stands on the resource itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct OrganizationSignOn {
    /// Whether a body without the client may pass although there is an issuer.
    pub may_lose_client: bool,
}

const READABLE: [&str; 4] = ["name", "sso_domain", "sso_org_id", "issuer"];
const CLIENT: [&str; 2] = ["client_id", "client_secret"];

impl Lens for OrganizationSignOn {
    fn name(&self) -> &'static str {
        "organization_sign_on"
    }

    fn branches(&self) -> Vec<&'static str> {
        vec![
            "organization_sign_on.up.kept",
            "organization_sign_on.up.err_client_would_be_lost",
            "organization_sign_on.up.client_lost",
        ]
    }

    fn reads(&self) -> Vec<&str> {
        READABLE.into_iter().chain(CLIENT).collect()
    }

    fn discloses(&self) -> Vec<Disclosable> {
        let when =
            "the organization has an issuer, the body leaves it out, and `allow_oidc_loss` is set";
        let lost = |key: &str| Disclosable {
            how: How::Dropped,
            in_request: true,
            pointer: format!("/{key}"),
            when: when.to_owned(),
        };
        CLIENT.into_iter().map(lost).collect()
    }

    fn up<'a>(
        &self,
        body: &mut Object<'a>,
        current: Option<&Object<'a>>,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let Some(current) = current else { return Ok(()) };
        let missing: Vec<&str> =
            CLIENT.into_iter().filter(|key| body.present(key).is_none()).collect();
        let has_issuer = |object: &Object<'_>| {
            object.present("issuer").is_some_and(|issuer| !issuer.is_string(""))
        };
        let removes_issuer = body.has("issuer") && !has_issuer(body);
        if has_issuer(current) && !removes_issuer && !missing.is_empty() {
            if !self.may_lose_client {
                report.took("organization_sign_on.up.err_client_would_be_lost");
                return Err(would_be_lost(&missing));
            }
            report.took("organization_sign_on.up.client_lost");
            for key in missing {
                report.note(How::Dropped, &format!("/{key}"));
            }
        }
        for key in READABLE {
            if let Some(value) = current.present_value(key).filter(|_| !body.has(key)) {
                report.took("organization_sign_on.up.kept");
                body.set(key, value);
            }
        }
        Ok(())
    }
}

fn would_be_lost(missing: &[&str]) -> Failure {
    let message = format!(
        "This update would remove the organization's OIDC sign-on: 2025-09-18 replaces it in full, and {} cannot be read back. \
         Send client_id and client_secret, or have the operator of the shim set allow_oidc_loss.",
        missing.join(" and ")
    );
    Failure::new(Key::OidcWouldBeLost, message)
        .with("pointer", format!("/{}", missing.first().copied().unwrap_or_default()))
}
