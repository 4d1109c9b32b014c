//! Putting plans and changes in force.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::book::Book;
use super::change::{ChangeSet, Wrong};
use super::plan::{Part, Plan, Policy};
use super::state::{Access, Facts, Force, InForce, Ledger, Rollout};
use super::view::Mode;
use super::window::Window;
use crate::rules::{Rules, nearest};
use crate::settings::Settings;

impl Rollout {
    /// Puts the first plan in force, without events.
    pub(super) fn enact(&self, plan: Plan, rules: &Rules, settings: &Settings) {
        let mut book = self.book();
        book.plan = plan;
        book.rules = facts(rules);
        self.settle(&mut book, settings);
    }

    /// Puts another plan in force, for other rules. Live changes stay, except for the rules that
    /// the plan changes itself.
    pub fn adopt(&self, plan: Plan, rules: &Rules, settings: &Settings) {
        let mut book = self.book();
        let rules = facts(rules);
        let mut told = Vec::new();
        if book.plan.default != plan.default {
            book.changes.remove(&None);
            told.push((None, describe(&plan.default)));
        }
        for rule in &rules {
            let (before, after) = (book.plan.named.get(&rule.id), plan.named.get(&rule.id));
            if before != after {
                let policy = plan.widest(&rule.id).limited_to(rule.only_reads);
                book.changes.remove(&Some(rule.id.clone()));
                told.push((Some(rule.id.clone()), describe(&policy)));
            }
        }
        book.plan = plan;
        book.rules = rules;
        for (rule, what) in told {
            book.note(rule.as_deref(), "file", format!("the file says {what}"));
        }
        self.settle(&mut book, settings);
    }

    fn settle(&self, book: &mut Book, settings: &Settings) {
        book.is_given = settings.rollout.is_some();
        self.0.token.store(settings.admin_token.clone().map(Arc::new));
        self.put_in_force(book);
    }

    /// Makes what requests look at of what is written down.
    fn put_in_force(&self, book: &mut Book) {
        let mut rules = HashMap::new();
        for rule in &book.rules {
            let policy = book.policy(rule);
            let fresh = || {
                Arc::new(Ledger {
                    window: Window::default(),
                    tripped: ArcSwapOption::empty(),
                    warned: AtomicBool::new(false),
                    noise: AtomicU64::new(0),
                    meters: self.0.metrics.rollout().rule(&rule.id),
                })
            };
            let ledger = book.ledgers.get(&rule.id).cloned().unwrap_or_else(fresh);
            rules.insert(rule.id.clone(), InForce { policy, ledger });
        }
        book.ledgers = rules.iter().map(|(id, rule)| (id.clone(), rule.ledger.clone())).collect();
        let rest = book.rest();
        let asks_for_organization = rest.asks_for_organization()
            || rules.values().any(|rule| rule.policy.asks_for_organization());
        let force = Force {
            asks_for_organization,
            breaker: book.plan.breaker,
            beside: book.plan.beside,
            tolerances: book.plan.tolerances.clone().into(),
            rules,
            rest,
        };
        self.0.room.resize(&force.beside);
        self.0.force.store(Arc::new(force));
        self.0.idle.store(!book.is_given && book.changes.is_empty(), Ordering::Relaxed);
        self.show_modes();
    }

    /// Sets the gauges of all rules to what they are in.
    pub(super) fn show_modes(&self) {
        let is_gone = self.0.gone.since().is_some();
        for rule in self.0.force.load().rules.values() {
            let mode = match () {
                () if is_gone => Mode::Translate,
                () if rule.ledger.tripped.load().is_some() => Mode::Legacy,
                () => rule.policy.mode,
            };
            rule.ledger.meters.set_mode(mode);
        }
        self.0.metrics.rollout().set_legacy_gone(is_gone);
    }

    /// Makes changes, all or none; `by` beats the name in the set.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn change(&self, set: &ChangeSet, by: Option<&str>) -> Result<(), Vec<Wrong>> {
        let mut book = self.book();
        let mut wrong = Vec::new();
        for (index, change) in set.changes.iter().enumerate() {
            wrong.extend(change.wrong(index));
            let Some(id) = &change.rule else { continue };
            let field = |name: &str| format!("changes/{index}/{name}");
            let Some(rule) = book.rules.iter().find(|rule| rule.id == *id) else {
                let known = nearest(id, book.rules.iter().map(|rule| rule.id.as_str()));
                let hint = known.map_or_else(
                    || "`GET /rollout` lists all rules".to_owned(),
                    |known| format!("did you mean `{known}`?"),
                );
                let message = format!("no rule is called `{id}`");
                wrong.push(Wrong { field: field("rule"), message, hint });
                continue;
            };
            let asks_twice = change.mode == Some(Mode::Shadow)
                || change.verify.is_some_and(|verify| verify > 0.0);
            if asks_twice && !rule.only_reads {
                wrong.push(Wrong {
                    field: field(if change.mode == Some(Mode::Shadow) { "mode" } else { "verify" }),
                    message: "the rule writes, and what writes is never run twice".to_owned(),
                    hint: "set the mode to legacy or translate, and leave `verify` out".to_owned(),
                });
            }
        }
        if set.changes.is_empty() {
            wrong.push(Wrong {
                field: "changes".to_owned(),
                message: "is empty".to_owned(),
                hint: "give at least one change, such as {\"mode\": \"shadow\"}".to_owned(),
            });
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let by = name(by.or(set.by.as_deref()));
        for change in &set.changes {
            if change.reset {
                book.changes.remove(&change.rule);
            }
            let part = change.part();
            if part != Part::default() {
                let own = book.changes.entry(change.rule.clone()).or_default();
                own.mode = part.mode.or(own.mode);
                own.share = part.share.or(own.share);
                own.verify = part.verify.or(own.verify);
                own.allow = part.allow.or_else(|| own.allow.take());
                own.deny = part.deny.or_else(|| own.deny.take());
            }
            if change.rearm {
                self.rearm(&book, change.rule.as_deref());
            }
            book.note(change.rule.as_deref(), &by, change.sentence());
        }
        self.put_in_force(&mut book);
        Ok(())
    }

    fn rearm(&self, book: &Book, rule: Option<&str>) {
        for (id, ledger) in &book.ledgers {
            if rule.is_some_and(|rule| rule != id) {
                continue;
            }
            ledger.window.clear();
            ledger.warned.store(false, Ordering::Relaxed);
            if ledger.tripped.swap(None).is_some() {
                ledger.meters.set_tripped(false);
            }
        }
        if rule.is_none() {
            self.0.gone.forget();
        }
    }

    /// Whether a token opens the rollout for changes; takes the same time for every wrong one.
    pub fn access(&self, token: Option<&[u8]>) -> Access {
        let Some(own) = self.0.token.load_full() else { return Access::NoToken };
        let (own, given) =
            (Sha256::digest(own.expose()), Sha256::digest(token.unwrap_or_default()));
        let is_same = bool::from(own.as_slice().ct_eq(given.as_slice()));
        if is_same && token.is_some() { Access::Granted } else { Access::Refused }
    }
}

fn facts(rules: &Rules) -> Vec<Facts> {
    let facts = rules.in_force().map(|rule| Facts {
        id: rule.id.clone(),
        operation: format!("{} {}", rule.method, rule.path.source()),
        only_reads: rule.only_reads(),
    });
    facts.collect()
}

fn describe(policy: &Policy) -> String {
    let mode = policy.mode.text();
    let (share, verify) = (policy.share.number(), policy.verify.number());
    format!("{mode}, share {share}%, verify {verify}%")
}

/// A name that came from outside, as it may stand in a list.
fn name(by: Option<&str>) -> String {
    let clean: String =
        by.unwrap_or_default().chars().filter(|own| !own.is_control()).take(80).collect();
    let clean = clean.trim();
    if clean.is_empty() { "somebody with the token".to_owned() } else { clean.to_owned() }
}
