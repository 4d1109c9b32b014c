//! Start, readiness, and the end.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use polytomic_shim::server::Ending;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::*;

const READY: &str = "GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/// An upstream that answers after a time, or right away.
async fn upstream() -> String {
    let (origin, _) = raw_upstream(async |mut stream: TcpStream| {
        let (head, _) = read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha").await.unwrap();
        if head.contains("/slow") {
            tokio::time::sleep(Duration::from_millis(700)).await;
        }
        if head.contains("/never") {
            read_all(&mut stream).await;
        }
        stream.write_all(b"lf").await.unwrap();
    })
    .await;
    origin
}

/// A request that is under way: its head is answered, its body not.
async fn under_way(shim: std::net::SocketAddr, path: &str) -> TcpStream {
    let mut client = TcpStream::connect(shim).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    read_until(&mut client, "ha").await;
    client
}

#[tokio::test]
async fn sigterm_lets_requests_finish_and_exits_with_0() {
    for signal in ["TERM", "INT"] {
        let shim = Process::start(&upstream().await, &[]);
        let health = raw(shim.admin, &READY.replace("readyz", "healthz")).await;
        assert!(health.ends_with("{\"status\":\"ok\"}"), "{health}");
        let ready = raw(shim.admin, READY).await;
        assert!(ready.starts_with("HTTP/1.1 200 OK\r\n"), "{ready}");
        assert!(ready.ends_with("{\"status\":\"ready\"}"), "{ready}");

        let mut idle = TcpStream::connect(shim.address).await.unwrap();
        idle.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        read_until(&mut idle, "half").await;
        let mut client = under_way(shim.address, "/slow").await;
        shim.signal(signal);
        assert_eq!(read_all(&mut idle).await, "", "an idle connection is closed");
        let ready = raw(shim.admin, READY).await;
        assert!(ready.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{ready}");
        assert!(ready.ends_with("{\"status\":\"draining\"}"), "{ready}");
        assert!(TcpStream::connect(shim.address).await.is_err(), "no new connections");
        assert_eq!(read_all(&mut client).await, "lf");
        assert_eq!(shim.exit_code().await, Some(0));
    }
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let shim = Process::start(&upstream().await, &[]);
    let mut client = under_way(shim.address, "/never").await;
    shim.signal("TERM");
    tokio::time::sleep(Duration::from_millis(200)).await;
    shim.signal("TERM");
    assert_eq!(read_all(&mut client).await, "");
    assert_eq!(shim.exit_code().await, Some(1));
}

#[tokio::test]
async fn the_time_to_drain_is_bounded() {
    let shim = Shim::start(&upstream().await, &[("drain", "200ms")]).await;
    let mut client = under_way(shim.address, "/never").await;
    shim.stop.send(()).await.unwrap();
    assert_eq!(soon(shim.ending).await.unwrap(), Ending::TimedOut);
    assert_eq!(read_all(&mut client).await, "", "nothing outlives the server");
}

#[tokio::test]
async fn requests_that_are_cut_show_in_the_exit_status() {
    let shim = Process::start(&upstream().await, &["--drain", "200ms"]);
    let mut client = under_way(shim.address, "/never").await;
    shim.signal("TERM");
    assert_eq!(read_all(&mut client).await, "");
    assert_eq!(shim.exit_code().await, Some(1));
}

#[tokio::test]
async fn requests_without_an_answer_are_told_when_the_time_to_drain_is_over() {
    let (arrivals, mut arrived) = tokio::sync::mpsc::unbounded_channel();
    let (origin, _) = raw_upstream(move |mut stream: TcpStream| {
        let arrivals = arrivals.clone();
        async move {
            read_head(&mut stream).await;
            let _ = arrivals.send("came");
            read_all(&mut stream).await;
            let _ = arrivals.send("went");
        }
    })
    .await;
    let shim = Shim::start(&origin, &[("drain", "200ms")]).await;
    let mut client = TcpStream::connect(shim.address).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert_eq!(soon(arrived.recv()).await, Some("came"));
    shim.stop.send(()).await.unwrap();
    let text = read_all(&mut client).await;
    assert!(text.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{text}");
    assert!(text.contains("\r\nretry-after: 1\r\n"), "{text}");
    assert!(text.contains("\"key\":\"shim.shutting_down\""), "{text}");
    assert_eq!(soon(shim.ending).await.unwrap(), Ending::TimedOut);
    assert_eq!(soon(arrived.recv()).await, Some("went"), "its upstream work ends with it");
}

#[tokio::test]
async fn http_2_connections_are_told_to_go_away() {
    let shim = Shim::start(&upstream().await, &[]).await;
    let mut client = http2(shim.address).await;
    let request = |path: &str| {
        Request::get(format!("http://shim{path}")).body(Full::<Bytes>::default()).unwrap()
    };
    let response = soon(client.send_request(request("/slow"))).await.unwrap();
    shim.stop.send(()).await.unwrap();
    assert_eq!(collect(response).await.2, "half");
    assert_eq!(soon(shim.ending).await.unwrap(), Ending::Drained);
    assert!(client.send_request(request("/")).await.is_err());
}

#[tokio::test]
async fn the_health_check_command_tells_readiness_and_life_apart() {
    let run = |admin: &str, more: &[&str]| {
        std::process::Command::new(env!("CARGO_BIN_EXE_polytomic-shim"))
            .args(["healthcheck", "--admin", admin])
            .args(more)
            .output()
            .unwrap()
    };
    let shim = Process::start(&upstream().await, &[]);
    let admin = shim.admin.to_string();
    assert_eq!(run(&admin, &[]).status.code(), Some(0));
    assert_eq!(run(&admin, &["--live"]).status.code(), Some(0));

    let mut client = under_way(shim.address, "/never").await;
    shim.signal("TERM");
    let mut ready = run(&admin, &[]);
    while ready.status.success() {
        ready = run(&admin, &[]);
    }
    assert_eq!(ready.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&ready.stderr).contains("not ready"), "{ready:?}");
    assert_eq!(run(&admin, &["--live"]).status.code(), Some(0), "what drains is alive");

    shim.signal("TERM");
    assert_eq!(read_all(&mut client).await, "");
    assert_eq!(shim.exit_code().await, Some(1));
    for more in [&[][..], &["--live"]] {
        let output = run(&admin, more);
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).contains("cannot be asked"), "{output:?}");
    }
}

#[tokio::test]
async fn err_an_address_in_use_is_named() {
    let shim = Shim::start("http://127.0.0.1:1", &[]).await;
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_polytomic-shim"))
        .args(["--listen", &shim.address.to_string(), "--admin", "127.0.0.1:0"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains(&format!("cannot listen on {} (`listen`)", shim.address)), "{text}");
}

#[tokio::test]
async fn requests_are_answered_soon_after_the_start() {
    // Far above the 50 ms that a release build is allowed: this only finds work that is slow by nature.
    let start = Instant::now();
    let shim = Process::start("https://127.0.0.1:1", &[]);
    raw(shim.address, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}
