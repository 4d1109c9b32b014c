//! What the admin listener counts, over real sockets.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use polytomic_shim::demo;
use polytomic_shim::emulator::Emulator;
use polytomic_shim::emulator::seed::MULTI_BULK_SYNC;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::*;

/// Every sample by its name and labels.
pub async fn samples(admin: SocketAddr) -> BTreeMap<String, f64> {
    let text = text(admin).await;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let name = name.strip_prefix("polytomic_shim_").unwrap();
            (name.to_owned(), value.parse().unwrap())
        })
        .collect()
}

async fn text(admin: SocketAddr) -> String {
    let text = raw(admin, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0"), "{head}");
    body.strip_suffix("# EOF\n").unwrap().to_owned()
}

/// Waits until each sample has its value: a request is counted when its last byte is sent, which
/// a client may know first.
pub async fn counted(admin: SocketAddr, expected: &[(&str, f64)]) {
    let begun = std::time::Instant::now();
    loop {
        let samples = samples(admin).await;
        let wrong: Vec<_> = expected
            .iter()
            .map(|(name, value)| (name, value, samples.get(*name)))
            .filter(|(_, value, found)| found.copied() != Some(**value))
            .collect();
        if wrong.is_empty() {
            return;
        }
        assert!(begun.elapsed() < PATIENCE / 4, "{wrong:?}\n{samples:#?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn get(shim: SocketAddr, path: &str, headers: &str) -> String {
    raw(shim, &format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n"))
        .await
}

const USER: &str = "Authorization: Bearer demo-a-user\r\n";

#[tokio::test]
async fn requests_are_counted_by_rule_and_outcome() {
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let upstream = demo::Upstream::start(loopback, Emulator::seeded()).await.unwrap();
    let shim = Shim::translating(&format!("http://{}", upstream.address), &[]).await;
    let bulk_sync = format!("/api/bulk/syncs/{MULTI_BULK_SYNC}");
    let version = |version: &str| format!("{USER}X-Polytomic-Version: {version}\r\n");
    for (path, headers, status) in [
        (bulk_sync.as_str(), USER.to_owned(), 200),
        ("/api/bulk/syncs/00000000-0000-4000-8000-000000000000", USER.to_owned(), 404),
        ("/api/me", USER.to_owned(), 200),
        ("/api/me", version("2025-09-18"), 200),
        ("/api/me", version("2022-12-12"), 400),
        ("/api/me", version("2021-01-01"), 400),
        ("/api/syncs/a%2Fb", USER.to_owned(), 400),
        ("/api/organizations", USER.to_owned(), 200),
        ("/api/organizations", USER.to_owned(), 200),
        ("/api/organizations", "Authorization: Bearer wrong\r\n".to_owned(), 401),
    ] {
        let answer = get(shim.address, path, &headers).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path} {answer}");
    }
    counted(
        shim.admin,
        &[
            ("requests_total{rule=\"bulk_sync/get\",outcome=\"translated\"}", 2.0),
            ("requests_total{rule=\"organization/list\",outcome=\"translated\"}", 2.0),
            ("requests_total{rule=\"(none)\",outcome=\"passed\"}", 1.0),
            ("requests_total{rule=\"(none)\",outcome=\"migrated\"}", 1.0),
            ("other_versions_total{version=\"2022-12-12\"}", 1.0),
            ("other_versions_total{version=\"2021-01-01\"}", 1.0),
            ("requests_total{rule=\"(none)\",outcome=\"other_version\"}", 2.0),
            ("requests_total{rule=\"(none)\",outcome=\"refused\"}", 2.0),
            ("requests_total{rule=\"(none)\",outcome=\"failed\"}", 0.0),
            ("request_duration_seconds_count{rule=\"bulk_sync/get\"}", 2.0),
            ("request_duration_seconds_bucket{le=\"+Inf\",rule=\"(none)\"}", 6.0),
            ("upstream_calls_total{rule=\"bulk_sync/get\",status=\"2xx\"}", 1.0),
            ("upstream_calls_total{rule=\"bulk_sync/get\",status=\"4xx\"}", 1.0),
            ("upstream_calls_total{rule=\"(none)\",status=\"2xx\"}", 2.0),
            ("upstream_calls_total{rule=\"(none)\",status=\"4xx\"}", 2.0),
            ("upstream_calls_total{rule=\"(look-up)\",status=\"2xx\"}", 1.0),
            ("upstream_calls_total{rule=\"(look-up)\",status=\"4xx\"}", 1.0),
            ("upstream_call_duration_seconds_count{rule=\"(none)\"}", 4.0),
            ("disclosures_total{rule=\"bulk_sync/get\",how=\"synthesized\"}", 1.0),
            ("disclosures_total{rule=\"bulk_sync/get\",how=\"dropped\"}", 0.0),
            ("caller_cache_total{result=\"hit\"}", 1.0),
            ("caller_cache_total{result=\"miss\"}", 2.0),
            ("errors_total{key=\"shim.ambiguous_path\"}", 1.0),
            ("errors_total{key=\"shim.internal\"}", 0.0),
            ("in_flight", 0.0),
        ],
    )
    .await;
    let text = text(shim.admin).await;
    for secret in ["demo-a-user", "wrong", "/api/", MULTI_BULK_SYNC] {
        assert!(!text.contains(secret), "{secret} in\n{text}");
    }
}

#[tokio::test]
async fn failures_are_counted_by_key() {
    let (_socket, address) = refusing();
    let origin = format!("http://{address}");
    let shim = Shim::translating(&origin, &[]).await;
    get(shim.address, "/api/me", USER).await;
    get(shim.address, "/api/bulk/syncs/1", USER).await;
    get(shim.address, "/api/organizations", USER).await;
    counted(
        shim.admin,
        &[
            ("requests_total{rule=\"(none)\",outcome=\"failed\"}", 2.0),
            ("requests_total{rule=\"bulk_sync/get\",outcome=\"failed\"}", 1.0),
            ("upstream_calls_total{rule=\"(none)\",status=\"none\"}", 1.0),
            ("errors_total{key=\"shim.upstream_unreachable\"}", 3.0),
        ],
    )
    .await;
}

#[tokio::test]
async fn requests_are_in_flight_to_their_last_byte() {
    let (origin, _) = raw_upstream(async |mut stream: TcpStream| {
        let (head, _) = read_head(&mut stream).await;
        if head.contains("/cut") {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha").await.unwrap();
            return;
        }
        read_all(&mut stream).await;
    })
    .await;
    let shim = Shim::translating(&origin, &[]).await;
    let mut client = TcpStream::connect(shim.address).await.unwrap();
    client.write_all(b"GET /api/me HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    counted(shim.admin, &[("in_flight", 1.0)]).await;
    drop(client);
    let left = "requests_total{rule=\"(none)\",outcome=\"left\"}";
    counted(shim.admin, &[("in_flight", 0.0), (left, 1.0)]).await;

    get(shim.address, "/api/cut", USER).await;
    counted(
        shim.admin,
        &[
            ("in_flight", 0.0),
            ("requests_total{rule=\"(none)\",outcome=\"failed\"}", 1.0),
            ("errors_total{key=\"shim.upstream_cut\"}", 1.0),
        ],
    )
    .await;
}

#[tokio::test]
async fn the_readme_names_every_metric() {
    let shim = Shim::translating("http://127.0.0.1:1", &[]).await;
    let text = text(shim.admin).await;
    let readme =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let mut types: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    assert!(!types.is_empty());
    types.sort_unstable();
    for line in types {
        let (name, kind) = line.split_once(' ').unwrap();
        let name = match kind {
            "counter" => format!("{name}_total"),
            "info" => format!("{name}_info"),
            _ => name.to_owned(),
        };
        assert!(readme.contains(&format!("| `{name}` |")), "{name} is not in the README's table");
    }
}
