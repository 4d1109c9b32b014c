//! Who calls, as far as requests say without giving a credential away.

use std::hash::{BuildHasher, Hasher};

use foldhash::quality::RandomState;
use http::header::USER_AGENT;
use http::{HeaderMap, HeaderName};
use serde::{Deserialize, Serialize};

use crate::caller::{Fingerprint, authorization, scoped_organization};

const SDK_NAME: HeaderName = HeaderName::from_static("x-fern-sdk-name");
const SDK_VERSION: HeaderName = HeaderName::from_static("x-fern-sdk-version");
const LANGUAGE: HeaderName = HeaderName::from_static("x-fern-language");

/// A client: one credential in one program. Every text is short visible ASCII, whatever was sent;
/// it may still hold markup.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Who {
    /// The fingerprint of the credential, as in log lines; none where there was no credential.
    pub caller: Option<String>,
    /// What the SDK calls itself (`X-Fern-SDK-Name`).
    pub sdk: Option<String>,
    /// Its version without a leading `v` (`X-Fern-SDK-Version`; the Go SDK writes `v1.16.1`).
    pub sdk_version: Option<String>,
    /// The language that the SDK is written in (`X-Fern-Language`).
    pub language: Option<String>,
    /// The `User-Agent`.
    pub user_agent: Option<String>,
}

/// A client that was not known when its request came, read while the headers were there.
#[derive(Debug)]
pub(super) struct Fresh {
    pub(super) who: Who,
    /// The organization of a Basic credential.
    pub(super) organization: Option<String>,
    /// The credential's fingerprint, by which more may become known.
    pub(super) fingerprint: Fingerprint,
}

impl Fresh {
    pub(super) fn read(headers: &HeaderMap, fingerprint: Fingerprint) -> Self {
        let caller = (!authorization(headers).is_empty()).then(|| fingerprint.to_string());
        let version = text(headers, &SDK_VERSION, 32);
        let who = Who {
            caller,
            sdk: text(headers, &SDK_NAME, 64),
            sdk_version: version.map(|version| without_v(&version).to_owned()),
            language: text(headers, &LANGUAGE, 32),
            user_agent: text(headers, &USER_AGENT, 160),
        };
        let organization = scoped_organization(headers).ok().flatten();
        Self { who, organization, fingerprint }
    }
}

impl Who {
    /// The SDK with the first two parts of its version, such as `polytomic 1.18`: what few enough
    /// clients differ in to be a label.
    pub(super) fn label(&self) -> String {
        let Some(sdk) = &self.sdk else { return "(none)".to_owned() };
        let version = self.sdk_version.as_deref().unwrap_or("?");
        let end = version.match_indices('.').nth(1).map_or(version.len(), |(end, _)| end);
        format!("{sdk} {}", version.get(..end).unwrap_or(version))
    }
}

/// A number for a client that costs no allocation, under a key of this process.
pub(super) fn key(keys: &RandomState, headers: &HeaderMap) -> u64 {
    let mut hasher = keys.build_hasher();
    hasher.write(authorization(headers));
    for name in [&SDK_NAME, &SDK_VERSION, &USER_AGENT] {
        // A byte that no header can hold, so that no two clients read alike.
        hasher.write_u8(0);
        hasher.write(headers.get(name).map(http::HeaderValue::as_bytes).unwrap_or_default());
    }
    hasher.finish()
}

/// A header as short visible ASCII; none where it is absent or empty.
fn text(headers: &HeaderMap, name: &HeaderName, longest: usize) -> Option<String> {
    let bytes = headers.get(name)?.as_bytes().trim_ascii();
    let shown = |byte: &u8| match byte {
        b' '..=b'~' => char::from(*byte),
        _ => '?',
    };
    let mut text: String = bytes.iter().take(longest).map(shown).collect();
    if bytes.len() > longest {
        text.push_str("...");
    }
    (!text.is_empty()).then_some(text)
}

fn without_v(version: &str) -> &str {
    match version.strip_prefix(['v', 'V']) {
        Some(rest) if rest.starts_with(|first: char| first.is_ascii_digit()) => rest,
        _ => version,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::Salt;

    fn headers(pairs: &[(&str, &[u8])]) -> HeaderMap {
        let pair = |(name, value): &(&str, &[u8])| {
            (name.parse::<HeaderName>().unwrap(), http::HeaderValue::from_bytes(value).unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    fn who(headers: &HeaderMap) -> Who {
        Fresh::read(headers, Salt::fixed().of(headers)).who
    }

    #[test]
    fn texts_are_short_visible_and_name_the_sdk() {
        let long = [b'a'; 4000];
        let headers = headers(&[
            ("authorization", b"Bearer secret"),
            ("x-fern-sdk-name", b"github.com/polytomic/polytomic-go"),
            ("x-fern-sdk-version", b"v1.16.1"),
            ("user-agent", &long),
            ("x-fern-language", b"G\xc3\xb6\t"),
        ]);
        let who = who(&headers);
        assert_eq!(who.sdk_version.as_deref(), Some("1.16.1"));
        assert_eq!(who.label(), "github.com/polytomic/polytomic-go 1.16");
        assert_eq!(who.language.as_deref(), Some("G??"));
        assert_eq!(who.user_agent.as_ref().map(String::len), Some(163));
        assert_eq!(who.caller.as_ref().map(String::len), Some(12));
        assert!(!format!("{who:?}").contains("secret"));
    }

    #[test]
    fn what_says_nothing_is_nobody() {
        let who = who(&headers(&[("user-agent", b"")]));
        assert_eq!(who.caller, None);
        assert_eq!(who.user_agent, None);
        assert_eq!(who.label(), "(none)");
    }

    #[test]
    fn each_header_counts_for_the_key() {
        let keys = RandomState::default();
        let all: [&[(&str, &[u8])]; 5] = [
            &[],
            &[("authorization", b"ab")],
            &[("authorization", b"a"), ("x-fern-sdk-name", b"b")],
            &[("authorization", b"a"), ("x-fern-sdk-version", b"b")],
            &[("authorization", b"a"), ("user-agent", b"b")],
        ];
        let mut seen: Vec<u64> = all.iter().map(|pairs| key(&keys, &headers(pairs))).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), all.len());
    }
}
