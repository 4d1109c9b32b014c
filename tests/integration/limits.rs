//! What is over a limit is answered at once, counted, and harms nobody else.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use polytomic_shim::demo;
use polytomic_shim::emulator::Emulator;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::metrics::counted;
use crate::support::*;

fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n")
}

fn is_shed(text: &str, key: &str) {
    assert!(text.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{text}");
    assert!(text.contains("retry-after: 1\r\n"), "{text}");
    assert!(text.contains("x-polytomic-version: 2024-02-08\r\n"), "{text}");
    assert!(text.contains(&format!("\"key\":\"{key}\"")), "{text}");
}

/// An upstream that tells of each request, and answers it when told to.
async fn held() -> (String, mpsc::UnboundedReceiver<String>, tokio::sync::watch::Sender<bool>) {
    let (go, wait) = tokio::sync::watch::channel(false);
    let (arrivals, arrived) = mpsc::unbounded_channel();
    let (origin, _) = raw_upstream(move |mut stream: TcpStream| {
        let (mut wait, arrivals) = (wait.clone(), arrivals.clone());
        async move {
            let (head, _) = read_head(&mut stream).await;
            let _ = arrivals.send(head);
            let _ = wait.wait_for(|go| *go).await;
            let answer =
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 11\r\n\r\n{\"data\":{}}";
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    })
    .await;
    (origin, arrived, go)
}

#[tokio::test]
async fn err_a_head_over_the_limit() {
    let mut upstream = Upstream::start(|_| answer(200, &[], "")).await;
    let shim = Shim::translating(&upstream.origin, &[("max_header_size", "8KiB")]).await;
    let fits = format!("X-Large: {}\r\n", "x".repeat(8000));
    let text = raw(shim.address, &get("/api/me", &fits)).await;
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    upstream.next().await;
    for (path, headers) in [
        ("/api/me".to_owned(), format!("X-Large: {}\r\n", "x".repeat(8200))),
        (format!("/api/me?{}", "x".repeat(8200)), String::new()),
        ("/api/me".to_owned(), "X-Small: 1\r\n".repeat(90) + &fits[..6000] + "\r\n"),
    ] {
        let text = raw(shim.address, &get(&path, &headers)).await;
        assert!(text.starts_with("HTTP/1.1 431 "), "{text}");
        assert!(text.contains("\"key\":\"shim.headers_too_large\""), "{text}");
    }
    let mut client = http2(shim.address).await;
    let request = Request::get("http://shim/api/me")
        .header("x-large", "x".repeat(9000))
        .body(Full::<Bytes>::default())
        .unwrap();
    let (status, _, body) = collect(soon(client.send_request(request)).await.unwrap()).await;
    assert_eq!(status, 431);
    assert!(String::from_utf8_lossy(&body).contains("shim.headers_too_large"));
    counted(shim.admin, &[("errors_total{key=\"shim.headers_too_large\"}", 4.0)]).await;
    // So large that it is never read whole: refused by HTTP alone.
    let huge = format!("X-Huge: {}\r\n", "x".repeat(600 << 10));
    let mut client = TcpStream::connect(shim.address).await.unwrap();
    let _ = client.write_all(get("/api/me", &huge).as_bytes()).await;
    read_all(&mut client).await;
    counted(shim.admin, &[("errors_total{key=\"shim.headers_too_large\"}", 5.0)]).await;
    assert!(upstream.seen.try_recv().is_err(), "nothing was sent");
}

#[tokio::test]
async fn err_a_head_that_does_not_end() {
    let upstream = Upstream::start(|_| answer(200, &[], "")).await;
    let shim = Shim::translating(&upstream.origin, &[("header_timeout", "300ms")]).await;
    let late = "errors_total{key=\"shim.header_timeout\"}";
    // Idle, before and after a request: closed, and nobody's mistake.
    let mut idle = TcpStream::connect(shim.address).await.unwrap();
    assert_eq!(read_all(&mut idle).await, "");
    let mut idle = TcpStream::connect(shim.address).await.unwrap();
    idle.write_all(b"GET /api/me HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert!(read_all(&mut idle).await.starts_with("HTTP/1.1 200 OK\r\n"));
    counted(shim.admin, &[(late, 0.0)]).await;
    // Byte for byte, without an end.
    for (begin, count) in [("GET /api/me HTTP/1.1\r\nX-Slow: ", 1.0), ("PRI", 2.0)] {
        let mut slow = TcpStream::connect(shim.address).await.unwrap();
        slow.write_all(begin.as_bytes()).await.unwrap();
        let begun = std::time::Instant::now();
        if begin.len() > 3 {
            while slow.write_all(b"x").await.is_ok() && begun.elapsed() < PATIENCE {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        read_all(&mut slow).await;
        assert!(begun.elapsed() < PATIENCE / 2);
        counted(shim.admin, &[(late, count)]).await;
    }
}

#[tokio::test]
async fn http_2_clients_that_show_no_life_are_left() {
    let upstream = Upstream::start(|_| answer(200, &[], "")).await;
    let shim = Shim::translating(&upstream.origin, &[("header_timeout", "300ms")]).await;
    let mut lively = http2(shim.address).await;
    let request = || Request::get("http://shim/api/me").body(Full::<Bytes>::default()).unwrap();
    soon(lively.send_request(request())).await.unwrap();

    let mut dead = TcpStream::connect(shim.address).await.unwrap();
    // The preface, empty SETTINGS, and a request for / (HEADERS with :method, :scheme, :path).
    dead.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    dead.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
    dead.write_all(&[0, 0, 3, 1, 5, 0, 0, 0, 1, 0x82, 0x86, 0x84]).await.unwrap();
    let mut seen = Vec::new();
    soon(dead.read_to_end(&mut seen)).await.unwrap();
    let ping = [0, 0, 8, 6, 0, 0, 0, 0, 0];
    assert!(seen.windows(9).any(|window| window == ping), "{seen:?}");
    // The other client answers pings, and is still served.
    soon(lively.send_request(request())).await.unwrap();
}

#[tokio::test]
async fn err_a_client_that_stops_reading() {
    let (origin, _) = raw_upstream(async |mut stream: TcpStream| {
        read_head(&mut stream).await;
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        stream.write_all(head).await.unwrap();
        let part = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
        while stream.write_all(part.as_bytes()).await.is_ok() {}
    })
    .await;
    let shim = Shim::translating(&origin, &[("write_timeout", "300ms")]).await;
    let mut client = TcpStream::connect(shim.address).await.unwrap();
    client.write_all(b"GET /api/me HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    read_until(&mut client, "200 OK").await;
    let slow = "errors_total{key=\"shim.client_too_slow\"}";
    counted(shim.admin, &[(slow, 1.0), ("in_flight", 0.0)]).await;
}

#[tokio::test]
async fn err_too_many_connections() {
    let upstream = Upstream::start(|_| answer(200, &[], "")).await;
    let shim = Shim::translating(&upstream.origin, &[("max_connections", "1")]).await;
    let mut first = TcpStream::connect(shim.address).await.unwrap();
    first.write_all(b"GET /api/me HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    read_until(&mut first, "200 OK").await;
    for _ in 0..3 {
        is_shed(&raw(shim.address, &get("/api/me", "")).await, "shim.too_many_connections");
    }
    counted(
        shim.admin,
        &[
            ("sheds_total{limit=\"connections\"}", 3.0),
            ("errors_total{key=\"shim.too_many_connections\"}", 3.0),
        ],
    )
    .await;
    drop(first);
    soon(async {
        while !raw(shim.address, &get("/api/me", "")).await.starts_with("HTTP/1.1 200 OK\r\n") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn err_too_many_translations() {
    let (origin, mut arrived, go) = held().await;
    let shim = Shim::translating(&origin, &[("max_translations", "1")]).await;
    let address = shim.address;
    let first = tokio::spawn(async move { raw(address, &get("/api/bulk/syncs/1", "")).await });
    soon(arrived.recv()).await.unwrap();
    is_shed(&raw(address, &get("/api/bulk/syncs/2", "")).await, "shim.too_many_translations");
    let passed = tokio::spawn(async move { raw(address, &get("/api/me", "")).await });
    assert!(soon(arrived.recv()).await.unwrap().starts_with("GET /api/me "));
    go.send(true).unwrap();
    for answered in [first, passed] {
        assert!(soon(answered).await.unwrap().starts_with("HTTP/1.1 200 OK\r\n"));
    }
    counted(shim.admin, &[("sheds_total{limit=\"translations\"}", 1.0)]).await;
    assert!(raw(address, &get("/api/bulk/syncs/2", "")).await.starts_with("HTTP/1.1 200 OK\r\n"));
}

#[tokio::test]
async fn err_too_many_calls_wait() {
    for (limit, waiting, key, label) in [
        ("total_concurrency", "max_waiting", "overloaded", "waiting"),
        ("caller_concurrency", "caller_max_waiting", "caller_overloaded", "caller_waiting"),
    ] {
        let (origin, mut arrived, go) = held().await;
        let shim = Shim::translating(&origin, &[(limit, "1"), (waiting, "2")]).await;
        let address = shim.address;
        let one =
            move || tokio::spawn(async move { raw(address, &get("/api/bulk/syncs/1", "")).await });
        let mut answers = vec![one()];
        soon(arrived.recv()).await.unwrap();
        answers.extend([one(), one()]);
        // Whichever two come first wait; every further one is turned away at once.
        counted(shim.admin, &[("in_flight", 3.0)]).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        is_shed(&raw(address, &get("/api/bulk/syncs/1", "")).await, &format!("shim.{key}"));
        go.send(true).unwrap();
        for answer in answers {
            assert!(soon(answer).await.unwrap().starts_with("HTTP/1.1 200 OK\r\n"));
        }
        let shed = format!("sheds_total{{limit=\"{label}\"}}");
        let errors = format!("errors_total{{key=\"shim.{key}\"}}");
        counted(shim.admin, &[(&shed, 1.0), (&errors, 1.0)]).await;
    }
}

/// Each part comes soon enough, and all together too late.
#[tokio::test]
async fn err_a_request_that_takes_too_long_as_a_whole() {
    let (origin, _) = raw_upstream(async |mut stream: TcpStream| {
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n").await.unwrap();
        while stream.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let shim = Shim::translating(&origin, &[("deadline", "400ms")]).await;
    let text = raw(shim.address, &get("/api/bulk/syncs/1", "")).await;
    assert!(text.starts_with("HTTP/1.1 504 "), "{text}");
    assert!(text.contains("\"key\":\"shim.deadline_exceeded\""), "{text}");
    let errors = "errors_total{key=\"shim.deadline_exceeded\"}";
    counted(shim.admin, &[(errors, 1.0), ("in_flight", 0.0)]).await;
}

#[tokio::test]
async fn err_a_list_with_too_many_pages() {
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let upstream = demo::Upstream::start(loopback, Emulator::seeded()).await.unwrap();
    let origin = format!("http://{}", upstream.address);
    let shim = Shim::translating(&origin, &[("max_pages", "2")]).await;
    let user = "Authorization: Bearer demo-a-user\r\n";
    let text = raw(shim.address, &get("/api/syncs", user)).await;
    assert!(text.starts_with("HTTP/1.1 502 "), "{text}");
    assert!(text.contains("\"key\":\"shim.too_many_pages\""), "{text}");
    counted(shim.admin, &[("errors_total{key=\"shim.too_many_pages\"}", 1.0)]).await;
}

#[tokio::test]
async fn err_a_request_that_takes_too_many_calls() {
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let upstream = demo::Upstream::start(loopback, Emulator::seeded()).await.unwrap();
    let origin = format!("http://{}", upstream.address);
    let shim = Shim::translating(&origin, &[("max_calls", "2")]).await;
    let user = "Authorization: Bearer demo-a-user\r\n";
    let text = raw(shim.address, &get("/api/syncs", user)).await;
    assert!(text.starts_with("HTTP/1.1 502 "), "{text}");
    assert!(text.contains("\"key\":\"shim.call_limit\""), "{text}");
    let text = raw(shim.address, &get("/api/organizations", user)).await;
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
}
