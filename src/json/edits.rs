//! What was changed of an object's members.

use std::borrow::Cow;
use std::collections::HashMap;

use super::Text;

/// A member that was set. No other member of its object has its key.
#[derive(Debug, Clone)]
pub(super) struct Set<'a> {
    /// Unescaped, without quotes.
    pub key: Cow<'static, str>,
    pub value: Text<'a>,
}

/// What became of one member.
#[derive(Debug, Clone)]
struct Edit<'a> {
    /// Which one of the text it is, counted from 0; none behind those of the text.
    order: Option<u32>,
    /// None where it was taken out.
    set: Option<Set<'a>>,
}

/// All that was changed.
#[derive(Debug, Clone, Default)]
pub(super) struct Edits<'a> {
    /// One for each member: few, so that looking through them is soon done.
    edits: Vec<Edit<'a>>,
    /// A bit for each order below [`FAR`] that is there.
    touched: u64,
    /// Where the others are, if there are any: a body may hold as many members of one key as it has
    /// room for.
    far: Option<Box<Far>>,
}

type Far = HashMap<u32, Place, foldhash::fast::RandomState>;

/// The first order that has no bit.
const FAR: u32 = 64;

/// Where a member is, of those that were edited.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place(usize);

impl<'a> Edits<'a> {
    /// Whether nothing was ever changed.
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// How many bytes writing them takes, unless much of the keys has to be escaped.
    pub fn size(&self) -> usize {
        self.sets().map(|set| set.key.len() + set.value.as_text().len() + 4).sum()
    }

    /// Those of the first 64 members of the text that were edited: a bit for each.
    pub const fn touched(&self) -> u64 {
        self.touched
    }

    /// What became of a member of the text; none where nobody has edited it.
    #[inline]
    pub fn of(&self, order: u32) -> Option<Option<&Set<'a>>> {
        let edit = match order < FAR {
            true if self.touched >> order & 1 == 0 => return None,
            true => self.edits.iter().find(|edit| edit.order == Some(order)),
            false => self.edits.get(self.far.as_ref()?.get(&order)?.0),
        };
        edit.map(|edit| edit.set.as_ref())
    }

    /// The member with that key, where one was set.
    #[inline]
    pub fn find(&self, key: &str) -> Option<&Set<'a>> {
        self.sets().find(|set| set.key == key)
    }

    fn sets(&self) -> impl Iterator<Item = &Set<'a>> {
        self.edits.iter().filter_map(|edit| edit.set.as_ref())
    }

    /// What was set behind the members of the text.
    pub fn added(&self) -> impl Iterator<Item = &Set<'a>> {
        self.edits.iter().filter(|edit| edit.order.is_none()).filter_map(|edit| edit.set.as_ref())
    }

    /// Sets a member at a place, or behind all others.
    pub fn put(&mut self, place: Option<Place>, set: Set<'a>) {
        match place.and_then(|Place(at)| self.edits.get_mut(at)) {
            Some(edit) => edit.set = Some(set),
            None => {
                self.push(Edit { order: None, set: Some(set) });
            }
        }
    }

    /// Takes out a member of the text that nobody has edited yet.
    pub fn forget_listed(&mut self, order: u32) -> Place {
        let place = self.push(Edit { order: Some(order), set: None });
        if order < FAR {
            self.touched |= 1 << order;
        } else {
            self.far.get_or_insert_default().insert(order, place);
        }
        place
    }

    /// Takes out what was set with that key; gives its place.
    pub fn forget(&mut self, key: &str) -> Option<Place> {
        let is_it = |edit: &Edit<'a>| edit.set.as_ref().is_some_and(|set| set.key == key);
        let at = self.edits.iter().position(is_it)?;
        self.edits.get_mut(at)?.set = None;
        Some(Place(at))
    }

    /// Takes out what was set where `is_it`.
    pub fn forget_where(&mut self, is_it: impl Fn(&Set<'a>) -> bool) {
        for edit in &mut self.edits {
            if edit.set.as_ref().is_some_and(&is_it) {
                edit.set = None;
            }
        }
    }

    /// The same, owning its texts.
    pub fn into_owned(self) -> Edits<'static> {
        let owned = |set: Set<'a>| Set { key: set.key, value: set.value.into_owned() };
        let edits = self.edits.into_iter();
        Edits {
            edits: edits.map(|Edit { order, set }| Edit { order, set: set.map(owned) }).collect(),
            touched: self.touched,
            far: self.far,
        }
    }

    fn push(&mut self, edit: Edit<'a>) -> Place {
        if self.edits.is_empty() {
            // Enough for most, at once.
            self.edits.reserve(6);
        }
        self.edits.push(edit);
        Place(self.edits.len() - 1)
    }
}
