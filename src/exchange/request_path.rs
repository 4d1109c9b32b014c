//! Paths that could mean two things are refused before a rule is looked for.
//!
//! What the shim takes for an id, upstream might take for a path: an encoded slash, or a segment
//! `.` or `..`, would make a request reach an operation that no rule was asked about.

use crate::failure::{Failure, Key};
use crate::rules::template::decoded;

/// Refuses a path that two readers may understand differently.
///
/// # Errors
/// What to send instead; nothing may be sent upstream.
pub fn check(path: &str) -> Result<(), Failure> {
    // Nearly all paths: nothing encoded, and no dot or slash behind a slash.
    let bytes = path.as_bytes();
    let is_odd = |pair: &[u8]| matches!(pair, [b'/', b'/' | b'.']);
    if memchr::memchr3(b'%', b'\\', 0, bytes).is_none() && !bytes.windows(2).any(is_odd) {
        return Ok(());
    }
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        let problem = match &*decoded(segment) {
            "." | ".." => "a segment `.` or `..`",
            "" if !is_last => "two slashes in a row",
            text if text.contains(['/', '\\']) => "an encoded slash or a backslash",
            text if text.contains('\0') => "a NUL byte",
            _ => continue,
        };
        return Err(Failure::new(
            Key::AmbiguousPath,
            format!("The path has {problem}; send the plain path of the operation."),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_with_one_meaning_pass() {
        for good in [
            "/",
            "/api/syncs",
            "/api/connections/connect/",
            "/api/bulk/syncs/1/schemas/public.orders",
            "/api/a%20b",
            "/api/...",
        ] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in [
            "/api/../syncs",
            "/api/%2e%2E/syncs",
            "/api/.",
            "/api/a%2fb",
            "/api/a%5Cb",
            "/api/a\\b",
            "//api/syncs",
            "/api//syncs",
            "/api/a%00",
        ] {
            assert_eq!(check(bad).unwrap_err().key, Key::AmbiguousPath, "{bad}");
        }
    }
}
