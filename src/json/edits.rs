//! What was changed of an object's members.

use std::borrow::Cow;

use super::Text;
use super::scan::{is_plain_string, is_string, quote, unquote};

/// A member that was set. No other member of its object has its key.
#[derive(Debug, Clone)]
pub(super) struct Set<'a> {
    /// With its quotes.
    key: String,
    /// Whether nothing of the key is escaped.
    is_plain: bool,
    pub value: Text<'a>,
}

impl<'a> Set<'a> {
    pub fn new(key: &str, value: Text<'a>) -> Self {
        let key = quote(key);
        let is_plain = !key.contains('\\');
        Self { key, is_plain, value }
    }

    /// With its quotes, escaped where it has to be.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Unescaped.
    pub fn name(&self) -> Cow<'_, str> {
        unquote(&self.key).unwrap_or_default()
    }

    pub fn is(&self, key: &str) -> bool {
        match self.is_plain {
            true => is_plain_string(&self.key, key),
            false => is_string(&self.key, key),
        }
    }

    fn into_owned(self) -> Set<'static> {
        Set { key: self.key, is_plain: self.is_plain, value: self.value.into_owned() }
    }
}

/// All that was changed; `None` is a member that was taken out.
#[derive(Debug, Clone, Default)]
pub(super) struct Edits<'a> {
    /// Members that stand in the text, by their order in it.
    listed: Vec<(u32, Option<Set<'a>>)>,
    /// A bit for each order that is there; those from 63 on share one.
    touched: u64,
    /// Members behind those of the text.
    added: Vec<Option<Set<'a>>>,
}

/// The bit of an order.
const fn bit(order: u32) -> u64 {
    1 << (if order < 63 { order } else { 63 })
}

/// Where a member is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// In the text: which one, counted from 0.
    Listed(u32),
    /// Behind those: which one, counted from 0.
    Added(usize),
}

impl<'a> Edits<'a> {
    /// Whether nothing was ever changed.
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty() && self.added.is_empty()
    }

    /// How many bytes writing them takes, at most.
    pub fn size(&self) -> usize {
        let listed = self.listed.iter().filter_map(|(_, set)| set.as_ref());
        listed.chain(self.added()).map(|set| set.key.len() + set.value.as_text().len() + 2).sum()
    }

    /// What became of a member of the text; none where nobody has edited it.
    #[inline]
    pub fn of(&self, order: u32) -> Option<Option<&Set<'a>>> {
        if self.touched & bit(order) == 0 {
            return None;
        }
        let edit = self.listed.iter().find(|(own, _)| *own == order);
        edit.map(|(_, set)| set.as_ref())
    }

    /// The member with that key, where one was set.
    pub fn find(&self, key: &str) -> Option<&Set<'a>> {
        let listed = self.listed.iter().filter_map(|(_, set)| set.as_ref());
        listed.chain(self.added()).find(|set| set.is(key))
    }

    /// What was set behind the members of the text.
    pub fn added(&self) -> impl Iterator<Item = &Set<'a>> {
        self.added.iter().flatten()
    }

    /// Sets a member at a place, or behind all others.
    pub fn put(&mut self, place: Option<Place>, set: Set<'a>) {
        match place {
            Some(Place::Listed(order)) => *self.slot(order) = Some(set),
            Some(Place::Added(at)) if at < self.added.len() => self.added[at] = Some(set),
            _ => self.added.push(Some(set)),
        }
    }

    /// Takes out the member of the text with that order.
    pub fn forget_listed(&mut self, order: u32) {
        *self.slot(order) = None;
    }

    /// Takes out what was set with that key; gives its place.
    pub fn forget(&mut self, key: &str) -> Option<Place> {
        let listed = self.listed.iter_mut().map(|(order, set)| (Place::Listed(*order), set));
        let added = self.added.iter_mut().enumerate().map(|(at, set)| (Place::Added(at), set));
        let is_it = |set: &Option<Set<'a>>| set.as_ref().is_some_and(|set| set.is(key));
        let (place, set) = listed.chain(added).find(|(_, set)| is_it(set))?;
        *set = None;
        Some(place)
    }

    /// Takes out what was set where `is_it`.
    pub fn forget_where(&mut self, is_it: impl Fn(&Set<'a>) -> bool) {
        let listed = self.listed.iter_mut().map(|(_, set)| set);
        for set in listed.chain(&mut self.added) {
            if set.as_ref().is_some_and(&is_it) {
                *set = None;
            }
        }
    }

    /// The same, owning its texts.
    pub fn into_owned(self) -> Edits<'static> {
        let owned = |set: Option<Set<'a>>| set.map(Set::into_owned);
        Edits {
            listed: self.listed.into_iter().map(|(order, set)| (order, owned(set))).collect(),
            touched: self.touched,
            added: self.added.into_iter().map(owned).collect(),
        }
    }

    fn slot(&mut self, order: u32) -> &mut Option<Set<'a>> {
        let at = match self.listed.iter().position(|(own, _)| *own == order) {
            Some(at) => at,
            None => {
                self.touched |= bit(order);
                // Enough for most, at once.
                self.listed.reserve(if self.listed.is_empty() { 6 } else { 1 });
                self.listed.push((order, None));
                self.listed.len() - 1
            }
        };
        &mut self.listed[at].1
    }
}
