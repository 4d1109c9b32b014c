//! Who calls what, over real sockets: counted, told, kept, printed.

use std::net::SocketAddr;
use std::process::{Command, Output};

use polytomic_shim::demo;
use polytomic_shim::emulator::Emulator;
use polytomic_shim::emulator::seed::{MULTI_BULK_SYNC, ORGANIZATION_A};
use serde_json::Value;

use crate::metrics::samples;
use crate::support::*;

const PYTHON: &str = "Authorization: Bearer demo-a-user\r\nX-Fern-Language: Python\r\nX-Fern-SDK-Name: polytomic\r\n\
     X-Fern-SDK-Version: 1.18.0\r\nUser-Agent: nightly <b>report</b>\r\n";
const GO: &str = "Authorization: Bearer demo-a-organization\r\nX-Fern-SDK-Name: github.com/polytomic/polytomic-go\r\n\
     X-Fern-SDK-Version: v1.16.1\r\n";

async fn get(address: SocketAddr, path: &str, headers: &str) -> String {
    raw(address, &format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n"))
        .await
}

async fn told(admin: SocketAddr, path: &str) -> Value {
    let answer = get(admin, path, "").await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"))
}

async fn emulator() -> demo::Upstream {
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    demo::Upstream::start(loopback, Emulator::seeded()).await.unwrap()
}

#[tokio::test]
async fn who_calls_what_is_counted_and_told() {
    let upstream = emulator().await;
    let shim = Shim::translating(&format!("http://{}", upstream.address), &[]).await;
    let bulk_sync = format!("/api/bulk/syncs/{MULTI_BULK_SYNC}");
    let migrated = format!("{GO}X-Polytomic-Version: 2025-09-18\r\n");
    for (path, headers, status) in [
        ("/api/syncs", PYTHON, 200),
        ("/api/organizations", PYTHON, 200),
        ("/api/me", PYTHON, 200),
        (bulk_sync.as_str(), PYTHON, 200),
        ("/api/bulk/syncs/00000000-0000-4000-8000-000000000000", PYTHON, 404),
        ("/nowhere", PYTHON, 404),
        ("/api/syncs/a%2Fb", PYTHON, 400),
        ("/api/me", GO, 200),
        ("/api/me", migrated.as_str(), 200),
        ("/api/me", "Authorization: Bearer wrong\r\n", 401),
    ] {
        let answer = get(shim.address, path, headers).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}\n{answer}");
    }
    let usage = told(shim.admin, "/usage").await;
    assert!(!usage.to_string().contains("demo-a-"), "a credential is told: {usage}");
    assert_eq!(usage["callers"].as_array().unwrap().len(), 2, "{usage:#}");
    assert_eq!(usage["refused"], 1);
    let of = |sdk: &str| {
        let callers = usage["callers"].as_array().unwrap();
        callers.iter().find(|caller| caller["sdk"] == sdk).unwrap().clone()
    };
    let python = of("polytomic");
    assert_eq!(python["organization"], ORGANIZATION_A, "{python:#}");
    assert_eq!(python["user_agent"], "nightly <b>report</b>");
    assert_eq!(
        (&python["legacy"]["requests"], &python["legacy"]["errors"]),
        (&7.into(), &3.into())
    );
    let operation = |id: &str| {
        let all = python["operations"].as_array().unwrap();
        all.iter().find(|operation| operation["id"] == id).unwrap().clone()
    };
    assert_eq!(operation("bulk_sync.get")["requests"], 2);
    assert_eq!(operation("identity.get")["upstream_calls"], 1);
    assert_eq!(operation("(unknown)")["requests"], 1);
    assert_eq!(operation("model_sync.get")["errors"], 1, "refused for its path, and counted");
    assert!(operation("model_sync.list")["upstream_calls"].as_u64().unwrap() > 100);
    let go = of("github.com/polytomic/polytomic-go");
    assert_eq!((&go["legacy"]["requests"], &go["migrated"]["requests"]), (&1.into(), &1.into()));
    assert_eq!(go["sdk_version"], "1.16.1");

    let samples = samples(shim.admin).await;
    for (name, value) in [
        ("legacy_requests_total{operation=\"bulk_sync.get\"}", 2.0),
        ("legacy_requests_total{operation=\"identity.get\"}", 3.0),
        ("sdk_requests_total{sdk=\"polytomic 1.18\",version=\"legacy\"}", 7.0),
        (
            "sdk_requests_total{sdk=\"github.com/polytomic/polytomic-go 1.16\",version=\"upstream\"}",
            1.0,
        ),
        ("clients{version=\"legacy\"}", 2.0),
        ("clients{version=\"upstream\"}", 1.0),
        ("clients_evicted_total", 0.0),
    ] {
        assert_eq!(samples.get(name), Some(&value), "{name}\n{samples:#?}");
    }
}

#[tokio::test]
async fn only_legacy_answers_speak_of_their_end() {
    let upstream = emulator().await;
    let flags = [("deprecation", "2025-09-18"), ("sunset", "2026-12-31")];
    let shim = Shim::translating(&format!("http://{}", upstream.address), &flags).await;
    let migrated = format!("{GO}X-Polytomic-Version: 2025-09-18\r\n");
    for (path, headers, says) in [
        ("/api/syncs", PYTHON, true),
        ("/api/me", PYTHON, true),
        ("/nowhere", PYTHON, true),
        ("/api/syncs/a%2Fb", PYTHON, true),
        ("/api/me", migrated.as_str(), false),
    ] {
        let answer = get(shim.address, path, headers).await;
        let (head, _) = answer.split_once("\r\n\r\n").unwrap();
        for line in [
            "deprecation: @1758153600",
            "sunset: Thu, 31 Dec 2026 00:00:00 GMT",
            "link: <https://apidocs.polytomic.com/guides/2025-09-18-migration-guide>; rel=\"sunset\"; type=\"text/html\"",
        ] {
            assert_eq!(head.contains(line), says, "{path}: {line}\n{head}");
        }
    }
}

fn report(admin: SocketAddr, arguments: &[&str]) -> Output {
    let admin = format!("http://{admin}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_polytomic-shim"));
    command.args(["report", "--admin", &admin]).args(arguments).output().unwrap()
}

#[tokio::test]
async fn the_report_is_printed_and_fails_where_legacy_traffic_is_left() {
    let demo = Process::run(&["demo"]);
    let empty = report(demo.admin, &["--fail-if-legacy"]);
    assert_eq!(empty.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&empty.stdout).contains("No legacy traffic."));
    get(demo.address, "/api/syncs", PYTHON).await;
    let text = report(demo.admin, &[]);
    assert_eq!(text.status.code(), Some(0));
    let text = String::from_utf8(text.stdout).unwrap();
    for part in [
        "0 of 1 requests",
        "polytomic 1.18.0 (Python)",
        "-> GET /api/syncs/{$.id} (for each item)",
        "model_sync/list",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let json = report(demo.admin, &["--format", "json", "--fail-if-legacy", "--since", "1h"]);
    assert_eq!(json.status.code(), Some(3));
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["usage"]["legacy"]["requests"], 1);
    let markdown = report(demo.admin, &["--format", "markdown"]);
    let markdown = String::from_utf8(markdown.stdout).unwrap();
    assert!(markdown.contains("- [ ] `GET /api/syncs` (1×)"), "{markdown}");
    let wrong = report(demo.address, &["--fail-if-legacy"]);
    assert_eq!(wrong.status.code(), Some(1), "the proxy is no admin listener");
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("is it the admin listener?"));
}

#[tokio::test]
async fn usage_is_kept_across_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("usage");
    let state = state.to_str().unwrap();
    let process = || Process::run(&["demo", "--state", state]);
    let first = process();
    get(first.address, "/api/me", PYTHON).await;
    let before = told(first.admin, "/usage").await;
    first.end().await;

    let second = process();
    get(second.address, "/api/me", PYTHON).await;
    let after = told(second.admin, "/usage").await;
    assert_eq!(after["callers"].as_array().unwrap().len(), 1, "the caller goes by the same name");
    assert_eq!(after["callers"][0]["caller"], before["callers"][0]["caller"]);
    assert_eq!((&after["legacy"]["requests"], &after["since"]), (&2.into(), &before["since"]));
    let busy = Command::new(env!("CARGO_BIN_EXE_polytomic-shim"))
        .args(["demo", "--state", state, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
        .output()
        .unwrap();
    assert_eq!(busy.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&busy.stderr).contains("is in use by another process"));
    second.signal("KILL");
    second.exit_code().await;

    let third = process();
    assert_eq!(
        told(third.admin, "/usage").await["legacy"]["requests"].as_u64().map(|count| count >= 1),
        Some(true)
    );
    third.end().await;

    std::fs::write(state, "these are my notes, and no state file at all").unwrap();
    let foreign = Command::new(env!("CARGO_BIN_EXE_polytomic-shim"))
        .args(["serve", "--state", state, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
        .output()
        .unwrap();
    let message = String::from_utf8_lossy(&foreign.stderr);
    assert_eq!(foreign.status.code(), Some(1));
    assert!(message.contains("is no state file") && message.contains("hint: "), "{message}");
    assert!(!message.contains("panicked"), "{message}");

    // A pipe would be read for ever, and a device replaced. Not a test of the state file's own: a process
    // that is just being started shares its parent's locks.
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let refused = Command::new("timeout")
        .args(["--signal", "KILL", "10", env!("CARGO_BIN_EXE_polytomic-shim"), "serve", "--state"])
        .arg(&pipe)
        .args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is no state file"));
}
