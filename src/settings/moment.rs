//! Moments and pages, as clients of a deprecated version are told of them.

use std::time::{Duration, SystemTime};

use http::Uri;

use super::mistake::Problem;

/// A moment between 1970 and 9999, or nothing.
pub(super) fn parse(text: &str) -> Result<Option<SystemTime>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    let whole = match text.len() {
        10 => format!("{text}T00:00:00Z"),
        _ => text.to_owned(),
    };
    humantime::parse_rfc3339(&whole).map(Some).map_err(|_| {
        Problem::new(
            format!("`{text}` is not a date"),
            "write it like 2026-03-31 or 2026-03-31T12:00:00Z; a date alone is its midnight, UTC",
        )
    })
}

/// The address of a page.
pub(super) fn page(text: &str) -> Result<Uri, Problem> {
    let is_page = |page: &Uri| {
        matches!(page.scheme_str(), Some("http" | "https")) && page.authority().is_some()
    };
    text.parse().ok().filter(is_page).ok_or_else(|| {
        Problem::new(
            format!("`{text}` is not the address of a page"),
            "write it like https://docs.example.com/migration",
        )
    })
}

/// Seconds since 1970.
pub fn seconds(moment: SystemTime) -> u64 {
    moment.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since: Duration| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_its_midnight() {
        let seconds_of = |text| parse(text).unwrap().map(seconds);
        assert_eq!(seconds_of("2023-06-30"), Some(1_688_083_200));
        assert_eq!(seconds_of("2023-06-30T23:59:59Z"), Some(1_688_169_599));
        assert_eq!(seconds_of(""), None);
        for wrong in ["2023", "30.06.2023", "2023-13-01", "2023-06-30T", "soon, maybe"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn pages_are_of_the_web() {
        assert!(page("https://docs.example.com/a?b=c").is_ok());
        for wrong in
            ["", "/a", "docs.example.com", "javascript:alert(1)", "https://a b", "https://a/<b>"]
        {
            assert!(page(wrong).is_err(), "{wrong}");
        }
    }
}
