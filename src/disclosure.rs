//! What a translation could not show, keep or know, said openly (law 4 of the specification).
//!
//! A [`Report`] goes along with every translation. Lenses and flows note in it what they
//! synthesized, approximated or dropped, each by the JSON pointer of the message it concerns,
//! and which of their branches they took, so that tests can tell that every branch has a case.

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
    base: String,
    entries: BTreeSet<(How, String)>,
    // Few, and most often the same ones again: looking through them beats a tree.
    branches: Vec<&'static str>,
}

/// More pointers than this that differ in one index only become one with a `*`.
const EXACT: usize = 8;
/// The header's size in bytes, beyond which the rest is counted.
const HEADER_LIMIT: usize = 4096;

impl Report {
    /// Notes a pointer below the current base.
    pub fn note(&mut self, how: How, pointer: &str) {
        self.entries.insert((how, [&self.base, pointer].concat()));
    }

    /// Sets where the resource stands that the next notes speak of; gives the former base.
    pub fn rebase(&mut self, base: &str) -> String {
        std::mem::replace(&mut self.base, base.to_owned())
    }

    /// Like [`Self::rebase`], for an item of a list that is a member of the document.
    pub fn rebase_to_item(&mut self, list: &str, index: usize) {
        self.base.clear();
        // Writing to a String cannot fail.
        let _ = write!(self.base, "/{list}/{index}");
    }

    /// Notes that a named branch of a lens or flow was taken.
    pub fn took(&mut self, branch: &'static str) {
        if !self.branches.contains(&branch) {
            self.branches.push(branch);
        }
    }

    /// Takes over the notes of a part, below the current base.
    pub fn absorb(&mut self, part: Self) {
        for (how, pointer) in part.entries {
            self.note(how, &pointer);
        }
        part.branches.into_iter().for_each(|branch| self.took(branch));
    }

    /// Every note, in a stable order.
    pub fn entries(&self) -> impl Iterator<Item = (How, &str)> {
        self.entries.iter().map(|(how, pointer)| (*how, pointer.as_str()))
    }

    /// The branches taken.
    pub fn branches(&self) -> impl Iterator<Item = &'static str> {
        self.branches.iter().copied()
    }

    /// Whether there is nothing to disclose.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
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
        let mut items = Vec::new();
        for how in [How::Dropped, How::Synthesized, How::Approximated] {
            let own = self.entries.iter().filter(|(own, _)| *own == how);
            let item = |pointer: &str| [how.text(), "=", &safe(pointer)].concat();
            // So few cannot be too many that differ in one index.
            if own.clone().nth(EXACT).is_none() {
                items.extend(own.map(|(_, pointer)| item(pointer)));
                continue;
            }
            let general = generalize(own.map(|(_, pointer)| pointer.clone()).collect());
            items.extend(general.iter().map(|pointer| item(pointer)));
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

fn safe(pointer: &str) -> String {
    const UNSAFE: percent_encoding::AsciiSet =
        percent_encoding::CONTROLS.add(b' ').add(b',').add(b'%').add(b'"');
    percent_encoding::utf8_percent_encode(pointer, &UNSAFE).to_string()
}

/// A JSON pointer segment, escaped (RFC 6901 section 3).
pub fn segment(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_names_exact_pointers() {
        let mut report = Report::default();
        report.rebase("/data");
        report.note(How::Synthesized, "/mode");
        report.note(How::Dropped, "/schedule/multi/schedules/1");
        assert_eq!(
            report.header().unwrap(),
            "dropped=/data/schedule/multi/schedules/1, synthesized=/data/mode"
        );
        assert_eq!(Report::default().header(), None);
    }

    #[test]
    fn more_than_eight_that_differ_in_an_index_become_one() {
        let mut report = Report::default();
        for item in 0..9 {
            report.note(How::Dropped, &format!("/data/{item}/a"));
        }
        for item in 0..8 {
            report.note(How::Dropped, &format!("/data/{item}/b"));
        }
        let header = report.header().unwrap();
        assert!(header.starts_with("dropped=/data/*/a, dropped=/data/0/b, "), "{header}");
    }

    #[test]
    fn two_indices_are_generalized_in_turn() {
        let mut report = Report::default();
        for item in 0..20 {
            for inner in 0..10 {
                report.note(
                    How::Synthesized,
                    &format!("/data/{item}/override_fields/{inner}/source"),
                );
            }
        }
        assert_eq!(report.header().unwrap(), "synthesized=/data/*/override_fields/*/source");
    }

    #[test]
    fn the_header_is_bounded_and_counts_the_rest() {
        let mut report = Report::default();
        for item in 0..1000 {
            report.note(How::Dropped, &format!("/data/key-{item}, {}", "x".repeat(20)));
        }
        let header = report.header().unwrap();
        assert!(header.len() <= HEADER_LIMIT, "{}", header.len());
        let (_, left) = header.rsplit_once(", +").unwrap();
        assert!(left.parse::<usize>().unwrap() > 900);
        assert!(http::HeaderValue::from_str(&header).is_ok());
    }
}
