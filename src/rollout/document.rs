//! A rollout file as it is written. The README explains each key; unknown ones are errors, and
//! every value that can be wrong knows where it stands.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

/// A whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    /// The mode of every rule that is not named.
    pub(super) default: Option<Spanned<String>>,
    pub(super) share: Option<Spanned<Number>>,
    pub(super) verify: Option<Spanned<Number>>,
    pub(super) allow: Option<Vec<Spanned<String>>>,
    pub(super) deny: Option<Vec<Spanned<String>>>,
    /// Whether the built-in tolerances count.
    pub(super) built_in_tolerances: Option<bool>,
    #[serde(default)]
    pub(super) tolerance: Vec<ToleranceDocument>,
    #[serde(default)]
    pub(super) breaker: BreakerDocument,
    #[serde(default)]
    pub(super) beside: BesideDocument,
    /// By the id of a rule, or a pattern of ids.
    #[serde(default)]
    pub(super) rules: BTreeMap<Spanned<String>, RuleDocument>,
}

/// `[rules."ID"]`; what is left out is as in the file's top level.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleDocument {
    pub(super) mode: Option<Spanned<String>>,
    pub(super) share: Option<Spanned<Number>>,
    pub(super) verify: Option<Spanned<Number>>,
    pub(super) allow: Option<Vec<Spanned<String>>>,
    pub(super) deny: Option<Vec<Spanned<String>>>,
}

/// `[breaker]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BreakerDocument {
    pub(super) window: Option<Spanned<String>>,
    pub(super) minimum: Option<Spanned<u32>>,
    pub(super) mismatches: Option<Spanned<Number>>,
    pub(super) errors: Option<Spanned<Number>>,
}

/// `[beside]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BesideDocument {
    pub(super) comparisons: Option<Spanned<u32>>,
    pub(super) calls: Option<Spanned<u32>>,
    pub(super) memory: Option<Spanned<String>>,
    pub(super) deadline: Option<Spanned<String>>,
}

/// `[[tolerance]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ToleranceDocument {
    pub(super) rule: Spanned<String>,
    pub(super) pointer: Spanned<String>,
    pub(super) kind: Option<Spanned<String>>,
    /// Only where the translated answer is an error of the shim's own.
    #[serde(default)]
    pub(super) own_errors: bool,
    pub(super) reason: Spanned<String>,
}

/// A whole number or one with decimals.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged)]
pub(super) enum Number {
    Whole(i64),
    Decimal(f64),
}

impl Number {
    pub(super) fn value(self) -> f64 {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "percentages are small")]
            Self::Whole(number) => number as f64,
            Self::Decimal(number) => number,
        }
    }
}
