//! Differences that are right, each with its reason: the built-in file, and what a rollout file
//! adds.

use std::sync::LazyLock;

use serde::Deserialize;

use super::callers::glob;

/// What kind of difference it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Whatever it is.
    Any,
    /// Two values that are not the same.
    Value,
    /// Two statuses.
    Status,
    /// Only the translated answer has it, and the legacy contract declares it.
    Added,
    /// Only the translated answer has it, and the legacy contract does not know it.
    Undeclared,
    /// Only upstream's legacy answer has it.
    Missing,
    /// Null on one side, nothing on the other.
    Null,
    /// The same items in another order.
    Order,
}

/// The kinds, for hints.
pub(super) const KINDS: &str =
    "write any, value, status, added, undeclared, missing, null or order";

impl Kind {
    /// The kind with a name.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let deserializer: serde::de::value::StrDeserializer<'_, serde::de::value::Error> =
            serde::de::IntoDeserializer::into_deserializer(text);
        Self::deserialize(deserializer).ok()
    }
}

/// A difference that is right.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tolerance {
    /// The id of a rule; `*` is any text.
    pub rule: String,
    /// JSON pointer; `*` is one part, `**` any number of them.
    pub pointer: String,
    /// Only differences of this kind.
    #[serde(default = "any")]
    pub kind: Kind,
    /// Only where the translated answer is an error of the shim's own.
    #[serde(default)]
    pub own_errors: bool,
    /// Why.
    pub reason: String,
}

fn any() -> Kind {
    Kind::Any
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BuiltIn {
    tolerance: Vec<Tolerance>,
}

/// The tolerances that are part of the binary.
pub fn built_in() -> &'static [Tolerance] {
    static BUILT_IN: LazyLock<Vec<Tolerance>> = LazyLock::new(read);
    &BUILT_IN
}

#[expect(clippy::expect_used, reason = "the file is compiled in, and a test reads it")]
fn read() -> Vec<Tolerance> {
    toml::from_str::<BuiltIn>(include_str!("tolerated.toml")).expect("it is compiled in").tolerance
}

impl Tolerance {
    /// Whether a difference is meant.
    pub(super) fn covers(&self, rule: &str, pointer: &str, kind: Kind, is_own_error: bool) -> bool {
        (self.kind == Kind::Any || self.kind == kind)
            && (is_own_error || !self.own_errors)
            && glob(&self.rule, rule)
            && matches(&parts(&self.pointer), &parts(pointer))
    }
}

fn parts(pointer: &str) -> Vec<&str> {
    pointer.split('/').skip(1).collect()
}

fn matches(pattern: &[&str], parts: &[&str]) -> bool {
    match (pattern, parts) {
        ([], []) => true,
        (["**", rest @ ..], _) => (0..=parts.len())
            .any(|skipped| parts.get(skipped..).is_some_and(|parts| matches(rest, parts))),
        (["*", rest @ ..], [_, others @ ..]) => matches(rest, others),
        ([own, rest @ ..], [other, others @ ..]) => own == other && matches(rest, others),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_tolerance_has_its_reason() {
        assert!(!built_in().is_empty());
        for tolerance in built_in() {
            assert!(tolerance.reason.ends_with('.'), "{tolerance:?}");
            assert!(tolerance.pointer.starts_with('/'), "{tolerance:?}");
        }
    }

    #[test]
    fn pointers_match_by_their_parts() {
        for (pattern, pointer, expected) in [
            ("/data/*/name", "/data/*/name", true),
            ("/data/*/name", "/data/x/name", true),
            ("/data/*", "/data/x/name", false),
            ("/data/**", "/data/x/name", true),
            ("/**", "", true),
            ("/**/id", "/data/*/id", true),
            ("/**/id", "/data/*/ids", false),
        ] {
            assert_eq!(matches(&parts(pattern), &parts(pointer)), expected, "{pattern} {pointer}");
        }
        assert_eq!(Kind::parse("undeclared"), Some(Kind::Undeclared));
        assert_eq!(Kind::parse("Any"), None);
    }
}
