//! What reports are made of besides usage: the rules in force, and where to read on.

use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;

use crate::catalogue::{self, Entry};
use crate::report::{self, Report};
use crate::rollout::view::View as RolloutView;
use crate::rules::Rules;
use crate::settings::Settings;
use crate::usage;

/// Rules and settings that reports tell of; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Told(Arc<ArcSwap<InForce>>);

#[derive(Debug, Default)]
struct InForce {
    rules: Rules,
    guide: String,
    /// What the rules do, put together when the first report is asked for: nobody shall wait for it
    /// at the start.
    catalogue: OnceLock<Vec<Entry>>,
}

impl InForce {
    fn catalogue(&self) -> &[Entry] {
        self.catalogue.get_or_init(|| {
            let mut entries = catalogue::entries(&self.rules);
            entries.retain(|entry| self.rules.in_force().any(|rule| rule.id == entry.rule));
            entries
        })
    }
}

impl Told {
    /// Tells of these from now on.
    pub fn tell(&self, rules: &Rules, settings: &Settings) {
        let (rules, guide) = (rules.clone(), settings.migration_guide.to_string());
        self.0.store(Arc::new(InForce { rules, guide, catalogue: OnceLock::new() }));
    }

    pub(super) fn report(&self, usage: usage::View, rollout: RolloutView) -> Report {
        let told = self.0.load();
        report::report(usage, rollout, told.catalogue(), told.guide.clone())
    }
}
