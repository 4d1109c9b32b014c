//! Addresses in answers: a client must not be led around the shim.

use http::header::LOCATION;
use http::{HeaderMap, HeaderValue};

use crate::passthrough::Arrival;
use crate::settings::{Network, Origin};

/// The address that a client used, as far as its request tells.
#[derive(Debug)]
pub(super) struct Front {
    arrival: Arrival,
    forwarded: Option<(Option<HeaderValue>, Option<HeaderValue>)>,
}

impl Front {
    /// What a request tells: `X-Forwarded-Proto` and `-Host` where a trusted proxy sends them,
    /// else `Host`.
    pub(super) fn of(arrival: Arrival, headers: &HeaderMap, trusted: &[Network]) -> Self {
        let believed = arrival
            .peer
            .is_some_and(|peer| trusted.iter().any(|network| network.contains(peer.address.ip())));
        let forwarded = believed.then(|| {
            (headers.get("x-forwarded-proto").cloned(), headers.get("x-forwarded-host").cloned())
        });
        Self { arrival, forwarded }
    }

    fn origin(&self, public: Option<&Origin>) -> Option<String> {
        if let Some(public) = public {
            return Some(public.to_string());
        }
        let tls = self.arrival.peer.is_some_and(|peer| peer.tls);
        let (scheme, host) = self.forwarded.clone().unwrap_or_default();
        let text = |value: &HeaderValue| {
            value
                .to_str()
                .ok()
                .and_then(|list| list.split(',').next())
                .map(|first| first.trim().to_owned())
        };
        let scheme =
            scheme.as_ref().and_then(text).filter(|scheme| scheme == "http" || scheme == "https");
        let scheme = scheme.unwrap_or_else(|| if tls { "https" } else { "http" }.to_owned());
        let host = host.or_else(|| self.arrival.host.clone());
        let host = host
            .as_ref()
            .and_then(text)
            .filter(|host| host.parse::<http::uri::Authority>().is_ok())?;
        Some(format!("{scheme}://{host}"))
    }
}

/// Rewrites a `Location` whose origin is upstream's; relative ones and other origins stay.
pub(super) fn rewrite(
    headers: &mut HeaderMap,
    upstream: &Origin,
    front: &Front,
    public: Option<&Origin>,
) {
    let Some(location) = headers.get(LOCATION).and_then(|value| value.to_str().ok()) else {
        return;
    };
    let Some(rest) = below(location, &upstream.to_string()) else { return };
    let Some(origin) = front.origin(public) else { return };
    if let Ok(value) = HeaderValue::try_from(format!("{origin}{rest}")) {
        headers.insert(LOCATION, value);
    }
}

/// What follows the origin, if `address` is below it.
fn below<'l>(address: &'l str, origin: &str) -> Option<&'l str> {
    let origin = origin.trim_end_matches('/');
    let (start, rest) = address.split_at_checked(origin.len())?;
    let ends = rest.is_empty() || rest.starts_with(['/', '?', '#']);
    (start.eq_ignore_ascii_case(origin) && ends).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_upstream_origin_is_replaced() {
        assert_eq!(
            below("https://app.polytomic.com/api/x?y", "https://app.polytomic.com"),
            Some("/api/x?y")
        );
        assert_eq!(below("HTTPS://APP.polytomic.com", "https://app.polytomic.com"), Some(""));
        assert_eq!(below("https://app.polytomic.com.evil/api", "https://app.polytomic.com"), None);
        assert_eq!(below("/api/x", "https://app.polytomic.com"), None);
    }
}
