//! Whether a text is JSON, in one pass without recursion (RFC 8259), as deep as [`super::MAX_DEPTH`].
//!
//! Every body that a rule reads goes through here, and a list of 64 KB is dear: this takes some
//! 0.3 ns for a byte, and notes on the way where values stand. `serde_json` remains the judge of
//! what is said no to, because it can say why, and the oracle of the tests and fuzz targets, which
//! hold both to the same verdict.

use super::MAX_DEPTH;
use super::map::{KEPT, Node};
use super::marks::Marks;
use super::scan::skip_space;

/// Whether `text` is one JSON value, with white space around it, nested no deeper than allowed.
/// The text is UTF-8 already.
pub(super) fn is_json(text: &str) -> bool {
    walk(text.as_bytes(), &mut Nothing).is_some()
}

/// The values of a text down to [`KEPT`] levels, if it is JSON and its places can be counted in 32
/// bits.
pub(super) fn nodes(text: &str) -> Option<Vec<Node>> {
    u32::try_from(text.len()).ok()?;
    let mut places = Places { nodes: Vec::with_capacity(8 + text.len() / 24), open: [0; KEPT + 1] };
    walk(text.as_bytes(), &mut places).map(|()| places.nodes)
}

/// What is noted of a text on the way.
trait Notes {
    /// A value that holds no others stands there, so many levels deep; before it its key, if it has one.
    fn scalar(&mut self, depth: usize, key: Key, start: usize, end: usize);
    /// An array or object begins at `start`.
    fn begin(&mut self, depth: usize, key: Key, start: usize);
    /// The array or object that began last at this level ends before `end`.
    fn end(&mut self, depth: usize, end: usize);
}

struct Nothing;

impl Notes for Nothing {
    fn scalar(&mut self, _: usize, _: Key, _: usize, _: usize) {}
    fn begin(&mut self, _: usize, _: Key, _: usize) {}
    fn end(&mut self, _: usize, _: usize) {}
}

struct Places {
    nodes: Vec<Node>,
    /// The last array or object of each level.
    open: [usize; KEPT + 1],
}

#[expect(clippy::cast_possible_truncation, reason = "the text is shorter than 4 GiB")]
impl Notes for Places {
    #[inline]
    fn scalar(&mut self, depth: usize, key: Key, start: usize, end: usize) {
        if depth <= KEPT {
            let Key { start: from, end: to, is_plain } = key;
            let (key, next) = ((from as u32, to as u32), self.nodes.len() as u32 + 1);
            self.nodes.push(Node { key, is_plain, start: start as u32, end: end as u32, next });
        }
    }

    #[inline]
    fn begin(&mut self, depth: usize, key: Key, start: usize) {
        if let Some(open) = self.open.get_mut(depth) {
            *open = self.nodes.len();
            // Its end is known later.
            self.scalar(depth, key, start, 0);
        }
    }

    #[inline]
    fn end(&mut self, depth: usize, end: usize) {
        let next = self.nodes.len() as u32;
        let open = self.open.get(depth);
        if let Some(node) = open.and_then(|open| self.nodes.get_mut(*open)) {
            node.end = end as u32;
            node.next = next;
        }
    }
}

/// Goes over the whole text; none if it is not JSON, or nests too deep.
fn walk(text: &[u8], notes: &mut impl Notes) -> Option<()> {
    let mut inside = Inside::default();
    let mut marks = Marks::of(text);
    let mut at = skip_space(text, 0);
    'values: loop {
        // A value begins here; in an object, its key.
        let mut key = Key::default();
        let mut end = 'value: {
            if inside.is_object() {
                if text.get(at) != Some(&b'"') {
                    return None;
                }
                loop {
                    let Some(value) = plain_key(text, &mut marks, at) else {
                        (key, at) = unusual_member(text, &mut marks, at)?;
                        break;
                    };
                    let plain = Key { start: at, end: value - 1, is_plain: true };
                    // Most are strings without escapes, and another member is right behind.
                    let Some(end) = plain_string(text, &mut marks, value) else {
                        (key, at) = (plain, value);
                        break;
                    };
                    notes.scalar(inside.depth, plain, value, end);
                    match pair(text, end) {
                        Some(MORE) => at = end + 1,
                        _ => break 'value end,
                    }
                }
            }
            let end = match *text.get(at)? {
                b'"' => string(text, &mut marks, at + 1)?.0,
                open @ (b'{' | b'[') => {
                    notes.begin(inside.depth, key, at);
                    let is_object = open == b'{';
                    inside.open(is_object)?;
                    at = skip_space(text, at + 1);
                    if text.get(at) == Some(if is_object { &b'}' } else { &b']' }) {
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
        end = skip_space(text, end);
        // A value ended there; so may what it stands in.
        loop {
            if inside.depth == 0 {
                return (end == text.len()).then_some(());
            }
            match (text.get(end)?, inside.is_object()) {
                (b',', _) => break,
                (b'}', true) | (b']', false) => {
                    inside.close();
                    notes.end(inside.depth, end + 1);
                    end = skip_space(text, end + 1);
                }
                _ => return None,
            }
        }
        at = skip_space(text, end + 1);
    }
}

/// What is open around the place that is looked at: a bit for each level, 1 for an object.
#[derive(Default)]
struct Inside {
    objects: u128,
    depth: usize,
}

impl Inside {
    fn open(&mut self, is_object: bool) -> Option<()> {
        if self.depth == MAX_DEPTH {
            return None;
        }
        self.depth += 1;
        self.objects = (self.objects << 1) | u128::from(is_object);
        Some(())
    }

    fn is_object(&self) -> bool {
        self.objects & 1 == 1
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.objects >>= 1;
    }
}

/// From where to where a key stands, and whether it has no escapes.
#[derive(Clone, Copy, Default)]
struct Key {
    start: usize,
    end: usize,
    is_plain: bool,
}

/// What comes between two members.
const MORE: u16 = u16::from_ne_bytes(*b",\"");
/// What comes between a key and its value.
const IS: u16 = u16::from_ne_bytes(*b"\":");

/// Two bytes, as one number: a compiler compares them one by one otherwise.
#[inline(always)]
fn pair(text: &[u8], at: usize) -> Option<u16> {
    text.get(at..)?.first_chunk().map(|pair| u16::from_ne_bytes(*pair))
}

/// Where the value of the key at `at` begins, if the key has no escapes and no space is around its
/// colon. Left to itself the compiler makes a call of it, which costs a fifth of all that reading takes.
#[inline(always)]
fn plain_key(text: &[u8], marks: &mut Marks<'_>, at: usize) -> Option<usize> {
    let end = marks.next(at + 1);
    let is_plain = pair(text, end) == Some(IS) && *text.get(end + 2)? > b' ';
    is_plain.then_some(end + 2)
}

/// The key at `at`, and where its value begins, where something is escaped, or space stands around the
/// colon.
#[inline(never)]
fn unusual_member(text: &[u8], marks: &mut Marks<'_>, at: usize) -> Option<(Key, usize)> {
    let (end, is_plain) = string(text, marks, at + 1)?;
    let colon = skip_space(text, end);
    let key = Key { start: at, end, is_plain };
    (text.get(colon) == Some(&b':')).then(|| (key, skip_space(text, colon + 1)))
}

/// The end of a string at `at` that has no escapes.
#[inline(always)]
fn plain_string(text: &[u8], marks: &mut Marks<'_>, at: usize) -> Option<usize> {
    if text.get(at) != Some(&b'"') {
        return None;
    }
    let end = marks.next(at + 1);
    (text.get(end) == Some(&b'"')).then_some(end + 1)
}

/// The end of a string whose opening quote is before `at`, and whether it has no escapes.
#[inline(always)]
fn string(text: &[u8], marks: &mut Marks<'_>, at: usize) -> Option<(usize, bool)> {
    let end = marks.next(at);
    string_until(text, marks, end)
}

/// The same where `end` is its end, or the first escape in it.
#[inline(always)]
fn string_until(text: &[u8], marks: &mut Marks<'_>, end: usize) -> Option<(usize, bool)> {
    // Most have no escapes.
    match text.get(end) {
        Some(b'"') => Some((end + 1, true)),
        _ => string_with_escapes(text, marks, end).map(|end| (end, false)),
    }
}

/// The end of a string that has its first escape there, if it is one.
#[inline(never)]
fn string_with_escapes(text: &[u8], marks: &mut Marks<'_>, mut at: usize) -> Option<usize> {
    loop {
        match text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at = marks.next(escape(text, at + 1)?),
            // A control character.
            _ => return None,
        }
    }
}

fn escape(text: &[u8], at: usize) -> Option<usize> {
    match text.get(at)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 1),
        // Half a surrogate pair is JSON, though no text.
        b'u' => {
            let digits = text.get(at + 1..at + 5)?;
            digits.iter().all(u8::is_ascii_hexdigit).then_some(at + 5)
        }
        _ => None,
    }
}

fn literal(text: &[u8], at: usize, word: &[u8]) -> Option<usize> {
    text.get(at..)?.starts_with(word).then_some(at + word.len())
}

fn number(text: &[u8], at: usize) -> Option<usize> {
    let at = if text.get(at) == Some(&b'-') { at + 1 } else { at };
    let mut at = match text.get(at)? {
        b'0' => at + 1,
        b'1'..=b'9' => digits(text, at)?,
        _ => return None,
    };
    if text.get(at) == Some(&b'.') {
        at = digits(text, at + 1)?;
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        at += 1;
        if matches!(text.get(at), Some(b'+' | b'-')) {
            at += 1;
        }
        at = digits(text, at)?;
    }
    Some(at)
}

/// The end of one or more digits.
fn digits(text: &[u8], at: usize) -> Option<usize> {
    let count = text.get(at..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (count > 0).then_some(at + count)
}

#[cfg(test)]
mod tests;
