//! Walking over text that is known to be JSON.
//!
//! The functions trust that their input was validated, and stay safe (never panic, always end)
//! if it was not.

use std::borrow::Cow;

use fearless_simd::{Level, Simd, SimdFrom, SimdInt, SimdMask, dispatch, u8x16};

/// JSON's white space (RFC 8259 section 2).
pub(super) const fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r')
}

#[inline]
const fn is_space_byte(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The index of the first byte at or after `at` that is not white space.
#[inline]
pub(super) fn skip_space(text: &[u8], at: usize) -> usize {
    match text.get(at) {
        // Most programs write none, or one here and there.
        Some(&byte) if byte <= b' ' => skip_spaces(text, at),
        _ => at,
    }
}

#[inline(never)]
fn skip_spaces(text: &[u8], mut at: usize) -> usize {
    while text.get(at).is_some_and(|&byte| is_space_byte(byte)) {
        at += 1;
    }
    at
}

/// The index just past the string whose opening quote is at `at`.
pub(super) fn skip_string(text: &[u8], at: usize) -> usize {
    skip_key(text, at).0
}

/// The same, and whether the string has no escapes.
pub(super) fn skip_key(text: &[u8], at: usize) -> (usize, bool) {
    let mut is_plain = true;
    let mut at = at + 1;
    loop {
        at = special_in_string(text, at);
        match text.get(at) {
            Some(b'"') => return (at + 1, is_plain),
            Some(b'\\') => {
                is_plain = false;
                at += 2;
            }
            Some(_) => at += 1,
            None => return (text.len(), is_plain),
        }
    }
}

/// The index of the first byte at or after `at` that is a quote, a backslash or a control
/// character; the end of the text if there is none.
///
/// Sixteen bytes at a time: most strings are keys and ids, too short for the set-up of a wider search.
#[inline]
pub(super) fn special_in_string(text: &[u8], mut at: usize) -> usize {
    while let Some(found) = specials_at(text, at) {
        if found < 16 {
            return at + found;
        }
        at += 16;
    }
    let rest = text.get(at..).unwrap_or_default();
    rest.iter().position(|byte| is_special(*byte)).map_or(text.len(), |place| at + place)
}

/// Whether nothing in a text has to be escaped.
#[inline(always)]
fn is_plain(text: &[u8]) -> bool {
    let (chunks, rest) = text.as_chunks::<16>();
    if !chunks.iter().all(|chunk| specials(*chunk) == 0) {
        return false;
    }
    // Keys are shorter than sixteen bytes: two halves of them that may overlap are one look, not
    // one for each byte.
    match (rest.first_chunk::<8>(), rest.last_chunk::<8>()) {
        (Some(first), Some(last)) => {
            let mut both = [b' '; 16];
            both[..8].copy_from_slice(first);
            both[8..].copy_from_slice(last);
            specials(both) == 0
        }
        _ => !rest.iter().any(|byte| is_special(*byte)),
    }
}

const fn is_special(byte: u8) -> bool {
    (byte == b'"') | (byte == b'\\') | (byte < 0x20)
}

/// Which of the sixteen bytes from `at` on is the first special one, 16 if none is; none
/// where fewer than sixteen are left.
#[inline]
fn specials_at(text: &[u8], at: usize) -> Option<usize> {
    let bytes = text.get(at..)?.first_chunk::<16>()?;
    // The bit behind the last saves a branch for none at all.
    Some((specials(*bytes) | 1 << 16).trailing_zeros() as usize)
}

/// A bit for each byte that is a quote, a backslash or a control character.
#[inline(always)]
fn specials(bytes: [u8; 16]) -> u64 {
    // So few are soon looked at: asking what else the processor could do takes longer.
    dispatch!(Level::baseline(), simd => specials_of(u8x16::simd_from(simd, bytes)))
}

/// The same of any number of bytes.
#[inline(always)]
pub(super) fn specials_of<S: Simd>(bytes: impl SimdInt<S, Element = u8>) -> u64 {
    let is_backslash = bytes.simd_eq(b'\\');
    // With that bit turned over, the quote changes places with the space, and stands right behind the
    // control characters.
    let is_quote_or_control = (bytes ^ 2).simd_le(0x20);
    (is_quote_or_control | is_backslash).to_bitmask()
}

/// The index just past the value that starts at `at`.
pub(super) fn skip_value(text: &[u8], at: usize) -> usize {
    match text.get(at) {
        Some(b'"') => skip_string(text, at),
        Some(b'{' | b'[') => skip_nested(text, at),
        _ => skip_scalar(text, at),
    }
}

fn skip_scalar(text: &[u8], mut at: usize) -> usize {
    while text
        .get(at)
        .is_some_and(|&byte| !is_space_byte(byte) && !matches!(byte, b',' | b']' | b'}'))
    {
        at += 1;
    }
    at
}

fn skip_nested(text: &[u8], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => {
                at = skip_string(text, at);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    text.len()
}

/// Whether arrays and objects nest deeper than `limit`.
pub(super) fn deeper_than(text: &str, limit: usize) -> bool {
    let text = text.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => {
                at = skip_string(text, at);
                continue;
            }
            b'{' | b'[' => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    false
}

/// A text as a JSON string.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    push_quoted(text, &mut quoted);
    quoted
}

/// Appends a text as a JSON string.
pub(crate) fn push_quoted(text: &str, out: &mut String) {
    if !is_plain(text.as_bytes()) {
        out.push_str(&serde_json::Value::from(text).to_string());
        return;
    }
    out.push('"');
    out.push_str(text);
    out.push('"');
}

/// Appends what stands inside the quotes of a text as a JSON string.
pub(crate) fn push_escaped(text: &str, out: &mut String) {
    if is_plain(text.as_bytes()) {
        out.push_str(text);
        return;
    }
    let quoted = quote(text);
    out.push_str(quoted.get(1..quoted.len() - 1).unwrap_or_default());
}

/// Whether a text is the JSON string `value`, however it is escaped.
pub(super) fn is_string(text: &str, value: &str) -> bool {
    if is_plain_string(text, value) && !value.contains('\\') {
        return true;
    }
    // Most differ in the first character, before there can be an escape.
    if let Some(first) = text.as_bytes().get(1)
        && *first != b'\\'
        && value.as_bytes().first() != Some(first)
    {
        return false;
    }
    let is_escaped = memchr::memchr(b'\\', text.as_bytes()).is_some();
    is_escaped && unquote(text).is_some_and(|unquoted| unquoted == value)
}

/// Whether a text is the JSON string `value` where neither has anything to escape.
#[inline]
fn is_plain_string(text: &str, value: &str) -> bool {
    // Most keys are told apart by their length.
    text.len() == value.len() + 2
        && text.as_bytes().first() == Some(&b'"')
        && text.as_bytes().get(1..=value.len()) == Some(value.as_bytes())
}

/// The value of a quoted string; none if the text is something else.
pub(super) fn unquote(text: &str) -> Option<Cow<'_, str>> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str(text).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn quoting_and_comparing_agree_with_serde_json(
            one in r#"(a|b|"|\\|\n|é|schedule){0,5}"#,
            other in r#"(a|b|"|\\|\n|é|schedule){0,5}"#,
            escape_all in any::<bool>(),
        ) {
            let quoted = quote(&one);
            prop_assert_eq!(&quoted, &serde_json::to_string(&one).unwrap());
            let text = match escape_all {
                false => quoted,
                true => {
                    let units = one.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
                    format!("\"{}\"", units.collect::<String>())
                }
            };
            prop_assert!(is_string(&text, &one));
            prop_assert_eq!(is_string(&text, &other), one == other, "{}", text);
        }

        #[test]
        fn sixteen_at_a_time_are_as_one_by_one(bytes in any::<[u8; 16]>()) {
            let each = bytes.map(|byte| u64::from(is_special(byte)));
            let each = each.into_iter().enumerate().map(|(place, bit)| bit << place);
            prop_assert_eq!(specials(bytes), each.sum::<u64>());
        }

        #[test]
        fn specials_are_found_wherever_they_stand(text in r#"[a-z"\\é\n\x1f ]{0,40}"#, from in 0_usize..40) {
            let bytes = text.as_bytes();
            let expected = bytes.iter().enumerate().skip(from).find(|(_, byte)| matches!(byte, b'"' | b'\\' | 0..0x20));
            let expected = expected.map_or(bytes.len(), |(at, _)| at);
            prop_assert_eq!(special_in_string(bytes, from), expected);
        }
    }
}
