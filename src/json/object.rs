//! One JSON object, split into members that nobody has looked into.

use std::borrow::Cow;
use std::ops::Range;

use super::Text;
use super::map::Place;
use super::scan::{is_plain_string, is_string, quote, skip_key, skip_space, skip_value, unquote};

/// An ordered list of members; keys keep their spelling, values are text.
///
/// What nobody changed is written as it stood in the text that the object was split from: an object
/// as a whole, or members that stood and still stand beside each other.
#[derive(Debug, Clone)]
pub struct Object<'a> {
    members: Vec<Member<'a>>,
    /// The text it came from.
    source: Cow<'a, str>,
    /// Whether it still says what its source says.
    is_unchanged: bool,
}

#[derive(Debug, Clone)]
struct Member<'a> {
    /// With its quotes, escaped as it was.
    key: Cow<'a, str>,
    /// Whether nothing of the key is escaped.
    is_plain: bool,
    value: Text<'a>,
    /// Where it stands in the source; none for a member that does not come from there.
    from: Option<From>,
}

/// Where a member stands in the text of its object.
#[derive(Debug, Clone, Copy)]
struct From {
    /// Which one it is, counted from 0.
    order: u32,
    /// From its key's opening quote.
    start: u32,
    /// To the end of its value.
    end: u32,
}

impl<'a> Member<'a> {
    fn new(
        text: &'a str,
        order: usize,
        (key, is_plain): (Range<usize>, bool),
        value: Text<'a>,
        end: usize,
    ) -> Option<Self> {
        // What is further behind than 4 GiB is written member by member.
        let from = match (u32::try_from(order), u32::try_from(key.start), u32::try_from(end)) {
            (Ok(order), Ok(start), Ok(end)) => Some(From { order, start, end }),
            _ => None,
        };
        Some(Self { key: Cow::Borrowed(text.get(key)?), is_plain, value, from })
    }

    fn is(&self, key: &str) -> bool {
        match self.is_plain {
            true => is_plain_string(&self.key, key),
            false => is_string(&self.key, key),
        }
    }

    fn into_owned(self) -> Member<'static> {
        Member {
            key: Cow::Owned(self.key.into_owned()),
            is_plain: self.is_plain,
            value: self.value.into_owned(),
            from: self.from,
        }
    }
}

impl<'a> Object<'a> {
    /// An object without members.
    pub fn empty() -> Self {
        Self { members: Vec::new(), source: Cow::Borrowed("{}"), is_unchanged: true }
    }

    /// Splits the text of an object; none if it is the text of something else.
    pub(super) fn split(text: &'a str, place: Option<Place<'a>>) -> Option<Self> {
        if text.as_bytes().first() != Some(&b'{') {
            return None;
        }
        let members = match place.and_then(|place| Some((place, place.children()?))) {
            Some((place, children)) => {
                let base = place.range().start;
                let mut members = Vec::with_capacity(32);
                for (order, child) in children.enumerate() {
                    let (key, value) = (child.key(), Text::within(text, place, child));
                    let (key, end) = (key.start - base..key.end - base, child.range().end - base);
                    let key = (key, child.has_plain_key());
                    members.push(Member::new(text, order, key, value, end)?);
                }
                members
            }
            None => search(text)?,
        };
        Some(Self { members, source: Cow::Borrowed(text), is_unchanged: true })
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
        self.is_unchanged = false;
        // Whatever else has the key goes, before the place and behind it.
        let mut place = place;
        while let Some(other) = self.members.iter().position(|member| member.is(key)) {
            self.members.remove(other);
            place -= usize::from(other < place);
        }
        let key = quote(key);
        let is_plain = !key.contains('\\');
        self.members.insert(place, Member { key: Cow::Owned(key), is_plain, value, from: None });
    }

    /// Takes a key out, every time it stands there; gives its last value.
    pub fn remove(&mut self, key: &str) -> Option<Text<'a>> {
        let mut removed = None;
        while let Some(place) = self.members.iter().position(|member| member.is(key)) {
            self.is_unchanged = false;
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
        if self.is_unchanged {
            out.push_str(&self.source);
            return;
        }
        if out.is_empty() {
            let size = |member: &Member<'_>| member.key.len() + member.value.as_text().len() + 2;
            // Exactly: what is written is often kept, and growing by doubling would keep as much again.
            out.reserve_exact(self.members.iter().map(size).sum::<usize>() + 2);
        }
        out.push('{');
        let mut members = self.members.iter().peekable();
        while let Some(member) = members.next() {
            match member.from {
                Some(first) => {
                    let mut last = first;
                    let follows = |next: &&Member<'_>, last: From| {
                        next.from.filter(|from| from.order == last.order + 1)
                    };
                    while let Some(next) = members.peek().and_then(|next| follows(next, last)) {
                        last = next;
                        members.next();
                    }
                    let run = first.start as usize..last.end as usize;
                    out.push_str(self.source.get(run).unwrap_or_default());
                }
                None => {
                    out.push_str(&member.key);
                    out.push(':');
                    out.push_str(member.value.as_text());
                }
            }
            if members.peek().is_some() {
                out.push(',');
            }
        }
        out.push('}');
    }

    /// Appends the object without the members that have one of `keys`.
    pub fn write_without(&self, keys: &[&str], out: &mut String) {
        out.push('{');
        let mut is_first = true;
        for member in self.members.iter().filter(|member| !keys.iter().any(|key| member.is(key))) {
            if !std::mem::take(&mut is_first) {
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
        marked.set(key, Text::owned(text.to_owned()));
        marked.write(out);
    }

    /// The JSON text.
    pub fn to_text(&self) -> Text<'static> {
        let mut out = String::new();
        self.write(&mut out);
        Text::owned(out)
    }

    /// The JSON text, without a copy where nothing was changed.
    pub fn into_text(self) -> Text<'a> {
        match self.source {
            Cow::Borrowed(source) if self.is_unchanged => Text::trusted(source),
            _ => self.to_text(),
        }
    }

    /// The same object, owning its text.
    pub fn into_owned(self) -> Object<'static> {
        Object {
            members: self.members.into_iter().map(Member::into_owned).collect(),
            source: Cow::Owned(self.source.into_owned()),
            is_unchanged: self.is_unchanged,
        }
    }

    /// Whether both say the same: key order, and `null` against absent, carry no meaning.
    pub fn says_the_same_as(&self, other: &Object<'_>) -> bool {
        self.to_text().means(&other.to_text())
    }
}

/// The members of an object whose text is searched for them.
fn search(text: &str) -> Option<Vec<Member<'_>>> {
    let bytes = text.as_bytes();
    let mut members = Vec::with_capacity(16);
    let mut at = skip_space(bytes, 1);
    while bytes.get(at) == Some(&b'"') {
        let (key_end, is_plain) = skip_key(bytes, at);
        let start = skip_space(bytes, skip_space(bytes, key_end) + 1);
        let end = skip_value(bytes, start);
        let value = Text::trusted(text.get(start..end)?);
        members.push(Member::new(text, members.len(), (at..key_end, is_plain), value, end)?);
        at = skip_space(bytes, end);
        if bytes.get(at) != Some(&b',') {
            break;
        }
        at = skip_space(bytes, at + 1);
    }
    Some(members)
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
            r#"{"n":12.50, "big":18446744073709551616, "\u0061":1e3, "x":{ "y" : [ ] }, "x":null,"new":true}"#
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
