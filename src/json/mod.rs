//! JSON read only as deep as somebody asks.
//!
//! A body is validated once ([`parse`]); from then on it is text that is known to be JSON. An
//! [`Object`] or [`Array`] is split into its members without looking inside them, and what nobody
//! touches is written again byte for byte: number text, key spelling, key order, duplicate keys,
//! `null` against absent. Validation is `serde_json`'s; splitting is ours, because `serde_json`
//! can neither keep the spelling of keys nor refuse deep nesting without building a tree.

mod array;
mod edits;
mod index;
mod listed;
mod map;
mod marks;
mod object;
mod scan;
mod valid;
mod writer;

pub use array::Array;
pub use object::Object;
pub(crate) use scan::{push_escaped, push_quoted};

use std::borrow::Cow;

use serde_json::value::RawValue;
// Several times as fast as the standard library's: each byte of every body that is translated goes through.
use simdutf8::basic::from_utf8 as utf8;

use map::{Map, Place};

/// How deep arrays and objects may nest. `serde_json` refuses trees deeper than 128, and a tree
/// is what comparisons and JSONPath queries build.
pub const MAX_DEPTH: usize = 120;

/// What is wrong with a text that should have been JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Not JSON, or not UTF-8.
    #[error("{what} at line {line} column {column}")]
    Invalid {
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in bytes.
        column: usize,
        /// What the reader stumbled over.
        what: String,
    },
    /// JSON, but nested deeper than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
}

/// One JSON value as text, known to be valid and without surrounding white space.
#[derive(Debug, Clone)]
pub struct Text<'a> {
    text: Cow<'a, str>,
    /// Where it stands in a body whose values are known.
    place: Option<Place<'a>>,
}

impl PartialEq for Text<'_> {
    /// Whether the same is written.
    fn eq(&self, other: &Self) -> bool {
        // Most that are compared were not changed, and stand in one place.
        std::ptr::eq::<str>(&*self.text, &*other.text) || self.text == other.text
    }
}

impl Eq for Text<'_> {}

/// A whole body that is about to be taken apart, and where its values stand.
#[derive(Debug)]
pub struct Document<'a> {
    text: &'a str,
    map: Option<Map>,
}

impl<'a> Document<'a> {
    /// Validates a body.
    ///
    /// # Errors
    /// Those of [`parse`].
    pub fn read(bytes: &'a [u8]) -> Result<Self, JsonError> {
        let text = utf8(bytes).unwrap_or_default();
        if let Some(map) = Map::of(text) {
            return Ok(Self { text, map: Some(map) });
        }
        let Text { text: Cow::Borrowed(text), .. } = parse(bytes)? else {
            return Err(JsonError::TooDeep);
        };
        Ok(Self { text, map: None })
    }

    /// The value.
    pub fn text(&self) -> Text<'_> {
        let Some(map) = &self.map else { return Text::trusted(self.text) };
        Text::at(self.text, map.root())
    }
}

/// Validates a whole body and gives it as text.
///
/// # Errors
/// Where and why it is not JSON, or that it nests too deep.
pub fn parse(bytes: &[u8]) -> Result<Text<'_>, JsonError> {
    match utf8(bytes) {
        Ok(text) if valid::is_json(text) => Ok(Text::trusted(text.trim_matches(scan::is_space))),
        _ => judged(bytes),
    }
}

/// The verdict of `serde_json`, with its reason.
fn judged(bytes: &[u8]) -> Result<Text<'_>, JsonError> {
    let raw: &RawValue = serde_json::from_slice(bytes).map_err(|error| {
        let text = error.to_string();
        let what = text.split(" at line ").next().unwrap_or_default().to_owned();
        JsonError::Invalid { line: error.line(), column: error.column(), what }
    })?;
    let text = raw.get().trim_matches(scan::is_space);
    if scan::deeper_than(text, MAX_DEPTH) {
        return Err(JsonError::TooDeep);
    }
    Ok(Text::trusted(text))
}

impl<'a> Text<'a> {
    /// Text that somebody vouches for: a slice of validated text.
    fn trusted(text: &'a str) -> Self {
        Self { text: Cow::Borrowed(text), place: None }
    }

    /// The value at a place of the whole text.
    fn at(whole: &'a str, place: Place<'a>) -> Self {
        let text = whole.get(place.range()).unwrap_or_default();
        Self { text: Cow::Borrowed(text), place: Some(place) }
    }

    /// The value at a place, whose text is this.
    const fn placed(text: &'a str, place: Place<'a>) -> Self {
        Self { text: Cow::Borrowed(text), place: Some(place) }
    }

    /// Text of its own.
    fn owned(text: String) -> Text<'static> {
        Text { text: Cow::Owned(text), place: None }
    }

    /// A JSON string.
    pub fn string(value: &str) -> Text<'static> {
        Text::owned(scan::quote(value))
    }

    /// `true` or `false`.
    pub const fn boolean(value: bool) -> Text<'static> {
        Text { text: Cow::Borrowed(if value { "true" } else { "false" }), place: None }
    }

    /// A value built as a tree. For the few that the shim makes itself.
    pub fn tree(value: &serde_json::Value) -> Text<'static> {
        Text::owned(value.to_string())
    }

    /// The text.
    pub fn as_text(&self) -> &str {
        &self.text
    }

    /// Text that [`Object::write`] wrote.
    pub(crate) fn written(text: String) -> Text<'static> {
        Text::owned(text)
    }

    /// The text, owned.
    pub fn into_string(self) -> String {
        self.text.into_owned()
    }

    /// The same, owning its text.
    pub fn into_owned(self) -> Text<'static> {
        Text::owned(self.text.into_owned())
    }

    /// The same, borrowing from this one.
    pub fn borrowed(&self) -> Text<'_> {
        Text { text: Cow::Borrowed(&self.text), place: self.place }
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        &*self.text == "null"
    }

    /// Whether this is an object.
    pub fn is_object(&self) -> bool {
        self.text.starts_with('{')
    }

    /// Whether this is an empty array, whatever white space it holds.
    pub fn is_empty_array(&self) -> bool {
        self.text
            .strip_prefix('[')
            .is_some_and(|rest| rest.trim_start_matches(scan::is_space) == "]")
    }

    /// The value of a JSON string, unescaped.
    pub fn as_string(&self) -> Option<Cow<'_, str>> {
        scan::unquote(&self.text)
    }

    /// The same, borrowing what this text borrows.
    pub fn into_str(self) -> Option<Cow<'a, str>> {
        match self.text {
            Cow::Borrowed(text) => scan::unquote(text),
            Cow::Owned(text) => scan::unquote(&text).map(|text| Cow::Owned(text.into_owned())),
        }
    }

    /// Whether this is the JSON string `value`, however it is escaped.
    pub fn is_string(&self, value: &str) -> bool {
        scan::is_string(&self.text, value)
    }

    /// The value of `true` or `false`.
    pub fn as_boolean(&self) -> Option<bool> {
        match &*self.text {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// What kind of value this is, as an article and a noun for messages.
    pub fn kind(&self) -> &'static str {
        match self.text.as_bytes().first() {
            Some(b'{') => "an object",
            Some(b'[') => "an array",
            Some(b'"') => "a string",
            Some(b't' | b'f') => "a boolean",
            Some(b'n') => "null",
            _ => "a number",
        }
    }

    /// The members of an object; none if this is something else.
    pub fn object(&self) -> Option<Object<'_>> {
        Object::split(&self.text, self.place)
    }

    /// The members of an object that borrows what this text borrows.
    pub fn into_object(self) -> Option<Object<'a>> {
        match self.text {
            Cow::Borrowed(text) => Object::split(text, self.place),
            Cow::Owned(text) => Object::split(&text, None).map(Object::into_owned),
        }
    }

    /// The items of an array; none if this is something else.
    pub fn array(&self) -> Option<Array<'_>> {
        Array::split(&self.text, self.place)
    }

    /// The items of an array that borrows what this text borrows.
    pub fn into_array(self) -> Option<Array<'a>> {
        match self.text {
            Cow::Borrowed(text) => Array::split(text, self.place),
            Cow::Owned(text) => Array::split(&text, None).map(Array::into_owned),
        }
    }

    /// This value as a tree without members that are `null`, at any depth: what it says, however
    /// it is written.
    pub fn meaning(&self) -> serde_json::Value {
        fn stripped(value: serde_json::Value) -> serde_json::Value {
            use serde_json::Value;
            match value {
                Value::Object(map) => {
                    let present = map.into_iter().filter(|(_, value)| !value.is_null());
                    Value::Object(present.map(|(key, value)| (key, stripped(value))).collect())
                }
                Value::Array(items) => Value::Array(items.into_iter().map(stripped).collect()),
                other => other,
            }
        }
        stripped(self.to_tree())
    }

    /// Whether both say the same: key order, and `null` against absent, carry no meaning.
    pub fn means(&self, other: &Text<'_>) -> bool {
        self.meaning() == other.meaning()
    }

    /// This value as a tree, for comparing and querying. Numbers beyond 64 bits lose precision in
    /// a tree, so a tree is never written back.
    pub fn to_tree(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap_or(serde_json::Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn says_where_a_text_stops_being_json() {
        let JsonError::Invalid { line, column, .. } = parse(b"{\n  \"a\": x\n}").unwrap_err()
        else {
            panic!("expected a place");
        };
        assert_eq!((line, column), (2, 8));
        assert!(parse(b"").is_err());
        assert!(parse(b"{} {}").is_err());
        assert!(parse(b"\"\xff\"").is_err());
    }

    #[test]
    fn refuses_deep_nesting_without_recursing() {
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        assert_eq!(parse(deep.as_bytes()), Err(JsonError::TooDeep));
        let brackets_in_a_string = format!("\"{}\"", "[".repeat(10_000));
        assert!(parse(brackets_in_a_string.as_bytes()).is_ok());
    }

    #[test]
    fn values_know_what_they_are() {
        let text = parse(b" [ ] ").unwrap();
        assert!(text.is_empty_array());
        assert!(parse(b"\"\\u0061\"").unwrap().is_string("a"));
        assert_eq!(parse(b"12.50").unwrap().kind(), "a number");
        assert_eq!(parse(b"true").unwrap().as_boolean(), Some(true));
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            ".*".prop_map(serde_json::Value::from),
        ];
        leaf.prop_recursive(5, 60, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
                prop::collection::btree_map(".*", inner, 0..8)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn splitting_agrees_with_serde_json(value in any_json(), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
            let parsed = parse(text.as_bytes()).unwrap();
            match &value {
                serde_json::Value::Object(map) => {
                    let object = parsed.object().unwrap();
                    prop_assert_eq!(object.len(), map.len());
                    for (key, member) in map {
                        prop_assert_eq!(&object.get(key).unwrap().to_tree(), member);
                    }
                    prop_assert_eq!(object.to_text().to_tree(), value.clone());
                }
                serde_json::Value::Array(items) => {
                    let array = parsed.array().unwrap();
                    prop_assert_eq!(array.items().len(), items.len());
                    for (split, item) in array.items().iter().zip(items) {
                        prop_assert_eq!(&split.to_tree(), item);
                    }
                }
                _ => prop_assert!(parsed.object().is_none() && parsed.array().is_none()),
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(text) = parse(&bytes) {
                let _ = text.object();
                let _ = text.array();
            }
        }
    }
}
