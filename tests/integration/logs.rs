//! What is logged about requests, and what never is.

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
