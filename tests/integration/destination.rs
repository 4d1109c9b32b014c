//! Nothing that a request contains makes the shim talk to another host, or changes what it says.

use std::sync::atomic::Ordering;

use tokio::net::TcpStream;

use crate::support::*;

/// Sends the request to a shim whose upstream reports the request line and host it got, while a
/// second server, which some requests name, must get nothing.
async fn check(request: &str, expected_line: &str) {
    let (elsewhere, visits) = raw_upstream(async |mut stream: TcpStream| {
        read_all(&mut stream).await;
    })
    .await;
    let mut upstream = Upstream::start(|_| answer(200, &[], "")).await;
    let shim = Shim::start(&upstream.origin, &[]).await;
    let request = request.replace("ELSEWHERE", elsewhere.trim_start_matches("http://"));
    let text = raw(shim.address, &request).await;
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{request}: {text}");
    let seen = upstream.next().await;
    assert_eq!(format!("{} {}", seen.method(), seen.uri()), expected_line, "{request}");
    assert_eq!(seen.headers()["host"], upstream.origin.trim_start_matches("http://"), "{request}");
    assert_eq!(visits.load(Ordering::SeqCst), 0, "{request}");
}

#[tokio::test]
async fn the_authority_of_a_request_never_decides_where_it_goes() {
    let end = "Connection: close\r\n\r\n";
    for (request, expected) in [
        (format!("GET /api/me HTTP/1.1\r\nHost: ELSEWHERE\r\n{end}"), "GET /api/me"),
        (
            format!("GET http://ELSEWHERE/api/me?x=1 HTTP/1.1\r\nHost: x\r\n{end}"),
            "GET /api/me?x=1",
        ),
        (format!("GET http://ELSEWHERE HTTP/1.1\r\nHost: x\r\n{end}"), "GET /"),
        (format!("GET http://user:secret@ELSEWHERE/a HTTP/1.1\r\nHost: x\r\n{end}"), "GET /a"),
        (format!("GET //ELSEWHERE/api/me HTTP/1.1\r\nHost: x\r\n{end}"), "GET //ELSEWHERE/api/me"),
        (format!("GET /@ELSEWHERE/ HTTP/1.1\r\nHost: x\r\n{end}"), "GET /@ELSEWHERE/"),
        (
            format!(
                "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-Host: ELSEWHERE\r\nForwarded: host=ELSEWHERE\r\n{end}"
            ),
            "GET /",
        ),
    ] {
        // The second server's port is only known inside, so paths that name it are compared by rest.
        if expected.contains("ELSEWHERE") {
            let request = request.replace("ELSEWHERE", "elsewhere.example.com");
            check(&request, &expected.replace("ELSEWHERE", "elsewhere.example.com")).await;
        } else {
            check(&request, expected).await;
        }
    }
}

#[tokio::test]
async fn paths_and_queries_are_forwarded_byte_for_byte() {
    for target in [
        "/a//b/../c/./d",
        "/a/%2e%2e/%2F%2f/%5C",
        "/a%00b?c=%0d%0aX-Injected:%201",
        "/a;v=1,2/b|c/{d}/\"e\"",
        "/?",
        "/a?b=c&&=?#not-a-fragment".trim_end_matches("#not-a-fragment"),
        "/a/?q=http://elsewhere.example.com/@x:80",
        "/caf\u{e9}",
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        check(&request, &format!("GET {target}")).await;
    }
}

#[tokio::test]
async fn targets_without_a_path_are_refused_in_legacy_shape() {
    let upstream = Upstream::start(|_| answer(200, &[], "")).await;
    let shim = Shim::start(&upstream.origin, &[]).await;
    for request in [
        "CONNECT elsewhere.example.com:443 HTTP/1.1\r\nHost: x\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: x\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n",
    ] {
        let text = raw(shim.address, &format!("{request}Connection: close\r\n\r\n")).await;
        assert!(text.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{request}: {text}");
        assert!(text.contains("\"key\":\"shim.ambiguous_path\""), "{request}: {text}");
        assert!(text.contains("x-polytomic-version: 2024-02-08"), "{request}: {text}");
    }
}

#[tokio::test]
async fn headers_and_requests_cannot_be_smuggled_in() {
    let mut upstream = Upstream::start(|_| answer(200, &[], "")).await;
    let shim = Shim::start(&upstream.origin, &[]).await;
    // Either refused by the server, or forwarded as the one request that it is.
    for (request, forwarded) in [
        ("GET / HTTP/1.1\r\nHost: x\r\nX-A: 1\rX-B: 2\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: x\r\nX-A: 1\0\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: x\r\nX A: 1\r\n\r\n", false),
        ("GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n X-B: 2\r\n\r\n", false),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", false),
        ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\nabcd", false),
        (
            "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 50\r\n\
             Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n",
            true,
        ),
    ] {
        let text = raw(shim.address, request).await;
        if !forwarded {
            assert!(text.starts_with("HTTP/1.1 400 "), "{request:?}: {text}");
            continue;
        }
        let seen = upstream.next().await;
        assert_eq!(seen.uri(), "/", "{request:?}");
        assert!(seen.body().is_empty(), "{request:?}");
    }
    assert!(upstream.seen.try_recv().is_err(), "upstream got a request that nobody sent");
}
