//! What a deployment decides about rules.

use std::sync::Arc;

use crate::lens::Registration;
use crate::settings::Settings;

/// What a deployment may decide about rules.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Whether an organization may lose its OIDC client because a legacy body leaves it out.
    pub allow_oidc_loss: bool,
    /// The receivers of webhooks in whose place the shim is registered.
    pub registrations: Arc<[Registration]>,
}

impl Options {
    pub(super) fn meet(&self, need: Need) -> bool {
        match need {
            Need::WebhookPublicUrl => !self.registrations.is_empty(),
        }
    }
}

impl From<&Settings> for Options {
    fn from(settings: &Settings) -> Self {
        Self {
            allow_oidc_loss: settings.allow_oidc_loss,
            registrations: Registration::all(settings),
        }
    }
}

/// A setting that rules may need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// `webhook_public_url`, and a webhook to register there.
    WebhookPublicUrl,
}

impl Need {
    /// Every setting that rules may need.
    pub const ALL: [Self; 1] = [Self::WebhookPublicUrl];

    /// The name in rule files, which is the setting's.
    pub const fn text(self) -> &'static str {
        match self {
            Self::WebhookPublicUrl => "webhook_public_url",
        }
    }
}
