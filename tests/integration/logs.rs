//! What is logged about requests, and what never is.

use std::sync::{Arc, Mutex};

use http::Response;
use polytomic_shim::passthrough::Body;
use polytomic_shim::server::Handler;
use serde_json::Value;

use crate::support::*;

const REQUEST: &str = "GET /api/me?token=hunter2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
    X-Request-Id: named-by-client\r\nAuthorization: Bearer hunter2\r\nCookie: hunter2\r\n\
    X-Polytomic-Version: 2025-09-18\r\n\r\n";

#[tokio::test]
async fn credentials_and_queries_are_logged_at_no_level() {
    let upstream = Upstream::start(|_| answer(200, &[("set-cookie", "hunter2")], "hunter2")).await;
    for origin in [&upstream.origin, "http://127.0.0.1:1"] {
        for level in ["trace", "debug", "info"] {
            let shim = Process::start(origin, &["--log-level", level]);
            raw(shim.address, REQUEST).await;
            let mut client = http2(shim.address).await;
            let request = http::Request::get("http://user:hunter2@shim/api/me?hunter2")
                .header("authorization", "Bearer hunter2")
                .body(http_body_util::Full::default())
                .unwrap();
            soon(client.send_request(request)).await.unwrap();
            drop(client);
            let log = shim.end().await;
            assert!(log.contains("path=\"/api/me\""), "{log}");
            assert!(!log.contains("hunter2"), "{log}");
        }
    }
}

#[tokio::test]
async fn the_addresses_are_told_at_every_level() {
    for level in ["error", "warn", "debug"] {
        // Starting reads both addresses from the first line.
        let shim = Process::start("http://127.0.0.1:1", &["--log-level", level]);
        raw(shim.address, REQUEST).await;
        let log = shim.end().await;
        assert_eq!(log.contains("draining"), level == "debug", "{log}");
    }
}

/// Every way in for a credential, as clients send it.
const CREDENTIALS: [&str; 5] = [
    "Authorization: Bearer hunter2",
    // ORGANIZATION:hunter2 in base64.
    "Authorization: Basic T1JHQU5JWkFUSU9OOmh1bnRlcjI=",
    "X-API-Key: hunter2",
    "Proxy-Authorization: Basic hunter2",
    "Cookie: session=hunter2",
];

#[tokio::test]
async fn no_credential_comes_out_anywhere() {
    const METRICS: &str = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let refusing = Upstream::start(|_| answer(401, &[("set-cookie", "a=hunter2")], "{}")).await;
    let garbled = Upstream::start(|_| answer(200, &[("set-cookie", "a=hunter2")], "{")).await;
    for origin in [&refusing.origin, &garbled.origin, "http://127.0.0.1:1"] {
        let salt = "hunter2-hunter2-hunter2";
        // What cannot be reached is tried again until then.
        let deadline = "300ms";
        let flags = ["--log-level", "trace", "--fingerprint-salt", salt, "--deadline", deadline];
        let shim = Process::start(origin, &flags);
        for credential in CREDENTIALS {
            for (method, path) in [
                ("GET", "/api/me"),
                ("GET", "/api/organizations"),
                ("GET", "/api/bulk/syncs"),
                ("PUT", "/api/bulk/syncs/1"),
                ("GET", "/api/syncs/a%2Fb"),
                ("GET", "/api/connections/1/share"),
            ] {
                let request = format!(
                    "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{credential}\r\n\
                     Content-Length: 2\r\n\r\n{{}}"
                );
                let text = raw(shim.address, &request).await;
                // Upstream's own cookie is the client's to have.
                let text = text.replace("set-cookie: a=hunter2", "");
                assert!(!text.contains("hunter2") && !text.contains("h1bnRlcjI"), "{text}");
            }
        }
        let metrics = raw(shim.admin, METRICS).await;
        let log = shim.end().await;
        assert!(log.contains(" caller="), "{log}");
        for (place, text) in [("metrics", metrics), ("log", log)] {
            for secret in ["hunter2", "T1JHQU5JWkFUSU9O", "h1bnRlcjI"] {
                assert!(!text.contains(secret), "{secret} in the {place}:\n{text}");
            }
        }
    }
}

#[tokio::test]
async fn instances_agree_on_fingerprints_by_a_common_salt() {
    let upstream = Upstream::start(|_| answer(200, &[], "")).await;
    let salt = |salt: &'static str| ["--fingerprint-salt", salt];
    let (one, other) = (salt("0123456789abcdef"), salt("fedcba9876543210"));
    let mut prints = Vec::new();
    for flags in [&one[..], &one, &other, &[], &[]] {
        let shim = Process::start(&upstream.origin, flags);
        raw(shim.address, REQUEST).await;
        let log = shim.end().await;
        let (_, rest) = log.split_once(" caller=").unwrap();
        prints.push(rest[..12].to_owned());
    }
    assert_eq!(prints[0], prints[1]);
    prints.remove(0);
    let different: std::collections::HashSet<&String> = prints.iter().collect();
    assert_eq!(different.len(), 4, "{prints:?}");
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct Careless;

impl Handler for Careless {
    async fn handle(&self, request: polytomic_shim::server::Incoming) -> Response<Body> {
        panic!("cannot handle {:?}", request.headers());
    }
}

#[tokio::test]
async fn a_careless_panic_shows_no_credential() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
    // Clients are served by threads that know of no subscriber of this one; nobody else in this
    // process has one.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let shim = Shim::with(settings("http://127.0.0.1:1", &[]), Careless).await;
    for credential in CREDENTIALS {
        let request =
            format!("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{credential}\r\n\r\n");
        let text = raw(shim.address, &request).await;
        assert!(text.starts_with("HTTP/1.1 500 "), "{text}");
        assert!(!text.contains("hunter2") && !text.contains("h1bnRlcjI"), "{text}");
    }
    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_eq!(log.matches("cannot handle").count(), CREDENTIALS.len(), "{log}");
    assert!(log.contains("Sensitive"), "{log}");
    assert!(!log.contains("hunter2") && !log.contains("h1bnRlcjI"), "{log}");
}

#[tokio::test]
async fn json_lines_have_the_same_fields() {
    let upstream = Upstream::start(|_| answer(418, &[], "")).await;
    let shim = Process::start(&upstream.origin, &["--log-format", "json"]);
    let address = shim.address.to_string();
    raw(shim.address, REQUEST).await;
    let log = shim.end().await;
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["listen"], address);
    assert_eq!(lines[0]["message"], "listening");
    let answered = lines.iter().find(|line| line["message"] == "answered").unwrap();
    assert_eq!(answered["status"], 418);
    assert!(answered["duration_ms"].is_f64());
    assert_eq!(answered["span"]["id"], "named-by-client");
    assert_eq!(answered["span"]["method"], "GET");
    assert_eq!(answered["span"]["path"], "/api/me");
}
