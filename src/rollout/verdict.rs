//! What is left of the differences of two answers, once those that are right are taken out.

use super::compare::{Answer, Content, Found};
use super::tolerance::Tolerance;
use crate::disclosure::Report;

/// The outcome of one comparison, as the label `result`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The answers say the same.
    Same,
    /// They differ where they should not.
    Different,
    /// They differ where upstream's own legacy answers do from one moment to the next.
    Noise,
    /// They differ where that is right.
    Tolerated,
    /// The limits of the work beside were reached.
    Skipped,
    /// One of the two could not be had.
    Failed,
}

impl Verdict {
    /// Every verdict, in the order of their numbers.
    pub const ALL: [Self; 6] =
        [Self::Same, Self::Different, Self::Noise, Self::Tolerated, Self::Skipped, Self::Failed];

    /// The value of the label.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Different => "different",
            Self::Noise => "noise",
            Self::Tolerated => "tolerated",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }
}

/// Takes out what is tolerated by the file or disclosed by the translation; tells whether there
/// was any.
pub fn settle(
    found: Vec<Found>,
    rule: &str,
    tolerances: &[Tolerance],
    (translated, report): (&Answer, &Report),
) -> (Vec<Found>, bool) {
    let disclosed: Vec<String> = report.entries().map(|(_, pointer)| general(&pointer)).collect();
    let is_own_error = is_own_error(translated);
    let before = found.len();
    let mut left = found;
    left.retain(|found| {
        let (pointer, kind) = (found.pointer.as_str(), found.kind);
        let is_tolerated =
            tolerances.iter().any(|own| own.covers(rule, pointer, kind, is_own_error));
        let is_disclosed = disclosed.iter().any(|own| is_at_or_below(pointer, own));
        !is_tolerated && !is_disclosed
    });
    let any = left.len() < before;
    (left, any)
}

/// Takes out the places where two legacy answers differ from each other.
pub(super) fn without_noise(found: Vec<Found>, noise: &[Found]) -> Vec<Found> {
    let is_noise = |found: &Found| {
        noise.iter().any(|own| {
            // A list that gained an item says nothing of the others' members.
            own.pointer == found.pointer
                || (!own.pointer.ends_with("/*") && is_at_or_below(&found.pointer, &own.pointer))
        })
    };
    found.into_iter().filter(|found| !is_noise(found)).collect()
}

/// Whether the answer is one of the shim's own errors.
fn is_own_error(answer: &Answer) -> bool {
    let Content::Json(body) = &answer.body else { return false };
    let is_own = |key: &str| key.starts_with("shim.");
    // A 401 has the legacy form, which has no key.
    body["key"].as_str().is_some_and(is_own)
        || (answer.status == 401 && body["error"].as_str().is_some())
}

/// A pointer with `*` for each index.
fn general(pointer: &str) -> String {
    let is_index = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts = pointer.split('/').map(|part| if is_index(part) { "*" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

fn is_at_or_below(pointer: &str, base: &str) -> bool {
    pointer.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
