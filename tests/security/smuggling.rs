//! One request that two readers could take for two.

use crate::world::{World, status};

/// Heads that the readers of a chain may end at different places; `…` stands for what a reader
/// who is wrong would take for a request of its own.
const REFUSED: &[&str] = &[
    // Two lengths.
    "Content-Length: 4\r\nContent-Length: 60\r\n\r\nbody…",
    "Content-Length: 4, 60\r\n\r\nbody…",
    "Content-Length: +4\r\n\r\nbody…",
    "Content-Length: 0x4\r\n\r\nbody…",
    "Content-Length: -4\r\n\r\nbody…",
    "Content-Length: 4 4\r\n\r\nbody…",
    "Content-Length: 18446744073709551620\r\n\r\nbody…",
    // Chunks that are not the last encoding, or not quite chunks.
    "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n…",
    "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n…",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n…",
    "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n…",
    // A name that ends late, a line that goes on, a line that ends early.
    "Content-Length : 4\r\n\r\nbody…",
    "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n…",
    "X: 1\r\n Content-Length: 4\r\n\r\nbody…",
    "X: 1\r\n\tTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n…",
    "X: 1\rContent-Length: 4\r\n\r\nbody…",
    "X: 1\0\r\nContent-Length: 4\r\n\r\nbody…",
    "X\0: 1\r\nContent-Length: 4\r\n\r\nbody…",
    ": 1\r\nContent-Length: 4\r\n\r\nbody…",
    // Chunks with odd sizes.
    "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n…",
    "Transfer-Encoding: chunked\r\n\r\n-0\r\n\r\n…",
    "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n\r\n…",
    "Transfer-Encoding: chunked\r\n\r\n4\r\nbodyX\r\n0\r\n\r\n…",
];

const HIDDEN: &str = "GET /api/hidden HTTP/1.1\r\nHost: x\r\n\r\n";

/// A route that is translated, one that is not, and one with the newer version.
const LINES: &[&str] = &[
    "POST /api/bulk/syncs/1/executions HTTP/1.1\r\nHost: x\r\n",
    "POST /api/connections HTTP/1.1\r\nHost: x\r\n",
    "POST /api/connections HTTP/1.1\r\nHost: x\r\nX-Polytomic-Version: 2025-09-18\r\n",
];

#[tokio::test]
async fn a_request_with_two_ends_is_refused() {
    let mut world = World::new().await;
    for line in LINES {
        for rest in REFUSED {
            let request = format!("{line}{}", rest.replace('…', HIDDEN));
            let text = world.send(&request).await;
            let asked = world.asked();
            assert!(asked.is_empty(), "{request:?}\n{text}\n{asked:?}");
            let first = status(&text);
            assert!(first == 0 || (400..500).contains(&first), "{request:?}\n{text}");
            assert_eq!(text.matches("HTTP/1.1 ").count(), usize::from(first != 0), "{text}");
        }
    }
}

/// Both kinds of length: the chunks count (RFC 9112 §6.3), the length is not sent on, and what
/// goes upstream ends where the shim says, so that nobody behind it is of another opinion.
#[tokio::test]
async fn chunks_beat_a_length_and_go_on_with_one_end() {
    let mut world = World::new().await;
    for line in LINES {
        for lengths in [
            "Content-Length: 60\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n",
        ] {
            let body = "2\r\n{}\r\n0\r\n\r\n";
            let text = world
                .send(&format!("{line}Connection: close\r\n{lengths}\r\n{body}{HIDDEN}"))
                .await;
            if (400..500).contains(&status(&text)) {
                assert!(world.asked().is_empty());
                continue;
            }
            let seen = world.upstream.next().await;
            let has = |name| seen.headers().contains_key(name);
            assert!(has("content-length") != has("transfer-encoding"), "{:?}", seen.headers());
            assert_eq!(seen.body(), "{}");
            assert!(world.asked().is_empty(), "{text}");
        }
    }
}

/// A line that ends with LF alone ends for everybody behind the shim as well, since it writes
/// heads of its own.
#[tokio::test]
async fn bare_line_feeds_do_not_go_on() {
    let mut world = World::new().await;
    let request = "GET /api/bulk/syncs/1 HTTP/1.1\nHost: x\nX: 1\nConnection: close\n\n";
    let text = world.send(request).await;
    if status(&text) == 200 {
        let seen = world.upstream.next().await;
        assert_eq!(seen.headers()["x"], "1");
    }
    assert!(world.asked().is_empty());
}
