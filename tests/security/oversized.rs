//! Too much of everything: refused at once, in legacy shape where HTTP was understood, and nobody
//! upstream hears of it.

use http::Response;
use http_body_util::Full;
use tokio::io::AsyncWriteExt;

use crate::support::{read_all, soon};
use crate::world::{World, friendly, status};

const LINE: &str =
    "POST /api/bulk/syncs HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer k\r\n";

async fn world() -> World {
    World::with(&[("max_request_body", "4KiB")], friendly).await
}

/// Sends bytes to a server that may have had enough before their end.
async fn send(world: &World, bytes: &[u8]) -> String {
    let mut stream = tokio::net::TcpStream::connect(world.shim.address).await.unwrap();
    let _ = soon(stream.write_all(bytes)).await;
    read_all(&mut stream).await
}

fn key(text: &str) -> String {
    let body = text.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
    let body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    body["key"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn heads_have_bounds() {
    let mut world = world().await;
    let many: String = (0..500).map(|number| format!("X-{number}: 1\r\n")).collect();
    let long = format!("X: {}\r\n", "a".repeat(2 << 20));
    let name = format!("{}: 1\r\n", "a".repeat(2 << 20));
    for (request, statuses) in [
        (format!("{LINE}{many}\r\n"), [431, 0]),
        (format!("{LINE}{long}\r\n"), [431, 0]),
        (format!("{LINE}{name}\r\n"), [431, 400]),
        (format!("GET /api/{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(2 << 20)), [414, 431]),
        (format!("GET /api/x?{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(2 << 20)), [414, 431]),
    ] {
        let text = send(&world, request.as_bytes()).await;
        let start: String = request.chars().take(80).collect();
        // A reset can overtake the answer where much was still to be read.
        let status = status(&text);
        assert!(status == 0 || statuses.contains(&status), "{start}: {status}");
        assert!(world.asked().is_empty());
    }
}

#[tokio::test]
async fn bodies_have_bounds_packed_or_not() {
    let mut world = world().await;
    let large = format!("{{\"name\": \"{}\"}}", "a".repeat(5 << 10));
    let bomb = gzip(&vec![b' '; 4 << 20]).await;
    let twice = gzip(&bomb).await;
    let deep = "[".repeat(2000);
    let nested = format!("{{\"schedule\": {}{}}}", "{\"a\":".repeat(500), "}".repeat(500));
    for (line, body, expected_status, expected_key) in [
        ("", large.as_bytes(), 413, "shim.body_too_large"),
        ("Content-Encoding: gzip\r\n", &bomb[..], 413, "shim.body_too_large"),
        ("Content-Encoding: gzip, gzip\r\n", &twice[..], 413, "shim.body_too_large"),
        ("Content-Encoding: gzip, gzip, gzip\r\n", b"{}", 415, "shim.unsupported_encoding"),
        ("Content-Encoding: rot13\r\n", b"{}", 415, "shim.unsupported_encoding"),
        ("Content-Encoding: gzip\r\n", b"{}", 400, "shim.bad_body"),
        ("", deep.as_bytes(), 400, "shim.bad_json"),
        ("", nested.as_bytes(), 400, "shim.bad_json"),
    ] {
        let head = format!("{LINE}{line}Content-Length: {}\r\n\r\n", body.len());
        let text = send(&world, &[head.as_bytes(), body].concat()).await;
        assert_eq!((status(&text), key(&text).as_str()), (expected_status, expected_key), "{line}");
        assert!(world.asked().is_empty());
    }
    // Without a length nobody knows before it has come.
    let chunk = format!("400\r\n{}\r\n", "a".repeat(1 << 10));
    let head = format!("{LINE}Transfer-Encoding: chunked\r\n\r\n");
    let text = send(&world, format!("{head}{}", chunk.repeat(6)).as_bytes()).await;
    assert_eq!(key(&text), "shim.body_too_large");
    assert!(world.asked().is_empty());
}

async fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = async_compression::tokio::write::GzipEncoder::new(Vec::new());
    encoder.write_all(plain).await.unwrap();
    encoder.shutdown().await.unwrap();
    encoder.into_inner()
}

/// A head from upstream that is larger than any honest one.
#[tokio::test]
async fn heads_from_upstream_have_bounds() {
    let world = World::with(&[], |_| {
        let mut response = Response::new(Full::default());
        for number in 0..400 {
            let name = http::HeaderName::try_from(format!("x-{number}")).unwrap();
            response.headers_mut().insert(name, http::HeaderValue::from_static("1"));
        }
        response
    })
    .await;
    let text = world
        .send("GET /api/bulk/syncs/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer k\r\n\r\n")
        .await;
    assert_eq!((status(&text), key(&text).as_str()), (502, "shim.upstream_invalid"));
}
