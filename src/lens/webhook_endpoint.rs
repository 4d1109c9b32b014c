//! The endpoint of a webhook, which is the shim's address upstream and the receiver's own for
//! legacy clients.
//!
//! The settings pair both addresses, so the pairing needs no store and every replica has the same.
//! Normal form: an address that is written otherwise than in the settings (`HTTPS://Host:443/`) is
//! shown as the settings write it, and the shim's own address is shown as the receiver's.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::Lens;
use crate::disclosure::Report;
use crate::failure::{Failure, Key};
use crate::json::{Object, Text};
use crate::secret::Secret;
use crate::settings::Settings;
use crate::settings::webhook::Address;

/// A receiver, and the address of the shim that is registered in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The webhook's name in the settings.
    pub name: String,
    /// Where the receiver is.
    pub receiver: Address,
    /// The address that is registered.
    pub endpoint: String,
    /// The secret that is registered: what the shim checks by.
    pub secret: Secret<Vec<u8>>,
    /// The secret that the client sends and sees: what the receiver checks by.
    pub receiver_secret: Secret<Vec<u8>>,
}

impl Registration {
    /// The registrations of the settings: none without `webhook_public_url`.
    pub fn all(settings: &Settings) -> Arc<[Self]> {
        let Some(public) = &settings.webhook_public_url else { return Arc::default() };
        let registrations = settings.webhooks.iter().map(|webhook| Self {
            name: webhook.name.clone(),
            receiver: webhook.forward.clone(),
            endpoint: format!("{public}{}{}", crate::webhook::PATH, webhook.name),
            secret: webhook.secret.clone(),
            receiver_secret: webhook.signing_secret.clone(),
        });
        registrations.collect()
    }
}

/// The lens; it stands on the webhook itself.
#[derive(Debug, Clone, Default)]
pub struct WebhookEndpoint {
    /// What is known of receivers.
    pub registrations: Arc<[Registration]>,
}

impl Lens for WebhookEndpoint {
    fn name(&self) -> &'static str {
        "webhook_endpoint"
    }

    fn branches(&self) -> Vec<&'static str> {
        vec![
            "webhook_endpoint.up.registered",
            "webhook_endpoint.up.left_alone",
            "webhook_endpoint.up.err_other_secret",
            "webhook_endpoint.down.shown",
            "webhook_endpoint.down.left_alone",
        ]
    }

    fn reads(&self) -> Vec<&str> {
        vec!["endpoint", "secret"]
    }

    fn up<'a>(
        &self,
        body: &mut Object<'a>,
        _: Option<&Object<'a>>,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let endpoint = body.present("endpoint").and_then(Text::into_str);
        let Some(endpoint) = endpoint else { return Ok(()) };
        let mut of_receiver = self.registrations.iter().filter(|own| own.receiver.is(&endpoint));
        let Some(first) = of_receiver.next() else {
            report.took("webhook_endpoint.up.left_alone");
            return Ok(());
        };
        let secret = body.present("secret").and_then(Text::into_str);
        let found = std::iter::once(first).chain(of_receiver).find(|own| {
            // What has no secret is upstream's to refuse.
            secret.as_ref().is_none_or(|secret| is_same(&own.receiver_secret, secret))
        });
        let Some(found) = found else {
            report.took("webhook_endpoint.up.err_other_secret");
            return Err(other_secret(&first.name));
        };
        report.took("webhook_endpoint.up.registered");
        let has_secret = secret.is_some();
        body.set("endpoint", Text::string(&found.endpoint));
        if has_secret && let Some(secret) = differing(&found.secret, &found.receiver_secret) {
            body.set("secret", Text::string(secret));
        }
        Ok(())
    }

    fn down(&self, resource: &mut Object<'_>, report: &mut Report) -> Result<(), Failure> {
        let endpoint = resource.present("endpoint").and_then(Text::into_str);
        let Some(endpoint) = endpoint else { return Ok(()) };
        let Some(found) = self.registrations.iter().find(|own| own.endpoint == endpoint) else {
            report.took("webhook_endpoint.down.left_alone");
            return Ok(());
        };
        report.took("webhook_endpoint.down.shown");
        resource.set("endpoint", Text::string(&found.receiver.written));
        let secret = resource.present("secret").and_then(Text::into_str);
        if secret.is_some_and(|secret| is_same(&found.secret, &secret))
            && let Some(secret) = differing(&found.receiver_secret, &found.secret)
        {
            resource.set("secret", Text::string(secret));
        }
        Ok(())
    }
}

/// Compares in a time that says nothing of where two secrets differ.
fn is_same(secret: &Secret<Vec<u8>>, text: &str) -> bool {
    Sha256::digest(secret.expose()) == Sha256::digest(text)
}

/// A secret as text, if it is another one than the other.
fn differing<'s>(secret: &'s Secret<Vec<u8>>, other: &Secret<Vec<u8>>) -> Option<&'s str> {
    std::str::from_utf8(secret.expose()).ok().filter(|_| secret != other)
}

fn other_secret(name: &str) -> Failure {
    let message = format!(
        "The endpoint is that of the webhook `{name}` of the shim, and the secret is not the one in its settings: every delivery would be refused. \
         Nothing was sent. Send that secret, or put this one into the shim's settings first."
    );
    Failure::new(Key::WebhookSecret, message).with("pointer", "/secret").with("webhook", name)
}
