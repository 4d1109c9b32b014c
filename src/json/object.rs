//! One JSON object, split into members that nobody has looked into.

use std::borrow::Cow;

use super::Text;
use super::scan::{skip_space, skip_string, skip_value, unquote};

/// An ordered list of members; keys keep their spelling, values are text.
///
/// An object that nobody changed is written as the text it was split from.
#[derive(Debug, Clone)]
pub struct Object<'a> {
    members: Vec<Member<'a>>,
    /// The text it came from, as long as it says the same.
    unchanged: Option<Cow<'a, str>>,
}

#[derive(Debug, Clone)]
struct Member<'a> {
    /// With its quotes, escaped as it was.
    key: Cow<'a, str>,
    value: Text<'a>,
}

impl Member<'_> {
    fn is(&self, key: &str) -> bool {
        unquote(&self.key).is_some_and(|own| own == key)
    }

    fn into_owned(self) -> Member<'static> {
        Member { key: Cow::Owned(self.key.into_owned()), value: self.value.into_owned() }
    }
}

impl<'a> Object<'a> {
    /// An object without members.
    pub fn empty() -> Self {
        Self { members: Vec::new(), unchanged: None }
    }

    /// Splits the text of an object; none if it is the text of something else.
    pub(super) fn split(text: &'a str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.first() != Some(&b'{') {
            return None;
        }
        let mut members = Vec::with_capacity(16);
        let mut at = skip_space(bytes, 1);
        while bytes.get(at) == Some(&b'"') {
            let key_end = skip_string(bytes, at);
            let value_start = skip_space(bytes, skip_space(bytes, key_end) + 1);
            let value_end = skip_value(bytes, value_start);
            let key = Cow::Borrowed(text.get(at..key_end)?);
            let value = Text::trusted(text.get(value_start..value_end)?);
            members.push(Member { key, value });
            at = skip_space(bytes, value_end);
            if bytes.get(at) != Some(&b',') {
                break;
            }
            at = skip_space(bytes, at + 1);
        }
        Some(Self { members, unchanged: Some(Cow::Borrowed(text)) })
    }

    /// How many members there are, duplicates included.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Keys (unescaped) and values, in order.
    pub fn members(&self) -> impl Iterator<Item = (Cow<'_, str>, &Text<'a>)> {
        self.members.iter().map(|member| (unquote(&member.key).unwrap_or_default(), &member.value))
    }

    /// The value of a key; of the last one where a key stands twice, as most readers have it.
    pub fn get(&self, key: &str) -> Option<&Text<'a>> {
        self.members.iter().rev().find(|member| member.is(key)).map(|member| &member.value)
    }

    /// The value of a key unless it is absent or `null`: legacy clients write either.
    pub fn present(&self, key: &str) -> Option<&Text<'a>> {
        self.get(key).filter(|value| !value.is_null())
    }

    /// Whether a key is there, be it `null`.
    pub fn has(&self, key: &str) -> bool {
        self.members.iter().any(|member| member.is(key))
    }

    /// Whether a key stands more than once.
    pub fn repeats(&self, key: &str) -> bool {
        self.members.iter().filter(|member| member.is(key)).nth(1).is_some()
    }

    /// Gives a key a value, in its place if it has one, else at the end.
    pub fn set(&mut self, key: &str, value: Text<'a>) {
        match self.members.iter().position(|member| member.is(key)) {
            Some(place) => self.set_at(place, key, value),
            None => self.set_at(self.members.len(), key, value),
        }
    }

    /// Puts `replacement` where `key` stands, or at the end; `key` is gone afterwards.
    pub fn replace(&mut self, key: &str, replacement: &str, value: Text<'a>) {
        let place =
            self.members.iter().position(|member| member.is(key)).unwrap_or(self.members.len());
        self.set_at(place, replacement, value);
        if key != replacement {
            self.remove(key);
        }
    }

    fn set_at(&mut self, place: usize, key: &str, value: Text<'a>) {
        self.unchanged = None;
        let key_text = Cow::Owned(serde_json::Value::from(key).to_string());
        self.members.insert(place, Member { key: key_text, value });
        let mut index = 0;
        self.members.retain(|member| {
            index += 1;
            index - 1 == place || !member.is(key)
        });
    }

    /// Takes a key out, every time it stands there; gives its last value.
    pub fn remove(&mut self, key: &str) -> Option<Text<'a>> {
        let mut removed = None;
        while let Some(place) = self.members.iter().position(|member| member.is(key)) {
            self.unchanged = None;
            removed = Some(self.members.remove(place).value);
        }
        removed
    }

    /// Gives a key another name, in its place. Does nothing where the key is absent.
    pub fn rename(&mut self, key: &str, name: &str) {
        if let Some(value) = self.get(key).cloned() {
            self.replace(key, name, value);
        }
    }

    /// Changes the value of a key in place where the key is there.
    pub fn map(&mut self, key: &str, change: impl FnOnce(&Text<'a>) -> Option<Text<'a>>) {
        if let Some(value) = self.get(key).and_then(change) {
            self.set(key, value);
        }
    }

    /// Appends the JSON text to `out`.
    pub fn write(&self, out: &mut String) {
        if let Some(text) = &self.unchanged {
            out.push_str(text);
            return;
        }
        let size: usize = self
            .members
            .iter()
            .map(|member| member.key.len() + member.value.as_text().len() + 2)
            .sum();
        // Exactly: what is written is often kept, and growing by doubling would keep as much again.
        out.reserve_exact(size + 2);
        out.push('{');
        for (index, member) in self.members.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            out.push_str(&member.key);
            out.push(':');
            out.push_str(member.value.as_text());
        }
        out.push('}');
    }

    /// Appends the object with `text` as the value of `key`, which need not be JSON: a place to
    /// fill in later.
    pub fn write_with(&self, key: &str, text: &str, out: &mut String) {
        let mut marked = self.clone();
        marked.set(key, Text(Cow::Owned(text.to_owned())));
        marked.write(out);
    }

    /// The JSON text.
    pub fn to_text(&self) -> Text<'static> {
        let mut out = String::new();
        self.write(&mut out);
        Text(Cow::Owned(out))
    }

    /// The same object, owning its text.
    pub fn into_owned(self) -> Object<'static> {
        Object {
            members: self.members.into_iter().map(Member::into_owned).collect(),
            unchanged: self.unchanged.map(|text| Cow::Owned(text.into_owned())),
        }
    }

    /// Whether both say the same: key order, and `null` against absent, carry no meaning.
    pub fn says_the_same_as(&self, other: &Object<'_>) -> bool {
        self.to_text().means(&other.to_text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    fn object(text: &str) -> Object<'_> {
        parse(text.as_bytes()).unwrap().into_object().unwrap()
    }

    #[test]
    fn untouched_members_keep_every_byte() {
        let mut value = object(
            r#"{"n":12.50, "big":18446744073709551616, "\u0061":1e3, "x":{ "y" : [ ] }, "x":null}"#,
        );
        value.set("new", Text::boolean(true));
        assert_eq!(
            value.to_text().as_text(),
            r#"{"n":12.50,"big":18446744073709551616,"\u0061":1e3,"x":{ "y" : [ ] },"x":null,"new":true}"#
        );
    }

    #[test]
    fn an_unchanged_object_keeps_its_white_space() {
        let text = "{ \"a\" : 1 }";
        assert_eq!(object(text).to_text().as_text(), text);
    }

    #[test]
    fn escaped_keys_are_found() {
        let mut value = object(r#"{"sched\u0075le":1,"b":2}"#);
        assert!(value.has("schedule"));
        value.rename("schedule", "default_schedule");
        assert_eq!(value.to_text().as_text(), r#"{"default_schedule":1,"b":2}"#);
    }

    #[test]
    fn replacing_keeps_the_place() {
        let mut value = object(r#"{"a":1,"b":2,"c":3}"#);
        value.replace("b", "z", Text::boolean(false));
        assert_eq!(value.to_text().as_text(), r#"{"a":1,"z":false,"c":3}"#);
        value.replace("c", "a", Text::boolean(true));
        assert_eq!(value.to_text().as_text(), r#"{"z":false,"a":true}"#);
    }

    #[test]
    fn repeated_keys_are_seen() {
        let value = object(r#"{"a":1,"\u0061":2}"#);
        assert!(value.repeats("a"));
        assert_eq!(value.get("a").unwrap().as_text(), "2");
    }

    #[test]
    fn meaning_ignores_order_and_null() {
        assert!(object(r#"{"a":1,"b":null}"#).says_the_same_as(&object(r#"{"a":1}"#)));
        assert!(!object(r#"{"a":1}"#).says_the_same_as(&object(r#"{"a":2}"#)));
    }
}
