//! `[[webhook]]` tables of the settings file.
//!
//! Credentials come from files or from the environment, never from the settings file itself, which
//! is copied, mailed and committed more freely.

mod contradictions;
mod read;

use std::fmt::Write as _;
use std::time::Duration;

use http::HeaderName;
use http::uri::PathAndQuery;

pub(super) use read::{Variables, read};

use super::origin::Origin;
use crate::secret::Secret;
use read::parse_address;

/// The key of these tables in the file.
pub(super) const TABLES: &str = "webhook";

/// One webhook: whose deliveries are taken, and where they go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// The last segment of its path, `/webhooks/{name}`.
    pub name: String,
    /// What deliveries are signed with when they come.
    pub secret: Secret<Vec<u8>>,
    /// What they are signed with when they go on; [`Self::secret`] unless it is another.
    pub signing_secret: Secret<Vec<u8>>,
    /// Where they go.
    pub forward: Address,
    /// The credential for reading record logs upstream, as the value of `Authorization`.
    pub authorization: Option<Secret<String>>,
    /// The hash of the signature.
    pub algorithm: Algorithm,
    /// How the signature that goes on is written; as the one that came, if none.
    pub encoding: Option<Encoding>,
    /// What stands before the signature; as before the one that came, if none.
    pub prefix: Option<String>,
    /// The header with the signature.
    pub header: HeaderName,
    /// Longest wait for the receiver's answer, and then for each next part of its body.
    pub timeout: Duration,
    /// Longest time for reading record logs, after which the delivery goes on without them.
    pub logs_timeout: Duration,
}

/// An address of a receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Scheme, host and port.
    pub origin: Origin,
    /// Path and query.
    pub target: PathAndQuery,
    /// The whole address, as it is written in the settings.
    pub written: String,
}

impl Address {
    /// Whether a text means the same address, however its host and port are written.
    pub fn is(&self, text: &str) -> bool {
        text == self.written
            || parse_address(text)
                .is_ok_and(|own| own.origin == self.origin && own.target == self.target)
    }
}

impl std::str::FromStr for Address {
    type Err = String;

    /// The error says what is wrong and does not repeat the text.
    fn from_str(text: &str) -> Result<Self, String> {
        parse_address(text).map_err(|problem| problem.message)
    }
}

impl Webhook {
    /// A webhook with nothing but what each has to have.
    pub fn new(name: &str, forward: Address, secret: &str) -> Self {
        let secret = Secret::new(secret.as_bytes().to_vec());
        Self {
            name: name.to_owned(),
            signing_secret: secret.clone(),
            secret,
            forward,
            authorization: None,
            algorithm: Algorithm::Sha256,
            encoding: None,
            prefix: None,
            header: HeaderName::from_static("polytomic-signature"),
            timeout: Duration::from_secs(20),
            logs_timeout: Duration::from_secs(5),
        }
    }
}

/// The hash of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC-SHA256.
    Sha256,
    /// HMAC-SHA384.
    Sha384,
    /// HMAC-SHA512.
    Sha512,
}

impl Algorithm {
    /// The name in the settings.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }
}

/// How a signature is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Hexadecimal digits, small letters.
    Hex,
    /// Base64 with padding (RFC 4648 section 4).
    Base64,
}

/// A key of a `[[webhook]]`: name, default as it would be written, meaning.
type Key = (&'static str, &'static str, &'static str);

/// Every key, in the order of the README.
const KEYS: [Key; 14] = [
    (
        "name",
        "",
        "Required. Last segment of the path that deliveries are posted to, `/webhooks/NAME`: letters, digits, `-` and `_`.",
    ),
    (
        "forward",
        "",
        "Required. Address of the receiver, `http` or `https`. Deliveries go there and nowhere else; redirects are not followed.",
    ),
    (
        "secret_file",
        "",
        "File with the secret that the webhook was registered with; a line feed at its end is no part of it. This or `secret_env` is required.",
    ),
    ("secret_env", "", "Environment variable with that secret."),
    (
        "signing_secret_file",
        "",
        "File with the secret that the receiver checks by, if that is another one.",
    ),
    ("signing_secret_env", "", "Environment variable with that secret."),
    (
        "api_key_file",
        "",
        "File with an API key of the webhook's organization, for reading record logs. Without one, events that lack their lists go on without them, disclosed.",
    ),
    ("api_key_env", "", "Environment variable with that key."),
    ("algorithm", "sha256", "Hash of the signature: `sha256`, `sha384` or `sha512`."),
    (
        "encoding",
        "",
        "How signatures that go on are written, `hex` or `base64`. Left out: as the one that came. Both are accepted.",
    ),
    (
        "prefix",
        "",
        "What stands before signatures that go on, such as `sha256=`. Left out: as before the one that came.",
    ),
    ("header", "Polytomic-Signature", "Header with the signature."),
    (
        "timeout",
        "20s",
        "Longest wait for the receiver's answer, and then for each next part of its body.",
    ),
    (
        "logs_timeout",
        "5s",
        "Longest time for reading record logs, after which the delivery goes on without them, disclosed.",
    ),
];

/// The table of all keys in Markdown, for the README.
pub fn markdown() -> String {
    let mut text = String::from("| key | default | meaning |\n| --- | --- | --- |\n");
    for (name, default, about) in KEYS {
        let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| `{name}` | {default} | {about} |");
    }
    text
}
