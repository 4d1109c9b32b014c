//! Bodies go through as they come, with their encoding, length and trailers.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::*;

#[tokio::test]
async fn both_bodies_are_forwarded_before_they_are_complete() {
    // Upstream waits for the first part of the request, answers a first part, and so on: a shim
    // that buffered either body would never get anywhere.
    let (origin, _) = raw_upstream(async |mut stream: TcpStream| {
        let (_, rest) = read_head(&mut stream).await;
        if !String::from_utf8_lossy(&rest).contains("one") {
            read_until(&mut stream, "one").await;
        }
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nuno\r\n";
        stream.write_all(head).await.unwrap();
        read_until(&mut stream, "two").await;
        stream.write_all(b"3\r\ndos\r\n0\r\n\r\n").await.unwrap();
        read_until(&mut stream, "never").await;
    })
    .await;
    let shim = Shim::start(&origin, &[]).await;
    let mut client = TcpStream::connect(shim.address).await.unwrap();
    let head = "POST /api/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    read_until(&mut client, "uno").await;
    client.write_all(b"3\r\ntwo\r\n0\r\n\r\n").await.unwrap();
    read_until(&mut client, "dos\r\n0\r\n\r\n").await;
}

#[tokio::test]
async fn encodings_and_lengths_stay_as_they_are() {
    let mut upstream = Upstream::start(|_| {
        answer(200, &[("content-encoding", "gzip"), ("etag", "\"1\"")], "not really gzip")
    })
    .await;
    let shim = Shim::start(&upstream.origin, &[]).await;
    let text = raw(
        shim.address,
        "PUT /api/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept-Encoding: zstd;q=0.5, br\r\n\
         Content-Encoding: br\r\nContent-Length: 9\r\n\r\nalso fake",
    )
    .await;
    assert!(text.contains("\r\ncontent-encoding: gzip\r\n"), "{text}");
    assert!(text.contains("\r\ncontent-length: 15\r\n"), "{text}");
    assert!(text.ends_with("\r\n\r\nnot really gzip"), "{text}");
    let seen = upstream.next().await;
    assert_eq!(seen.headers()["accept-encoding"], "zstd;q=0.5, br");
    assert_eq!(seen.headers()["content-encoding"], "br");
    assert_eq!(seen.headers()["content-length"], "9");
    assert_eq!(seen.body(), "also fake");
}

#[tokio::test]
async fn trailers_go_through_in_both_directions() {
    let (origin, _) = raw_upstream(async |mut stream: TcpStream| {
        let (head, rest) = read_head(&mut stream).await;
        assert!(head.contains("te: trailers\r\n"), "{head}");
        let mut body = String::from_utf8(rest).unwrap();
        if !body.ends_with("\r\n\r\n") {
            body.push_str(&read_until(&mut stream, "\r\n\r\n").await);
        }
        assert!(body.contains("0\r\nx-sum: 1\r\n\r\n"), "{body}");
        let answer = b"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\
                       Connection: close\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 2\r\n\r\n";
        stream.write_all(answer).await.unwrap();
    })
    .await;
    let shim = Shim::start(&origin, &[]).await;
    let text = raw(
        shim.address,
        "POST /api/x HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nConnection: TE, close\r\nTrailer: X-Sum\r\n\
         Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n",
    )
    .await;
    assert!(text.ends_with("2\r\nok\r\n0\r\nx-sum: 2\r\n\r\n"), "{text}");
}

#[tokio::test]
async fn answers_without_a_body_have_none() {
    let (origin, _) = raw_upstream(async |mut stream: TcpStream| {
        let (head, _) = read_head(&mut stream).await;
        let head = match head.split(' ').nth(1).unwrap() {
            "/204" => "204 No Content\r\n",
            "/304" => "304 Not Modified\r\nETag: \"1\"\r\nContent-Length: 123\r\n",
            _ => "200 OK\r\nContent-Length: 12\r\n",
        };
        let head = format!("HTTP/1.1 {head}Connection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
    })
    .await;
    let shim = Shim::start(&origin, &[]).await;
    for (request, status, length) in [
        ("GET /204", "204 No Content", None),
        // Optional in a 304 (RFC 9110 §8.6), and the server leaves it out.
        ("GET /304", "304 Not Modified", None),
        ("HEAD /", "200 OK", Some("12")),
    ] {
        let head = format!("{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let text = raw(shim.address, &head).await;
        assert!(text.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request}: {text}");
        assert!(text.ends_with("\r\n\r\n"), "{request}: {text}");
        assert!(!text.contains("transfer-encoding"), "{request}: {text}");
        let line = text.lines().find_map(|line| line.strip_prefix("content-length: "));
        assert_eq!(line, length, "{request}: {text}");
    }
}

#[tokio::test]
async fn interim_answers_are_not_mistaken_for_the_answer() {
    let (origin, _) = raw_upstream(async |mut stream: TcpStream| {
        read_head(&mut stream).await;
        let answer =
            b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n\
                       HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        stream.write_all(answer).await.unwrap();
        read_until(&mut stream, "never").await;
    })
    .await;
    let shim = Shim::start(&origin, &[]).await;
    let text = raw(shim.address, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("\r\n\r\nok"), "{text}");
}

#[tokio::test]
async fn a_client_that_expects_100_continue_gets_it() {
    let mut upstream = Upstream::start(|_| answer(201, &[], "made")).await;
    let shim = Shim::start(&upstream.origin, &[]).await;
    let mut client = TcpStream::connect(shim.address).await.unwrap();
    let head = "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    read_until(&mut client, "HTTP/1.1 100 Continue\r\n\r\n").await;
    client.write_all(b"body").await.unwrap();
    read_until(&mut client, "made").await;
    let seen = upstream.next().await;
    assert_eq!(seen.body(), "body");
    assert!(!seen.headers().contains_key("expect"));
}

#[tokio::test]
async fn a_length_that_is_said_twice_is_said_once() {
    let (origin, _) = raw_upstream(async |mut stream: TcpStream| {
        let (head, _) = read_head(&mut stream).await;
        assert_eq!(head.matches("content-length: 2\r\n").count(), 1, "{head}");
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok";
        stream.write_all(answer).await.unwrap();
        read_all(&mut stream).await;
    })
    .await;
    let shim = Shim::start(&origin, &[]).await;
    let request = "PUT / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\
                   Content-Length: 2\r\n\r\nhi";
    let text = raw(shim.address, request).await;
    assert_eq!(text.matches("content-length: 2\r\n").count(), 1, "{text}");
    assert!(text.ends_with("\r\n\r\nok"), "{text}");
}

#[tokio::test]
async fn requests_have_a_body_exactly_if_the_client_sent_one() {
    let mut upstream = Upstream::start(|_| answer(200, &[], "")).await;
    let shim = Shim::start(&upstream.origin, &[]).await;
    for (request, length, body) in [
        ("GET / HTTP/1.1\r\n\r\n", None, ""),
        ("POST / HTTP/1.1\r\n\r\n", None, ""),
        ("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", Some("0"), ""),
        ("DELETE / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", Some("2"), "{}"),
        ("GET / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", Some("2"), "{}"),
        ("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", None, "{}"),
    ] {
        let request = request.replacen("\r\n", "\r\nHost: x\r\nConnection: close\r\n", 1);
        assert!(raw(shim.address, &request).await.starts_with("HTTP/1.1 200 OK\r\n"), "{request}");
        let seen = upstream.next().await;
        let sent = seen.headers().get("content-length").map(|value| value.to_str().unwrap());
        assert_eq!((sent, &seen.body()[..]), (length, body.as_bytes()), "{request}");
        let chunked = seen.headers().get("transfer-encoding").is_some();
        assert_eq!(chunked, !body.is_empty() && length.is_none(), "{request}");
    }
}

#[tokio::test]
async fn an_answer_that_comes_before_the_body_is_sent_is_handed_on() {
    let (origin, _) = raw_upstream(async |mut stream: TcpStream| {
        read_head(&mut stream).await;
        let answer =
            b"HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlarge";
        stream.write_all(answer).await.unwrap();
        // Closed by a server that does not read what it has refused.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    })
    .await;
    let shim = Shim::start(&origin, &[]).await;
    let mut client = TcpStream::connect(shim.address).await.unwrap();
    let head = format!("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", 64 << 20);
    client.write_all(head.as_bytes()).await.unwrap();
    let (mut read, mut write) = client.split();
    let part = vec![b'x'; 64 << 10];
    // The shim stops reading at some point; what matters is what it says by then.
    let sending = async { while write.write_all(&part).await.is_ok() {} };
    let reading = async {
        let mut text = String::new();
        while !text.ends_with("large") {
            let mut buffer = [0; 4096];
            let count = tokio::io::AsyncReadExt::read(&mut read, &mut buffer).await.unwrap();
            assert_ne!(count, 0, "{text}");
            text.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        text
    };
    let text = tokio::select! {
        text = soon(reading) => text,
        () = async { sending.await; std::future::pending().await } => unreachable!(),
    };
    assert!(text.starts_with("HTTP/1.1 413 Too Large\r\n"), "{text}");
}
