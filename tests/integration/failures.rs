//! Upstreams that are down, slow or cut connections, and clients that do.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use polytomic_shim::passthrough::Body;
use polytomic_shim::server::Handler;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::*;

const GET: &str = "GET /api/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
const POST: &str =
    "POST /api/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody";

/// The answer is a legacy error with this status and key.
fn check(text: &str, status: u16, key: &str) {
    assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{text}");
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("x-polytomic-version: 2024-02-08"), "{head}");
    assert!(head.contains("content-type: application/json"), "{head}");
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["key"], key, "{body}");
    assert_eq!(body["status"], status, "{body}");
    assert!(body["message"].is_string() && body["metadata"].is_object(), "{body}");
}

#[tokio::test]
async fn err_upstream_refuses_connections() {
    let (_socket, address) = refusing();
    let origin = format!("http://{address}");
    let shim = Shim::start(&origin, &[]).await;
    check(&raw(shim.address, GET).await, 502, "shim.upstream_unreachable");
    check(&raw(shim.address, POST).await, 502, "shim.upstream_unreachable");
}

#[tokio::test]
async fn errors_answer_in_the_version_that_was_asked_for() {
    for (flags, header, expected) in [
        (&[][..], "X-Polytomic-Version: 2025-09-18\r\n", "2025-09-18"),
        (&[], "X-Polytomic-Version: 2022-12-12\r\n", "2022-12-12"),
        (&[], "X-Polytomic-Version: 2024-02-08\r\n", "2024-02-08"),
        (&[], "", "2024-02-08"),
        (&[("default_version", "2025-09-18")], "", "2025-09-18"),
    ] {
        let shim = Shim::translating("http://127.0.0.1:1", flags).await;
        let request = GET.replace("\r\n\r\n", &format!("\r\n{header}\r\n"));
        let text = raw(shim.address, &request).await;
        assert!(text.starts_with("HTTP/1.1 502 "), "{text}");
        assert!(text.contains(&format!("x-polytomic-version: {expected}\r\n")), "{text}");
        assert_eq!(text.matches("x-polytomic-version").count(), 1, "{text}");
    }
}

#[tokio::test]
async fn err_upstream_never_answers_and_the_request_is_not_repeated() {
    let (origin, connections) = raw_upstream(async |mut stream: TcpStream| {
        read_all(&mut stream).await;
    })
    .await;
    let shim = Shim::start(&origin, &[("upstream_timeout", "200ms")]).await;
    for (count, request) in [(1, GET), (2, POST)] {
        check(&raw(shim.address, request).await, 504, "shim.upstream_timeout");
        assert_eq!(connections.load(Ordering::SeqCst), count);
    }
}

#[tokio::test]
async fn err_upstream_cuts_the_connection_and_the_request_is_not_repeated() {
    let (origin, connections) = raw_upstream(async |mut stream: TcpStream| {
        read_head(&mut stream).await;
    })
    .await;
    let shim = Shim::start(&origin, &[]).await;
    for (count, request) in [(1, GET), (2, POST)] {
        check(&raw(shim.address, request).await, 502, "shim.upstream_cut");
        assert_eq!(connections.load(Ordering::SeqCst), count);
    }
}

#[tokio::test]
async fn err_upstream_does_not_speak_http() {
    for bytes in ["SSH-2.0-OpenSSH_9.6\r\n", "HTTP/1.1 101 Switching Protocols\r\n\r\n"] {
        let (origin, _) = raw_upstream(move |mut stream: TcpStream| async move {
            read_head(&mut stream).await;
            stream.write_all(bytes.as_bytes()).await.unwrap();
            read_all(&mut stream).await;
        })
        .await;
        let shim = Shim::start(&origin, &[]).await;
        check(&raw(shim.address, GET).await, 502, "shim.upstream_invalid");
    }
}

/// Sends the start of an answer, then closes the connection, or falls silent.
async fn half_an_answer(head: &'static str, silent: bool) -> String {
    let (origin, _) = raw_upstream(move |mut stream: TcpStream| async move {
        read_head(&mut stream).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        if silent {
            read_all(&mut stream).await;
        }
    })
    .await;
    origin
}

#[tokio::test]
async fn err_an_answer_that_is_cut_is_never_ended_cleanly() {
    let lengthy = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n";
    for (head, silent) in [(lengthy, false), (chunked, false), (lengthy, true), (chunked, true)] {
        let origin = half_an_answer(head, silent).await;
        let shim = Shim::start(&origin, &[("upstream_timeout", "200ms")]).await;
        let text = raw(shim.address, GET).await;
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.contains("half"), "{text}");
        assert!(!text.contains("\r\n0\r\n"), "{text}");

        let mut client = http2(shim.address).await;
        let request = Request::get("http://shim/api/x").body(Full::<Bytes>::default()).unwrap();
        let response = soon(client.send_request(request)).await.unwrap();
        assert!(soon(response.into_body().collect()).await.is_err(), "{head}");
    }
}

#[tokio::test]
async fn err_a_client_pauses_its_upload() {
    let (origin, _) = raw_upstream(async |mut stream: TcpStream| {
        read_all(&mut stream).await;
    })
    .await;
    let shim = Shim::start(&origin, &[("request_timeout", "200ms")]).await;
    let half =
        "POST /api/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 9\r\n\r\nhalf";
    check(&raw(shim.address, half).await, 408, "shim.request_timeout");
}

#[tokio::test]
async fn an_upload_may_take_long_as_long_as_it_moves() {
    let mut upstream = Upstream::start(|_| answer(200, &[], "got it")).await;
    let flags = [("request_timeout", "400ms"), ("upstream_timeout", "400ms")];
    let shim = Shim::start(&upstream.origin, &flags).await;
    let mut client = TcpStream::connect(shim.address).await.unwrap();
    let head = "POST /api/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 8\r\n\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..8 {
        tokio::time::sleep(Duration::from_millis(150)).await;
        client.write_all(b"x").await.unwrap();
    }
    assert!(read_all(&mut client).await.ends_with("got it"));
    assert_eq!(upstream.next().await.body(), "xxxxxxxx");
}

#[tokio::test]
async fn err_an_upload_that_is_cut_never_looks_complete() {
    let (reports, mut reported) = tokio::sync::mpsc::unbounded_channel();
    let (origin, _) = raw_upstream(move |mut stream: TcpStream| {
        let reports = reports.clone();
        async move {
            let _ = reports.send(read_all(&mut stream).await);
        }
    })
    .await;
    let shim = Shim::start(&origin, &[]).await;
    let mut client = TcpStream::connect(shim.address).await.unwrap();
    let half = "POST /api/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n";
    client.write_all(half.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(client);
    let arrived = soon(reported.recv()).await.unwrap();
    assert!(arrived.contains("4\r\nhalf\r\n"), "{arrived}");
    assert!(!arrived.contains("0\r\n\r\n"), "{arrived}");
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_work_upstream() {
    let (reports, mut reported) = tokio::sync::mpsc::unbounded_channel();
    let (origin, _) = raw_upstream(move |mut stream: TcpStream| {
        let reports = reports.clone();
        async move {
            read_head(&mut stream).await;
            let _ = reports.send("began");
            read_all(&mut stream).await;
            let _ = reports.send("ended");
        }
    })
    .await;
    let shim = Shim::start(&origin, &[]).await;

    let mut client = TcpStream::connect(shim.address).await.unwrap();
    client.write_all(b"GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert_eq!(soon(reported.recv()).await, Some("began"));
    drop(client);
    assert_eq!(soon(reported.recv()).await, Some("ended"));

    let mut client = http2(shim.address).await;
    let request = Request::get("http://shim/api/x").body(Full::<Bytes>::default()).unwrap();
    let response = tokio::spawn(client.send_request(request));
    assert_eq!(soon(reported.recv()).await, Some("began"));
    response.abort();
    assert_eq!(soon(reported.recv()).await, Some("ended"));
}

#[tokio::test]
async fn a_connection_that_upstream_closed_while_idle_fails_no_request() {
    let (origin, connections) = raw_upstream(async |mut stream: TcpStream| {
        read_until(&mut stream, "body").await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
    })
    .await;
    let shim = Shim::start(&origin, &[]).await;
    for count in 1..=5 {
        assert!(raw(shim.address, POST).await.ends_with("ok"));
        assert_eq!(connections.load(Ordering::SeqCst), count);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

struct Panicking;

impl Handler for Panicking {
    async fn handle(&self, request: polytomic_shim::server::Incoming) -> Response<Body> {
        panic!("a defect in {}", request.uri().path());
    }
}

#[tokio::test]
async fn err_a_panic_costs_one_request() {
    let shim = Shim::with(settings("http://127.0.0.1:1", &[]), Panicking).await;
    for _ in 0..2 {
        let text = raw(shim.address, GET).await;
        check(&text, 500, "shim.internal");
        assert!(text.contains("\r\nx-request-id: ") && !text.contains("a defect in"), "{text}");
    }
}
