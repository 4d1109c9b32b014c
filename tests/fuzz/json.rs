//! The splitter of JSON against `serde_json`.

use polytomic_shim::json::{self, Document, JsonError, Text};
use serde_json::value::RawValue;

use crate::corpus;
use crate::driver::fuzz;

const WORDS: &[&str] = &[
    "\"a\":",
    "\"\\u0061\":",
    "\"\\ud83d\\ude00\"",
    "\"\\ud83d\"",
    "[[[[",
    "{\"a\":{\"a\":",
    "1e400",
    "-0",
    "12.50",
    "null",
    "true",
    "{}",
    "[]",
    "\"\"",
    "\\",
    "\\\"",
    ",",
    ":",
    "\u{feff}",
    "1E+2",
    "01",
    "\"\u{7f}\"",
];

#[test]
fn json_splitter() {
    let mut inputs = corpus::fixtures(&["body"]);
    inputs.extend([&b" [1, {\"a\" : \"\\\"]\" }] "[..], b"\"\"", b"-1.5e-7"].map(<[u8]>::to_vec));
    inputs.push("[".repeat(200).into_bytes());
    inputs.push(["{\"a\":".repeat(100), "1".to_owned(), "}".repeat(100)].concat().into_bytes());
    fuzz("json_splitter", inputs, WORDS, |input| {
        let oracle = serde_json::from_slice::<&RawValue>(input);
        match (json::parse(input), oracle) {
            (Ok(text), Ok(oracle)) => {
                same(&text, oracle);
                // The same with the map of its values that bodies of lists are read by.
                same(&Document::read(input).unwrap().text(), oracle);
                format!("{} {}", text.kind(), input.len().ilog2())
            }
            (Err(JsonError::TooDeep), _) => "too deep".to_owned(),
            (Err(error), Err(_)) => error.to_string(),
            (own, oracle) => panic!("{:?} but {:?}", own.map(Text::into_string), oracle),
        }
    });
}

/// The two readings of one text are the same, all the way down.
fn same(text: &Text<'_>, oracle: &RawValue) {
    assert_eq!(text.as_text(), oracle.get());
    assert_eq!(text.is_null(), oracle.get() == "null");
    // A surrogate without its other half is JSON, and no text.
    let string = serde_json::from_str::<String>(oracle.get()).ok();
    assert_eq!(text.as_string().as_deref(), string.as_deref());
    assert_eq!(text.as_boolean(), serde_json::from_str(oracle.get()).ok());
    if let Some(array) = text.array() {
        let items: Vec<&RawValue> = serde_json::from_str(oracle.get()).unwrap();
        assert_eq!(array.items().len(), items.len());
        for (item, oracle) in array.items().iter().zip(items) {
            same(item, oracle);
        }
        let written: Vec<Box<RawValue>> = serde_json::from_str(array.to_text().as_text()).unwrap();
        assert_eq!(written.len(), array.items().len());
    } else {
        assert!(!oracle.get().starts_with('['));
    }
    let Some(object) = text.object() else {
        assert!(!oracle.get().starts_with('{') || bad_keys(oracle.get()), "{}", oracle.get());
        return;
    };
    let members = Members::read(oracle.get());
    let Some(members) = members else { return };
    assert_eq!(object.len(), members.len());
    for ((key, value), (known, oracle)) in object.members().zip(&members) {
        assert_eq!(key, known.as_str());
        same(&value, oracle);
        let times = members.iter().filter(|(other, _)| other == known).count();
        assert_eq!(object.repeats(&key), times > 1, "{key}");
        assert!(object.has(&key));
        let last = members.iter().rfind(|(other, _)| other == known);
        assert_eq!(object.get(&key).as_ref().map(Text::as_text), last.map(|(_, last)| last.get()));
    }
    let written = object.to_text();
    let again = Members::read(written.as_text()).unwrap();
    assert_eq!(again.len(), members.len());
    for ((key, value), (known, oracle)) in again.iter().zip(&members) {
        assert_eq!((key, value.get()), (known, oracle.get()));
    }
}

/// Whether a key cannot be a text.
fn bad_keys(text: &str) -> bool {
    Members::read(text).is_none()
}

/// Members in order, repeated ones included, which no map of `serde_json` keeps.
struct Members(Vec<(String, Box<RawValue>)>);

impl Members {
    fn read(text: &str) -> Option<Vec<(String, Box<RawValue>)>> {
        serde_json::from_str::<Self>(text).ok().map(|members| members.0)
    }
}

impl<'de> serde::Deserialize<'de> for Members {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Members;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}
