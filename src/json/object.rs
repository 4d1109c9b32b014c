//! One JSON object, and what was changed of it.

use std::borrow::Cow;
use std::cell::OnceCell;

use super::Text;
use super::edits::{Edits, Place as Edited, Set};
use super::index::Index;
use super::listed::Listed;
use super::map::{Member, Members, Place};

/// An ordered list of members; keys keep their spelling, values are text.
///
/// The members stay in the text that the object was read from, and what is changed of them is kept
/// beside it: most lenses look at a few members of many. What nobody changed is written as it stood
/// there: an object as a whole, or members that stood and still stand beside each other.
#[derive(Debug, Clone)]
pub struct Object<'a> {
    /// The text it came from.
    source: Cow<'a, str>,
    listed: Listed<'a>,
    /// Made for the first that asks for a key: nobody does of many objects.
    index: OnceCell<Box<Index>>,
    edits: Edits<'a>,
}

impl<'a> Object<'a> {
    /// Reads the text of an object; none if it is the text of something else, or longer than 4 GiB.
    pub(super) fn split(text: &'a str, place: Option<Place<'a>>) -> Option<Self> {
        Some(Self::of(text, Listed::of(text, place)?))
    }

    fn of(text: &'a str, listed: Listed<'a>) -> Self {
        let (source, index) = (Cow::Borrowed(text), OnceCell::new());
        Self { source, listed, index, edits: Edits::default() }
    }

    /// How many members there are, duplicates included.
    pub fn len(&self) -> usize {
        self.members().count()
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.members().next().is_none()
    }

    /// Keys (unescaped) and values, in order.
    pub fn members(&self) -> impl Iterator<Item = (Cow<'_, str>, Text<'_>)> {
        fn shown<'o>(set: &'o Set<'_>) -> (Cow<'o, str>, Text<'o>) {
            (Cow::Borrowed(&*set.key), set.value.borrowed())
        }
        let listed = self.listed().filter_map(move |member| match self.edits.of(member.order) {
            Some(edit) => edit.map(shown),
            None => Some((member.name(&self.source), self.look(member))),
        });
        listed.chain(self.edits.added().map(shown))
    }

    /// The value of a key; of the last one where a key stands twice, as most readers have it.
    pub fn get(&self, key: &str) -> Option<Text<'_>> {
        match self.edits.find(key) {
            Some(set) => Some(set.value.borrowed()),
            None => self.last(key).map(|member| self.look(member)),
        }
    }

    /// The same, to be given to another object.
    pub fn value(&self, key: &str) -> Option<Text<'a>> {
        match self.edits.find(key) {
            Some(set) => Some(set.value.clone()),
            None => self.last(key).map(|member| self.give(member)),
        }
    }

    /// The value of a key unless it is absent or `null`: legacy clients write either.
    pub fn present(&self, key: &str) -> Option<Text<'_>> {
        self.get(key).filter(|value| !value.is_null())
    }

    /// The same, to be given to another object.
    pub fn present_value(&self, key: &str) -> Option<Text<'a>> {
        self.value(key).filter(|value| !value.is_null())
    }

    /// Whether a key is there, be it `null`.
    pub fn has(&self, key: &str) -> bool {
        self.edits.find(key).is_some() || self.last(key).is_some()
    }

    /// Whether a key stands more than once.
    pub fn repeats(&self, key: &str) -> bool {
        // What was set stands once.
        let mut seen = self.edits.touched();
        let mut count = 0;
        while let Some(order) = self.index().find(&self.source, key, seen) {
            (seen, count) = (seen | 1 << order, count + 1);
        }
        count + self.rest_with(key).count() > 1
    }

    /// Whether any key may stand more than once; where none does, looking for each of many can be
    /// spared.
    pub fn may_repeat(&self) -> bool {
        let index = self.index();
        index.has_rest() || index.has_twins(&self.source)
    }

    /// Gives a key a value, in its place if it has one, else at the end.
    pub fn set(&mut self, key: impl Into<Cow<'static, str>>, value: Text<'a>) {
        let key = key.into();
        let place = self.forget(&key);
        self.edits.put(place, Set { key, value });
    }

    /// Puts `replacement` where `key` stands, or at the end; `key` is gone afterwards.
    pub fn replace(
        &mut self,
        key: &str,
        replacement: impl Into<Cow<'static, str>>,
        value: Text<'a>,
    ) {
        let replacement = replacement.into();
        let place = self.forget(key);
        if key != replacement {
            self.forget(&replacement);
        }
        self.edits.put(place, Set { key: replacement, value });
    }

    /// Takes a key out, every time it stands there; gives its last value.
    pub fn remove(&mut self, key: &str) -> Option<Text<'a>> {
        let value = self.value(key)?;
        self.forget(key);
        Some(value)
    }

    /// Takes out every member whose key `is_it`.
    pub fn remove_where(&mut self, is_it: impl Fn(&str) -> bool) {
        let Self { source, listed, edits, .. } = self;
        for member in listed.members() {
            if edits.of(member.order).is_none() && is_it(&member.name(source)) {
                edits.forget_listed(member.order);
            }
        }
        edits.forget_where(|set| is_it(&set.key));
    }

    /// Gives a key another name, in its place. Does nothing where the key is absent.
    pub fn rename(&mut self, key: &str, name: impl Into<Cow<'static, str>>) {
        if let Some(value) = self.value(key) {
            self.replace(key, name, value);
        }
    }

    /// Changes the value of a key in place where the key is there.
    pub fn map(
        &mut self,
        key: impl Into<Cow<'static, str>>,
        change: impl FnOnce(&Text<'a>) -> Option<Text<'a>>,
    ) {
        let key = key.into();
        if let Some(value) = self.value(&key).as_ref().and_then(change) {
            self.set(key, value);
        }
    }

    /// Changes the values that nobody has edited, where they stand and as often as a key does; `change`
    /// gives none for one that stays.
    ///
    /// # Errors
    /// Those of `change`; nothing is changed then.
    pub fn change_values<E>(
        &mut self,
        mut change: impl FnMut(&str, Text<'a>) -> Result<Option<Text<'a>>, E>,
    ) -> Result<(), E> {
        let mut changed = Vec::new();
        for member in self.listed().filter(|member| self.edits.of(member.order).is_none()) {
            let key = member.name(&self.source);
            if let Some(value) = change(&key, self.give(member))? {
                changed.push((member.order, key.into_owned(), value));
            }
        }
        for (order, key, value) in changed {
            let place = self.edits.forget_listed(order);
            self.edits.put(Some(place), Set { key: key.into(), value });
        }
        Ok(())
    }

    /// The JSON text, without a copy where nothing was changed.
    pub fn into_text(self) -> Text<'a> {
        match self.source {
            Cow::Borrowed(source) if self.edits.is_empty() => Text::trusted(source),
            _ => self.to_text(),
        }
    }

    /// The same object, owning its text.
    pub fn into_owned(self) -> Object<'static> {
        let found = self.listed().filter_map(Member::alone).collect();
        Object {
            listed: Listed::Found(found),
            source: Cow::Owned(self.source.into_owned()),
            index: OnceCell::new(),
            edits: self.edits.into_owned(),
        }
    }

    /// Whether both say the same: key order, and `null` against absent, carry no meaning.
    pub fn says_the_same_as(&self, other: &Object<'_>) -> bool {
        self.to_text().means(&other.to_text())
    }

    #[inline]
    fn index(&self) -> &Index {
        self.index.get_or_init(|| Box::new(Index::of(self.listed())))
    }

    /// The members of the source.
    fn listed(&self) -> Members<'_> {
        self.listed.members()
    }

    /// The members of the source with that key which are not indexed, and which nobody has edited.
    fn rest_with(&self, key: &str) -> impl Iterator<Item = Member<'_>> {
        let mut rest = self.index().rest(self.listed());
        let own = std::iter::from_fn(move || rest.next_with(&self.source, key));
        own.filter(|member| self.edits.of(member.order).is_none())
    }

    /// The last of all of them.
    #[inline]
    fn last(&self, key: &str) -> Option<Member<'_>> {
        let index = self.index();
        if index.has_rest()
            && let Some(last) = self.last_of_rest(key)
        {
            return Some(last);
        }
        let order = index.find(&self.source, key, self.edits.touched())?;
        index.member(&self.listed(), order)
    }

    #[cold]
    fn last_of_rest(&self, key: &str) -> Option<Member<'_>> {
        self.rest_with(key).last()
    }

    /// The value of a member of the source, for a look.
    fn look<'o>(&'o self, member: Member<'o>) -> Text<'o> {
        let text = self.source.get(member.value()).unwrap_or_default();
        match self.listed {
            Listed::Noted(place) => Text::placed(text, place.of(member.index)),
            Listed::Found(_) => Text::trusted(text),
        }
    }

    /// The same, for longer than this object.
    fn give(&self, member: Member<'_>) -> Text<'a> {
        let text = match &self.source {
            Cow::Borrowed(source) => source.get(member.value()).unwrap_or_default(),
            Cow::Owned(source) => {
                return Text::owned(source.get(member.value()).unwrap_or_default().to_owned());
            }
        };
        match self.listed {
            Listed::Noted(place) => Text::placed(text, place.of(member.index)),
            Listed::Found(_) => Text::trusted(text),
        }
    }

    /// Takes out every member with that key; gives the place of the first.
    fn forget(&mut self, key: &str) -> Option<Edited> {
        let set = self.edits.forget(key);
        let Self { source, listed, index, edits } = self;
        let members = listed.members();
        let index = index.get_or_init(|| Box::new(Index::of(members.clone())));
        let mut first = None;
        while let Some(order) = index.find(source, key, edits.touched()) {
            first = Some(edits.forget_listed(order));
        }
        if !index.has_rest() {
            return set.or(first);
        }
        let mut rest = index.rest(members);
        while let Some(member) = rest.next_with(source, key) {
            if edits.of(member.order).is_none() {
                let place = edits.forget_listed(member.order);
                first = first.or(Some(place));
            }
        }
        set.or(first)
    }
}

#[cfg(test)]
mod tests;
mod write;
