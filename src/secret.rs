//! What must not be readable anywhere: it is of a type that cannot be formatted.

use std::fmt;

use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SET_COOKIE};
use http::{HeaderMap, HeaderName};

/// Headers that hold credentials, or stand for one.
static HEADERS: [HeaderName; 5] =
    [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SET_COOKIE, HeaderName::from_static("x-api-key")];

/// A value that shows as `[secret]` however it is formatted. There is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Hides a value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value: for what needs it, never for a text.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[secret]")
    }
}

/// Marks the credentials among headers: they show as `Sensitive` from now on, wherever they are
/// copied to, and HTTP/2 keeps them out of its tables. Called as headers come in, on both sides.
pub fn hide(headers: &mut HeaderMap) {
    for (name, value) in headers.iter_mut() {
        if HEADERS.contains(name) {
            value.set_sensitive(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_shows() {
        assert_eq!(format!("{:?}", Some(Secret::new("hunter2"))), "Some([secret])");
        let mut headers = HeaderMap::new();
        for name in ["authorization", "cookie", "cookie", "x-api-key", "set-cookie"] {
            headers.append(name, "hunter2".parse().unwrap());
        }
        headers.insert("accept", "hunter3".parse().unwrap());
        hide(&mut headers);
        let copy = headers.clone();
        assert!(!format!("{copy:?}").contains("hunter2"), "{copy:?}");
        assert!(format!("{copy:?}").contains("hunter3"), "{copy:?}");
    }
}
