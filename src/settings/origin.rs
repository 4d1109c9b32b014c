//! Scheme, host and port of an HTTP server.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};

use super::mistake::Problem;

/// Scheme, host and port, normalized: host in lower case, no default port. Nothing else fits in,
/// so that a request's own address can only ever add path and query to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    scheme: Scheme,
    authority: Authority,
}

impl Origin {
    /// `http` or `https`.
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// Host, and port unless it is the scheme's default.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Whether connections to it use TLS.
    pub fn is_tls(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// The address of a resource of this origin.
    pub fn uri(&self, target: PathAndQuery) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(target);
        // All three parts are there, which is the one thing that can be wrong with them.
        Uri::from_parts(parts).unwrap_or_default()
    }

    /// Whether connections to this origin meet a listener on `address`. No name but `localhost` is
    /// looked up.
    pub(super) fn reaches(&self, address: SocketAddr) -> bool {
        let host = self.authority.host();
        let host = if host == "localhost" { "127.0.0.1" } else { host };
        let ip: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        let default_port = if self.is_tls() { 443 } else { 80 };
        let meets =
            |ip: IpAddr| ip == address.ip() || (address.ip().is_unspecified() && ip.is_loopback());
        ip.is_some_and(meets) && self.authority.port_u16().unwrap_or(default_port) == address.port()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

impl FromStr for Origin {
    type Err = String;

    /// The error says what is wrong and does not repeat the text.
    fn from_str(text: &str) -> Result<Self, String> {
        parse(text).map_err(|problem| problem.message)
    }
}

/// An origin. The value is not repeated in messages: a password may stand in it.
pub(super) fn parse(text: &str) -> Result<Origin, Problem> {
    const HINT: &str = "write scheme, host and perhaps a port, such as https://app.polytomic.com";
    let wrong = |message: &str| Err(Problem::new(message, HINT));
    if text.contains('#') {
        return wrong("has a fragment (`#`)");
    }
    let Ok(uri) = text.parse::<Uri>() else { return wrong("is not a URL") };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return wrong("is not a URL with scheme and host");
    };
    let (scheme, default_port) = match scheme.to_ascii_lowercase().as_str() {
        "http" => (Scheme::HTTP, 80),
        "https" => (Scheme::HTTPS, 443),
        _ => return wrong("has a scheme other than http and https"),
    };
    if authority.as_str().contains('@') {
        return wrong("has user information before the host, and credentials come from callers");
    }
    if uri.query().is_some() {
        return wrong("has a query (`?`)");
    }
    // `https://host` and `https://host/` are the same address.
    if uri.path() != "/" {
        return wrong("has a path");
    }
    let host = authority.host().to_ascii_lowercase();
    let port = authority.as_str().len() > authority.host().len();
    let port = match (port, authority.port_u16()) {
        (true, None | Some(0)) => return wrong("has a port that is not a number from 1 to 65535"),
        (_, Some(port)) if port != default_port => format!(":{port}"),
        _ => String::new(),
    };
    let Ok(authority) = format!("{host}{port}").parse::<Authority>() else {
        return wrong("has a host that is not one");
    };
    if authority.host().is_empty() {
        return wrong("has no host");
    }
    Ok(Origin { scheme, authority })
}

pub(super) fn parse_optional(text: &str) -> Result<Option<Origin>, Problem> {
    if text.is_empty() { Ok(None) } else { parse(text).map(Some) }
}
