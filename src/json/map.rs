//! Where the values of a large body stand.
//!
//! Reading a list takes its envelope apart, then the list, then each item: each would look at every
//! byte again. The one pass that validates a body can note where values begin and end, down to what
//! the members of a list's items hold, so that taking apart is no search any more.

use std::borrow::Cow;
use std::ops::Range;

use super::scan::{is_string, unquote};
use super::valid;

/// How many levels are noted: the envelope, its members, the items of a list, their members, and what
/// those hold.
pub(super) const KEPT: usize = 5;

/// Where a value stands, in bytes from the beginning of the text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    /// Its key with quotes; nothing where it has none.
    pub key: (u32, u32),
    /// Whether the key has no escapes.
    pub is_plain: bool,
    pub start: u32,
    pub end: u32,
    /// The node behind it and all that it holds.
    pub next: u32,
}

/// The values of one text: each one before what it holds.
#[derive(Debug)]
pub(super) struct Map {
    nodes: Vec<Node>,
}

/// One value of a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    map: &'a Map,
    node: u32,
}

impl Map {
    /// The map of a text; none if it is not JSON, or too long for one.
    pub fn of(text: &str) -> Option<Self> {
        valid::nodes(text).map(|nodes| Self { nodes })
    }

    /// The whole value.
    pub fn root(&self) -> Place<'_> {
        Place { map: self, node: 0 }
    }
}

impl Node {
    /// A member of an object whose other values are not noted; none behind 4 GiB.
    pub fn of(order: usize, key: (Range<usize>, bool), value: Range<usize>) -> Option<Self> {
        let short = |place: usize| u32::try_from(place).ok();
        let (key, is_plain) = key;
        Some(Self {
            key: (short(key.start)?, short(key.end)?),
            is_plain,
            start: short(value.start)?,
            end: short(value.end)?,
            next: short(order + 1)?,
        })
    }
}

impl<'a> Place<'a> {
    fn node(self) -> Option<&'a Node> {
        self.map.nodes.get(self.node as usize)
    }

    /// Where the value begins and ends in the whole text.
    pub fn range(self) -> Range<usize> {
        self.node().map_or(0..0, |node| node.start as usize..node.end as usize)
    }

    /// The place of another value of the same text.
    pub fn of(self, index: u32) -> Self {
        Self { node: index, ..self }
    }

    /// Whether anything in the value is noted.
    pub fn has_children(self) -> bool {
        self.node().is_some_and(|node| self.node + 1 < node.next)
    }

    /// What the value holds, as far as it is noted.
    pub fn members(self) -> Members<'a> {
        let (end, base) = self.node().map_or((0, 0), |node| (node.next, node.start));
        Members { nodes: &self.map.nodes, next: self.node + 1, end, order: 0, base }
    }
}

/// The values that one value holds, in order.
#[derive(Debug, Clone)]
pub(super) struct Members<'a> {
    nodes: &'a [Node],
    next: u32,
    end: u32,
    order: u32,
    base: u32,
}

/// One of them. Its places are counted from where the value that holds it begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member<'a> {
    node: &'a Node,
    base: u32,
    /// Which node it is.
    pub index: u32,
    /// Which one of the values it is, counted from 0.
    pub order: u32,
}

impl<'a> Members<'a> {
    /// Of an object whose members are all that is noted.
    pub fn of(nodes: &'a [Node]) -> Self {
        let end = u32::try_from(nodes.len()).unwrap_or(u32::MAX);
        Self { nodes, next: 0, end, order: 0, base: 0 }
    }

    /// The node of the one that comes next.
    pub const fn position(&self) -> u32 {
        self.next
    }

    /// The one whose node is that many behind the next one's.
    #[inline]
    pub fn at(&self, offset: u32, order: u32) -> Option<Member<'a>> {
        let index = self.next + offset;
        let node = self.nodes.get(index as usize)?;
        Some(Member { node, base: self.base, index, order })
    }

    /// Those from that node on.
    pub const fn beginning(self, next: u32, order: u32) -> Self {
        Self { next, order, ..self }
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = Member<'a>;

    #[inline]
    fn next(&mut self) -> Option<Member<'a>> {
        if self.next >= self.end {
            return None;
        }
        let node = self.nodes.get(self.next as usize)?;
        let member = Member { node, base: self.base, index: self.next, order: self.order };
        self.next = node.next;
        self.order += 1;
        Some(member)
    }
}

impl<'a> Members<'a> {
    /// Where the key of the next one begins behind the quote, and how many bytes it has; none where there
    /// is none, or it has escapes.
    #[inline]
    pub fn next_plain_key(&mut self) -> Option<(u32, usize)> {
        let node = self.nodes.get(self.next as usize).filter(|_| self.next < self.end)?;
        if !node.is_plain {
            return None;
        }
        self.next = node.next;
        let (start, end) = node.key;
        Some((start + 1 - self.base, (end - start).saturating_sub(2) as usize))
    }

    /// The next of them that has that key, in the text of the object that holds them.
    #[inline]
    pub fn next_with(&mut self, text: &str, key: &str) -> Option<Member<'a>> {
        // Nearly all are told apart by the lengths of their keys.
        let length = u32::try_from(key.len() + 2).unwrap_or(u32::MAX);
        while self.next < self.end {
            let node = self.nodes.get(self.next as usize)?;
            let (index, order) = (self.next, self.order);
            (self.next, self.order) = (node.next, order + 1);
            if node.key.1 - node.key.0 == length || !node.is_plain {
                let member = Member { node, base: self.base, index, order };
                if member.is(text, key) {
                    return Some(member);
                }
            }
        }
        None
    }
}

impl Member<'_> {
    fn range(&self, start: u32, end: u32) -> Range<usize> {
        (start - self.base) as usize..(end - self.base) as usize
    }

    /// The key with its quotes.
    pub fn key(&self) -> Range<usize> {
        self.range(self.node.key.0, self.node.key.1)
    }

    /// The value.
    pub fn value(&self) -> Range<usize> {
        self.range(self.node.start, self.node.end)
    }

    /// Key and value.
    pub fn whole(&self) -> Range<usize> {
        self.range(self.node.key.0, self.node.end)
    }

    /// Its key, unescaped, in the text of the object that holds it.
    #[inline]
    pub fn name<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let Range { start, end } = self.key();
        match self.node.is_plain {
            true => Cow::Borrowed(text.get(start + 1..end - 1).unwrap_or_default()),
            false => text.get(start..end).and_then(unquote).unwrap_or_default(),
        }
    }

    /// Whether that is its key, in the text of the object that holds it.
    #[inline]
    pub fn is(&self, text: &str, key: &str) -> bool {
        if !self.node.is_plain {
            return text.get(self.key()).is_some_and(|own| is_string(own, key));
        }
        let Range { start, end } = self.key();
        // Most are told apart by their length.
        end - start == key.len() + 2
            && text.as_bytes().get(start + 1..end - 1) == Some(key.as_bytes())
    }

    /// The same for a text that begins where the value that holds it does.
    pub fn alone(self) -> Option<Node> {
        Node::of(self.order as usize, (self.key(), self.node.is_plain), self.value())
    }
}
