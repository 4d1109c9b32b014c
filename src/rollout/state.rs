//! What is in force, and what has become of it so far.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::{ArcSwap, ArcSwapOption};
use http::StatusCode;
use tokio::time::Instant;

use super::beside::Room;
use super::book::{Book, now};
use super::callers::{Placement, Who};
use super::gone::{Gone, Sign};
use super::plan::{BesideLimits, BreakerLimits, Percent, Plan, Policy};
use super::tolerance::Tolerance;
use super::verdict::Verdict;
use super::view::{Mismatch, Mode, Tripped};
use super::window::{Counted, Window};
use crate::failure::Key;
use crate::rules::Rules;
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
pub struct Rollout(pub(super) Arc<Shared>);

pub(super) struct Shared {
    /// Whether everything is translated and nothing is watched: all that a request looks at then.
    pub(super) idle: AtomicBool,
    pub(super) force: ArcSwap<Force>,
    pub(super) book: Mutex<Book>,
    pub(super) begun: Instant,
    pub(super) gone: Gone,
    pub(super) room: Room,
    pub(super) token: ArcSwapOption<Secret<String>>,
    pub(super) placement: Placement,
    pub(super) metrics: Arc<Metrics>,
    pub(super) salt: [u8; 16],
    pub(super) samples: AtomicU64,
    pub(super) chance: AtomicU64,
}

/// What requests look at.
pub(super) struct Force {
    pub(super) rules: HashMap<String, InForce>,
    pub(super) rest: Policy,
    pub(super) asks_for_organization: bool,
    pub(super) breaker: BreakerLimits,
    pub(super) beside: BesideLimits,
    pub(super) tolerances: Arc<[Tolerance]>,
}

pub(super) struct InForce {
    pub(super) policy: Policy,
    pub(super) ledger: Arc<Ledger>,
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
    pub(super) window: Window,
    pub(super) tripped: ArcSwapOption<Tripped>,
    /// Whether it was said that the breaker would trip, were the rule translated.
    pub(super) warned: AtomicBool,
    pub(super) noise: AtomicU64,
    pub(super) meters: Arc<RuleMeters>,
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
