//! What a translation could not show, keep or know, said openly (law 4 of the specification).
//!
//! A [`Report`] goes along with every translation. Lenses and flows note in it what they
//! synthesized, approximated or dropped, each by the JSON pointer of the message it concerns,
//! and which of their branches they took, so that tests can tell that every branch has a case.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// How a value differs from what a legacy upstream would have said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum How {
    /// A value exists upstream that the legacy form has no place for.
    Dropped,
    /// The value was made up, because upstream does not give it.
    Synthesized,
    /// The value stands for something near it.
    Approximated,
}

impl How {
    /// The word in the header, in metrics and in `explain`.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Dropped => "dropped",
            Self::Synthesized => "synthesized",
            Self::Approximated => "approximated",
        }
    }
}

/// The notes of one translation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    base: Base,
    /// What is noted of items of a list: mostly the same of many, so the pointer is kept once.
    groups: Vec<Group>,
    /// The others.
    entries: BTreeSet<(How, String)>,
    // Few, and most often the same ones again: looking through them beats a tree.
    branches: Vec<&'static str>,
}

/// Where a resource stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Base {
    /// Its pointer; of an item of a list, up to its index.
    before: String,
    index: Option<u32>,
}

/// What is noted alike of items of one list.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    how: How,
    /// The pointer before and after the index.
    before: String,
    after: String,
    /// In order.
    indices: Vec<u32>,
}

/// How many groups are kept: more would take too long to look through.
const GROUPS: usize = 16;
/// More pointers than this that differ in one index only become one with a `*`.
const EXACT: usize = 8;
/// The header's size in bytes, beyond which the rest is counted.
const HEADER_LIMIT: usize = 4096;

impl Report {
    /// Notes a pointer below the current base.
    pub fn note(&mut self, how: How, pointer: &str) {
        let Base { before, index } = &self.base;
        let Some(index) = *index else {
            self.entries.insert((how, [before, pointer].concat()));
            return;
        };
        let is_it =
            |group: &Group| group.how == how && group.after == pointer && group.before == *before;
        if let Some(group) = self.groups.iter_mut().find(|group| is_it(group)) {
            group.add(index);
        } else if self.groups.len() < GROUPS {
            let (before, after) = (before.clone(), pointer.to_owned());
            self.groups.push(Group { how, before, after, indices: vec![index] });
        } else {
            self.entries.insert((how, format!("{before}{index}{pointer}")));
        }
    }

    /// Sets where the resource stands that the next notes speak of; gives the former base.
    pub fn rebase(&mut self, base: &str) -> Base {
        std::mem::replace(&mut self.base, Base::of(base))
    }

    /// Goes back to a former base.
    pub fn restore(&mut self, base: Base) {
        self.base = base;
    }

    /// Like [`Self::rebase`], for an item of a list that is a member of the document.
    pub fn rebase_to_item(&mut self, list: &str, index: usize) {
        let Base { before, index: own } = &mut self.base;
        *own = u32::try_from(index).ok();
        let known = before.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
        if own.is_some() && known == Some(list) {
            return;
        }
        before.clear();
        // Writing to a String cannot fail.
        let _ = write!(before, "/{list}/");
        if own.is_none() {
            let _ = write!(before, "{index}");
        }
    }

    /// Notes that a named branch of a lens or flow was taken.
    pub fn took(&mut self, branch: &'static str) {
        if !self.branches.contains(&branch) {
            self.branches.push(branch);
        }
    }

    /// Takes over the notes of a part, below the current base.
    pub fn absorb(&mut self, part: Self) {
        self.absorb_at("", part);
    }

    /// The same of a part that stands at `pointer` below the current base.
    pub fn absorb_at(&mut self, pointer: &str, part: Self) {
        for group in &part.groups {
            group.pointers().for_each(|own| self.note(group.how, &[pointer, &own].concat()));
        }
        for (how, own) in part.entries {
            self.note(how, &[pointer, &own].concat());
        }
        part.branches.into_iter().for_each(|branch| self.took(branch));
    }

    /// Every note, in a stable order.
    pub fn entries(&self) -> impl Iterator<Item = (How, String)> {
        let grouped = self.groups.iter().flat_map(|group| {
            let how = group.how;
            group.pointers().map(move |pointer| (how, pointer))
        });
        grouped.chain(self.entries.iter().cloned()).collect::<BTreeSet<_>>().into_iter()
    }

    /// How many notes of each kind there are.
    pub fn counts(&self) -> impl Iterator<Item = (How, u64)> {
        let grouped = self.groups.iter().map(|group| (group.how, group.indices.len() as u64));
        grouped.chain(self.entries.iter().map(|(how, _)| (*how, 1)))
    }

    /// The branches taken.
    pub fn branches(&self) -> impl Iterator<Item = &'static str> {
        self.branches.iter().copied()
    }

    /// Whether there is nothing to disclose.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.entries.is_empty()
    }

    /// The value of `X-Shim-Disclosed`; none where there is nothing to disclose.
    ///
    /// Exact pointers; where more than eight differ in an index only, `*` stands for it; at most
    /// 4 KiB, then `+N` for the N that are left out. Bytes that a header field or its list syntax
    /// cannot carry are percent-encoded.
    pub fn header(&self) -> Option<String> {
        if self.is_empty() {
            return None;
        }
        let item = |how: How, pointer: &str| [how.text(), "=", &safe(pointer)].concat();
        let mut items: Vec<String> = Vec::new();
        if self.groups.is_empty() && self.entries.len() <= EXACT {
            items.extend(self.entries.iter().map(|(how, pointer)| item(*how, pointer)));
        } else {
            for how in [How::Dropped, How::Synthesized, How::Approximated] {
                items.extend(self.general(how).iter().map(|pointer| item(how, pointer)));
            }
        }
        let mut header = String::new();
        for (index, item) in items.iter().enumerate() {
            if header.len() + item.len() + 12 > HEADER_LIMIT {
                header.push_str(&format!(", +{}", items.len() - index));
                break;
            }
            if index > 0 {
                header.push_str(", ");
            }
            header.push_str(item);
        }
        Some(header)
    }

    /// The pointers of one kind, groups of more than [`EXACT`] that differ in one index replaced by one
    /// with a `*`.
    fn general(&self, how: How) -> BTreeSet<String> {
        let groups = || self.groups.iter().filter(|group| group.how == how);
        let others = || self.entries.iter().filter(|(own, _)| *own == how);
        let count = groups().map(|group| group.indices.len()).sum::<usize>() + others().count();
        let mut rest: BTreeSet<String> = others().map(|(_, pointer)| pointer.clone()).collect();
        // So few cannot be too many that differ in one index.
        if count <= EXACT {
            rest.extend(groups().flat_map(Group::pointers));
            return rest;
        }
        // Most lists disclose the same of many items: what such a group becomes is plain.
        let is_large = |group: &&Group| group.indices.len() > EXACT && group.has_one_index();
        rest.extend(groups().filter(|group| !is_large(group)).flat_map(Group::pointers));
        rest.retain(|pointer| !groups().filter(is_large).any(|group| group.covers(pointer)));
        let mut general = generalize(rest);
        let large = groups().filter(is_large);
        general.extend(large.map(|Group { before, after, .. }| format!("{before}*{after}")));
        general
    }
}

impl Base {
    fn of(pointer: &str) -> Self {
        let start = pointer.rfind('/').map_or(0, |slash| slash + 1);
        let (before, segment) = pointer.split_at(start);
        // An index is written in one way; whatever else looks like a number is a key.
        let is_own = is_index(segment) && (segment == "0" || !segment.starts_with('0'));
        match segment.parse().ok().filter(|_| is_own && start > 0) {
            Some(index) => Self { before: before.to_owned(), index: Some(index) },
            None => Self { before: pointer.to_owned(), index: None },
        }
    }
}

impl Group {
    fn add(&mut self, index: u32) {
        // Items mostly come in order.
        if self.indices.last().is_none_or(|last| *last < index) {
            self.indices.push(index);
        } else if let Err(place) = self.indices.binary_search(&index) {
            self.indices.insert(place, index);
        }
    }

    fn pointers(&self) -> impl Iterator<Item = String> {
        let Self { before, after, .. } = self;
        self.indices.iter().map(move |index| format!("{before}{index}{after}"))
    }

    /// Whether its pointers have no index but the one they differ in.
    fn has_one_index(&self) -> bool {
        !self.before.split('/').chain(self.after.split('/')).any(is_index)
    }

    fn covers(&self, pointer: &str) -> bool {
        let rest = pointer.strip_prefix(&*self.before);
        rest.and_then(|rest| rest.strip_suffix(&*self.after)).is_some_and(is_index)
    }
}

/// Replaces groups of more than [`EXACT`] pointers that differ in one index by one with a `*`,
/// innermost indices first.
fn generalize(mut pointers: BTreeSet<String>) -> BTreeSet<String> {
    // Where any of them has an index: grouping what cannot be grouped would cost a list of thousands
    // more than all else.
    let indices = |pointer: &str| -> Vec<usize> {
        let segments = pointer.split('/').enumerate();
        segments.filter(|(_, segment)| is_index(segment)).map(|(place, _)| place).collect()
    };
    let places: BTreeSet<usize> = pointers.iter().flat_map(|pointer| indices(pointer)).collect();
    for place in places.into_iter().rev() {
        let mut groups: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
        for pointer in &pointers {
            groups.entry(around(pointer, place)).or_default().push(pointer);
        }
        let reduced = groups.into_iter().flat_map(|((before, after), group)| match group.len() {
            ..=EXACT => group.into_iter().map(str::to_owned).collect(),
            _ => vec![format!("{before}*{after}")],
        });
        pointers = reduced.collect();
    }
    pointers
}

/// What stands before and after the segment at `place`, if that is an index; else the whole pointer
/// and nothing.
fn around(pointer: &str, place: usize) -> (&str, &str) {
    let mut start = 0;
    for (at, segment) in pointer.split('/').enumerate() {
        let end = start + segment.len();
        if at == place && is_index(segment) {
            return (&pointer[..start], &pointer[end..]);
        }
        start = end + 1;
    }
    (pointer, "")
}

fn is_index(segment: &str) -> bool {
    !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit())
}

fn safe(pointer: &str) -> Cow<'_, str> {
    const UNSAFE: percent_encoding::AsciiSet =
        percent_encoding::CONTROLS.add(b' ').add(b',').add(b'%').add(b'"');
    percent_encoding::utf8_percent_encode(pointer, &UNSAFE).into()
}

/// A JSON pointer segment, escaped (RFC 6901 section 3).
pub fn segment(key: &str) -> Cow<'_, str> {
    match key.contains(['~', '/']) {
        true => Cow::Owned(key.replace('~', "~0").replace('/', "~1")),
        false => Cow::Borrowed(key),
    }
}

#[cfg(test)]
mod tests;
