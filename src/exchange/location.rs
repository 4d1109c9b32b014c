//! Addresses in answers: a client must not be led around the shim.

use http::header::LOCATION;
use http::{HeaderMap, HeaderValue};

use crate::message::Origins;
use crate::passthrough::{Arrival, FORWARDED_HOST, FORWARDED_PROTO};
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
        let forwarded = believed
            .then(|| (headers.get(FORWARDED_PROTO).cloned(), headers.get(FORWARDED_HOST).cloned()));
        Self { arrival, forwarded }
    }

    /// Upstream's origin and the one that the client used; none where nothing tells.
    pub(super) fn origins(&self, upstream: &Origin, public: Option<&Origin>) -> Option<Origins> {
        let client = public.map(ToString::to_string).or_else(|| self.origin())?;
        Some(Origins { upstream: upstream.to_string(), client })
    }

    fn origin(&self) -> Option<String> {
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
pub(super) fn rewrite(headers: &mut HeaderMap, origins: impl FnOnce() -> Option<Origins>) {
    let Some(location) = headers.get(LOCATION).and_then(|value| value.to_str().ok()) else {
        return;
    };
    let Some(rewritten) = origins().and_then(|origins| origins.rewrite(location)) else { return };
    if let Ok(value) = HeaderValue::try_from(rewritten) {
        headers.insert(LOCATION, value);
    }
}
