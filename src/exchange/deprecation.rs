//! What legacy answers say of their version's end, where it is configured.

use http::header::LINK;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::settings::{Settings, seconds};

/// The headers: `Deprecation` (RFC 9745), `Sunset` (RFC 8594), and a `Link` for each of them.
pub(super) fn headers(settings: &Settings) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = Vec::new();
    let mut add = |name, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.push((name, value));
        }
    };
    let link = |relation| {
        format!("<{}>; rel=\"{relation}\"; type=\"text/html\"", settings.migration_guide)
    };
    if let Some(moment) = settings.deprecation {
        add(HeaderName::from_static("deprecation"), format!("@{}", seconds(moment)));
        add(LINK, link("deprecation"));
    }
    if let Some(moment) = settings.sunset {
        add(HeaderName::from_static("sunset"), httpdate::fmt_http_date(moment));
        add(LINK, link("sunset"));
    }
    headers
}

/// Adds them to an answer, in place of what upstream may say of its own.
pub(super) fn add(ours: &[(HeaderName, HeaderValue)], headers: &mut HeaderMap) {
    for (name, value) in ours {
        match *name == LINK {
            true => headers.append(name, value.clone()),
            false => headers.insert(name, value.clone()).is_some(),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(flags: &[(&'static str, &str)]) -> Vec<String> {
        let flags = flags.iter().map(|(name, value)| (*name, value.into())).collect();
        let settings = Settings::load(flags, std::iter::empty()).unwrap();
        let line = |(name, value): (HeaderName, HeaderValue)| {
            format!("{name}: {}", value.to_str().unwrap())
        };
        headers(&settings).into_iter().map(line).collect()
    }

    #[test]
    fn each_setting_makes_its_header_and_a_link() {
        assert_eq!(of(&[]), [""; 0]);
        let all = [
            ("deprecation", "2025-09-18"),
            ("sunset", "2026-12-31T12:00:00Z"),
            ("migration_guide", "https://wiki.example.com/polytomic"),
        ];
        assert_eq!(
            of(&all),
            [
                "deprecation: @1758153600",
                "link: <https://wiki.example.com/polytomic>; rel=\"deprecation\"; type=\"text/html\"",
                "sunset: Thu, 31 Dec 2026 12:00:00 GMT",
                "link: <https://wiki.example.com/polytomic>; rel=\"sunset\"; type=\"text/html\"",
            ]
        );
    }
}
