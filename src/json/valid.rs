//! Whether a text is JSON, in one pass without recursion (RFC 8259), as deep as [`super::MAX_DEPTH`].
//!
//! Every body that a rule reads goes through here, and a list of 64 KB is dear: this takes some
//! 0.2 ns for a byte, and notes on the way where values stand. `serde_json` remains the judge of
//! what is said no to, because it can say why, and the oracle of the tests and fuzz targets, which
//! hold both to the same verdict.

use super::MAX_DEPTH;
use super::map::{KEPT, Node};
use super::marks::Marks;
use super::scan::skip_space;

/// Whether `text` is one JSON value, with white space around it, nested no deeper than allowed; no
/// as well where its places cannot be counted in 32 bits. The text is UTF-8 already.
pub(super) fn is_json(text: &str) -> bool {
    walk(text.as_bytes(), &mut Nothing).is_some()
}

/// The values of a text down to [`KEPT`] levels, if it is JSON and its places can be counted in 32
/// bits.
pub(super) fn nodes(text: &str) -> Option<Vec<Node>> {
    let mut places = Places { nodes: Vec::with_capacity(8 + text.len() / 24), open: [0; KEPT + 1] };
    walk(text.as_bytes(), &mut places).map(|()| places.nodes)
}

/// What is noted of a text on the way.
trait Notes {
    /// A value that holds no others stands there, so many levels deep; before it its key, if it has one.
    fn scalar(&mut self, depth: usize, key: Key, start: u32, end: u32);
    /// An array or object begins at `start`.
    fn begin(&mut self, depth: usize, key: Key, start: u32);
    /// The array or object that began last at this level ends before `end`.
    fn end(&mut self, depth: usize, end: u32);
}

struct Nothing;

impl Notes for Nothing {
    fn scalar(&mut self, _: usize, _: Key, _: u32, _: u32) {}
    fn begin(&mut self, _: usize, _: Key, _: u32) {}
    fn end(&mut self, _: usize, _: u32) {}
}

struct Places {
    nodes: Vec<Node>,
    /// The last array or object of each level.
    open: [u32; KEPT + 1],
}

impl Places {
    #[expect(clippy::cast_possible_truncation, reason = "a text has fewer values than bytes")]
    const fn count(&self) -> u32 {
        self.nodes.len() as u32
    }
}

impl Notes for Places {
    #[inline(always)]
    fn scalar(&mut self, depth: usize, key: Key, start: u32, end: u32) {
        if depth <= KEPT {
            let Key { start: from, end: to, is_plain } = key;
            let next = self.count() + 1;
            self.nodes.push(Node { key: (from, to), is_plain, start, end, next });
        }
    }

    #[inline(always)]
    fn begin(&mut self, depth: usize, key: Key, start: u32) {
        let count = self.count();
        if let Some(open) = self.open.get_mut(depth) {
            *open = count;
            // Its end is known later.
            self.scalar(depth, key, start, 0);
        }
    }

    #[inline(always)]
    fn end(&mut self, depth: usize, end: u32) {
        let next = self.count();
        let open = self.open.get(depth);
        if let Some(node) = open.and_then(|open| self.nodes.get_mut(*open as usize)) {
            node.end = end;
            node.next = next;
        }
    }
}

/// How many bytes behind the end of a text are looked for, at most.
const BEHIND: usize = 64;

/// Goes over the whole text; none if it is not JSON, nests too deep, or its places cannot be counted.
///
/// Places are 32 bits here: a compiler knows that what it adds to one does not overflow when it indexes
/// with it, and checks bounds in one step.
fn walk(text: &[u8], notes: &mut impl Notes) -> Option<()> {
    u32::try_from(text.len() + BEHIND).ok()?;
    let marks = Marks::of(text);
    let mut inside = Inside::default();
    let mut at = space(text, 0);
    'values: loop {
        // A value begins here; in an object, its key.
        let mut key = Key::default();
        let mut end = 'value: {
            if inside.is_object {
                if byte(text, at)? != b'"' {
                    return None;
                }
                let mut mark = marks.find(at);
                loop {
                    // Most keys have no escapes, and no space around their colon.
                    mark = marks.find_behind::<1>(mark, at + 1);
                    let end = mark.place();
                    let Some(first) = behind(text, end, IS).filter(|first| *first > b' ') else {
                        (key, at) = unusual_member(text, &marks, at)?;
                        break;
                    };
                    let plain = Key { start: at, end: end + 1, is_plain: true };
                    let value = end + 2;
                    // Most values are strings without escapes, and another member is right behind.
                    if first == b'"' {
                        mark = marks.find_behind::<2>(mark, value + 1);
                        let end = mark.place();
                        if behind(text, end, MORE) == Some(b'"') {
                            notes.scalar(inside.depth, plain, value, end + 1);
                            at = end + 2;
                            mark = marks.find_behind::<1>(mark, at);
                            continue;
                        }
                        if byte(text, end)? == b'"' {
                            notes.scalar(inside.depth, plain, value, end + 1);
                            break 'value end + 1;
                        }
                    }
                    (key, at) = (plain, value);
                    break;
                }
            }
            let end = match byte(text, at)? {
                b'"' => string(text, &marks, at + 1)?.0,
                open @ (b'{' | b'[') => {
                    notes.begin(inside.depth, key, at);
                    let is_object = open == b'{';
                    inside.open(is_object)?;
                    at = space(text, at + 1);
                    if byte(text, at)? == (if is_object { b'}' } else { b']' }) {
                        // Closed below, like one that has something in it.
                        break 'value at;
                    }
                    continue 'values;
                }
                b't' => literal(text, at, b"true")?,
                b'f' => literal(text, at, b"false")?,
                b'n' => literal(text, at, b"null")?,
                _ => number(text, at)?,
            };
            notes.scalar(inside.depth, key, at, end);
            end
        };
        end = space(text, end);
        // A value ended there; so may what it stands in.
        loop {
            if inside.depth == 0 {
                return (end as usize == text.len()).then_some(());
            }
            match (byte(text, end)?, inside.is_object) {
                (b',', _) => break,
                (b'}', true) | (b']', false) => {
                    inside.close();
                    notes.end(inside.depth, end + 1);
                    end = space(text, end + 1);
                }
                _ => return None,
            }
        }
        at = space(text, end + 1);
    }
}

/// What is open around the place that is looked at.
struct Inside {
    is_object: bool,
    depth: usize,
    /// What is around that, level by level: whether it is an object.
    around: [bool; MAX_DEPTH],
}

impl Default for Inside {
    fn default() -> Self {
        Self { is_object: false, depth: 0, around: [false; MAX_DEPTH] }
    }
}

impl Inside {
    #[inline(always)]
    fn open(&mut self, is_object: bool) -> Option<()> {
        *self.around.get_mut(self.depth)? = std::mem::replace(&mut self.is_object, is_object);
        self.depth += 1;
        Some(())
    }

    #[inline(always)]
    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.is_object = self.around.get(self.depth).is_some_and(|is_object| *is_object);
    }
}

/// From where to where a key stands, and whether it has no escapes.
#[derive(Clone, Copy, Default)]
struct Key {
    start: u32,
    end: u32,
    is_plain: bool,
}

/// What comes between a string and the next member.
const MORE: u16 = u16::from_ne_bytes(*b"\",");
/// What comes between a key and its value.
const IS: u16 = u16::from_ne_bytes(*b"\":");

/// The byte behind those two, where they stand there. Two as one number: a compiler compares them one
/// by one otherwise.
#[inline(always)]
fn behind(text: &[u8], at: u32, two: u16) -> Option<u8> {
    let at = at as usize;
    let bytes: &[u8; 3] = text.get(at..at + 3)?.first_chunk()?;
    (u16::from_ne_bytes([bytes[0], bytes[1]]) == two).then_some(bytes[2])
}

#[inline(always)]
fn byte(text: &[u8], at: u32) -> Option<u8> {
    text.get(at as usize).copied()
}

/// The first byte from there on that is not white space.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the text is shorter than 4 GiB")]
fn space(text: &[u8], at: u32) -> u32 {
    skip_space(text, at as usize) as u32
}

/// The key at `at`, and where its value begins, where something is escaped, or space stands around the
/// colon.
#[inline(never)]
fn unusual_member(text: &[u8], marks: &Marks, at: u32) -> Option<(Key, u32)> {
    let (end, is_plain) = string(text, marks, at + 1)?;
    let colon = space(text, end);
    let key = Key { start: at, end, is_plain };
    (byte(text, colon)? == b':').then(|| (key, space(text, colon + 1)))
}

/// The end of a string whose opening quote is before `at`, and whether it has no escapes.
#[inline(always)]
fn string(text: &[u8], marks: &Marks, at: u32) -> Option<(u32, bool)> {
    let end = marks.find(at).place();
    // Most have none.
    match byte(text, end)? {
        b'"' => Some((end + 1, true)),
        _ => string_with_escapes(text, marks, end).map(|end| (end, false)),
    }
}

/// The end of a string that has its first escape there, if it is one.
#[inline(never)]
fn string_with_escapes(text: &[u8], marks: &Marks, mut at: u32) -> Option<u32> {
    loop {
        match byte(text, at)? {
            b'"' => return Some(at + 1),
            b'\\' => at = marks.find(escape(text, at + 1)?).place(),
            // A control character.
            _ => return None,
        }
    }
}

fn escape(text: &[u8], at: u32) -> Option<u32> {
    match byte(text, at)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 1),
        // Half a surrogate pair is JSON, though no text.
        b'u' => {
            let digits = text.get(at as usize + 1..at as usize + 5)?;
            digits.iter().all(u8::is_ascii_hexdigit).then_some(at + 5)
        }
        _ => None,
    }
}

fn literal<const LENGTH: usize>(text: &[u8], at: u32, word: &[u8; LENGTH]) -> Option<u32> {
    let at = at as usize;
    (text.get(at..at + LENGTH)? == word).then_some(at as u32 + LENGTH as u32)
}

fn number(text: &[u8], at: u32) -> Option<u32> {
    let mut at = at;
    if byte(text, at) == Some(b'-') {
        at += 1;
    }
    at = match byte(text, at)? {
        b'0' => at + 1,
        b'1'..=b'9' => digits(text, at)?,
        _ => return None,
    };
    if byte(text, at) == Some(b'.') {
        at = digits(text, at + 1)?;
    }
    if matches!(byte(text, at), Some(b'e' | b'E')) {
        at += 1;
        if matches!(byte(text, at), Some(b'+' | b'-')) {
            at += 1;
        }
        at = digits(text, at)?;
    }
    Some(at)
}

/// The end of one or more digits.
fn digits(text: &[u8], at: u32) -> Option<u32> {
    let mut end = at;
    while byte(text, end).is_some_and(|byte| byte.is_ascii_digit()) {
        end += 1;
    }
    (end > at).then_some(end)
}

#[cfg(test)]
mod tests;
