//! Finding members by the length of their keys.
//!
//! Lenses ask an object for one key after another, most of which it does not have. Going over its
//! members each time is what translating a list would mostly consist of; few keys of one object are
//! as long as each other, and how long each is was noted when the body was read.

use super::map::{Member, Members};

/// How many members are indexed; those behind are looked for one by one.
const INDEXED: usize = 32;
/// Keys are shorter than this, in bytes.
const LENGTHS: usize = 40;

/// The first members of an object, up to one whose key is long, or has escapes: that may be any key.
#[derive(Debug, Clone)]
pub(super) struct Index {
    /// The last member with a key of each length, counted from 1; 0 where there is none.
    last: [u8; LENGTHS],
    /// The one before each member whose key is as long, counted in the same way.
    before: [u8; INDEXED],
    /// Where each key begins in the text of the object, behind its quote.
    keys: [u32; INDEXED],
    /// Where the node of each member is, counted from the first.
    offsets: [u16; INDEXED],
    count: u32,
    /// The node of the first member that is not indexed.
    rest: u32,
    has_rest: bool,
}

/// Whether both are the same, given that they are as long as each other. Looking at both ends, which
/// is all of most keys, takes less than the call that comparing slices is.
#[inline]
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let ends = |key: &[u8]| Some((*key.first_chunk::<8>()?, *key.last_chunk::<8>()?));
    match (ends(one), ends(other)) {
        (Some(own), Some(others)) => own == others && (one.len() <= 16 || one == other),
        _ => one == other,
    }
}

impl Index {
    /// Of the members of an object.
    pub fn of(mut members: Members<'_>) -> Self {
        let first = members.position();
        let mut index = Self {
            last: [0; LENGTHS],
            before: [0; INDEXED],
            keys: [0; INDEXED],
            offsets: [0; INDEXED],
            count: 0,
            rest: first,
            has_rest: false,
        };
        let mut count = 0_u8;
        while usize::from(count) < INDEXED {
            let place = usize::from(count);
            let Ok(offset) = u16::try_from(members.position() - first) else { break };
            let Some((start, length)) = members.next_plain_key() else { break };
            let Some(last) = index.last.get_mut(length) else { break };
            (index.keys[place], index.offsets[place], index.before[place]) = (start, offset, *last);
            count += 1;
            *last = count;
            index.rest = members.position();
        }
        index.count = u32::from(count);
        index.has_rest = index.rest(members).next().is_some();
        index
    }

    /// How many members are indexed.
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Whether two of them have the same key, in the text of the object.
    pub fn has_twins(&self, text: &str) -> bool {
        let key = |place: u8, length: usize| {
            let start = *self.keys.get(usize::from(place) - 1)? as usize;
            text.as_bytes().get(start..start + length)
        };
        let before = |place: u8| self.before.get(usize::from(place) - 1).map_or(0, |place| *place);
        let chain = |from: u8| {
            let place = |place: u8| (place > 0).then_some(place);
            std::iter::successors(place(from), move |one| place(before(*one)))
        };
        // Of two that are the same, one has the other among those before it that are as long: most objects
        // have none that do.
        let have_others = self.before != [0; INDEXED];
        have_others
            && self.last.iter().enumerate().filter(|(_, last)| **last > 0).any(|(length, last)| {
                chain(*last).any(|one| {
                    let own = key(one, length);
                    let is_same = |other| {
                        own.zip(key(other, length)).is_some_and(|(own, other)| is_same(own, other))
                    };
                    chain(before(one)).any(is_same)
                })
            })
    }

    /// The order of the last member that has that key, in the text of the object; of those whose bit
    /// is not set in `but`.
    #[inline]
    pub fn find(&self, text: &str, key: &str, but: u64) -> Option<u32> {
        let mut next = *self.last.get(key.len())?;
        loop {
            let order = next.checked_sub(1)?;
            let place = usize::from(order);
            let start = *self.keys.get(place)? as usize;
            if but >> order & 1 == 0
                && let Some(own) = text.as_bytes().get(start..start + key.len())
                && is_same(own, key.as_bytes())
            {
                return Some(u32::from(order));
            }
            next = *self.before.get(place)?;
        }
    }

    /// One of them, of the members that were indexed.
    #[inline]
    pub fn member<'a>(&self, members: &Members<'a>, order: u32) -> Option<Member<'a>> {
        members.at(u32::from(*self.offsets.get(order as usize)?), order)
    }

    /// The members that are not indexed.
    pub fn rest<'a>(&self, members: Members<'a>) -> Members<'a> {
        members.beginning(self.rest, self.count)
    }

    /// Whether there are any.
    pub const fn has_rest(&self) -> bool {
        self.has_rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_any_length_are_the_same_only_where_they_are() {
        let key: String = ('a'..='z').chain('A'..='N').collect();
        for length in 0..key.len() {
            let own = &key.as_bytes()[..length];
            assert!(is_same(own, own));
            for place in 0..length {
                let mut other = own.to_vec();
                other[place] = b'#';
                assert!(!is_same(own, &other), "{length} {place}");
            }
        }
    }
}
