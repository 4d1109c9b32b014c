//! The two API contracts: routes, and validation of requests and answers against them.
//!
//! Both OpenAPI documents are embedded, packed, and read once, when first asked for. Their conventions
//! (`info.x-conventions`) are part of every check: an optional property accepts null, and
//! undeclared properties pass unless a strict check is asked for. Enumerations marked
//! `x-open-enum` are treated as closed: what these checks let through every SDK can read.

use std::io::BufReader;
use std::sync::LazyLock;

use flate2::read::DeflateDecoder;
use percent_encoding::percent_decode_str;
use serde_json::Value;

#[cfg(feature = "demo")]
mod check;
mod example;
mod operation;
#[cfg(feature = "demo")]
mod query;
#[cfg(feature = "demo")]
mod schema;
mod template;

pub use operation::Operation;
#[cfg(test)]
pub(crate) use operation::read_all;

use template::Template;

/// One of the two API versions that have a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// `2024-02-08`, what unmodified clients speak.
    Legacy,
    /// `2025-09-18`, what the vendor serves.
    Upstream,
}

impl Version {
    /// The value of `X-Polytomic-Version` that selects this version.
    pub fn date(self) -> &'static str {
        match self {
            Version::Legacy => "2024-02-08",
            Version::Upstream => "2025-09-18",
        }
    }
}

/// The operations of one version, ready to match requests and to check messages.
#[derive(Debug)]
pub struct Contract {
    operations: Vec<Operation>,
}

impl Contract {
    /// The contract of that version; the embedded document is parsed on the first call.
    pub fn of(version: Version) -> &'static Contract {
        static LEGACY: LazyLock<Contract> = LazyLock::new(|| {
            Contract::parse(include_bytes!(concat!(env!("OUT_DIR"), "/2024-02-08.json.deflate")))
        });
        static UPSTREAM: LazyLock<Contract> = LazyLock::new(|| {
            Contract::parse(include_bytes!(concat!(env!("OUT_DIR"), "/2025-09-18.json.deflate")))
        });
        match version {
            Version::Legacy => &LEGACY,
            Version::Upstream => &UPSTREAM,
        }
    }

    /// The operation that serves `path` (as received: percent-encoded, without the query), if
    /// the contract has one. A literal segment wins over a parameter, leftmost first.
    pub fn find(&self, method: &str, path: &str) -> Option<Found<'_>> {
        self.matching(path)
            .filter(|(operation, _)| operation.method == method)
            .min_by_key(|(operation, _)| operation.route.shape())
            .map(|(operation, parameters)| Found { operation, parameters })
    }

    /// The methods that the contract declares for `path`, in document order; empty for a path
    /// that it does not know.
    pub fn methods(&self, path: &str) -> Vec<&str> {
        let mut methods = Vec::new();
        for (operation, _) in self.matching(path) {
            if !methods.contains(&operation.method.as_str()) {
                methods.push(operation.method.as_str());
            }
        }
        methods
    }

    /// Every operation, in document order.
    pub fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.operations.iter()
    }

    /// The operation of that `operationId`.
    pub fn operation(&self, id: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.id == id)
    }

    fn matching<'a>(
        &'a self,
        path: &str,
    ) -> impl Iterator<Item = (&'a Operation, Vec<(&'a str, String)>)> {
        let segments = template::segments(path);
        self.operations.iter().filter_map(move |operation| {
            let parameters = operation.route.matches(segments.as_deref()?)?;
            Some((operation, parameters))
        })
    }

    #[expect(clippy::expect_used, reason = "the documents are compiled in, and a test reads both")]
    fn parse(packed: &[u8]) -> Contract {
        let document: Value = serde_json::from_reader(BufReader::new(DeflateDecoder::new(packed)))
            .expect("embedded contract is JSON");
        Contract { operations: operation::read_all(&document) }
    }
}

/// A request's operation and what its path says.
#[derive(Debug)]
pub struct Found<'a> {
    /// The matched operation.
    pub operation: &'a Operation,
    /// Path parameters in path order, percent-decoded.
    pub parameters: Vec<(&'a str, String)>,
}

impl Found<'_> {
    /// The decoded value of one path parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let (_, value) = self.parameters.iter().find(|(found, _)| *found == name)?;
        Some(value)
    }
}

/// The decoded `name=value` pairs of a query string, in order; `+` is a space.
pub fn query_pairs(raw_query: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
    };
    raw_query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}

/// One way in which a message departs from the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where: a JSON pointer into the body (empty: the whole body), or `?name` for a parameter
    /// of the query.
    pub pointer: String,
    /// What is wrong there, in words.
    pub message: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.pointer, self.message)
    }
}

#[cfg(test)]
mod tests;
