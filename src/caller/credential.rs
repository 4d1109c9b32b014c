//! Credentials: never kept, never shown, only hashed.

use std::fmt;

use base64::Engine as _;
use http::HeaderMap;
use sha2::{Digest as _, Sha256};

use super::authorization;
use crate::failure::{Failure, Key};
use crate::secret::Secret;

/// A salted hash of an `Authorization` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 16]);

impl fmt::Display for Fingerprint {
    /// Twelve hexadecimal digits: enough to tell callers apart in a log, and no more.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // By hand: it is in the log line of every request, and the machinery of `write!` shows.
        let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble & 15)];
        let mut digits = [0; 12];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte)]);
        }
        formatter.write_str(std::str::from_utf8(&digits).unwrap_or_default())
    }
}

/// The salt of a process: hashes of different processes cannot be compared, and no table of keys
/// can be prepared.
#[derive(Clone)]
pub struct Salt([u8; 32]);

impl Salt {
    /// A salt that nobody knows.
    pub fn random() -> Self {
        let mut salt = [0; 32];
        let (left, right) = salt.split_at_mut(16);
        left.copy_from_slice(uuid::Uuid::new_v4().as_bytes());
        right.copy_from_slice(uuid::Uuid::new_v4().as_bytes());
        Self(salt)
    }

    /// The salt that several processes share, so that their fingerprints agree.
    pub fn shared(secret: &Secret<String>) -> Self {
        Self(Sha256::digest(secret.expose()).into())
    }

    /// A salt for tests that compare.
    pub const fn fixed() -> Self {
        Self([7; 32])
    }

    /// The fingerprint of a credential.
    pub fn fingerprint(&self, authorization: &[u8]) -> Fingerprint {
        let hash = Sha256::new().chain_update(self.0).chain_update(authorization).finalize();
        let mut short = [0; 16];
        for (to, from) in short.iter_mut().zip(hash) {
            *to = from;
        }
        Fingerprint(short)
    }

    /// The fingerprint of the credential of a request.
    pub fn of(&self, headers: &HeaderMap) -> Fingerprint {
        self.fingerprint(authorization(headers))
    }
}

/// The organization of a `Basic base64(ORG_ID:KEY)` credential; none for any other credential, or
/// where the organization is empty.
///
/// # Errors
/// 401 for an organization that is not an id: it comes from outside and would become part of a
/// path.
pub fn scoped_organization(headers: &HeaderMap) -> Result<Option<String>, Failure> {
    let Some(encoded) = basic(authorization(headers)) else { return Ok(None) };
    let decoded =
        base64::engine::general_purpose::STANDARD.decode(encoded).map_err(|_| refused())?;
    let text = String::from_utf8(decoded).map_err(|_| refused())?;
    let organization =
        text.split_once(':').map(|(organization, _)| organization).ok_or_else(refused)?;
    if organization.is_empty() {
        return Ok(None);
    }
    let is_id = organization.len() <= 64
        && organization
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if is_id { Ok(Some(organization.to_owned())) } else { Err(refused()) }
}

fn basic(authorization: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = authorization.split_at_checked(6)?;
    scheme.eq_ignore_ascii_case(b"basic ").then_some(rest.trim_ascii())
}

fn refused() -> Failure {
    Failure::new(
        Key::Unauthorized,
        "The Basic credential is not ORGANIZATION_ID:KEY; check how the client is set up.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::AUTHORIZATION, value.parse().unwrap());
        headers
    }

    fn basic_of(text: &str) -> HeaderMap {
        headers(&format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(text)))
    }

    #[test]
    fn only_an_id_is_taken_for_an_organization() {
        assert_eq!(scoped_organization(&headers("Bearer k")).unwrap(), None);
        assert_eq!(scoped_organization(&basic_of("0f-1:key")).unwrap().as_deref(), Some("0f-1"));
        assert_eq!(scoped_organization(&basic_of(":key")).unwrap(), None);
        for bad in ["..:key", "a/b:key", "a%2Fb:key", "no colon", "é:key"] {
            assert_eq!(
                scoped_organization(&basic_of(bad)).unwrap_err().key,
                Key::Unauthorized,
                "{bad}"
            );
        }
        assert!(scoped_organization(&headers("Basic !!!")).is_err());
    }

    #[test]
    fn fingerprints_depend_on_the_salt() {
        let (one, other) = (Salt::random(), Salt::random());
        assert_eq!(one.fingerprint(b"k"), one.fingerprint(b"k"));
        assert_ne!(one.fingerprint(b"k"), other.fingerprint(b"k"));
        assert_ne!(one.fingerprint(b"k"), one.fingerprint(b"l"));
        let shared = |text: &str| Salt::shared(&Secret::new(text.to_owned()));
        assert_eq!(shared("a").fingerprint(b"k"), shared("a").fingerprint(b"k"));
        assert_ne!(shared("a").fingerprint(b"k"), shared("b").fingerprint(b"k"));
        assert_eq!(one.fingerprint(b"k").to_string().len(), 12);
    }
}
