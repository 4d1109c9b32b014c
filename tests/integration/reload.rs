//! SIGHUP: what changes, what cannot, and that a bad set changes nothing.

use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::metrics::counted;
use crate::support::*;
use crate::tls::Certified;

const GET: &str = "GET /api/bulk/syncs/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
const SCHEDULE: &str = r#"{"data":{"id":"1","default_schedule":{"frequency":"manual"}}}"#;

async fn hang_up(shim: &Process, applied: f64, refused: f64) {
    shim.signal("HUP");
    let (yes, no) = ("reloads_total{result=\"applied\"}", "reloads_total{result=\"refused\"}");
    counted(shim.admin, &[(yes, applied), (no, refused)]).await;
}

#[tokio::test]
async fn settings_change_or_stay_as_a_whole() {
    let first = Upstream::start(|_| answer(200, &[("x-from", "first")], SCHEDULE)).await;
    let second = Upstream::start(|_| answer(200, &[("x-from", "second")], SCHEDULE)).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shim.toml");
    let write = |text: &str| std::fs::write(&file, text).unwrap();
    write(&format!("upstream = \"{}\"", first.origin));
    let shim = Process::run(&["serve", "--config", file.to_str().unwrap()]);
    let text = raw(shim.address, GET).await;
    assert!(text.contains("x-from: first") && text.contains("x-shim-rule"), "{text}");

    write(&format!(
        "upstream = \"{}\"\nshim_headers = false\nlog_format = \"json\"\n",
        second.origin
    ));
    hang_up(&shim, 1.0, 0.0).await;
    let text = raw(shim.address, GET).await;
    assert!(text.contains("x-from: second") && !text.contains("x-shim-rule"), "{text}");

    write("drian = \"1s\"\nmax_pages = 0\nshim_headers = true");
    hang_up(&shim, 1.0, 1.0).await;
    let text = raw(shim.address, GET).await;
    assert!(text.contains("x-from: second") && !text.contains("x-shim-rule"), "{text}");

    let log = shim.end().await;
    for expected in [
        "setting=\"log_format\"",
        "did you mean `drain`?",
        "`0` is not a whole number",
        "findings=2",
    ] {
        assert!(log.contains(expected), "{expected}\n{log}");
    }
}

#[tokio::test]
async fn rules_change_or_stay_as_a_whole() {
    let upstream = Upstream::start(|_| answer(200, &[], SCHEDULE)).await;
    let folder = tempfile::tempdir().unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("rewrite-rules"), folder.path());
    let rules = folder.path().to_str().unwrap();
    let shim = Process::start(&upstream.origin, &["--rules", rules]);
    assert!(raw(shim.address, GET).await.contains("x-shim-rule: bulk_sync/get"));
    let rule = folder.path().join("bulk_sync/get.toml");
    let text = std::fs::read_to_string(&rule).unwrap();
    std::fs::write(&rule, text.replace("[match]", "[match]\ncolour = \"blue\"\n")).unwrap();
    hang_up(&shim, 0.0, 1.0).await;
    assert!(raw(shim.address, GET).await.contains("x-shim-rule: bulk_sync/get"));
    std::fs::remove_file(&rule).unwrap();
    hang_up(&shim, 1.0, 1.0).await;
    let text = raw(shim.address, GET).await;
    assert!(text.ends_with(SCHEDULE) && !text.contains("x-shim-rule"), "{text}");
    let log = shim.end().await;
    assert!(log.contains("bulk_sync/get.toml") && log.contains("colour"), "{log}");
}

#[tokio::test]
async fn requests_under_way_end_as_they_began() {
    let (go, wait) = tokio::sync::watch::channel(false);
    let (origin, _) = raw_upstream(move |mut stream: TcpStream| {
        let mut wait = wait.clone();
        async move {
            read_head(&mut stream).await;
            let _ = wait.wait_for(|go| *go).await;
            let length = SCHEDULE.len();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{SCHEDULE}");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shim.toml");
    std::fs::write(&file, format!("upstream = \"{origin}\"")).unwrap();
    let shim = Process::run(&["serve", "--config", file.to_str().unwrap()]);
    let address = shim.address;
    let asked = tokio::spawn(async move { raw(address, GET).await });
    counted(shim.admin, &[("in_flight", 1.0)]).await;
    std::fs::write(&file, "upstream = \"http://127.0.0.1:1\"\nshim_headers = \"false\"").unwrap();
    hang_up(&shim, 1.0, 0.0).await;
    assert!(raw(address, GET).await.starts_with("HTTP/1.1 502 "));
    go.send(true).unwrap();
    let text = soon(asked).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.contains("x-shim-rule"), "{text}");
}

#[tokio::test]
async fn certificates_are_renewed() {
    let upstream = Upstream::start(|_| answer(200, &[], "hello")).await;
    let files = Certified::new();
    let (certificate, key) = (files.certificate(), files.key());
    let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    let shim = Process::start(&upstream.origin, &["--tls-cert", certificate, "--tls-key", key]);
    let mut before = files.connect(shim.address, &[]).await.unwrap();
    let files = files.renewed();
    assert!(files.connect(shim.address, &[]).await.is_err());
    hang_up(&shim, 1.0, 0.0).await;
    assert!(files.connect(shim.address, &[]).await.is_ok());
    let good = std::fs::read(certificate).unwrap();
    std::fs::write(certificate, "no certificate").unwrap();
    hang_up(&shim, 1.0, 1.0).await;
    assert!(files.connect(shim.address, &[]).await.is_ok());
    // A key of another certificate is noticed as well.
    let other = Certified::new();
    std::fs::write(certificate, std::fs::read(other.certificate()).unwrap()).unwrap();
    hang_up(&shim, 1.0, 2.0).await;
    std::fs::write(certificate, good).unwrap();
    assert!(files.connect(shim.address, &[]).await.is_ok());
    // A connection from before is served by what it began with.
    before
        .write_all(b"GET /api/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut text = String::new();
    soon(before.read_to_string(&mut text)).await.unwrap();
    assert!(text.ends_with("hello"), "{text}");
}

#[tokio::test]
async fn readiness_can_ask_for_upstream() {
    const READY: &str = "GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let mut upstream = Upstream::start(|_| answer(401, &[], "")).await;
    let shim = Process::start(&upstream.origin, &["--ready-upstream", "true"]);
    for _ in 0..3 {
        assert!(raw(shim.admin, READY).await.starts_with("HTTP/1.1 200 OK\r\n"));
    }
    let seen = upstream.next().await;
    assert_eq!((seen.method().as_str(), seen.uri().path()), ("HEAD", "/"));
    assert!(upstream.seen.try_recv().is_err(), "asked once in a few seconds");
    let shim = Process::start("http://127.0.0.1:1", &["--ready-upstream", "true"]);
    let text = raw(shim.admin, READY).await;
    assert!(text.starts_with("HTTP/1.1 503 "), "{text}");
    assert!(text.ends_with("{\"status\":\"upstream unreachable\"}"), "{text}");
}

pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}
