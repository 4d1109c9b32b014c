//! The words of both contracts: names of members and values of enumerations. They are public, so
//! they may stand in a sample; everything else comes from somebody's data.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use serde_json::Value;

use crate::contract::{Contract, Operation, Version};

/// What the contracts know by name.
#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    names: HashSet<String>,
    words: HashMap<String, HashSet<String>>,
    numbers: HashSet<String>,
}

/// Values that translations put in by themselves, and no contract lists.
const WORDS: [(&str, &str); 1] = [("type", "incremental")];

/// The vocabulary of both versions.
pub(super) fn vocabulary() -> &'static Vocabulary {
    static ALL: LazyLock<Vocabulary> = LazyLock::new(|| {
        let mut all = Vocabulary::default();
        for version in [Version::Legacy, Version::Upstream] {
            let mut seen = HashSet::new();
            for operation in Contract::of(version).operations() {
                let schemas = [operation.answer_schema(), operation.request_schema()];
                for schema in schemas.into_iter().flatten() {
                    all.read(operation, schema, "", &mut seen);
                }
                all.names.extend(operation.query_parameter_names().map(str::to_owned));
            }
        }
        for (key, word) in WORDS {
            all.words.entry(key.to_owned()).or_default().insert(word.to_owned());
        }
        // Errors, which the operations do not spell out.
        for name in ["key", "message", "metadata", "status", "code", "context", "error"] {
            all.names.insert(name.to_owned());
        }
        all
    });
    &ALL
}

impl Vocabulary {
    fn read<'c>(
        &mut self,
        operation: &'c Operation,
        schema: &'c Value,
        key: &str,
        seen: &mut HashSet<(String, String)>,
    ) {
        if let Some(name) = schema.get("$ref").and_then(Value::as_str)
            && !seen.insert((name.to_owned(), key.to_owned()))
        {
            return;
        }
        let schema = operation.resolve(schema);
        for word in schema.get("enum").and_then(Value::as_array).into_iter().flatten() {
            if let Some(word) = word.as_str() {
                self.words.entry(key.to_owned()).or_default().insert(word.to_owned());
            }
        }
        if schema["type"] == "integer" || schema["type"] == "number" {
            self.numbers.insert(key.to_owned());
        }
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            self.names.insert(name.clone());
            self.read(operation, property, name, seen);
        }
        for keyword in ["items", "additionalProperties"] {
            if let Some(inner) = schema.get(keyword).filter(|inner| inner.is_object()) {
                self.read(operation, inner, key, seen);
            }
        }
        for keyword in ["anyOf", "oneOf", "allOf"] {
            for choice in schema.get(keyword).and_then(Value::as_array).into_iter().flatten() {
                self.read(operation, choice, key, seen);
            }
        }
    }

    /// Whether a contract has a member of this name.
    pub(super) fn names(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Whether a text is one of the values that a contract lists for a member.
    pub(super) fn lists(&self, key: &str, text: &str) -> bool {
        !is_secret(key) && self.words.get(key).is_some_and(|words| words.contains(text))
    }

    /// Whether a contract says that a member is a number.
    pub(super) fn counts(&self, key: &str) -> bool {
        !is_secret(key) && self.numbers.contains(key)
    }
}

/// Whether a member sounds as if nobody should read it.
fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let signs = ["secret", "password", "passphrase", "token", "credential", "private", "api_key"];
    signs.iter().any(|sign| key.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contracts_words_are_known() {
        let all = vocabulary();
        assert!(all.names("default_schedule") && all.names("override_fields"));
        assert!(!all.names("acme"));
        assert!(all.lists("frequency", "daily") && !all.lists("name", "daily"));
        assert!(all.lists("selective_mode", "incrementalFields"));
        assert!(!all.lists("client_secret", "daily") && !all.counts("password"));
    }
}
