//! What is told of the rollout.

use std::sync::atomic::Ordering;

use super::state::{Facts, InForce, Rollout, Sample};
use super::verdict::Verdict;
use super::view::{RuleView, Tripped, View};

impl Rollout {
    /// Everything that is told.
    pub fn view(&self) -> View {
        let book = self.book();
        let force = self.0.force.load();
        let mut rules: Vec<RuleView> = book
            .rules
            .iter()
            .filter_map(|facts| rule_view(facts, force.rules.get(&facts.id)?))
            .collect();
        rules.sort_by(|left, right| left.id.cmp(&right.id));
        View {
            rules,
            events: book.events.iter().cloned().collect(),
            mismatches: book.samples.iter().map(|sample| sample.mismatch.clone()).collect(),
            legacy_gone_since: self.0.gone.since(),
            can_change: self.0.token.load().is_some(),
        }
    }

    /// One sample.
    pub fn sample(&self, id: &str) -> Option<Sample> {
        self.book().samples.iter().find(|sample| sample.mismatch.id == id).cloned()
    }
}

fn rule_view(facts: &Facts, rule: &InForce) -> Option<RuleView> {
    let InForce { policy, ledger } = rule;
    let count = |verdict| ledger.meters.count(verdict);
    let (different, tolerated) = (count(Verdict::Different), count(Verdict::Tolerated));
    Some(RuleView {
        id: facts.id.clone(),
        operation: facts.operation.clone(),
        mode: policy.mode,
        share: policy.share.number(),
        verify: policy.verify.number(),
        only_reads: facts.only_reads,
        tripped: ledger.tripped.load_full().map(|tripped| Tripped::clone(&tripped)),
        compared: count(Verdict::Same) + count(Verdict::Noise) + different + tolerated,
        mismatched: different,
        failed: count(Verdict::Failed),
        tolerated,
        skipped: count(Verdict::Skipped),
        noise: ledger.noise.load(Ordering::Relaxed),
    })
}
