//! Finding members by a byte of each key.
//!
//! Lenses ask an object for one key after another, most of which it does not have. Going over its
//! members each time is what translating a list would mostly consist of; one byte made of each key
//! tells in two vector comparisons which of them can be meant.

use wide::u8x16;

use super::map::{Member, Members};

/// How many members have a sign; those behind are looked for one by one.
const SIGNED: usize = 32;
/// The sign of a key with escapes: it can be any key.
pub(super) const ANY: u8 = 0;
/// The sign of a member that somebody has edited: it is looked for elsewhere.
const EDITED: u8 = 2;

/// The first members of an object.
#[derive(Debug, Clone)]
pub(super) struct Signs {
    signs: [u8; SIGNED],
    /// Where their nodes are, counted from the first.
    offsets: [u16; SIGNED],
    count: u32,
    /// The node of the first member behind them.
    rest: u32,
    has_rest: bool,
}

/// Orders of members: a bit for each.
pub(super) type Orders = u32;

impl Signs {
    /// Of the members of the object with that text.
    pub fn of(mut members: Members<'_>, text: &str) -> Self {
        let (mut signs, mut offsets, mut count) = ([EDITED; SIGNED], [0; SIGNED], 0);
        let first = members.position();
        let mut rest = first;
        for (sign, offset) in signs.iter_mut().zip(&mut offsets) {
            let place = u16::try_from(rest - first);
            let (Ok(place), Some(member)) = (place, members.next()) else { break };
            (*offset, *sign) = (place, member.sign(text));
            (count, rest) = (count + 1, members.position());
        }
        Self { signs, offsets, count, rest, has_rest: members.next().is_some() }
    }

    /// The same where each member is one node, as [`Member::alone`] makes them.
    pub fn alone(self) -> Self {
        let mut offsets = 0..;
        Self {
            offsets: [(); SIGNED].map(|()| offsets.next().unwrap_or_default()),
            rest: self.count,
            ..self
        }
    }

    /// How many have a sign.
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// One of them, of the members they were made of.
    #[inline]
    pub fn member<'a>(&self, members: &Members<'a>, order: u32) -> Option<Member<'a>> {
        members.at(u32::from(*self.offsets.get(order as usize)?), order)
    }

    /// The members behind them.
    pub fn rest<'a>(&self, members: Members<'a>) -> Members<'a> {
        members.beginning(self.rest, self.count)
    }

    /// Whether there are any.
    pub const fn has_rest(&self) -> bool {
        self.has_rest
    }

    /// Those that may have that key, and that nobody has edited.
    #[inline]
    pub fn may_be(&self, key: &str) -> Orders {
        let sign = u8x16::splat(sign(key.as_bytes()));
        self.which(|signs| signs.simd_eq(sign) | signs.simd_eq(u8x16::splat(ANY)))
    }

    /// Those that somebody has edited.
    pub fn edited(&self) -> Orders {
        self.which(|signs| signs.simd_eq(u8x16::splat(EDITED)))
    }

    #[inline]
    fn which(&self, are: impl Fn(u8x16) -> u8x16) -> Orders {
        let (low, high) = self.signs.split_at(16);
        let bits = |signs: &[u8]| {
            let signs =
                signs.first_chunk().map_or(u8x16::splat(EDITED), |signs| u8x16::new(*signs));
            are(signs).to_bitmask()
        };
        bits(low) | bits(high) << 16
    }

    /// Notes that a member was edited. Does nothing for one that has no sign.
    pub fn edit(&mut self, order: u32) {
        if let Some(sign) = self.signs.get_mut(order as usize) {
            *sign = EDITED;
        }
    }
}

/// The sign of a key without escapes. Odd, so neither [`ANY`] nor [`EDITED`].
#[inline]
pub(super) fn sign(key: &[u8]) -> u8 {
    let (first, last) = match key {
        [first, .., last] => (*first, *last),
        [one] => (*one, *one),
        [] => (0, 0),
    };
    #[expect(clippy::cast_possible_truncation, reason = "a sign is a byte of many")]
    let length = key.len() as u8;
    ((first << 1) ^ (last << 3) ^ (length << 4) ^ length) | 1
}
