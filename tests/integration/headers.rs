//! Which headers arrive upstream, and which at the client.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::*;

#[tokio::test]
async fn upstream_sees_the_client_s_headers_and_the_shim_s_own() {
    let mut upstream = Upstream::start(|_| answer(200, &[], "")).await;
    let shim = Shim::start(&upstream.origin, &[]).await;
    let request = "GET /api/me HTTP/1.1\r\nHost: shim.example.com\r\nConnection: close, X-Hop\r\n\
                   X-Hop: 1\r\nKeep-Alive: 5\r\nUpgrade: websocket\r\nAuthorization: Bearer key\r\n\
                   Idempotency-Key: 7\r\nX-Fern-SDK-Name: polytomic\r\nUser-Agent: python\r\n\
                   X-Polytomic-Version: 2024-02-08\r\nX-Unknown: a\r\nX-Unknown: b\r\n\
                   X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\nVia: 1.0 gateway\r\n\r\n";
    raw(shim.address, request).await;
    let seen = upstream.next().await;
    let mut lines: Vec<String> = seen
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    lines.sort();
    let host = format!("host: {}", upstream.origin.trim_start_matches("http://"));
    let expected = [
        "authorization: Bearer key",
        &host,
        "idempotency-key: 7",
        "user-agent: python",
        "via: 1.0 gateway",
        "via: 1.1 polytomic-shim",
        "x-fern-sdk-name: polytomic",
        "x-forwarded-for: 127.0.0.1",
        "x-forwarded-host: shim.example.com",
        "x-forwarded-proto: http",
        "x-polytomic-version: 2024-02-08",
        "x-unknown: a",
        "x-unknown: b",
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn traces_go_on_upstream() {
    let mut upstream = Upstream::start(|_| answer(200, &[], "{\"data\":{}}")).await;
    let shim = Shim::translating(&upstream.origin, &[]).await;
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    // One request passes, the other is translated.
    for path in ["/api/me", "/api/bulk/syncs/1"] {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTraceparent: {parent}\r\n\
             Tracestate: vendor=1\r\nBaggage: a=b\r\n\r\n"
        );
        let text = raw(shim.address, &request).await;
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        let seen = upstream.next().await;
        assert_eq!(seen.headers()["traceparent"], parent, "{path}");
        assert_eq!(seen.headers()["tracestate"], "vendor=1", "{path}");
        assert_eq!(seen.headers()["baggage"], "a=b", "{path}");
    }
}

#[tokio::test]
async fn trusted_proxies_are_believed() {
    let mut upstream = Upstream::start(|_| answer(200, &[], "")).await;
    let shim = Shim::start(&upstream.origin, &[("trusted_proxies", "127.0.0.0/8")]).await;
    let request = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Forwarded-For: 203.0.113.7\r\n\
                   X-Forwarded-Proto: https\r\nX-Forwarded-Host: public.example.com\r\n\r\n";
    raw(shim.address, request).await;
    let seen = upstream.next().await;
    let chain: Vec<_> = seen.headers().get_all("x-forwarded-for").iter().collect();
    assert_eq!(chain, ["203.0.113.7", "127.0.0.1"]);
    assert_eq!(seen.headers()["x-forwarded-proto"], "https");
    assert_eq!(seen.headers()["x-forwarded-host"], "public.example.com");
}

#[tokio::test]
async fn the_client_sees_upstream_s_headers_without_those_of_one_hop() {
    let (origin, _) = raw_upstream(async |mut stream: TcpStream| {
        read_head(&mut stream).await;
        let answer =
            b"HTTP/1.1 429 Slow Down\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n\
                       Alt-Svc: h3=\":443\"\r\nProxy-Authenticate: Basic\r\nRetry-After: 7\r\n\
                       X-Request-Id: theirs\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\
                       Location: https://elsewhere.example.com/x\r\nContent-Length: 2\r\n\r\nno";
        stream.write_all(answer).await.unwrap();
        read_until(&mut stream, "never").await;
    })
    .await;
    let shim = Shim::start(&origin, &[]).await;
    let request = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-Id: mine\r\n\r\n";
    let text = raw(shim.address, request).await;
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, "no");
    let mut lines: Vec<&str> = head.lines().filter(|line| !line.starts_with("date: ")).collect();
    assert_eq!(lines.remove(0), "HTTP/1.1 429 Slow Down", "a redirect or retry would show here");
    lines.sort_unstable();
    let expected = [
        "connection: close",
        "content-length: 2",
        "location: https://elsewhere.example.com/x",
        "retry-after: 7",
        "set-cookie: a=1",
        "set-cookie: b=2",
        "via: 1.1 polytomic-shim",
        "x-request-id: theirs",
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn request_ids_are_shown_unless_switched_off() {
    let mut upstream = Upstream::start(|_| answer(200, &[], "")).await;
    let request = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-Id: mine\r\n\r\n";
    let shim = Shim::start(&upstream.origin, &[]).await;
    assert!(raw(shim.address, request).await.contains("\r\nx-request-id: mine\r\n"));
    assert_eq!(upstream.next().await.headers()["x-request-id"], "mine");
    let anonymous = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert!(raw(shim.address, anonymous).await.contains("\r\nx-request-id: "));
    assert!(!upstream.next().await.headers().contains_key("x-request-id"));
    let shim = Shim::start(&upstream.origin, &[("shim_headers", "false")]).await;
    assert!(!raw(shim.address, anonymous).await.contains("x-request-id"));
}
