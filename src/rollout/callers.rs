//! Which callers an `allow` or `deny` list names, and where a caller is placed among all.

use http::HeaderMap;
use http::header::USER_AGENT;
use sha2::{Digest as _, Sha256};

use crate::caller::{Fingerprint, authorization};
use crate::secret::Secret;

/// How many places there are: a share counts in hundredths of a percent.
pub(super) const PLACES: u16 = 10_000;

/// Separates this hash from every other use of the credential.
const DOMAIN: &[u8] = b"polytomic-shim: place of a caller in a rollout\0";

/// What places callers, the same way in every replica.
#[derive(Debug, Clone, Default)]
pub struct Placement(Option<Secret<String>>);

impl Placement {
    /// Keyed by the salt that replicas share, if they do.
    pub fn new(salt: Option<&Secret<String>>) -> Self {
        Self(salt.cloned())
    }

    /// Where among [`PLACES`] the caller of a request is. Only this number is made of the hash,
    /// and it is not kept: thirteen bits are far too few to tell a credential by.
    pub(super) fn place(&self, headers: &HeaderMap) -> u16 {
        let mut hash = Sha256::new().chain_update(DOMAIN);
        if let Some(salt) = &self.0 {
            hash.update(Sha256::digest(salt.expose()));
        }
        let hash = hash.chain_update(authorization(headers)).finalize();
        let number = hash.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        u16::try_from(number % u64::from(PLACES)).unwrap_or_default()
    }
}

/// Some callers, by what a request tells of its sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// The beginning of a fingerprint, as `caller` in log lines.
    Caller(String),
    /// The id of an organization.
    Organization(String),
    /// `X-Fern-SDK-Name`, and perhaps `X-Fern-SDK-Version`.
    Sdk(String, Option<String>),
    /// `User-Agent`: a part of it, or all of it where the pattern has a `*`.
    UserAgent(String),
}

/// How patterns are written, for hints.
pub(super) const FORMS: &str = "write \"caller:3f9a0c\", \"organization:ID\", \"sdk:NAME\", \"sdk:NAME/VERSION\" or \"user_agent:TEXT\"; * stands for any text";

impl Pattern {
    /// The pattern that a text means; none where it means none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (kind, value) = text.split_once(':')?;
        let value = value.trim();
        if value.is_empty() {
            return None;
        }
        let owned = value.to_owned();
        match kind {
            "caller" => {
                let is_start =
                    value.len() <= 12 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
                is_start.then(|| Self::Caller(value.to_ascii_lowercase()))
            }
            "organization" => Some(Self::Organization(owned)),
            // Names may have a slash themselves (`@scope/name`); versions have none.
            "sdk" => Some(match value.rsplit_once('/') {
                Some((name, version)) if !name.is_empty() && !version.is_empty() => Self::Sdk(
                    name.to_owned(),
                    Some(version.strip_prefix('v').unwrap_or(version).to_owned()),
                ),
                _ => Self::Sdk(owned, None),
            }),
            "user_agent" => Some(Self::UserAgent(owned)),
            _ => None,
        }
    }

    /// Whether a request of this sender is meant.
    fn matches(&self, who: &Who<'_>) -> bool {
        let header = |name: &str| who.headers.get(name).and_then(|value| value.to_str().ok());
        match self {
            Self::Caller(start) => who.fingerprint.to_string().starts_with(start),
            Self::Organization(id) => who.organization.as_ref() == Some(id),
            Self::Sdk(name, version) => {
                let is_name = header("x-fern-sdk-name").is_some_and(|own| glob(name, own));
                let own = header("x-fern-sdk-version").unwrap_or_default();
                let own = own.strip_prefix('v').unwrap_or(own);
                is_name && version.as_ref().is_none_or(|version| glob(version, own))
            }
            Self::UserAgent(text) => {
                let own = header(USER_AGENT.as_str()).unwrap_or_default().to_ascii_lowercase();
                let text = text.to_ascii_lowercase();
                if text.contains('*') { glob(&text, &own) } else { own.contains(&text) }
            }
        }
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Caller(start) => write!(formatter, "caller:{start}"),
            Self::Organization(id) => write!(formatter, "organization:{id}"),
            Self::Sdk(name, None) => write!(formatter, "sdk:{name}"),
            Self::Sdk(name, Some(version)) => write!(formatter, "sdk:{name}/{version}"),
            Self::UserAgent(text) => write!(formatter, "user_agent:{text}"),
        }
    }
}

/// The sender of a request. Not `Debug`: its headers hold the credential.
pub struct Who<'h> {
    /// The request's headers.
    pub headers: &'h HeaderMap,
    /// What stands for the credential.
    pub fingerprint: Fingerprint,
    /// The organization, where a pattern asks for it and it is known.
    pub organization: Option<String>,
}

impl Who<'_> {
    /// Whether any of the patterns means this sender.
    pub(super) fn is_among(&self, patterns: &[Pattern]) -> bool {
        patterns.iter().any(|pattern| pattern.matches(self))
    }
}

/// Whether a text is what a pattern says, in which `*` is any text, the empty one included.
pub(super) fn glob(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(text) = text.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    let mut left = text;
    for part in parts {
        let Some(at) = left.find(part) else { return false };
        left = left.get(at + part.len()..).unwrap_or_default();
    }
    left.len() >= end.len() && left.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::Salt;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn patterns_match_what_they_say() {
        let headers = headers(&[
            ("authorization", "Bearer k"),
            ("user-agent", "Go-http-client/2.0 Terraform/1.9"),
            ("x-fern-sdk-name", "polytomic"),
            ("x-fern-sdk-version", "v1.16.1"),
        ]);
        let fingerprint = Salt::fixed().of(&headers);
        let who = Who { headers: &headers, fingerprint, organization: Some("o-1".to_owned()) };
        let start = format!("caller:{}", &fingerprint.to_string()[..6]);
        for (text, expected) in [
            (start.as_str(), true),
            ("caller:000000", false),
            ("organization:o-1", true),
            ("organization:o-2", false),
            ("sdk:polytomic", true),
            ("sdk:poly*", true),
            ("sdk:polytomic/1.16.1", true),
            ("sdk:polytomic/v1.16.*", true),
            ("sdk:polytomic/1.17.*", false),
            ("sdk:other", false),
            ("user_agent:terraform", true),
            ("user_agent:go-*/1.9", true),
            ("user_agent:terraform*", false),
        ] {
            assert_eq!(Pattern::parse(text).unwrap().matches(&who), expected, "{text}");
        }
        for wrong in ["polytomic", "sdk:", "caller:xyz", "caller:0123456789abc", "org:1"] {
            assert_eq!(Pattern::parse(wrong), None, "{wrong}");
        }
        for text in ["caller:3f9a", "organization:o", "sdk:n", "sdk:@s/n/1.*", "user_agent:a b"] {
            assert_eq!(Pattern::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn stars_are_any_text() {
        for (pattern, text, expected) in [
            ("bulk_sync/*", "bulk_sync/schemas/list", true),
            ("*/list", "bulk_sync/list", true),
            ("*", "", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c", false),
            ("ab*b", "ab", false),
            ("a", "ab", false),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn places_are_stable_even_and_depend_on_the_salt() {
        let salt = Secret::new("a salt of sixteen".to_owned());
        let (plain, salted) = (Placement::default(), Placement::new(Some(&salt)));
        let place = |placement: &Placement, number: u32| {
            placement.place(&headers(&[("authorization", &format!("Bearer key-{number}"))]))
        };
        let mut below = 0;
        let mut same = 0;
        for number in 0..4000 {
            let own = place(&plain, number);
            assert_eq!(own, place(&Placement::default(), number));
            assert!(own < PLACES);
            below += u32::from(own < PLACES / 4);
            same += u32::from(own == place(&salted, number));
        }
        assert!((900..1100).contains(&below), "{below} of 4000 are in a share of 25");
        assert!(same < 20, "{same}");
    }
}
