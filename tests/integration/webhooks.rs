//! Webhook deliveries: what a receiver gets, what whoever delivers is told, and every way to fail.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::Response;
use http_body_util::Full;
use polytomic_shim::demo;
use polytomic_shim::emulator::Emulator;
use serde_json::{Value, json};
use sha2::Sha256;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::metrics::counted;
use crate::support::*;

const SECRET: &str = "a secret that Polytomic has";
const OTHER: &str = "a secret that the receiver has";
const KEY: &str = "key-of-the-organization";

const COMPLETED: &str = r#"{"type":"sync.completed", "id":"V", "event":{"sync_id":"S1","execution_id":"E1","record_count":2.0,"logs_url":"http://127.0.0.1:1/elsewhere","schedule":{"frequency":"daily"}}}"#;
const RUNNING: &str =
    "{ \"type\" : \"sync.running\",\n \"event\": {\"sync_id\": \"S1\", \"n\": 1.50} }";

/// Settings with one webhook called `orders`.
pub struct Configured {
    folder: TempDir,
    pub file: PathBuf,
}

impl Configured {
    /// A webhook that forwards to `forward`, with further lines.
    pub fn new(forward: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("secret", SECRET), ("other", OTHER), ("key", KEY)] {
            std::fs::write(folder.path().join(name), format!("{text}\n")).unwrap();
        }
        let configured = Self { file: folder.path().join("shim.toml"), folder };
        configured.write(forward, more);
        configured
    }

    /// Writes the settings anew; `FOLDER` in `more` is where the secrets are.
    pub fn write(&self, forward: &str, more: &str) {
        let folder = self.folder.path().to_str().unwrap();
        let text = format!(
            "[[webhook]]\nname = \"orders\"\nforward = \"{forward}\"\nsecret_file = \"FOLDER/secret\"\n{more}\n"
        );
        std::fs::write(&self.file, text.replace("FOLDER", folder)).unwrap();
    }

    pub async fn shim(&self, upstream: &str, flags: &[(&'static str, &str)]) -> Shim {
        let config = [("config", self.file.to_str().unwrap())];
        Shim::translating(upstream, &[&config[..], flags].concat()).await
    }
}

const WITH_KEY: &str = "api_key_file = \"FOLDER/key\"";

fn mac(secret: &str, body: &[u8]) -> Vec<u8> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    mac.finalize().into_bytes().to_vec()
}

fn hex(secret: &str, body: &[u8]) -> String {
    mac(secret, body).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Begins a delivery with the given header lines; its connection ends after the answer.
async fn begin(address: std::net::SocketAddr, headers: &[String], body: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let head = format!(
        "POST /webhooks/orders HTTP/1.1\r\nHost: shim\r\nConnection: close\r\nContent-Type: application/json\r\n{lines}Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    stream
}

async fn deliver(shim: &Shim, headers: &[String], body: &[u8]) -> String {
    read_all(&mut begin(shim.address, headers, body).await).await
}

/// A delivery that is signed as Polytomic does.
async fn signed(shim: &Shim, body: &str) -> String {
    deliver(shim, &[signature(body)], body.as_bytes()).await
}

fn signature(body: &str) -> String {
    format!("Polytomic-Signature: {}", hex(SECRET, body.as_bytes()))
}

fn received(_: &Seen) -> Response<Full<Bytes>> {
    answer(202, &[("x-receiver", "yes")], "taken")
}

/// An upstream with the logs of one execution.
fn logs(seen: &Seen) -> Response<Full<Bytes>> {
    match seen.uri().path() {
        "/api/syncs/S1/executions/E1/logs" => {
            answer(200, &[], r#"{"data":{"records":{"count":2},"errors":{"count":1}}}"#)
        }
        "/api/syncs/S1/executions/E1/records" => {
            answer(200, &[], r#"{"data":{"urls":["https://logs.example/1"]}}"#)
        }
        "/api/syncs/S1/executions/E1/errors" => {
            answer(200, &[], r#"{"data":{"urls":["https://logs.example/2"]}}"#)
        }
        _ => answer(404, &[], "{}"),
    }
}

fn signature_of(seen: &Seen) -> &str {
    let mut all = seen.headers().get_all("polytomic-signature").iter();
    let signature = all.next().unwrap().to_str().unwrap();
    assert!(all.next().is_none(), "two signatures");
    signature
}

/// Fails if more than what was looked at has arrived.
fn nothing_more(side: &mut Upstream) {
    assert!(side.seen.try_recv().is_err(), "a request too many");
}

#[tokio::test]
async fn deliveries_are_counted_as_calls_of_a_legacy_operation() {
    let upstream = Upstream::start(logs).await;
    let receiver = Upstream::start(received).await;
    let shim = Configured::new(&receiver.origin, WITH_KEY).shim(&upstream.origin, &[]).await;
    signed(&shim, COMPLETED).await;
    signed(&shim, COMPLETED).await;
    let forged = [format!("Polytomic-Signature: {}", hex("not the secret", b"{}"))];
    deliver(&shim, &forged, b"{}").await;
    let request = "GET /usage HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let text = raw(shim.admin, request).await;
    let usage: Value = serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap();
    let operations = usage["operations"].as_array().unwrap();
    let delivery = operations.iter().find(|operation| operation["id"] == "webhooks.delivery");
    let counted = delivery.unwrap();
    assert_eq!(
        (&counted["requests"], &counted["upstream_calls"]),
        (&json!(3), &json!(6)),
        "{usage}"
    );
    assert_eq!(usage["callers"].as_array().unwrap().len(), 1, "{usage}");
}

#[tokio::test]
async fn a_completed_sync_arrives_with_its_lists_signed_for_the_receiver() {
    let mut upstream = Upstream::start(logs).await;
    let mut receiver = Upstream::start(received).await;
    let forward = format!("{}/hooks/polytomic?team=a", receiver.origin);
    let more = format!("{WITH_KEY}\nsigning_secret_file = \"FOLDER/other\"");
    let shim = Configured::new(&forward, &more).shim(&upstream.origin, &[]).await;
    let headers = [
        signature(COMPLETED),
        "X-Extra: kept".to_owned(),
        "Connection: X-Hop".to_owned(),
        "X-Hop: 1".to_owned(),
        "Content-Digest: sha-256=:AA==:".to_owned(),
    ];
    let text = deliver(&shim, &headers, COMPLETED.as_bytes()).await;
    assert!(text.starts_with("HTTP/1.1 202 Accepted\r\n"), "{text}");
    for line in [
        "x-receiver: yes\r\n",
        "x-shim-rule: webhooks/delivery\r\n",
        "x-shim-upstream-calls: 3\r\n",
        "\r\n\r\ntaken",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(!text.contains("x-shim-disclosed"), "{text}");

    let seen = receiver.next().await;
    assert_eq!(
        (seen.method().as_str(), seen.uri().to_string()),
        ("POST", "/hooks/polytomic?team=a".to_owned())
    );
    let body: Value = serde_json::from_slice(seen.body()).unwrap();
    assert_eq!(body["event"]["total_records"], json!(["https://logs.example/1"]));
    assert_eq!(body["event"]["errored_records"], json!(["https://logs.example/2"]));
    for empty in ["inserted_records", "updated_records", "deleted_records", "warnings"] {
        assert_eq!(body["event"][empty], json!([]), "{empty}");
    }
    let text = std::str::from_utf8(seen.body()).unwrap();
    assert!(text.starts_with(r#"{"type":"sync.completed", "id":"V","event":{"#), "{text}");
    assert!(text.contains(r#""record_count":2.0,"logs_url":"http://127.0.0.1:1/elsewhere","schedule":{"frequency":"daily"}"#), "{text}");
    assert_eq!(signature_of(&seen), hex(OTHER, seen.body()));
    let headers = seen.headers();
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["content-length"], seen.body().len().to_string());
    assert_eq!(headers["x-extra"], "kept");
    assert_eq!(headers["host"], receiver.origin.strip_prefix("http://").unwrap());
    assert_eq!(headers["via"], "1.1 polytomic-shim");
    for gone in ["x-hop", "content-digest", "x-shim-disclosed", "authorization"] {
        assert!(!headers.contains_key(gone), "{gone}");
    }
    for _ in 0..3 {
        let read = upstream.next().await;
        assert_eq!(read.method(), "GET");
        assert_eq!(read.headers()["authorization"], format!("Bearer {KEY}"));
        assert_eq!(read.headers()["x-polytomic-version"], "2025-09-18");
        assert!(!read.headers().contains_key("polytomic-signature"));
    }
    nothing_more(&mut upstream);
    nothing_more(&mut receiver);
    counted(
        shim.admin,
        &[
            ("requests_total{rule=\"webhooks/delivery\",outcome=\"translated\"}", 1.0),
            ("upstream_calls_total{rule=\"webhooks/delivery\",status=\"2xx\"}", 3.0),
        ],
    )
    .await;
}

#[tokio::test]
async fn other_events_pass_byte_for_byte_with_the_signature_that_they_came_with() {
    let mut receiver = Upstream::start(received).await;
    let configured = Configured::new(&receiver.origin, WITH_KEY);
    let shim = configured.shim("http://127.0.0.1:9", &[]).await;
    let listed = COMPLETED.replace("\"schedule\"", "\"total_records\":[],\"inserted_records\":[],\"updated_records\":[],\"deleted_records\":[],\"errored_records\":[],\"warnings\":[],\"schedule\"");
    for body in [RUNNING, &listed, "no JSON at all", "[1]", ""] {
        let own = format!("Sha256={}", hex(SECRET, body.as_bytes()).to_uppercase());
        // What the shim says of a delivery, nobody else can.
        let headers = [format!("polytomic-signature: {own}"), "X-Shim-Disclosed: all".to_owned()];
        let text = deliver(&shim, &headers, body.as_bytes()).await;
        assert!(
            text.starts_with("HTTP/1.1 202 ") && text.contains("x-shim-upstream-calls: 0"),
            "{text}"
        );
        let seen = receiver.next().await;
        assert_eq!(seen.body(), body);
        assert_eq!(signature_of(&seen), own);
        assert!(!seen.headers().contains_key("x-shim-disclosed"));
    }
    counted(shim.admin, &[("requests_total{rule=\"webhooks/delivery\",outcome=\"passed\"}", 5.0)])
        .await;
}

#[tokio::test]
async fn a_signature_goes_on_in_the_form_that_it_came_in_or_in_that_of_the_settings() {
    let mut receiver = Upstream::start(received).await;
    let base64 = |secret: &str, body: &[u8]| STANDARD.encode(mac(secret, body));
    let own = "signing_secret_file = \"FOLDER/other\"\n";
    for (more, came, goes) in [
        ("", base64(SECRET, RUNNING.as_bytes()), base64(OTHER, RUNNING.as_bytes())),
        (
            "",
            format!("sha256={}", hex(SECRET, RUNNING.as_bytes())),
            format!("sha256={}", hex(OTHER, RUNNING.as_bytes())),
        ),
        (
            "encoding = \"hex\"\nprefix = \"v1=\"",
            base64(SECRET, RUNNING.as_bytes()),
            format!("v1={}", hex(OTHER, RUNNING.as_bytes())),
        ),
        (
            "encoding = \"base64\"",
            hex(SECRET, RUNNING.as_bytes()),
            base64(OTHER, RUNNING.as_bytes()),
        ),
    ] {
        let configured = Configured::new(&receiver.origin, &format!("{own}{more}"));
        let shim = configured.shim("http://127.0.0.1:9", &[]).await;
        let text =
            deliver(&shim, &[format!("Polytomic-Signature: {came}")], RUNNING.as_bytes()).await;
        assert!(text.starts_with("HTTP/1.1 202 "), "{text}");
        let seen = receiver.next().await;
        assert_eq!(seen.body(), RUNNING);
        assert_eq!(signature_of(&seen), goes, "{more}");
    }
    // The same secret in another form is signed again too, and another header is taken.
    let more = "encoding = \"base64\"\nheader = \"X-Hook-Signature\"";
    let shim = Configured::new(&receiver.origin, more).shim("http://127.0.0.1:9", &[]).await;
    let line = format!("x-hook-signature: {}", hex(SECRET, RUNNING.as_bytes()));
    assert!(deliver(&shim, &[line], RUNNING.as_bytes()).await.starts_with("HTTP/1.1 202 "));
    assert_eq!(
        receiver.next().await.headers()["x-hook-signature"],
        base64(SECRET, RUNNING.as_bytes())
    );
}

#[tokio::test]
async fn err_a_wrong_signature_is_401_and_forwarded_nowhere() {
    let (receiver, connections) = raw_upstream(|_| async {}).await;
    let shim = Configured::new(&receiver, WITH_KEY).shim(&receiver, &[]).await;
    let right = hex(SECRET, RUNNING.as_bytes());
    let line = |value: &str| vec![format!("Polytomic-Signature: {value}")];
    for headers in [
        vec![],
        line(""),
        line("sha256="),
        line(&hex(OTHER, RUNNING.as_bytes())),
        line(&right[..62]),
        line(&format!("{right}, {right}")),
        line(&hex(SECRET, COMPLETED.as_bytes())),
        [line(&right), line(&right)].concat(),
        vec![format!("X-Signature: {right}")],
    ] {
        let text = deliver(&shim, &headers, RUNNING.as_bytes()).await;
        assert!(text.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{headers:?}\n{text}");
        assert!(
            text.contains(r#""status":"Unauthorized""#) && text.contains("nothing was forwarded"),
            "{text}"
        );
        assert!(!text.contains(&right) && !text.contains(SECRET), "{text}");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0);
    counted(
        shim.admin,
        &[
            ("errors_total{key=\"shim.webhook_signature\"}", 9.0),
            ("requests_total{rule=\"webhooks/delivery\",outcome=\"refused\"}", 9.0),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_packed_delivery_is_checked_as_it_came() {
    use async_compression::tokio::write::GzipEncoder;
    let mut upstream = Upstream::start(logs).await;
    let mut receiver = Upstream::start(received).await;
    let shim = Configured::new(&receiver.origin, WITH_KEY).shim(&upstream.origin, &[]).await;
    for (body, is_translated) in [(RUNNING, false), (COMPLETED, true)] {
        let mut encoder = GzipEncoder::new(Vec::new());
        encoder.write_all(body.as_bytes()).await.unwrap();
        encoder.shutdown().await.unwrap();
        let packed = encoder.into_inner();
        let own = hex(SECRET, &packed);
        let headers = [format!("Polytomic-Signature: {own}"), "Content-Encoding: gzip".to_owned()];
        assert!(deliver(&shim, &headers, &packed).await.starts_with("HTTP/1.1 202 "));
        let seen = receiver.next().await;
        assert_eq!(signature_of(&seen), hex(SECRET, seen.body()));
        if is_translated {
            assert!(!seen.headers().contains_key("content-encoding"));
            let body: Value = serde_json::from_slice(seen.body()).unwrap();
            assert_eq!(body["event"]["total_records"], json!(["https://logs.example/1"]));
        } else {
            assert_eq!(seen.headers()["content-encoding"], "gzip");
            assert_eq!(seen.body(), &packed);
        }
    }
    for _ in 0..3 {
        upstream.next().await;
    }
    // What cannot be unpacked is still what its secret says.
    let headers = [signature("junk"), "Content-Encoding: gzip".to_owned()];
    assert!(deliver(&shim, &headers, b"junk").await.starts_with("HTTP/1.1 202 "));
    assert_eq!(receiver.next().await.body(), "junk");
}

#[tokio::test]
async fn without_its_logs_a_delivery_goes_on_disclosed() {
    let mut receiver = Upstream::start(received).await;
    let silent = raw_upstream(|mut stream| async move {
        let _ = stream.read(&mut [0; 1]).await;
        std::future::pending::<()>().await;
    });
    let broken = Upstream::start(|_| answer(500, &[], "{}")).await;
    let partly = Upstream::start(|seen| match seen.uri().path().ends_with("/errors") {
        true => answer(403, &[], "{}"),
        false => logs(seen),
    });
    let (silent, partly) = (silent.await.0, partly.await);
    for (upstream, more, flags, calls) in [
        (broken.origin.as_str(), WITH_KEY, &[][..], "1"),
        (&partly.origin, WITH_KEY, &[], "3"),
        ("http://127.0.0.1:9", "api_key_file = \"FOLDER/key\"\nlogs_timeout = \"300ms\"", &[], "1"),
        (&silent, "api_key_file = \"FOLDER/key\"\nlogs_timeout = \"300ms\"", &[], "1"),
        (&broken.origin, "", &[], "0"),
        (&broken.origin, "", &[("shim_headers", "false")], ""),
    ] {
        let shim = Configured::new(&receiver.origin, more).shim(upstream, flags).await;
        let text = signed(&shim, COMPLETED).await;
        assert!(text.starts_with("HTTP/1.1 202 "), "{upstream} {text}");
        let seen = receiver.next().await;
        assert_eq!(signature_of(&seen), hex(SECRET, seen.body()));
        let body: Value = serde_json::from_slice(seen.body()).unwrap();
        assert_eq!(body["event"]["logs_url"], "http://127.0.0.1:1/elsewhere");
        assert!(body["event"].get("total_records").is_none(), "{body}");
        let disclosed = seen.headers().get("x-shim-disclosed").map(|value| value.to_str().unwrap());
        if flags.is_empty() {
            assert!(text.contains(&format!("x-shim-upstream-calls: {calls}")), "{upstream} {text}");
            assert!(disclosed.unwrap().contains("dropped=/event/total_records"), "{disclosed:?}");
            assert!(text.contains(disclosed.unwrap()), "{text}");
        } else {
            assert!(disclosed.is_none() && !text.contains("x-shim-"), "{text}");
        }
        counted(
            shim.admin,
            &[("disclosures_total{rule=\"webhooks/delivery\",how=\"dropped\"}", 6.0)],
        )
        .await;
    }
}

#[tokio::test]
async fn the_receivers_answer_is_the_answer_and_nothing_is_sent_twice() {
    type Answered = fn(&Seen) -> Response<Full<Bytes>>;
    let answers: [(&str, Answered); 6] = [
        ("204", |_| answer(204, &[], "")),
        ("302", |_| answer(302, &[("location", "http://127.0.0.1:1/elsewhere")], "moved")),
        ("410", |_| answer(410, &[], "gone")),
        ("429", |_| answer(429, &[("retry-after", "7")], "")),
        ("500", |_| answer(500, &[("content-type", "text/plain")], "own error")),
        ("503", |_| answer(503, &[("retry-after", "1")], "")),
    ];
    for (status, answered) in answers {
        let mut receiver = Upstream::start(answered).await;
        let shim = Configured::new(&receiver.origin, "").shim("http://127.0.0.1:9", &[]).await;
        let text = signed(&shim, RUNNING).await;
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{text}");
        let own = answered(&receiver.next().await);
        for (name, value) in own.headers().iter().filter(|(name, _)| *name != "location") {
            let line = format!("{name}: {}\r\n", value.to_str().unwrap());
            assert!(text.contains(&line), "{line} {text}");
        }
        assert!(!text.contains("location:"), "{text}");
        nothing_more(&mut receiver);
    }
}

#[tokio::test]
async fn err_a_receiver_that_does_not_answer_is_told_apart_from_one_that_is_not_there() {
    let (_socket, free) = refusing();
    let silent = raw_upstream(|mut stream| async move {
        read_head(&mut stream).await;
        std::future::pending::<()>().await;
    });
    let cutting = raw_upstream(|mut stream| async move {
        read_head(&mut stream).await;
    });
    let babbling = raw_upstream(|mut stream| async move {
        read_head(&mut stream).await;
        stream.write_all(b"no HTTP\r\n\r\n").await.unwrap();
    });
    let (silent, cutting, babbling) = (silent.await, cutting.await, babbling.await);
    for (forward, status, key, said, connections) in [
        (format!("http://{free}"), "502", "receiver_unreachable", "was not sent", None),
        (silent.0, "504", "receiver_timeout", "may have the delivery", Some(silent.1)),
        (cutting.0, "502", "receiver_cut", "may have the delivery", Some(cutting.1)),
        (babbling.0, "502", "receiver_cut", "may have the delivery", Some(babbling.1)),
    ] {
        let configured = Configured::new(&forward, "timeout = \"400ms\"");
        let shim = configured.shim("http://127.0.0.1:9", &[]).await;
        let text = signed(&shim, RUNNING).await;
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{text}");
        assert!(text.contains(&format!("\"key\":\"shim.{key}\"")) && text.contains(said), "{text}");
        assert!(text.contains("x-polytomic-version: 2024-02-08"), "{text}");
        if let Some(connections) = connections {
            assert_eq!(connections.load(Ordering::SeqCst), 1, "{key}");
        }
        counted(
            shim.admin,
            &[("requests_total{rule=\"webhooks/delivery\",outcome=\"failed\"}", 1.0)],
        )
        .await;
    }
}

#[tokio::test]
async fn err_an_answer_that_is_cut_is_not_ended_cleanly() {
    let (receiver, connections) = raw_upstream(|mut stream| async move {
        read_head(&mut stream).await;
        let part = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf";
        stream.write_all(part).await.unwrap();
    })
    .await;
    let shim = Configured::new(&receiver, "").shim("http://127.0.0.1:9", &[]).await;
    let text = signed(&shim, RUNNING).await;
    assert!(text.contains("content-length: 100") && text.ends_with("half"), "{text}");
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn err_a_body_over_the_limit_and_a_slow_one_go_nowhere() {
    let (receiver, connections) = raw_upstream(|_| async {}).await;
    let configured = Configured::new(&receiver, "");
    let flags = [("max_request_body", "1KiB"), ("request_timeout", "300ms")];
    let shim = configured.shim("http://127.0.0.1:9", &flags).await;
    let huge = "x".repeat(1025);
    let text = signed(&shim, &huge).await;
    assert!(text.starts_with("HTTP/1.1 413 ") && text.contains("shim.body_too_large"), "{text}");
    let mut slow = TcpStream::connect(shim.address).await.unwrap();
    let head = format!(
        "POST /webhooks/orders HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}\r\nContent-Length: 100\r\n\r\n",
        signature("")
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        // One byte at a time resets no clock; the shim may have closed already.
        let _ = slow.write_all(b"x").await;
    }
    let text = read_all(&mut slow).await;
    assert!(text.starts_with("HTTP/1.1 408 ") && text.contains("shim.request_timeout"), "{text}");
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn each_request_is_forwarded_once_however_often_it_comes() {
    let mut receiver = Upstream::start(received).await;
    let shim = Configured::new(&receiver.origin, "").shim("http://127.0.0.1:9", &[]).await;
    for _ in 0..3 {
        assert!(signed(&shim, RUNNING).await.starts_with("HTTP/1.1 202 "));
        assert_eq!(receiver.next().await.body(), RUNNING);
        nothing_more(&mut receiver);
    }
}

#[tokio::test]
async fn whoever_leaves_before_the_logs_are_read_has_delivered_nothing() {
    let (upstream, reads) = raw_upstream(|mut stream| async move {
        read_head(&mut stream).await;
        std::future::pending::<()>().await;
    })
    .await;
    let (receiver, connections) = raw_upstream(|_| async {}).await;
    let more = format!("{WITH_KEY}\nlogs_timeout = \"2s\"");
    let shim = Configured::new(&receiver, &more).shim(&upstream, &[]).await;
    let stream = begin(shim.address, &[signature(COMPLETED)], COMPLETED.as_bytes()).await;
    soon(async {
        while reads.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    drop(stream);
    counted(shim.admin, &[("requests_total{rule=\"(none)\",outcome=\"left\"}", 1.0)]).await;
    tokio::time::sleep(Duration::from_millis(2200)).await;
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn err_too_many_deliveries_are_shed() {
    let (receiver, connections) = raw_upstream(|mut stream| async move {
        read_head(&mut stream).await;
        std::future::pending::<()>().await;
    })
    .await;
    let configured = Configured::new(&receiver, "");
    let shim = configured.shim("http://127.0.0.1:9", &[("max_deliveries", "1")]).await;
    let first = begin(shim.address, &[signature(RUNNING)], RUNNING.as_bytes()).await;
    soon(async {
        while connections.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let text = signed(&shim, RUNNING).await;
    assert!(text.starts_with("HTTP/1.1 503 ") && text.contains("retry-after: 1"), "{text}");
    assert!(text.contains("shim.too_many_deliveries"), "{text}");
    counted(shim.admin, &[("sheds_total{limit=\"deliveries\"}", 1.0)]).await;
    drop(first);
}

#[tokio::test]
async fn only_what_is_configured_is_a_webhook() {
    let mut upstream = Upstream::start(|_| answer(200, &[], "upstream's own")).await;
    let receiver = Upstream::start(received).await;
    let shim = Configured::new(&receiver.origin, "").shim(&upstream.origin, &[]).await;
    for request in [
        "GET /webhooks/orders",
        "POST /webhooks/order",
        "POST /webhooks/",
        "POST /webhooks/orders/",
    ] {
        let text = raw(
            shim.address,
            &format!("{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
        )
        .await;
        assert!(
            text.starts_with("HTTP/1.1 404 ") && text.contains("shim.not_found"),
            "{request} {text}"
        );
    }
    nothing_more(&mut upstream);
    // Without webhooks the path is upstream's, whatever it means there.
    let without = Shim::translating(&upstream.origin, &[]).await;
    let text = signed(&without, RUNNING).await;
    assert!(text.contains("upstream's own"), "{text}");
    assert_eq!(upstream.next().await.body(), RUNNING);
}

#[tokio::test]
async fn a_listener_of_their_own_takes_deliveries_and_nothing_else() {
    let mut upstream = Upstream::start(|_| answer(200, &[], "upstream's own")).await;
    let mut receiver = Upstream::start(received).await;
    let flags = [("webhook_listen", "127.0.0.1:0")];
    let shim = Configured::new(&receiver.origin, "").shim(&upstream.origin, &flags).await;
    let own = shim.webhooks.unwrap();
    let mut stream = begin(own, &[signature(RUNNING)], RUNNING.as_bytes()).await;
    assert!(read_all(&mut stream).await.starts_with("HTTP/1.1 202 "));
    assert_eq!(receiver.next().await.body(), RUNNING);
    let text = raw(own, "GET /api/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(text.starts_with("HTTP/1.1 404 "), "{text}");
    nothing_more(&mut upstream);
    assert!(signed(&shim, RUNNING).await.contains("upstream's own"));
    nothing_more(&mut receiver);
}

#[tokio::test]
async fn webhooks_are_reloaded_with_everything_else() {
    let mut first = Upstream::start(received).await;
    let mut second = Upstream::start(received).await;
    let configured = Configured::new(&first.origin, "");
    let shim = Process::run(&["serve", "--config", configured.file.to_str().unwrap()]);
    let hang_up = async |applied: f64, refused: f64| {
        shim.signal("HUP");
        let (yes, no) = ("reloads_total{result=\"applied\"}", "reloads_total{result=\"refused\"}");
        counted(shim.admin, &[(yes, applied), (no, refused)]).await;
    };
    let deliver = async || {
        let mut stream = begin(shim.address, &[signature(RUNNING)], RUNNING.as_bytes()).await;
        read_all(&mut stream).await
    };
    assert!(deliver().await.starts_with("HTTP/1.1 202 "));
    first.next().await;
    configured.write(&second.origin, "");
    hang_up(1.0, 0.0).await;
    assert!(deliver().await.starts_with("HTTP/1.1 202 "));
    second.next().await;
    configured.write(&first.origin, "secret_env = \"X\"\nencodign = \"hex\"");
    hang_up(1.0, 1.0).await;
    assert!(deliver().await.starts_with("HTTP/1.1 202 "));
    second.next().await;
    nothing_more(&mut first);
    let log = shim.end().await;
    assert!(log.contains("did you mean `encoding`?") && log.contains("both set"), "{log}");
    assert!(!log.contains(SECRET), "{log}");
}

#[tokio::test]
async fn a_registration_through_the_shim_is_the_shims_and_looks_like_the_receivers() {
    let emulator = Emulator::seeded();
    let loopback = "127.0.0.1:0".parse().unwrap();
    let upstream = demo::Upstream::start(loopback, emulator).await.unwrap();
    let origin = upstream.origin().unwrap().to_string();
    let shim = Shim::with_webhook(&origin, &[]).await;
    let ask = async |address, request: &str, version: &str, body: &str| {
        let length = body.len();
        let request = format!(
            "{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer demo-a-user\r\nContent-Type: application/json\r\nX-Polytomic-Version: {version}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        let text = raw(address, &request).await;
        assert!(text.starts_with("HTTP/1.1 200 "), "{request}\n{text}");
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        serde_json::from_str::<Value>(body).unwrap()["data"].clone()
    };
    let (legacy, later) = ("2024-02-08", "2025-09-18");
    let receiver = r#"{"endpoint":"https://receiver.example/","secret":"secret"}"#;
    let made = ask(shim.address, "POST /api/webhooks", legacy, receiver).await;
    assert_eq!(made["endpoint"], "https://receiver.example/");
    let path = format!("/api/webhooks/{}", made["id"].as_str().unwrap());
    let stored = async || ask(upstream.address, &format!("GET {path}"), later, "").await;
    assert_eq!(stored().await["endpoint"], "https://shim.example/webhooks/orders");
    let read = ask(shim.address, &format!("GET {path}"), legacy, "").await;
    assert_eq!(read, made);
    let listed = ask(shim.address, "GET /api/webhooks", legacy, "").await;
    assert!(listed.as_array().unwrap().contains(&made), "{listed}");
    // What was read is written back.
    let before = stored().await;
    let body = json!({ "endpoint": read["endpoint"], "secret": read["secret"] }).to_string();
    ask(shim.address, &format!("PUT {path}"), legacy, &body).await;
    assert_eq!(stored().await, before);
    for action in ["disable", "enable"] {
        let shown = ask(shim.address, &format!("POST {path}/{action}"), legacy, "").await;
        assert_eq!(shown["endpoint"], "https://receiver.example/");
    }
    // A client of 2025-09-18 sees what is there; without the setting everybody does.
    let migrated = ask(shim.address, &format!("GET {path}"), later, "").await;
    assert_eq!(migrated["endpoint"], "https://shim.example/webhooks/orders");
    let plain = Shim::translating(&origin, &[]).await;
    let passed = ask(plain.address, &format!("GET {path}"), legacy, "").await;
    assert_eq!(passed["endpoint"], "https://shim.example/webhooks/orders");
}
