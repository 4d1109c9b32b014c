//! What is in force, and what has become of it so far.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::{ArcSwap, ArcSwapOption};
use http::StatusCode;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::time::Instant;

use super::beside::Room;
use super::book::{Book, now};
use super::callers::{Placement, Who};
use super::change::{ChangeSet, Wrong};
use super::gone::{Gone, Sign};
use super::plan::{BesideLimits, BreakerLimits, Percent, Plan, Policy};
use super::tolerance::Tolerance;
use super::verdict::Verdict;
use super::view::{Mismatch, Mode, RuleView, Tripped, View};
use super::window::{Counted, Window};
use crate::failure::Key;
use crate::rules::{Rules, nearest};
use crate::secret::Secret;
use crate::settings::Settings;
use crate::telemetry::{Metrics, RuleMeters};

/// What is done with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// It is forwarded as 2024-02-08.
    Legacy,
    /// So it is, and the translation runs beside it.
    Shadow,
    /// It is translated.
    Translate {
        /// Upstream's legacy answer is asked for as well, once the client has its own.
        verify: bool,
    },
}

/// Whether somebody may change the rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The token is right.
    Granted,
    /// It is not, or there is none.
    Refused,
    /// No token is configured, so nobody may.
    NoToken,
}

/// The rollout of a process; clones share it.
#[derive(Clone)]
pub struct Rollout(Arc<Shared>);

struct Shared {
    /// Whether everything is translated and nothing is watched: all that a request looks at then.
    idle: AtomicBool,
    force: ArcSwap<Force>,
    book: Mutex<Book>,
    begun: Instant,
    gone: Gone,
    room: Room,
    token: ArcSwapOption<Secret<String>>,
    placement: Placement,
    metrics: Arc<Metrics>,
    salt: [u8; 16],
    samples: AtomicU64,
    chance: AtomicU64,
}

/// What requests look at.
struct Force {
    rules: HashMap<String, InForce>,
    rest: Policy,
    asks_for_organization: bool,
    breaker: BreakerLimits,
    beside: BesideLimits,
    tolerances: Arc<[Tolerance]>,
}

struct InForce {
    policy: Policy,
    ledger: Arc<Ledger>,
}

/// What the rollout has to know of a rule.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) id: String,
    pub(super) operation: String,
    pub(super) only_reads: bool,
}

/// What became of a rule; outlives reloads.
#[derive(Debug)]
pub(super) struct Ledger {
    window: Window,
    tripped: ArcSwapOption<Tripped>,
    /// Whether it was said that the breaker would trip, were the rule translated.
    warned: AtomicBool,
    noise: AtomicU64,
    meters: Arc<RuleMeters>,
}

/// Two answers that differed, without anybody's data.
#[derive(Debug, Clone)]
pub struct Sample {
    /// What is told of it.
    pub mismatch: Mismatch,
    /// The fixture that repeats it; or why there is none.
    pub fixture: Result<String, String>,
}

impl Sample {
    pub(super) fn is_like(&self, rule: &str, pointers: &[String]) -> bool {
        let own = self.mismatch.differences.iter().map(|difference| &difference.pointer);
        self.mismatch.rule == rule && own.eq(pointers.iter())
    }
}

impl Rollout {
    /// By a plan for these rules.
    pub fn new(plan: Plan, rules: &Rules, settings: &Settings, metrics: Arc<Metrics>) -> Self {
        let force = Force {
            rules: HashMap::new(),
            rest: Policy::default(),
            asks_for_organization: false,
            breaker: plan.breaker,
            beside: plan.beside,
            tolerances: Arc::default(),
        };
        let rollout = Self(Arc::new(Shared {
            idle: AtomicBool::new(true),
            force: ArcSwap::from_pointee(force),
            book: Mutex::default(),
            begun: Instant::now(),
            gone: Gone::default(),
            room: Room::default(),
            token: ArcSwapOption::empty(),
            placement: Placement::new(settings.fingerprint_salt.as_ref()),
            metrics,
            salt: *uuid::Uuid::new_v4().as_bytes(),
            samples: AtomicU64::new(0),
            chance: AtomicU64::new(u64::from(uuid::Uuid::new_v4().as_fields().0)),
        }));
        rollout.enact(plan, rules, settings);
        rollout
    }

    /// Where nothing is staged: every rule translates.
    pub fn none(rules: &Rules, settings: &Settings, metrics: Arc<Metrics>) -> Self {
        Self::new(Plan::all(Mode::Translate), rules, settings, metrics)
    }

    /// Puts the first plan in force, without events.
    fn enact(&self, plan: Plan, rules: &Rules, settings: &Settings) {
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
    fn show_modes(&self) {
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

    /// Whether everything is translated and nothing is watched. One load.
    pub fn is_idle(&self) -> bool {
        self.0.idle.load(Ordering::Relaxed)
    }

    /// Whether a course may depend on the caller's organization.
    pub fn asks_for_organization(&self) -> bool {
        self.0.force.load().asks_for_organization
    }

    /// What is done with a request that comes under a rule; or under none, which then follows what
    /// holds for rules that nothing is said of.
    pub fn course(&self, rule: Option<&str>, who: &Who<'_>) -> Course {
        if self.0.gone.since().is_some() {
            return Course::Translate { verify: false };
        }
        let force = self.0.force.load();
        let rule = rule.and_then(|id| force.rules.get(id));
        let policy = rule.map_or(&force.rest, |rule| &rule.policy);
        let is_tripped = rule.is_some_and(|rule| rule.ledger.tripped.load().is_some());
        if is_tripped || policy.mode == Mode::Legacy || !self.is_in(policy, who) {
            return Course::Legacy;
        }
        match policy.mode {
            Mode::Shadow if rule.is_some() => Course::Shadow,
            Mode::Legacy | Mode::Shadow => Course::Legacy,
            Mode::Translate => Course::Translate { verify: self.is_drawn(policy.verify) },
        }
    }

    fn is_in(&self, policy: &Policy, who: &Who<'_>) -> bool {
        let is_everybody = policy.share == Percent::ALL;
        !who.is_among(&policy.deny)
            && (is_everybody
                || who.is_among(&policy.allow)
                || (policy.share != Percent::NONE
                    && policy.share.holds(self.0.placement.place(who.headers))))
    }

    /// Draws by chance: what is verified is a sample of requests, not of callers.
    fn is_drawn(&self, part: Percent) -> bool {
        if part == Percent::NONE || part == Percent::ALL {
            return part == Percent::ALL;
        }
        // The output step of splitmix64, over a counter.
        let step = 0x9e37_79b9_7f4a_7c15_u64;
        let mut number = self.0.chance.fetch_add(step, Ordering::Relaxed);
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let drawn = (number ^ (number >> 31)) % u64::from(super::callers::PLACES);
        part.holds(u16::try_from(drawn).unwrap_or_default())
    }

    /// Counts a translated request that a caller got the answer of.
    pub fn translated(&self, rule: &str, status: StatusCode, key: Option<Key>) {
        self.count(rule, Counted::Translated { failed: is_fault(status, key) });
    }

    /// Counts a comparison; `noise` is at how many pointers legacy disagreed with itself.
    pub(super) fn compared(&self, rule: &str, verdict: Verdict, noise: usize) {
        if let Some(rule) = self.0.force.load().rules.get(rule) {
            rule.ledger.meters.compared(verdict);
            rule.ledger.noise.fetch_add(noise as u64, Ordering::Relaxed);
        }
        let differed = match verdict {
            Verdict::Different => true,
            Verdict::Same | Verdict::Tolerated | Verdict::Noise => false,
            Verdict::Skipped | Verdict::Failed => return,
        };
        self.count(rule, Counted::Compared { differed });
    }

    fn count(&self, id: &str, counted: Counted) {
        let force = self.0.force.load();
        let Some(rule) = force.rules.get(id) else { return };
        let (age, limits) = (self.0.begun.elapsed(), &force.breaker);
        rule.ledger.window.count(counted, age, limits.window);
        let is_bad = matches!(
            counted,
            Counted::Compared { differed: true } | Counted::Translated { failed: true }
        );
        if !is_bad || rule.ledger.tripped.load().is_some() || self.0.gone.since().is_some() {
            return;
        }
        let Some(why) = rule.ledger.window.sums(age, limits.window).verdict(limits) else {
            return;
        };
        if rule.policy.mode != Mode::Translate {
            // Nothing is at stake: the callers have upstream's own answers.
            if !rule.ledger.warned.swap(true, Ordering::Relaxed) {
                let what = format!("would not be left translated: {why}");
                self.book().note(Some(id), "breaker", what);
            }
            return;
        }
        let mut book = self.book();
        if rule.ledger.tripped.load().is_some() {
            return;
        }
        rule.ledger.tripped.store(Some(Arc::new(Tripped { at: now(), why: why.clone() })));
        rule.ledger.meters.set_tripped(true);
        tracing::error!(rule = id, why, "the breaker put a rule back to legacy");
        book.note(Some(id), "breaker", format!("back to legacy: {why}"));
        drop(book);
        self.show_modes();
    }

    /// Takes a sign of whether upstream serves 2024-02-08 from the answer to a caller's request.
    pub fn heard(&self, sign: Sign) {
        self.0.gone.heard(sign);
    }

    /// Whether upstream should be asked now what it serves; then [`Self::told`] has to follow.
    pub(crate) fn should_ask(&self) -> bool {
        self.0.gone.should_ask()
    }

    /// Takes what upstream said to `GET /api/me` in both versions.
    pub(super) fn told(&self, legacy: Sign, upstream_answers: bool) {
        if !self.0.gone.told(legacy, upstream_answers, now()) {
            return;
        }
        tracing::error!(
            "upstream no longer serves 2024-02-08: everything is translated from now on"
        );
        let what = "upstream no longer serves 2024-02-08: everything is translated, and the breaker stays out of it";
        self.book().note(None, "upstream", what);
        self.show_modes();
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
            if part != super::plan::Part::default() {
                let own = book.changes.entry(change.rule.clone()).or_default();
                own.mode = part.mode.or(own.mode);
                own.share = part.share.or(own.share);
                own.verify = part.verify.or(own.verify);
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

    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn room(&self) -> &Room {
        &self.0.room
    }

    pub(super) fn limits(&self) -> BesideLimits {
        self.0.force.load().beside
    }

    pub(super) fn tolerances(&self) -> Arc<[Tolerance]> {
        self.0.force.load().tolerances.clone()
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(super) fn salt(&self) -> [u8; 16] {
        self.0.salt
    }

    /// A name for the next sample, such as `m3`.
    pub(super) fn next_sample(&self) -> String {
        let number = self.0.samples.fetch_add(1, Ordering::Relaxed) + 1;
        let [one, other, ..] = self.0.salt;
        format!("{one:02x}{other:02x}-{number}")
    }
}

impl std::fmt::Debug for Rollout {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Rollout").field("is_idle", &self.is_idle()).finish_non_exhaustive()
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

fn facts(rules: &Rules) -> Vec<Facts> {
    let facts = rules.iter().map(|rule| Facts {
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

/// Whether an answer speaks against the translation. Where upstream is out of reach or overloaded,
/// legacy would be no better off.
fn is_fault(status: StatusCode, key: Option<Key>) -> bool {
    match key {
        Some(key) => matches!(
            key,
            Key::UpstreamInvalid
                | Key::UpstreamTooLarge
                | Key::UpstreamPaging
                | Key::UpstreamTimeout
                | Key::CallLimit
                | Key::Internal
        ),
        None => matches!(status.as_u16(), 500 | 501),
    }
}
