//! Whether upstream still serves 2024-02-08.
//!
//! A refusal that speaks of the version makes it doubtful. Then `GET /api/me` is asked in both
//! versions with the credential of the next caller: only what upstream says there counts, because
//! a caller could make other answers say what it wants.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use http::{HeaderMap, StatusCode};

use crate::message::{LEGACY_VERSION, VERSION_HEADER};

/// How many questions in a row have to be refused.
const CONVINCED: u32 = 2;

/// What the answer to a legacy request tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Upstream serves 2024-02-08.
    Served,
    /// It does not.
    Refused,
    /// Nothing.
    None,
}

/// Reads the sign in an answer: its status, its `X-Polytomic-Version`, and its body as far as it
/// is there.
pub fn sign(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Sign {
    let version = headers.get(VERSION_HEADER).map(http::HeaderValue::as_bytes);
    let is_other = version.is_some_and(|version| version != LEGACY_VERSION.as_bytes());
    let may_refuse = matches!(status.as_u16(), 400 | 404 | 406 | 410);
    let says_other = is_other && (status.is_success() || may_refuse);
    if says_other || (may_refuse && names_version(body)) {
        return Sign::Refused;
    }
    let is_said = version.is_some() && !is_other;
    if status.is_success() || is_said { Sign::Served } else { Sign::None }
}

fn names_version(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body.get(..4096).unwrap_or(body)).to_ascii_lowercase();
    text.contains("x-polytomic-version") || text.contains("unsupported_version")
}

/// What is known of it so far.
#[derive(Debug, Default)]
pub(super) struct Gone {
    doubtful: AtomicBool,
    asking: AtomicBool,
    refusals: AtomicU32,
    since: AtomicU64,
}

impl Gone {
    /// Since when, in milliseconds; none while it is served.
    pub(super) fn since(&self) -> Option<u64> {
        match self.since.load(Ordering::Relaxed) {
            0 => None,
            since => Some(since),
        }
    }

    /// Takes a sign from the answer to a caller's request.
    pub(super) fn heard(&self, sign: Sign) {
        match sign {
            Sign::Refused => self.doubtful.store(true, Ordering::Relaxed),
            Sign::Served if self.doubtful.load(Ordering::Relaxed) => self.clear_doubt(),
            Sign::Served | Sign::None => {}
        }
    }

    /// Whether somebody should ask now; whoever is told so has to call [`Self::told`].
    pub(super) fn should_ask(&self) -> bool {
        self.doubtful.load(Ordering::Relaxed)
            && self.since().is_none()
            && !self.asking.swap(true, Ordering::Relaxed)
    }

    /// Takes the signs of `GET /api/me` in both versions. True at the moment in which there is no
    /// more doubt that 2024-02-08 is gone.
    pub(super) fn told(&self, legacy: Sign, upstream_answers: bool, now: u64) -> bool {
        self.asking.store(false, Ordering::Relaxed);
        match legacy {
            Sign::Served => self.clear_doubt(),
            Sign::Refused if upstream_answers => {
                let refusals = self.refusals.fetch_add(1, Ordering::Relaxed) + 1;
                return refusals >= CONVINCED
                    && self
                        .since
                        .compare_exchange(0, now.max(1), Ordering::Relaxed, Ordering::Relaxed)
                        .is_ok();
            }
            Sign::Refused | Sign::None => {}
        }
        false
    }

    /// Starts over.
    pub(super) fn forget(&self) {
        self.clear_doubt();
        self.since.store(0, Ordering::Relaxed);
    }

    fn clear_doubt(&self) {
        self.doubtful.store(false, Ordering::Relaxed);
        self.refusals.store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(status: u16, version: Option<&str>, body: &str) -> Sign {
        let mut headers = HeaderMap::new();
        if let Some(version) = version {
            headers.insert(VERSION_HEADER, version.parse().unwrap());
        }
        sign(StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes())
    }

    #[test]
    fn answers_give_signs() {
        for (status, version, body, expected) in [
            (200, Some("2024-02-08"), "{}", Sign::Served),
            (200, None, "{}", Sign::Served),
            (404, Some("2024-02-08"), "{}", Sign::Served),
            (404, None, "{}", Sign::None),
            (500, None, "", Sign::None),
            (401, Some("2025-09-18"), "", Sign::None),
            (200, Some("2025-09-18"), "{}", Sign::Refused),
            (400, Some("2025-09-18"), "", Sign::Refused),
            (410, None, r#"{"message":"X-Polytomic-Version 2024-02-08 has ended"}"#, Sign::Refused),
            (200, None, "x-polytomic-version", Sign::Served),
        ] {
            assert_eq!(signed(status, version, body), expected, "{status} {version:?} {body}");
        }
    }

    #[test]
    fn only_its_own_questions_convince_it() {
        let gone = Gone::default();
        assert!(!gone.should_ask());
        for _ in 0..100 {
            gone.heard(Sign::Refused);
        }
        assert_eq!(gone.since(), None);
        assert!(gone.should_ask());
        assert!(!gone.should_ask(), "one question at a time");
        assert!(!gone.told(Sign::Refused, true, 5));
        assert!(gone.should_ask());
        assert!(!gone.told(Sign::Refused, false, 6), "upstream answers nothing at all");
        assert!(gone.should_ask());
        assert!(gone.told(Sign::Refused, true, 7));
        assert_eq!(gone.since(), Some(7));
        assert!(!gone.should_ask());
        gone.forget();
        assert_eq!(gone.since(), None);
        gone.heard(Sign::Refused);
        assert!(gone.should_ask());
        assert!(!gone.told(Sign::Served, true, 9));
        assert!(!gone.should_ask(), "the doubt is gone");
    }
}
