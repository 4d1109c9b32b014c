//! Request heads and paths, through the same parser, checks and templates as in the server.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use polytomic_shim::exchange::check_path;
use polytomic_shim::passthrough::{Arrival, outgoing_headers, read_whole, target};
use polytomic_shim::rules::template::{Template, decoded, encode_segment};
use polytomic_shim::rules::{self, Rules};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::corpus;
use crate::driver::fuzz;

const PATH_WORDS: &[&str] = &[
    "/",
    "//",
    "/..",
    "/.",
    "%2f",
    "%2F",
    "%5c",
    "%2e%2e",
    "%00",
    "%",
    "%zz",
    "%c3%a9",
    "%ff",
    "\\",
    ";",
    "?",
    "#",
    "api",
    "{id}",
    "/api/syncs/",
    "/api/bulk/syncs/",
    "%25",
    "%252f",
    "+",
    " ",
    "\u{e9}",
];

/// A path that is let through has one meaning: what a rule makes of it has as many segments as
/// its template, none of which can be read as more.
#[test]
fn request_path() {
    let rules = Rules::embedded().unwrap();
    let mut inputs: Vec<Vec<u8>> = corpus::fixtures(&["path", "call"]);
    inputs.extend(rules.iter().map(|rule| rule.path.source().as_bytes().to_vec()));
    fuzz("request_path", inputs, PATH_WORDS, |input| {
        let Ok(path) = std::str::from_utf8(input) else { return "no text".to_owned() };
        if let Some(encoded) = encode_segment(path) {
            assert_eq!(decoded(&encoded), path);
            assert!(!encoded.contains(['/', '?', '#', '\\', '\r', '\n']));
        }
        let _ = Template::parse(path);
        if let Err(failure) = check_path(path) {
            return failure.message;
        }
        let mut said = "a path".to_owned();
        for method in [Method::GET, Method::PUT, Method::POST, Method::DELETE] {
            let candidates = rules.candidates(&method, path);
            let user = Some(rules::CallerKind::User);
            let Some((rule, bindings)) = candidates.for_caller(user) else { continue };
            let filled = rule.path.fill(&bindings, None).unwrap();
            assert_eq!(filled.split('/').count(), rule.path.source().split('/').count());
            for segment in filled.split('/').skip(1) {
                let text = decoded(segment);
                assert!(!text.contains(['/', '\\', '\0']) && text != "." && text != "..");
            }
            // What HTTP lets through as a target stays one.
            if let Ok(uri) = path.parse::<http::uri::PathAndQuery>()
                && uri.path() == path
            {
                assert!(rules::template::target(&filled, uri.query()).is_ok(), "{filled}");
            }
            said.push_str(&rule.id);
        }
        said
    });
}

const HEAD_WORDS: &[&str] = &[
    "\r\n",
    "\n",
    "\r",
    "\r\n\r\n",
    "Content-Length: 4",
    "Content-Length: 04",
    "Content-Length: 4, 4",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding : chunked",
    "Transfer-Encoding: chunked, identity",
    "Host: a",
    "Connection: x, close",
    "GET ",
    "PUT ",
    "CONNECT ",
    "http://elsewhere",
    "/api/../x",
    " HTTP/1.1",
    " HTTP/1.0",
    " HTTP/2.0",
    "4\r\nabcd\r\n",
    "0\r\n\r\n",
    "\r\n folded",
    "Te: trailers",
    "X-Forwarded-For: 1",
    "\0",
    "4;x=y\r\n",
    "ffffffffffffffff\r\n",
    "Expect: 100-continue",
    "Upgrade: h2c",
];

/// Whatever bytes come, each request that the parser makes of them goes out with one length, one
/// host, one path, and headers that end where they end; bodies never exceed their limit.
#[test]
fn request_head() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let inputs = [
        "GET /api/syncs?a=b HTTP/1.1\r\nHost: shim\r\nAuthorization: Bearer k\r\n\r\n",
        "PUT /api/syncs/1 HTTP/1.1\r\nHost: shim\r\nContent-Length: 4\r\n\r\nbodyGET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /api/syncs HTTP/1.1\r\nHost: shim\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-T: 1\r\n\r\n",
        "GET http://elsewhere/api HTTP/1.1\r\nHost: shim\r\nConnection: x, close\r\nX: 1\r\n\r\n",
    ];
    let inputs = inputs.map(|text| text.as_bytes().to_vec()).to_vec();
    fuzz("request_head", inputs, HEAD_WORDS, |input| runtime.block_on(serve(input)));
}

/// What the parser takes for requests.
async fn serve(input: &[u8]) -> String {
    const LIMIT: usize = 1 << 10;
    let said = Arc::new(Mutex::new(String::new()));
    let (mut client, server) = tokio::io::duplex(1 << 17);
    let service = service_fn(|request: Request<Incoming>| {
        let said = said.clone();
        async move {
            let (parts, body) = request.into_parts();
            let path = target(&parts).map(|path| check_path(path.path()).is_ok());
            let arrival = Arrival::of(&parts);
            let headers = outgoing_headers(parts.headers, &arrival, &[]);
            assert!(headers.get_all("content-length").iter().count() <= 1);
            for name in ["transfer-encoding", "connection", "host", "upgrade", "expect"] {
                assert!(!headers.contains_key(name), "{name}");
            }
            for value in headers.values() {
                assert!(!value.as_bytes().iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
            }
            let patience = std::time::Duration::from_secs(1);
            let body = read_whole(body, LIMIT, patience).await;
            assert!(body.as_ref().map_or(0, Bytes::len) <= LIMIT);
            let path = path.map_err(|failure| failure.message);
            let text = format!("{} {path:?} {:?};", parts.method, body.is_ok());
            said.lock().unwrap().push_str(&text);
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        }
    });
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(server), service);
    let talk = async {
        let _ = client.write_all(input).await;
        let _ = client.shutdown().await;
        let mut answers = Vec::new();
        let _ = client.read_to_end(&mut answers).await;
        answers
    };
    let (_, answers) = tokio::join!(connection, talk);
    let refused = answers.starts_with(b"HTTP/1.1 4");
    let text = said.lock().unwrap().clone();
    format!("{text} {refused}")
}
