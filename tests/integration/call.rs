//! Buffered calls of translations.

use std::io::Write;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method};
use polytomic_shim::failure::Key;
use polytomic_shim::message::{UpstreamRequest, UpstreamResponse};
use polytomic_shim::upstream::{Envelope, Upstream as _, UpstreamClient};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::support::*;

fn envelope(headers: &[(&str, &str)]) -> Envelope {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
    }
    Envelope::new(map, Instant::now() + PATIENCE)
}

fn get(target: &'static str) -> UpstreamRequest {
    UpstreamRequest::new(Method::GET, target.parse().unwrap())
}

fn put() -> UpstreamRequest {
    let mut request = UpstreamRequest::new(Method::PUT, "/api/x".parse().unwrap());
    request.body = Some(Bytes::from_static(b"{}"));
    request.idempotency_key = Some("shim-1".to_owned());
    request
}

async fn call(
    origin: &str,
    flags: &[(&'static str, &str)],
    request: UpstreamRequest,
) -> Result<UpstreamResponse, Key> {
    let client = UpstreamClient::new(&settings(origin, flags)).unwrap();
    client.call(&request, &envelope(&[])).await.map_err(|failure| failure.key)
}

#[tokio::test]
async fn calls_carry_the_envelope_and_headers_of_their_own_body() {
    let mut upstream = Upstream::start(|_| answer(200, &[], "{}")).await;
    let client = UpstreamClient::new(&settings(&upstream.origin, &[])).unwrap();
    let of_the_client = [
        ("authorization", "Bearer key"),
        ("accept-encoding", "br, zstd"),
        ("content-type", "text/plain"),
        ("content-length", "99"),
        ("content-encoding", "br"),
        ("if-match", "\"1\""),
        ("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("if-none-match", "\"1\""),
        ("if-range", "\"1\""),
        ("if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("range", "bytes=0-1"),
        ("te", "trailers"),
        ("trailer", "x-sum"),
    ];
    client.call(&put(), &envelope(&of_the_client)).await.unwrap();
    let seen = upstream.next().await;
    assert_eq!(seen.headers()["authorization"], "Bearer key");
    assert_eq!(seen.headers()["accept-encoding"], "gzip");
    assert_eq!(seen.headers()["content-type"], "application/json");
    assert_eq!(seen.headers()["content-length"], "2");
    assert_eq!(seen.headers()["idempotency-key"], "shim-1");
    // The first four are told above.
    for (name, _) in of_the_client.iter().skip(4) {
        assert!(!seen.headers().contains_key(*name), "{name}");
    }
    assert_eq!(seen.body(), "{}");

    client.call(&put(), &envelope(&[("idempotency-key", "theirs")])).await.unwrap();
    let seen = upstream.next().await;
    assert_eq!(seen.headers()["idempotency-key"], "theirs");
    assert_eq!(seen.headers()["content-type"], "application/json");

    client.call(&get("/api/x?y=1"), &envelope(&of_the_client)).await.unwrap();
    let seen = upstream.next().await;
    assert_eq!(seen.uri(), "/api/x?y=1");
    assert!(!seen.headers().contains_key("content-type"));
    assert!(!seen.headers().contains_key("content-length"));
}

/// `count` zero bytes, packed.
async fn zeros(count: usize) -> Vec<u8> {
    let mut encoder = async_compression::tokio::write::GzipEncoder::new(Vec::new());
    encoder.write_all(&vec![0; count]).await.unwrap();
    encoder.shutdown().await.unwrap();
    encoder.into_inner()
}

#[tokio::test]
async fn answers_are_decoded_within_the_limit() {
    for (size, limit, expected) in [
        (100_000, "100000B", Ok(100_000)),
        (100_001, "100000B", Err(Key::UpstreamTooLarge)),
        (8 << 20, "64KiB", Err(Key::UpstreamTooLarge)),
    ] {
        let body = zeros(size).await;
        let (origin, _) = raw_upstream(move |mut stream: TcpStream| {
            let body = body.clone();
            async move {
                read_head(&mut stream).await;
                let mut answer = Vec::new();
                write!(
                    answer,
                    "HTTP/1.1 404 Not Found\r\nContent-Encoding: gzip\r\nETag: \"1\"\r\n\
                     Content-Length: {}\r\n\r\n",
                    body.len()
                )
                .unwrap();
                answer.extend(body);
                stream.write_all(&answer).await.unwrap();
                read_all(&mut stream).await;
            }
        })
        .await;
        let result = call(&origin, &[("max_upstream_body", limit)], get("/")).await;
        if let Ok(response) = &result {
            assert_eq!(response.status, 404);
            assert_eq!(response.headers["etag"], "\"1\"");
            assert!(!response.headers.contains_key("content-encoding"));
            assert!(!response.headers.contains_key("content-length"));
        }
        assert_eq!(result.map(|response| response.body.len()), expected);
    }
}

#[tokio::test]
async fn err_an_answer_that_is_too_large_or_not_what_it_says_is_refused() {
    for (headers, body, expected) in [
        ("Content-Length: 2000\r\n", "", Key::UpstreamTooLarge),
        ("Content-Encoding: gzip\r\nContent-Length: 2\r\n", "{}", Key::UpstreamInvalid),
        ("Content-Encoding: rot13\r\nContent-Length: 2\r\n", "{}", Key::UpstreamInvalid),
        ("Content-Length: 10\r\n", "{}", Key::UpstreamCut),
        ("Transfer-Encoding: chunked\r\n", "2\r\n{}\r\n", Key::UpstreamCut),
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{headers}\r\n{body}");
        let (origin, connections) = raw_upstream(move |mut stream: TcpStream| {
            let answer = answer.clone();
            async move {
                read_head(&mut stream).await;
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        })
        .await;
        let result = call(&origin, &[("max_upstream_body", "1KiB")], put()).await;
        assert_eq!(result.unwrap_err(), expected, "{headers}");
        assert_eq!(connections.load(Ordering::SeqCst), 1, "a write is sent once");
    }
}

#[tokio::test]
async fn err_calls_end_in_time() {
    let (silent, _) = raw_upstream(async |mut stream: TcpStream| {
        read_all(&mut stream).await;
    })
    .await;
    let (dripping, _) = raw_upstream(async |mut stream: TcpStream| {
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n").await.unwrap();
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let flags = [("upstream_timeout", "200ms")];
    assert_eq!(call(&silent, &flags, put()).await.unwrap_err(), Key::UpstreamTimeout);
    let client = UpstreamClient::new(&settings(&dripping, &flags)).unwrap();
    let mut envelope = envelope(&[]);
    envelope.deadline = Instant::now() + Duration::from_millis(500);
    let failure = client.call(&get("/"), &envelope).await.unwrap_err();
    assert_eq!(failure.key, Key::DeadlineExceeded);
    assert!(failure.message.contains("may have been accepted"), "{}", failure.message);
}

#[tokio::test]
async fn a_call_that_found_no_connection_is_tried_once_more() {
    let (_socket, address) = refusing();
    let origin = format!("http://{address}");
    let (result, ()) = tokio::join!(call(&origin, &[], put()), async {
        tokio::time::sleep(Duration::from_millis(30)).await;
        let listener = bound(address).listen(8).unwrap();
        let (mut stream, _) = soon(listener.accept()).await.unwrap();
        read_until(&mut stream, "{}").await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
    });
    assert_eq!(result.unwrap().body, "ok");
    assert_eq!(call(&origin, &[], put()).await.unwrap_err(), Key::UpstreamUnreachable);
}
