//! SIGHUP: settings, rules and certificates are read again, and put in force if all are good.

use std::ffi::OsString;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::admin::Status;
use crate::check;
use crate::exchange::Translator;
use crate::rollout::{self, Plan};
use crate::rules::{Options, Rules};
use crate::server::{Live, Prepared};
use crate::settings::Settings;
use crate::upstream::UpstreamClient;
use crate::webhook::Desk;

/// The flags of the command line, as [`Settings::load`] takes them.
pub type Given = Vec<(&'static str, OsString)>;

/// What can be put in force again.
pub struct Reload {
    /// The flags that the process was started with; they still beat file and environment.
    pub flags: Given,
    /// Settings and certificates in force.
    pub live: Arc<Live>,
    /// What works by them.
    pub translator: Arc<Translator>,
    /// What the admin listener tells.
    pub status: Status,
}

/// Everything that was read and found good.
struct Fresh {
    prepared: Prepared,
    rules: Rules,
    plan: Plan,
    client: Option<UpstreamClient>,
    desk: Desk,
    kept: Vec<&'static str>,
}

impl Reload {
    /// Reloads at each message, for as long as there may be one.
    pub async fn at(self, mut hangups: mpsc::Receiver<()>) {
        while hangups.recv().await.is_some() {
            let (flags, before) = (self.flags.clone(), self.live.settings());
            // Files are read, and perhaps hundreds of certificates parsed: not on a thread that serves.
            let read = tokio::task::spawn_blocking(move || read(flags, &before)).await;
            match read.unwrap_or_else(|error| Err(vec![error.to_string()])) {
                Ok(fresh) => self.apply(fresh),
                Err(findings) => {
                    for finding in &findings {
                        tracing::error!(%finding, "not reloaded");
                    }
                    let findings = findings.len();
                    tracing::error!(findings, "the settings and rules from before stay in force");
                    self.status.metrics.reload(false);
                }
            }
        }
    }

    fn apply(&self, fresh: Fresh) {
        let Fresh { prepared, rules, plan, client, desk, kept } = fresh;
        for setting in kept {
            tracing::warn!(setting, "changed, and needs a restart to take effect");
        }
        let count = rules.iter().count();
        let client = client.unwrap_or_else(|| self.translator.upstream());
        self.status.told.tell(&rules, &prepared.settings);
        self.translator.rollout().adopt(plan, &rules, &prepared.settings);
        self.translator.replace(client.clone(), rules, &prepared.settings);
        self.translator.take_deliveries_at(desk);
        self.status.reachable.watch(prepared.settings.ready_upstream.then_some(client));
        self.live.replace(prepared);
        self.status.metrics.reload(true);
        tracing::info!(rules = count, "reloaded");
    }
}

/// Reads everything again.
///
/// # Errors
/// Every finding, each as text for a person.
fn read(flags: Given, before: &Settings) -> Result<Fresh, Vec<String>> {
    let mut settings = Settings::load(flags, std::env::vars_os())
        .map_err(|mistakes| mistakes.0.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    let kept = settings.keep_fixed(before);
    let mut findings = Vec::new();
    let mut good = |finding: String| findings.push(finding);
    let rules = Rules::load(settings.rules.as_deref(), Options::from(&settings))
        .map_err(|wrong| good(check::describe(wrong)))
        .ok();
    let plan = rules.as_ref().and_then(|rules| {
        let plan = rollout::load(&settings, rules);
        plan.map_err(|wrong| good(check::describe_rollout(wrong))).ok()
    });
    let client = match needs_client(&settings, before) {
        true => UpstreamClient::new(&settings).map_err(|error| good(error.to_string())).ok(),
        false => None,
    };
    let desk = Desk::open(&settings).map_err(|error| good(error.to_string())).ok();
    let prepared = Prepared::new(settings).map_err(|error| good(error.to_string())).ok();
    match (prepared, rules, plan, desk) {
        (Some(prepared), Some(rules), Some(plan), Some(desk)) if findings.is_empty() => {
            Ok(Fresh { prepared, rules, plan, client, desk, kept })
        }
        _ => Err(findings),
    }
}

/// Whether the connections to upstream have to be made anew.
fn needs_client(settings: &Settings, before: &Settings) -> bool {
    const OF_CLIENT: [&str; 7] = [
        "upstream",
        "upstream_ca",
        "trusted_proxies",
        "request_timeout",
        "upstream_timeout",
        "connect_timeout",
        "max_upstream_body",
    ];
    // The file may hold other certificates under the same name.
    settings.upstream_ca.is_some()
        || settings.differences(before).iter().any(|name| OF_CLIENT.contains(name))
}
