//! What is wrong with webhooks only in combination.

use std::net::SocketAddr;

use super::Webhook;
use crate::settings::Settings;
use crate::settings::mistake::Mistake;
use crate::settings::source::Source;

impl Settings {
    /// What is wrong with webhooks only in combination.
    pub(in crate::settings) fn webhook_contradictions(
        &self,
        source_of: &dyn Fn(&str) -> Source,
        mistakes: &mut Vec<Mistake>,
    ) {
        if let Some(address) = self.webhook_listen {
            let taken = [("listen", self.listen), ("admin", self.admin)];
            for (name, _) in taken.iter().filter(|(_, own)| *own == address && own.port() != 0) {
                let message = format!("`webhook_listen` is the same address as `{name}`");
                let hint =
                    "give deliveries a port of their own, or leave it out: `listen` takes them too";
                mistakes.push(Mistake::new(source_of("webhook_listen"), message).hint(hint));
            }
        }
        let own = [Some(self.listen), self.webhook_listen];
        for webhook in &self.webhooks {
            let origin = &webhook.forward.origin;
            let reaches = |address: &SocketAddr| address.port() != 0 && origin.reaches(*address);
            if own.iter().flatten().any(reaches) || self.webhook_public_url.as_ref() == Some(origin)
            {
                let message = format!("the webhook `{}` forwards to the shim itself", webhook.name);
                mistakes.push(
                    Mistake::new(source_of("config"), message)
                        .hint("deliveries would go round in circles; name the receiver"),
                );
            }
        }
        if self.webhook_public_url.is_none() {
            return;
        }
        for (place, webhook) in self.webhooks.iter().enumerate() {
            let same = |other: &&Webhook| {
                other.forward.is(&webhook.forward.written)
                    && other.signing_secret == webhook.signing_secret
            };
            if let Some(other) = self.webhooks.iter().take(place).find(same) {
                let message = format!(
                    "the webhooks `{}` and `{}` have the same receiver and secret, so a registration cannot tell them apart",
                    other.name, webhook.name
                );
                mistakes.push(
                    Mistake::new(source_of("config"), message)
                        .hint("make them one, or leave `webhook_public_url` out"),
                );
            }
        }
    }
}
