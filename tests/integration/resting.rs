//! Connections between requests: those that wait give their buffers back, and nothing is lost by it.

use std::time::{Duration, Instant};

use polytomic_shim::server::Ending;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::metrics::counted;
use crate::support::*;
use crate::tls::Certified;

/// Long enough for a connection to come to rest.
const REST: Duration = Duration::from_millis(350);

const GET: &str = "GET /api/me HTTP/1.1\r\nHost: x\r\n\r\n";
const POST: &str = "POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n";

/// Reads one answer with the body `ok`.
async fn ok(stream: &mut (impl AsyncRead + Unpin)) {
    let mut text = String::new();
    while !text.ends_with("\r\n\r\nok") {
        let mut buffer = [0; 512];
        let read = soon(stream.read(&mut buffer)).await.unwrap();
        assert_ne!(read, 0, "the connection ended: {text}");
        text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    assert_eq!(text.matches("HTTP/1.1").count(), 1, "{text}");
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}

/// Requests on one connection, with waits between them, and heads and bodies in pieces.
async fn talk(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    for _ in 0..3 {
        send(stream, GET).await;
        ok(stream).await;
        tokio::time::sleep(REST).await;
    }
    let (first, second) = GET.split_at(1);
    send(stream, first).await;
    tokio::time::sleep(REST).await;
    send(stream, second).await;
    ok(stream).await;
    tokio::time::sleep(REST).await;
    // Two at once, of which the second is whole only later.
    let (first, second) = GET.split_at(20);
    send(stream, &[GET, first].concat()).await;
    ok(stream).await;
    tokio::time::sleep(REST).await;
    send(stream, second).await;
    ok(stream).await;
    tokio::time::sleep(REST).await;
    send(stream, POST).await;
    tokio::time::sleep(REST).await;
    send(stream, "body").await;
    ok(stream).await;
    tokio::time::sleep(REST).await;
    send(stream, GET).await;
    ok(stream).await;
}

#[tokio::test]
async fn a_connection_that_rested_goes_on() {
    let upstream = Upstream::start(|_| answer(200, &[], "ok")).await;
    let shim = Shim::translating(&upstream.origin, &[]).await;
    let mut client = TcpStream::connect(shim.address).await.unwrap();
    talk(&mut client).await;
}

#[tokio::test]
async fn a_connection_that_rested_goes_on_over_tls() {
    let certified = Certified::new();
    let upstream = Upstream::start(|_| answer(200, &[], "ok")).await;
    let (certificate, key) = (certified.certificate(), certified.key());
    let flags = [("tls_cert", certificate.to_str().unwrap()), ("tls_key", key.to_str().unwrap())];
    let shim = Shim::translating(&upstream.origin, &flags).await;
    let mut client = certified.connect(shim.address, &[b"http/1.1"]).await.unwrap();
    talk(&mut client).await;
}

#[tokio::test]
async fn an_answer_that_is_taken_slowly_is_whole() {
    // More than any socket holds, so that the end of it waits in the shim.
    const SIZE: usize = 16 << 20;
    let (origin, _) = raw_upstream(async |mut stream: TcpStream| {
        read_head(&mut stream).await;
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let _ = stream.write_all(&vec![b'a'; SIZE]).await;
    })
    .await;
    let shim = Shim::translating(&origin, &[]).await;
    let mut client = TcpStream::connect(shim.address).await.unwrap();
    send(&mut client, GET).await;
    let mut buffer = vec![0; 256 << 10];
    let head = soon(client.read(&mut buffer)).await.unwrap();
    assert!(buffer[..head].starts_with(b"HTTP/1.1 200 OK\r\n"));
    // Slowly where all that is left is on its way, some of it still in the shim.
    let mut taken = head;
    while taken < SIZE {
        if taken + (10 << 20) > SIZE {
            tokio::time::sleep(REST / 2).await;
        }
        let wanted = buffer.len().min(SIZE - taken);
        let read = soon(client.read_exact(&mut buffer[..wanted])).await;
        taken += read.unwrap_or_else(|error| panic!("cut after {taken} bytes: {error}"));
    }
}

#[tokio::test]
async fn a_body_that_was_not_read_is_no_request() {
    // Upstream answers before the body is there; what comes of it then must not be taken for a head.
    let (origin, count) = raw_upstream(async |mut stream: TcpStream| {
        read_head(&mut stream).await;
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        stream.write_all(answer).await.unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
    })
    .await;
    let shim = Shim::translating(&origin, &[]).await;
    let mut client = TcpStream::connect(shim.address).await.unwrap();
    let smuggled = "DELETE /api/syncs/1 HTTP/1.1\r\nHost: x\r\n\r\n";
    let length = smuggled.len();
    let head = format!("POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
    send(&mut client, &head).await;
    ok(&mut client).await;
    tokio::time::sleep(REST).await;
    // Refused or swallowed, as the connection may be closed by now.
    let _ = client.write_all(smuggled.as_bytes()).await;
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(REST, client.read_to_end(&mut rest)).await;
    assert_eq!(String::from_utf8_lossy(&rest), "");
    assert_eq!(count.load(std::sync::atomic::Ordering::SeqCst), 1);
}

#[tokio::test]
async fn resting_connections_end_with_their_time_and_with_the_process() {
    let upstream = Upstream::start(|_| answer(200, &[], "ok")).await;
    let shim = Shim::translating(&upstream.origin, &[("header_timeout", "1s")]).await;
    let late = "errors_total{key=\"shim.header_timeout\"}";
    let mut idle = TcpStream::connect(shim.address).await.unwrap();
    send(&mut idle, GET).await;
    ok(&mut idle).await;
    let begun = Instant::now();
    assert_eq!(read_all(&mut idle).await, "");
    let waited = begun.elapsed();
    assert!(waited > Duration::from_millis(700) && waited < PATIENCE / 2, "{waited:?}");
    counted(shim.admin, &[(late, 0.0)]).await;
    // A head that was begun before the connection could rest has its time as well.
    let mut slow = TcpStream::connect(shim.address).await.unwrap();
    send(&mut slow, &[GET, "GET /"].concat()).await;
    ok(&mut slow).await;
    assert_eq!(read_all(&mut slow).await, "");
    counted(shim.admin, &[(late, 1.0)]).await;

    let shim = Shim::translating(&upstream.origin, &[]).await;
    let mut idle = TcpStream::connect(shim.address).await.unwrap();
    send(&mut idle, GET).await;
    ok(&mut idle).await;
    tokio::time::sleep(REST).await;
    shim.stop.send(()).await.unwrap();
    assert_eq!(soon(shim.ending).await.unwrap(), Ending::Drained);
    assert_eq!(read_all(&mut idle).await, "");
}
