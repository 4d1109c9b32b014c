//! Samples without anybody's data: texts are replaced by their shape, ids by a hash.
//!
//! Within one sample equal texts stay equal and different ones different, so that what a
//! translation does with them can be repeated. What the contracts know stays: names of members,
//! values of enumerations, numbers of members that are numbers.

use std::collections::HashMap;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::vocabulary::{Vocabulary, vocabulary};

/// Replaces what comes from somebody's data, the same way throughout one sample.
pub(super) struct Redactor {
    vocabulary: &'static Vocabulary,
    salt: [u8; 16],
    upstream: String,
    known: HashMap<String, String>,
}

/// What addresses of upstream become, as in the other fixtures.
const UPSTREAM: &str = "https://app.polytomic.com";

impl Redactor {
    /// For one sample; `salt` is the process's, so that an id shows alike in all samples, and
    /// `upstream` the origin that addresses may point at.
    pub(super) fn new(salt: [u8; 16], upstream: String) -> Self {
        Self { vocabulary: vocabulary(), salt, upstream, known: HashMap::new() }
    }

    /// A value as it is shown to people, short.
    pub(super) fn shown(&mut self, key: &str, value: &Value) -> String {
        match value {
            Value::Null | Value::Bool(_) => value.to_string(),
            // Without a key, it is a status.
            Value::Number(_) if key.is_empty() || self.vocabulary.counts(key) => value.to_string(),
            Value::Number(_) => "<number>".to_owned(),
            Value::String(text) if self.is_public(key, text) => format!("{text:?}"),
            Value::String(text) => match shape(text) {
                Shape::Id => format!("<id {}>", self.hash(text)),
                Shape::Time => "<time>".to_owned(),
                Shape::Address | Shape::Text => {
                    let number = self.text(text);
                    let number = number.rsplit('-').next().unwrap_or_default();
                    format!("<string {} #{number}>", text.chars().count())
                }
            },
            Value::Array(items) => format!("[{}]", count(items.len(), "item")),
            Value::Object(members) => format!("{{{}}}", count(members.len(), "member")),
        }
    }

    /// A value with everything in it replaced, its structure as it was.
    pub(super) fn value(&mut self, key: &str, value: &Value) -> Value {
        match value {
            Value::Null | Value::Bool(_) => value.clone(),
            Value::Number(_) if self.vocabulary.counts(key) => value.clone(),
            Value::Number(number) => {
                let replaced = self.text(&format!("number {number}"));
                let digits = replaced.rsplit('-').next().unwrap_or_default();
                let whole: u64 = digits.parse().unwrap_or_default();
                #[expect(clippy::cast_precision_loss, reason = "a sample has few numbers")]
                if number.is_f64() { Value::from(whole as f64 + 0.5) } else { Value::from(whole) }
            }
            Value::String(text) if self.is_public(key, text) => value.clone(),
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => items.iter().map(|item| self.value(key, item)).collect(),
            Value::Object(members) => {
                let mut replaced = Map::new();
                for (name, member) in members {
                    let name = self.name(name);
                    let member = self.value(&name, member);
                    replaced.insert(name, member);
                }
                Value::Object(replaced)
            }
        }
    }

    /// A text that is the value of a member or parameter.
    pub(super) fn word(&mut self, key: &str, text: &str) -> String {
        if self.is_public(key, text) { text.to_owned() } else { self.text(text) }
    }

    /// The name of a member, which may be data where objects are maps.
    pub(super) fn name(&mut self, name: &str) -> String {
        match self.vocabulary.names(name) {
            true => name.to_owned(),
            false => self.text(name),
        }
    }

    /// What stands for a text. Only characters that need no encoding in a path.
    pub(super) fn text(&mut self, text: &str) -> String {
        if text.is_empty() {
            return String::new();
        }
        if let Some(known) = self.known.get(text) {
            return known.clone();
        }
        let number = self.known.len() + 1;
        let replaced = match shape(text) {
            Shape::Id => format!("00000000-0000-4000-8000-{}", self.hash(text)),
            // Distinct, in a plausible form.
            Shape::Time => {
                format!(
                    "2025-01-01T{:02}:{:02}:{:02}Z",
                    number / 3600 % 24,
                    number / 60 % 60,
                    number % 60
                )
            }
            Shape::Address if self.is_upstream(text) => format!("{UPSTREAM}/text-{number}"),
            Shape::Address => format!("https://elsewhere.example/text-{number}"),
            Shape::Text => format!("text-{number}"),
        };
        self.known.insert(text.to_owned(), replaced.clone());
        replaced
    }

    fn is_upstream(&self, text: &str) -> bool {
        !self.upstream.is_empty() && text.starts_with(&self.upstream)
    }

    /// Whether a text may stay: a word of a contract, or up to two digits, as times of day are.
    fn is_public(&self, key: &str, text: &str) -> bool {
        let is_small = text.len() <= 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.is_empty() || is_small || self.vocabulary.lists(key, text)
    }

    /// Twelve hexadecimal digits.
    fn hash(&self, text: &str) -> String {
        let hash = Sha256::new().chain_update(self.salt).chain_update(text).finalize();
        hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    }
}

enum Shape {
    Id,
    Time,
    Address,
    Text,
}

fn shape(text: &str) -> Shape {
    let bytes = text.as_bytes();
    let is_time = bytes.len() >= 20
        && bytes.len() <= 35
        && bytes.get(4) == Some(&b'-')
        && bytes.get(10) == Some(&b'T')
        && bytes.get(13) == Some(&b':')
        && bytes.iter().take(4).all(u8::is_ascii_digit);
    match () {
        () if text.len() == 36 && uuid::Uuid::try_parse(text).is_ok() => Shape::Id,
        () if is_time => Shape::Time,
        () if text.starts_with("https://") || text.starts_with("http://") => Shape::Address,
        () => Shape::Text,
    }
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn redactor() -> Redactor {
        Redactor::new([7; 16], "https://upstream.example".to_owned())
    }

    #[test]
    fn nothing_of_the_data_is_left_and_the_structure_is() {
        let value = json!({
            "id": "0000000d-0000-4000-8000-00000000000f", "name": "hunter2", "active": true,
            "configuration": { "name": "hunter2", "password": "hunter2", "hunter3": 4711, "port": 5432 },
            "schedule": { "frequency": "daily", "hour": "05" },
            "policies": ["hunter2", "hunter4", null, ""],
            "created_at": "2024-05-05T10:00:00Z",
            "urls": ["https://upstream.example/x", "https://hunter5.example/x"],
        });
        let replaced = redactor().value("", &value);
        let text = replaced.to_string();
        for gone in ["hunter", "4711", "5432", "0000000d", "2024-05"] {
            assert!(!text.contains(gone), "{gone} in {text}");
        }
        assert_eq!(replaced["schedule"], value["schedule"]);
        assert_eq!(replaced["name"], replaced["policies"][0]);
        assert_eq!(replaced["name"], replaced["configuration"]["name"]);
        assert_ne!(replaced["policies"][0], replaced["policies"][1]);
        assert_eq!(replaced["policies"][2], Value::Null);
        assert!(replaced["urls"][0].as_str().unwrap().starts_with(UPSTREAM));
        assert_eq!(text, redactor().value("", &value).to_string());
    }

    #[test]
    fn values_show_by_their_shape() {
        let mut redactor = redactor();
        for (key, value, expected) in [
            ("name", json!("hunter2"), "<string 7 #1>"),
            ("name", json!("hunter3"), "<string 7 #2>"),
            ("name", json!("hunter2"), "<string 7 #1>"),
            ("frequency", json!("daily"), "\"daily\""),
            ("x", json!(12), "<number>"),
            ("x", json!([1]), "[1 item]"),
            ("x", json!({}), "{0 members}"),
            ("x", json!(null), "null"),
            ("created_at", json!("2024-05-05T10:00:00Z"), "<time>"),
        ] {
            assert_eq!(redactor.shown(key, &value), expected);
        }
        let id = redactor.shown("id", &json!("0000000d-0000-4000-8000-00000000000f"));
        assert!(id.starts_with("<id ") && id.len() == 17, "{id}");
    }
}
