//! What a rollout file asks for, checked: a policy for each rule, and the limits of the work
//! beside.

use std::collections::BTreeMap;
use std::time::Duration;

use super::callers::{PLACES, Pattern};
use super::tolerance::Tolerance;
use super::view::Mode;
use crate::rules::{Rule, Rules};

/// A percentage in hundredths, from 0 to 10,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u16);

impl Percent {
    /// Everything.
    pub const ALL: Self = Self(PLACES);
    /// Nothing.
    pub const NONE: Self = Self(0);

    /// From a number between 0 and 100; none for any other. Rounded to hundredths, but never to
    /// nothing.
    pub fn new(number: f64) -> Option<Self> {
        if !(0.0..=100.0).contains(&number) {
            return None;
        }
        let hundredths = (number * 100.0).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be between 0 and 10000"
        )]
        let hundredths = hundredths as u16;
        Some(Self(if number > 0.0 { hundredths.max(1) } else { 0 }))
    }

    /// Between 0 and 100.
    pub fn number(self) -> f64 {
        f64::from(self.0) / 100.0
    }

    /// Whether a place is within the share.
    pub(super) fn holds(self, place: u16) -> bool {
        place < self.0
    }
}

/// What is done with the requests of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The mode of the callers that are in the share.
    pub mode: Mode,
    /// Which part of all callers is.
    pub share: Percent,
    /// Which part of translated requests is compared.
    pub verify: Percent,
    /// Callers that are in the mode whatever the share.
    pub allow: Vec<Pattern>,
    /// Callers that stay with legacy; stronger than `allow`.
    pub deny: Vec<Pattern>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            mode: Mode::Translate,
            share: Percent::ALL,
            verify: Percent::NONE,
            allow: Vec::new(),
            deny: Vec::new(),
        }
    }
}

impl Policy {
    /// Every caller in one mode.
    pub fn all(mode: Mode) -> Self {
        Self { mode, ..Self::default() }
    }

    /// The policy with what a part of one says.
    #[must_use]
    pub(super) fn with(mut self, part: &Part) -> Self {
        let Part { mode, share, verify, allow, deny } = part;
        self.mode = mode.unwrap_or(self.mode);
        self.share = share.unwrap_or(self.share);
        self.verify = verify.unwrap_or(self.verify);
        if let Some(allow) = allow {
            self.allow.clone_from(allow);
        }
        if let Some(deny) = deny {
            self.deny.clone_from(deny);
        }
        self
    }

    /// What of the policy can be done for a rule: what writes is never run twice, so it stays with
    /// legacy where others are shadowed, and is translated without being compared.
    #[must_use]
    pub(super) fn limited_to(mut self, only_reads: bool) -> Self {
        if !only_reads {
            self.verify = Percent::NONE;
            if self.mode == Mode::Shadow {
                self.mode = Mode::Legacy;
            }
        }
        self
    }

    pub(super) fn asks_for_organization(&self) -> bool {
        let is_one = |pattern: &Pattern| matches!(pattern, Pattern::Organization(_));
        self.allow.iter().chain(&self.deny).any(is_one)
    }
}

/// Some values of a policy; the others are those of a wider one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// The mode.
    pub mode: Option<Mode>,
    /// The share.
    pub share: Option<Percent>,
    /// The verified share.
    pub verify: Option<Percent>,
    /// Callers that are in.
    pub allow: Option<Vec<Pattern>>,
    /// Callers that are not.
    pub deny: Option<Vec<Pattern>>,
}

/// When the breaker trips.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerLimits {
    /// How far back it looks.
    pub window: Duration,
    /// How many comparisons, or requests, it takes at least.
    pub minimum: u32,
    /// Percentage of comparisons that differ.
    pub mismatches: Percent,
    /// Percentage of translated requests that fail.
    pub errors: Percent,
}

impl Default for BreakerLimits {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(300),
            minimum: 20,
            mismatches: Percent(500),
            errors: Percent(2500),
        }
    }
}

/// What the work beside callers' requests may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BesideLimits {
    /// Comparisons at once.
    pub comparisons: usize,
    /// Upstream calls of all comparisons at once.
    pub calls: usize,
    /// Bytes of answers that all comparisons hold at once.
    pub memory: usize,
    /// Longest time of one comparison.
    pub deadline: Duration,
}

impl Default for BesideLimits {
    fn default() -> Self {
        Self { comparisons: 8, calls: 16, memory: 64 << 20, deadline: Duration::from_secs(60) }
    }
}

/// Everything that a rollout file says, or that stands for one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// The policy of rules that are not named.
    pub default: Policy,
    /// What is said of single rules, by id.
    pub named: BTreeMap<String, Part>,
    /// When the breaker trips.
    pub breaker: BreakerLimits,
    /// What the work beside may use.
    pub beside: BesideLimits,
    /// Differences that are right, the built-in ones included.
    pub tolerances: Vec<Tolerance>,
}

impl Plan {
    /// Every rule in one mode, as without a file.
    pub fn all(mode: Mode) -> Self {
        Self {
            default: Policy::all(mode),
            tolerances: super::tolerance::built_in().to_vec(),
            ..Self::default()
        }
    }

    /// The policy of a rule, by the file alone.
    pub fn policy(&self, rule: &Rule) -> Policy {
        self.widest(&rule.id).limited_to(rule.only_reads())
    }

    pub(super) fn widest(&self, id: &str) -> Policy {
        match self.named.get(id) {
            Some(part) => self.default.clone().with(part),
            None => self.default.clone(),
        }
    }

    /// What the plan makes of each rule, a line each, in the order of their ids.
    pub fn describe(&self, rules: &Rules) -> String {
        use std::fmt::Write as _;
        let mut rules: Vec<_> = rules.iter().collect();
        rules.sort_by(|left, right| left.id.cmp(&right.id));
        let width = rules.iter().map(|rule| rule.id.len()).max().unwrap_or_default();
        let mut text = String::new();
        for rule in rules {
            let reads = if rule.only_reads() { "reads only" } else { "writes" };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {:width$}  {reads:10}  {}", rule.id, self.sentence(rule));
        }
        text
    }

    /// What the plan makes of a rule, for a person.
    pub fn sentence(&self, rule: &Rule) -> String {
        use std::fmt::Write as _;
        let policy = self.policy(rule);
        let mut text = policy.mode.text().to_owned();
        // Writing to a String cannot fail.
        if policy.mode != Mode::Legacy && policy.share != Percent::ALL {
            let _ = write!(text, " for {}% of callers", policy.share.number());
        }
        if policy.mode == Mode::Translate && policy.verify != Percent::NONE {
            let _ = write!(text, ", {}% compared", policy.verify.number());
        }
        for (patterns, word) in [(&policy.allow, "always"), (&policy.deny, "never")] {
            if policy.mode != Mode::Legacy && !patterns.is_empty() {
                let names: Vec<String> = patterns.iter().map(ToString::to_string).collect();
                let _ = write!(text, ", {word} for {}", names.join(", "));
            }
        }
        let wished = self.widest(&rule.id);
        if wished.mode == Mode::Shadow && policy.mode == Mode::Legacy {
            text.push_str(" (it writes, and is never run twice, so not shadowed)");
        } else if wished.verify != policy.verify && policy.mode == Mode::Translate {
            text.push_str(" (it writes, and is never run twice, so not compared)");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_hundredths() {
        for (number, expected) in [(0.0, 0), (0.001, 1), (12.345, 1235), (100.0, 10_000)] {
            assert_eq!(Percent::new(number), Some(Percent(expected)), "{number}");
        }
        for wrong in [-0.1, 100.1, f64::NAN, f64::INFINITY] {
            assert_eq!(Percent::new(wrong), None, "{wrong}");
        }
        assert!(Percent::ALL.holds(PLACES - 1) && !Percent::NONE.holds(0));
    }

    #[test]
    fn what_writes_is_neither_shadowed_nor_compared() {
        let rules = Rules::embedded().unwrap();
        let mut shadow = Plan::all(Mode::Shadow);
        shadow.default.verify = Percent::ALL;
        for rule in rules.iter() {
            let is_get = rule.method == http::Method::GET;
            assert_eq!(rule.only_reads(), is_get, "{}", rule.id);
            let mode = if is_get { Mode::Shadow } else { Mode::Legacy };
            assert_eq!(shadow.policy(rule).mode, mode, "{}", rule.id);
            assert_eq!(shadow.policy(rule).verify == Percent::NONE, !is_get, "{}", rule.id);
        }
        let text = shadow.describe(&rules);
        assert!(text.contains("bulk_sync/create"), "{text}");
        assert!(text.contains("writes      legacy (it writes, and is never run twice"), "{text}");
    }
}
