//! Where the values of a large body stand.
//!
//! Reading a list takes its envelope apart, then the list, then each item: each would look at every
//! byte again. The one pass that validates a body can note where values begin and end, down to what
//! the members of a list's items hold, so that taking apart is no search any more.

use super::valid;

/// How many levels are noted: the envelope, its members, the items of a list, their members, and what
/// those hold.
pub(super) const KEPT: usize = 4;

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

impl<'a> Place<'a> {
    fn node(self) -> Option<&'a Node> {
        self.map.nodes.get(self.node as usize)
    }

    /// Where the value begins and ends in the whole text.
    pub fn range(self) -> std::ops::Range<usize> {
        self.node().map_or(0..0, |node| node.start as usize..node.end as usize)
    }

    /// Where the key stands in the whole text.
    pub fn key(self) -> std::ops::Range<usize> {
        self.node().map_or(0..0, |node| node.key.0 as usize..node.key.1 as usize)
    }

    /// Whether the key has no escapes.
    pub fn has_plain_key(self) -> bool {
        self.node().is_some_and(|node| node.is_plain)
    }

    /// What the value holds; none where that was not noted, or is nothing.
    pub fn children(self) -> Option<impl Iterator<Item = Place<'a>>> {
        let end = self.node()?.next;
        let first = self.node + 1;
        let next = move |place: &Self| {
            let next = place.node()?.next;
            (next < end).then_some(Place { map: place.map, node: next })
        };
        (first < end)
            .then(|| std::iter::successors(Some(Place { map: self.map, node: first }), next))
    }
}
