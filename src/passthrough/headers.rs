//! What happens to headers on the way through: end-to-end ones stay, hop-by-hop ones go, and the
//! shim says that it was there.

use std::net::{IpAddr, SocketAddr};

use bytes::BytesMut;
use http::header::{
    ALT_SVC, CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, FORWARDED, HOST, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE, VIA,
};
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Request, Uri, Version};

use super::names::{Found, Names};
use crate::settings::Network;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Whether a client came by TLS.
pub(crate) const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// The host that a client asked for.
pub(crate) const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Headers that concern one connection only (RFC 9110 §7.6.1), whether or not `Connection` names
/// them, and more. `Proxy-Authorization` and `Proxy-Authenticate` are between a client and its own proxy.
macro_rules! hop_by_hop {
    ($($more:expr),*) => {
        [
            CONNECTION,
            TE,
            HeaderName::from_static("keep-alive"),
            HeaderName::from_static("proxy-connection"),
            PROXY_AUTHENTICATE,
            PROXY_AUTHORIZATION,
            TRANSFER_ENCODING,
            UPGRADE,
            HeaderName::from_static("http2-settings"),
            $($more),*
        ]
    };
}
const CONNECTION_AT: usize = 0;
const TE_AT: usize = 1;

/// `Host` is set anew from the configured upstream; `100 Continue` has been answered by the server, as
/// soon as the body was read.
static OF_REQUESTS: [HeaderName; 11] = hop_by_hop![HOST, EXPECT];
static REQUESTS: Names = Names::new(&OF_REQUESTS);
/// `Alt-Svc` names other addresses of the same server, which would lead clients around the shim.
static OF_ANSWERS: [HeaderName; 10] = hop_by_hop![ALT_SVC];
static ANSWERS: Names = Names::new(&OF_ANSWERS);

/// The other end of a client's connection; stands in the extensions of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// Whether the connection is encrypted.
    pub tls: bool,
}

/// How a request arrived, apart from its headers.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Who sent it, if that is known.
    pub peer: Option<Peer>,
    /// The protocol of the connection.
    pub version: Version,
    /// The host, perhaps with a port, that the client meant to reach.
    pub host: Option<HeaderValue>,
}

impl Arrival {
    /// Reads how a request arrived. The authority of its target (HTTP/2 `:authority`, absolute
    /// form) beats `Host`, as RFC 9112 §3.2.2 says.
    pub fn of(parts: &Parts) -> Self {
        Self::new(&parts.uri, parts.version, &parts.headers, &parts.extensions)
    }

    /// The same of a request that is whole.
    pub fn of_request<B>(request: &Request<B>) -> Self {
        Self::new(request.uri(), request.version(), request.headers(), request.extensions())
    }

    fn new(uri: &Uri, version: Version, headers: &HeaderMap, extensions: &Extensions) -> Self {
        let authority = uri.authority();
        let authority = authority.and_then(|text| HeaderValue::from_str(text.as_str()).ok());
        Self {
            peer: extensions.get::<Peer>().copied(),
            version,
            host: authority.or_else(|| headers.get(HOST).cloned()),
        }
    }
}

/// The headers to send upstream for a request with `incoming` ones.
///
/// Hop-by-hop headers and `Host` are gone (the client sets `Host` from the configured upstream),
/// `Via` and `X-Forwarded-For`, `-Proto` and `-Host` are there. What a peer outside of `trusted`
/// says in `X-Forwarded-*` or `Forwarded` is replaced; a trusted one is believed and added to.
/// Afterwards, `X-Forwarded-Proto` and `-Host` tell the address that the client used.
pub fn outgoing_headers(incoming: HeaderMap, arrival: &Arrival, trusted: &[Network]) -> HeaderMap {
    let mut headers = incoming;
    let mut claimed = Vec::new();
    let found = REQUESTS.among_others(&headers, |name| {
        if name.as_str().starts_with("x-forwarded-") || *name == FORWARDED {
            claimed.push(name.clone());
        }
    });
    // Trailers pass through, and upstream may send them only to those who say so.
    let trailers = found.has(TE_AT)
        && listed(&headers, &TE).any(|item| item.eq_ignore_ascii_case(b"trailers"));
    strip(&mut headers, &REQUESTS, found);
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    if arrival.version == Version::HTTP_2 {
        join_cookies(&mut headers);
    }
    headers.append(VIA, via(arrival.version));
    forwarded(&mut headers, &claimed, arrival, trusted);
    headers
}

/// The headers to hand to the client for an upstream answer with `upstream` ones, which came in
/// the given version of HTTP: hop-by-hop headers gone, `Via` added.
pub fn incoming_headers(upstream: HeaderMap, version: Version) -> HeaderMap {
    let mut headers = upstream;
    let found = ANSWERS.among(&headers);
    strip(&mut headers, &ANSWERS, found);
    headers.append(VIA, via(version));
    headers
}

/// Takes out those of the names that were found, and what `Connection` names besides.
fn strip(headers: &mut HeaderMap, names: &Names, found: Found) {
    if found.has(CONNECTION_AT) {
        let named: Vec<HeaderName> = listed(headers, &CONNECTION)
            .filter(|name| !name.eq_ignore_ascii_case(b"close"))
            .filter(|name| !name.eq_ignore_ascii_case(b"keep-alive"))
            .filter_map(|name| HeaderName::from_bytes(name).ok())
            .collect();
        for name in &named {
            headers.remove(name);
        }
    }
    names.remove_found(headers, found);
    // Several equal lengths are one length, and only one may be forwarded (RFC 9110 §8.6). The
    // server and the client library have refused different ones.
    if headers.get_all(CONTENT_LENGTH).iter().nth(1).is_some()
        && let Some(length) = headers.remove(CONTENT_LENGTH)
    {
        headers.insert(CONTENT_LENGTH, length);
    }
}

/// The items of a header that is a list, over all its lines.
fn listed<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
    let lines = headers.get_all(name).into_iter();
    lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii)
}

fn via(version: Version) -> HeaderValue {
    HeaderValue::from_static(match version {
        Version::HTTP_10 => "1.0 polytomic-shim",
        Version::HTTP_2 => "2 polytomic-shim",
        _ => "1.1 polytomic-shim",
    })
}

/// Says whose request it is. `claimed` are the headers in which it says so itself.
fn forwarded(
    headers: &mut HeaderMap,
    claimed: &[HeaderName],
    arrival: &Arrival,
    trusted: &[Network],
) {
    let Arrival { peer, host, .. } = arrival;
    let believed =
        peer.is_some_and(|peer| trusted.iter().any(|network| network.contains(peer.address.ip())));
    if !believed {
        for name in claimed {
            headers.remove(name);
        }
    }
    if let Some(address) = peer.and_then(|peer| address_value(peer.address.ip().to_canonical())) {
        // A further line of the same name continues the list of earlier ones (RFC 9110 §5.3).
        headers.append(FORWARDED_FOR, address);
    }
    let tls = peer.is_some_and(|peer| peer.tls);
    headers.entry(FORWARDED_PROTO).or_insert(HeaderValue::from_static(if tls {
        "https"
    } else {
        "http"
    }));
    if let Some(host) = host {
        headers.entry(FORWARDED_HOST).or_insert_with(|| host.clone());
    }
}

/// An address as it is written.
fn address_value(address: IpAddr) -> Option<HeaderValue> {
    let IpAddr::V4(address) = address else {
        return HeaderValue::try_from(address.to_string()).ok();
    };
    // By hand: it is written for every request, and the machinery of `to_string` shows.
    let mut text = BytesMut::with_capacity(15);
    for (place, octet) in address.octets().into_iter().enumerate() {
        if place > 0 {
            text.extend_from_slice(b".");
        }
        let digits = [b'0' + octet / 100, b'0' + octet / 10 % 10, b'0' + octet % 10];
        let skipped = if octet >= 100 { 0 } else { 1 + usize::from(octet < 10) };
        text.extend_from_slice(digits.get(skipped..).unwrap_or_default());
    }
    HeaderValue::from_maybe_shared(text.freeze()).ok()
}

/// HTTP/2 clients may send each cookie in a line of its own, HTTP/1.1 servers read only one
/// (RFC 9113 §8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let cookies: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if cookies.len() < 2 {
        return;
    }
    if let Ok(mut joined) = HeaderValue::from_bytes(&cookies.join(&b"; "[..])) {
        joined.set_sensitive(true);
        headers.insert(COOKIE, joined);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(arrival: &Arrival, trusted: &[Network], incoming: &[(&str, &str)], expected: &[&str]) {
        let mut headers = HeaderMap::new();
        for (name, value) in incoming {
            headers.append(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        let outgoing = outgoing_headers(headers, arrival, trusted);
        let line = |(name, value): (&HeaderName, &HeaderValue)| {
            format!("{name}: {}", value.to_str().unwrap())
        };
        let mut lines: Vec<String> = outgoing.iter().map(line).collect();
        lines.sort();
        assert_eq!(lines, expected, "{incoming:?}");
    }

    fn arrival(address: &str, version: Version) -> Arrival {
        let peer = Peer { address: address.parse().unwrap(), tls: false };
        Arrival { peer: Some(peer), version, host: Some(HeaderValue::from_static("shim:8080")) }
    }

    #[test]
    fn addresses_are_written_as_they_are() {
        for text in ["0.0.0.0", "1.20.255.100", "10.9.99.109", "::1", "2001:db8::ff"] {
            let address = text.parse::<IpAddr>().unwrap();
            assert_eq!(address_value(address).unwrap(), text);
        }
    }

    #[test]
    fn only_end_to_end_headers_go_out() {
        let arrival = arrival("192.0.2.1:9", Version::HTTP_11);
        check(
            &arrival,
            &[],
            &[
                ("host", "shim:8080"),
                ("connection", "Keep-Alive, X-Secret ,, close"),
                ("connection", "x-other"),
                ("x-secret", "1"),
                ("x-other", "2"),
                ("x-stays", "3"),
                ("keep-alive", "timeout=5"),
                ("proxy-connection", "keep-alive"),
                ("proxy-authorization", "Basic eA=="),
                ("te", "deflate;q=0.5, Trailers"),
                ("transfer-encoding", "chunked"),
                ("upgrade", "websocket"),
                ("expect", "100-continue"),
                ("via", "1.0 other"),
            ],
            &[
                "te: trailers",
                "via: 1.0 other",
                "via: 1.1 polytomic-shim",
                "x-forwarded-for: 192.0.2.1",
                "x-forwarded-host: shim:8080",
                "x-forwarded-proto: http",
                "x-stays: 3",
            ],
        );
    }

    #[test]
    fn forwarded_headers_are_believed_from_trusted_proxies_only() {
        let claims = [
            ("x-forwarded-for", "203.0.113.7"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "shim.example.com"),
            ("x-forwarded-prefix", "/x"),
            ("forwarded", "for=203.0.113.7"),
        ];
        let arrival = arrival("[::ffff:10.0.0.1]:9", Version::HTTP_2);
        check(
            &arrival,
            &[],
            &claims,
            &[
                "via: 2 polytomic-shim",
                "x-forwarded-for: 10.0.0.1",
                "x-forwarded-host: shim:8080",
                "x-forwarded-proto: http",
            ],
        );
        let settings = crate::settings::Settings::load(
            vec![("trusted_proxies", "10.0.0.0/8".into())],
            std::iter::empty(),
        );
        check(
            &arrival,
            &settings.unwrap().trusted_proxies,
            &claims,
            &[
                "forwarded: for=203.0.113.7",
                "via: 2 polytomic-shim",
                "x-forwarded-for: 10.0.0.1",
                "x-forwarded-for: 203.0.113.7",
                "x-forwarded-host: shim.example.com",
                "x-forwarded-prefix: /x",
                "x-forwarded-proto: https",
            ],
        );
    }

    #[test]
    fn cookies_of_http_2_are_joined() {
        let arrival = Arrival { peer: None, version: Version::HTTP_2, host: None };
        let cookies = [("cookie", "a=1"), ("cookie", "b=2")];
        let expected = ["cookie: a=1; b=2", "via: 2 polytomic-shim", "x-forwarded-proto: http"];
        check(&arrival, &[], &cookies, &expected);
    }
}
