//! What reports are made of besides usage: the rules in force, and where to read on.

use std::sync::Arc;

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
    catalogue: Vec<Entry>,
    guide: String,
}

impl Told {
    /// Tells of these from now on.
    pub fn tell(&self, rules: &Rules, settings: &Settings) {
        let guide = settings.migration_guide.to_string();
        let mut catalogue = catalogue::entries(rules);
        catalogue.retain(|entry| rules.in_force().any(|rule| rule.id == entry.rule));
        self.0.store(Arc::new(InForce { catalogue, guide }));
    }

    pub(super) fn report(&self, usage: usage::View, rollout: RolloutView) -> Report {
        let told = self.0.load();
        report::report(usage, rollout, &told.catalogue, told.guide.clone())
    }
}
