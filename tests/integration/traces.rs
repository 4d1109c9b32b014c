//! Spans for a collector.

use crate::support::*;

#[tokio::test]
async fn traces_are_continued_and_exported() {
    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const PARENT: &str = "b7ad6b7169203331";
    let bytes = |hex: &str| -> Vec<u8> {
        (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect()
    };
    let mut collector = Upstream::start(|_| answer(200, &[], "")).await;
    let mut upstream = Upstream::start(|_| answer(200, &[], "{\"data\":{}}")).await;
    // Which lines are logged has nothing to do with which spans are exported.
    let flags = ["--otlp-endpoint", &collector.origin, "--log-level", "error"];
    let shim = Process::start(&upstream.origin, &flags);
    let mut spans = Vec::new();
    for path in ["/api/me", "/api/bulk/syncs/1"] {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer hunter2\r\n\
             Traceparent: 00-{TRACE}-{PARENT}-01\r\nTracestate: vendor=1\r\n\r\n"
        );
        assert!(raw(shim.address, &request).await.starts_with("HTTP/1.1 200 OK\r\n"));
        let seen = upstream.next().await;
        let parent = seen.headers()["traceparent"].to_str().unwrap();
        let (trace, span) = parent.strip_prefix("00-").unwrap().split_once('-').unwrap();
        assert_eq!(trace, TRACE);
        assert_ne!(&span[..16], PARENT, "the shim's own span stands in between");
        assert_eq!(seen.headers()["tracestate"], "vendor=1");
        spans.push(span[..16].to_owned());
    }
    // The end sends what is left.
    shim.end().await;
    let mut body = Vec::new();
    while let Ok(seen) = collector.seen.try_recv() {
        assert_eq!((seen.method().as_str(), seen.uri().path()), ("POST", "/v1/traces"));
        assert_eq!(seen.headers()["content-type"], "application/x-protobuf");
        body.extend_from_slice(seen.body());
    }
    let has = |needle: &[u8]| body.windows(needle.len()).any(|window| window == needle);
    assert!(has(&bytes(TRACE)) && has(&bytes(PARENT)));
    for span in &spans {
        assert!(has(&bytes(span)), "the span that upstream was told is exported");
    }
    assert!(has(b"polytomic-shim") && has(b"bulk_sync/get") && has(b"/api/me"));
    assert!(has(b"caller") && has(b"upstream_calls") && has(b"http.response.status_code"));
    assert!(!has(b"hunter2"));
}

#[tokio::test]
async fn err_a_collector_that_is_gone_harms_no_request() {
    let upstream = Upstream::start(|_| answer(200, &[], "hello")).await;
    let shim = Process::start(&upstream.origin, &["--otlp-endpoint", "http://127.0.0.1:1"]);
    let request = "GET /api/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert!(raw(shim.address, request).await.ends_with("hello"));
    shim.end().await;
}
