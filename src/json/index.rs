//! Finding members by the length of their keys.
//!
//! Lenses ask an object for one key after another, most of which it does not have. Going over its
//! members each time is what translating a list would mostly consist of; few keys of one object are
//! as long as each other, and how long each is was noted when the body was read.

use super::map::{Member, Members};

/// How many members are indexed; those behind are looked for one by one.
const INDEXED: usize = 32;
/// Lengths that differ by this are taken for the same.
const LENGTHS: usize = 32;

/// The first members of an object, up to one whose key has escapes: that may be any key.
#[derive(Debug, Clone)]
pub(super) struct Index {
    /// The last member with a key of each length, counted from 1; 0 where there is none.
    last: [u8; LENGTHS],
    /// The one before each member whose key is as long, counted in the same way.
    before: [u8; INDEXED],
    /// Where the node of each member is, counted from the first.
    offsets: [u16; INDEXED],
    count: u32,
    /// The node of the first member that is not indexed.
    rest: u32,
    has_rest: bool,
}

impl Index {
    /// Of the members of an object.
    pub fn of(mut members: Members<'_>) -> Self {
        let mut last = [0_u8; LENGTHS];
        let (mut before, mut offsets) = ([0; INDEXED], [0; INDEXED]);
        let first = members.position();
        let (mut count, mut rest) = (0, first);
        for (before, offset) in before.iter_mut().zip(&mut offsets) {
            let place = u16::try_from(rest - first);
            let (Ok(place), Some(member)) = (place, members.next()) else { break };
            if !member.is_plain() {
                break;
            }
            count += 1;
            *offset = place;
            *before = std::mem::replace(&mut last[member.key_length() % LENGTHS], count);
            rest = members.position();
        }
        let count = u32::from(count);
        let has_rest = members.beginning(rest, count).next().is_some();
        Self { last, before, offsets, count, rest, has_rest }
    }

    /// How many members are indexed.
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// The orders of members whose keys may be as long as that one, the last first.
    #[inline]
    pub fn as_long_as(&self, key: &str) -> impl Iterator<Item = u32> + use<'_> {
        self.chain(self.last[key.len() % LENGTHS])
    }

    /// Those before the member of that order whose keys may be as long as its own, the last first.
    pub fn before(&self, order: u32) -> impl Iterator<Item = u32> + use<'_> {
        self.chain(self.before.get(order as usize).copied().unwrap_or_default())
    }

    #[inline]
    fn chain(&self, mut next: u8) -> impl Iterator<Item = u32> + use<'_> {
        std::iter::from_fn(move || {
            let order = next.checked_sub(1)?;
            next = *self.before.get(usize::from(order))?;
            Some(u32::from(order))
        })
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
