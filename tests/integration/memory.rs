//! Passthrough buffers nothing: large bodies do not make the process grow.
#![cfg(target_os = "linux")]

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::*;

const BODY: usize = 256 << 20;
const PART: usize = 64 << 10;
/// In KiB, as the kernel counts.
const ALLOWED_GROWTH: u64 = 20 << 10;

#[tokio::test]
async fn a_large_body_makes_the_process_grow_by_less_than_20_mib() {
    let (origin, _) = raw_upstream(async |mut stream: TcpStream| {
        let (head, rest) = read_head(&mut stream).await;
        if head.starts_with("PUT") {
            read_bytes(&mut stream, BODY - rest.len()).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
        } else {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {BODY}\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            write_bytes(&mut stream, BODY).await;
        }
    })
    .await;
    let shim = Process::start(&origin, &[]);
    raw(shim.address, "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    let before = peak_memory(shim.child.id());

    let mut client = TcpStream::connect(shim.address).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let (head, rest) = read_head(&mut client).await;
    assert!(head.contains(&format!("content-length: {BODY}\r\n")), "{head}");
    read_bytes(&mut client, BODY - rest.len()).await;

    let mut client = TcpStream::connect(shim.address).await.unwrap();
    let head = format!("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: {BODY}\r\n\r\n");
    client.write_all(head.as_bytes()).await.unwrap();
    write_bytes(&mut client, BODY).await;
    read_until(&mut client, "ok").await;

    let growth = peak_memory(shim.child.id()) - before;
    assert!(growth < ALLOWED_GROWTH, "grew by {growth} KiB");
}

async fn write_bytes(stream: &mut TcpStream, count: usize) {
    let part = vec![b'x'; PART];
    for _ in 0..count / PART {
        soon(stream.write_all(&part)).await.unwrap();
    }
}

async fn read_bytes(stream: &mut TcpStream, mut count: usize) {
    let mut part = vec![0; PART];
    while count > 0 {
        let read = soon(stream.read(&mut part)).await.unwrap();
        assert_ne!(read, 0, "{count} bytes are missing");
        count -= read;
    }
}

/// The most memory that the process has had at once, in KiB.
fn peak_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
