//! Staged rollout: which requests are translated, and how translated answers compare with
//! upstream's own legacy answers while it still gives them.
//!
//! [`Plan`] is what a rollout file says, read by [`load()`]; [`Rollout`] is what is in force, live
//! changes and the breaker included. For each request it names a [`Course`], a function of the
//! plan, the rule and a hash of the caller, so that replicas agree without talking. What runs
//! beside a request ([`Beside`]) only ever reads, has limits of its own, and is never waited for.
//! [`compare`](compare::compare) finds where two answers differ, [`settle`] takes out what is
//! right, and what is left is kept as a sample without anybody's data, which
//! `polytomic-shim capture` prints as a fixture.

mod beside;
mod book;
mod callers;
mod capture;
mod change;
pub mod compare;
mod document;
mod enact;
mod gone;
mod guarded;
mod load;
mod plan;
mod redact;
mod shape;
mod state;
mod told;
mod tolerance;
mod verdict;
pub mod view;
mod vocabulary;
mod watch;
mod window;

pub(crate) use beside::ask_what_is_served;
pub use beside::{Asked, Beside};
pub use callers::{Pattern, Placement, Who};
pub use change::{Change, ChangeSet, Wrong};
pub use gone::{Sign, sign};
pub use load::{load, parse};
pub use plan::{BesideLimits, BreakerLimits, Part, Percent, Plan, Policy};
pub use state::{Access, Course, Rollout, Sample};
pub use tolerance::{Kind, Tolerance, built_in};
pub use verdict::{Verdict, settle};
pub use watch::watch;
