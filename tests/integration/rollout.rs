//! A staged rollout, over real sockets, in front of the emulator, which serves both versions.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body_util::Full;
use polytomic_shim::caller::Salt;
use polytomic_shim::demo;
use polytomic_shim::emulator::seed::{
    HIDDEN_BULK_SYNC, IDENTITIES_SYNC, MULTI_BULK_SYNC, ORGANIZATION_A, SHARED_CONNECTION,
};
use polytomic_shim::emulator::{Emulator, Options};
use polytomic_shim::rollout::view::{Mode, RuleView, View};
use polytomic_shim::rollout::{Course, Rollout, Who, parse};
use polytomic_shim::rules::Rules;
use polytomic_shim::telemetry::Metrics;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::metrics::{counted, samples};
use crate::reload::copy;
use crate::support::*;

const TOKEN: &str = "0123456789abcdef-token";
const WRITE: &str = "POST";

struct Both {
    emulator: Emulator,
    upstream: demo::Upstream,
}

impl Both {
    async fn start(emulator: Emulator) -> Self {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let upstream = demo::Upstream::start(loopback, emulator.clone()).await.unwrap();
        Self { emulator, upstream }
    }

    fn origin(&self) -> String {
        format!("http://{}", self.upstream.address)
    }

    async fn shim(&self, rollout: &str, flags: &[(&'static str, &str)]) -> Shim {
        let flags = [&[("rollout", rollout)], flags].concat();
        Shim::staged(&self.origin(), &flags).await
    }

    /// How many requests of a method came, by version.
    fn count(&self, method: &str, version: &str) -> usize {
        let is_meant = |seen: &&polytomic_shim::emulator::Seen| {
            seen.method == method && seen.version.as_deref() == Some(version)
        };
        self.emulator.requests().iter().filter(is_meant).count()
    }
}

/// A file with a rollout.
fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

/// Status line with headers, and body.
async fn send(
    address: SocketAddr,
    (method, path): (&str, &str),
    key: &str,
    headers: &str,
    body: &str,
) -> (String, String) {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let text = raw(address, &request).await;
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    (head.to_owned(), body.to_owned())
}

async fn get(address: SocketAddr, path: &str, key: &str) -> (String, String) {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAuthorization: Bearer {key}\r\nX-Polytomic-Version: 2024-02-08\r\n\r\n"
    );
    let text = raw(address, &request).await;
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

async fn view(admin: SocketAddr) -> View {
    let (head, body) = get(admin, "/rollout", "").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head} {body}");
    serde_json::from_str(&body).unwrap()
}

async fn put(admin: SocketAddr, token: &str, body: &Value) -> (String, Value) {
    let headers = "X-Shim-Actor: jo\r\n";
    let (head, body) = send(admin, ("PUT", "/rollout"), token, headers, &body.to_string()).await;
    (head, serde_json::from_str(&body).unwrap())
}

fn rule<'v>(view: &'v View, id: &str) -> &'v RuleView {
    view.rules.iter().find(|rule| rule.id == id).unwrap()
}

/// Waits until the view is as it should be.
async fn until(admin: SocketAddr, what: &str, is_so: impl Fn(&View) -> bool) -> View {
    let begun = Instant::now();
    loop {
        let view = view(admin).await;
        if is_so(&view) {
            return view;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}: {view:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn bulk_sync(id: &str) -> String {
    format!("/api/bulk/syncs/{id}")
}

#[tokio::test]
async fn legacy_is_forwarded_as_it_is() {
    let both = Both::start(Emulator::seeded()).await;
    let shim = both.shim("legacy", &[]).await;
    for path in [bulk_sync(MULTI_BULK_SYNC).as_str(), "/api/syncs", "/api/organizations", "/api/me"]
    {
        let (head, body) = get(shim.address, path, "demo-a-user").await;
        assert!(head.starts_with("HTTP/1.1 200 ") && !head.contains("x-shim-rule"), "{head}");
        assert!(head.contains("x-shim-mode: legacy\r\n"), "{head}");
        assert!(head.contains("x-polytomic-version: 2024-02-08"), "{head}");
        let direct = get(both.upstream.address, path, "demo-a-user").await.1;
        assert_eq!(body, direct, "{path}");
    }
    let (head, body) = get(shim.address, "/api/syncs", "wrong").await;
    let direct = get(both.upstream.address, "/api/syncs", "wrong").await;
    assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
    assert_eq!(body, direct.1);
    assert_eq!(both.count("GET", "2025-09-18"), 0, "nobody asks who calls either");
    let path = bulk_sync(HIDDEN_BULK_SYNC) + "/executions";
    let (head, body) =
        send(shim.address, (WRITE, &path), "demo-a-user", "", r#"{"test":true}"#).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head} {body}");
    assert_eq!((both.count(WRITE, "2024-02-08"), both.count(WRITE, "2025-09-18")), (1, 0));
    counted(shim.admin, &[("rollout_mode{rule=\"bulk_sync/get\",mode=\"legacy\"}", 1.0)]).await;
}

/// A request for each rule that reads, with a key of a caller that it is for.
fn reads() -> Vec<(&'static str, String, &'static str)> {
    let user = "demo-a-user";
    let of = |start: &str, end: &str| format!("/api/connections/{start}{end}");
    let query = "/api/queries/00000014-0000-4000-8000-000000000003".to_owned();
    let organization = format!("/api/organizations/{ORGANIZATION_A}");
    let member = format!("{organization}/users/00000003-0000-4000-8000-000000000002");
    vec![
        ("bulk_sync/get", bulk_sync(MULTI_BULK_SYNC), user),
        ("bulk_sync/get", bulk_sync(HIDDEN_BULK_SYNC), user),
        ("bulk_sync/get", bulk_sync("00000000-0000-4000-8000-000000000000"), user),
        (
            "bulk_sync/get_destination",
            of("00000007-0000-4000-8000-000000000002", "/bulksync/target"),
            user,
        ),
        ("bulk_sync/list", "/api/bulk/syncs".to_owned(), user),
        ("bulk_sync/schemas/list", bulk_sync(MULTI_BULK_SYNC) + "/schemas", user),
        ("connections/list_share", of(SHARED_CONNECTION, "/share"), user),
        ("connections/list_share_for_partner", of(SHARED_CONNECTION, "/share"), "demo-partner"),
        ("connections/list_shared_for_partner", of(SHARED_CONNECTION, "/shared"), "demo-partner"),
        ("events/list", "/api/events".to_owned(), user),
        ("model_sync/get", format!("/api/syncs/{IDENTITIES_SYNC}"), user),
        ("model_sync/list", "/api/syncs".to_owned(), user),
        (
            "model_sync/targets/get_target",
            of("00000007-0000-4000-8000-000000000003", "/modelsync/target"),
            user,
        ),
        ("organization/get", organization.clone(), user),
        ("organization/list", "/api/organizations".to_owned(), user),
        ("query_runner/get_query", query, user),
        ("users/get", member, user),
        ("users/list", organization + "/users", user),
    ]
}

#[tokio::test]
async fn every_read_is_shadowed_and_compares_equal() {
    let both = Both::start(Emulator::seeded()).await;
    let rollout =
        file("default = \"shadow\"\n[beside]\ncomparisons = 32\ncalls = 32\nmemory = \"1GiB\"\n");
    let shim = both.shim(rollout.path().to_str().unwrap(), &[]).await;
    for (rule, path, key) in reads() {
        let (head, body) = get(shim.address, &path, key).await;
        assert!(head.contains("x-shim-mode: shadow\r\n"), "{rule} {head}");
        assert!(!head.contains("x-shim-rule"), "{rule} {head}");
        let direct = get(both.upstream.address, &path, key).await;
        assert_eq!(head.lines().next(), direct.0.lines().next(), "{rule}");
        assert_eq!(body, direct.1, "{rule}");
    }
    let view = until(shim.admin, "every rule is compared", |view| {
        let is_done = |rule: &RuleView| rule.compared + rule.failed + rule.skipped > 0;
        view.rules.iter().all(|rule| is_done(rule) == rule.only_reads)
            && rule(view, "bulk_sync/get").compared == 3
    })
    .await;
    assert!(view.mismatches.is_empty(), "{:#?}", view.mismatches);
    for rule in &view.rules {
        let expected = if rule.only_reads { Mode::Shadow } else { Mode::Legacy };
        assert_eq!((rule.mode, rule.failed, rule.skipped), (expected, 0, 0), "{rule:?}");
        assert_eq!(rule.noise, 0, "{rule:?}");
    }
    // Each rule had its request: none is left out of this test.
    let read: Vec<_> = reads().into_iter().map(|(rule, ..)| rule).collect();
    for rule in view.rules.iter().filter(|rule| rule.only_reads) {
        assert!(read.contains(&rule.id.as_str()), "{}", rule.id);
    }
    let samples = samples(shim.admin).await;
    let same = samples["comparisons_total{rule=\"users/get\",result=\"same\"}"]
        + samples["comparisons_total{rule=\"users/get\",result=\"tolerated\"}"];
    assert_eq!(same, 1.0);
    assert!(samples["beside_calls_total{version=\"2025-09-18\"}"] > 18.0);
}

/// Rules of which `bulk_sync/get` shows another mode than upstream's legacy answer.
fn broken_rules() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("rewrite-rules"), folder.path());
    let path = folder.path().join("bulk_sync/get.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let broken = text.replace("[[lens]]\ncode = \"bulk_discover\"\n", "");
    assert_ne!(text, broken);
    std::fs::write(&path, broken).unwrap();
    folder
}

#[tokio::test]
async fn a_broken_rule_is_found_kept_back_and_armed_again() {
    let both = Both::start(Emulator::seeded()).await;
    let rules = broken_rules();
    let rollout = file("verify = 100\n[breaker]\nminimum = 3\n");
    let flags = [("rules", rules.path().to_str().unwrap()), ("admin_token", TOKEN)];
    let shim = both.shim(rollout.path().to_str().unwrap(), &flags).await;
    let path = bulk_sync(MULTI_BULK_SYNC);
    for compared in 1..=3 {
        let (head, _) = get(shim.address, &path, "demo-a-user").await;
        assert!(head.contains("x-shim-rule: bulk_sync/get"), "{head}");
        until(shim.admin, "it is compared", |view| {
            rule(view, "bulk_sync/get").mismatched == compared
        })
        .await;
    }
    let tripped = view(shim.admin).await;
    let why = &rule(&tripped, "bulk_sync/get").tripped.as_ref().unwrap().why;
    assert!(why.starts_with("3 of 3 comparisons differed within 300s (100.0%"), "{why}");
    assert_eq!(tripped.events[0].by, "breaker");
    assert_eq!(tripped.events[0].rule.as_deref(), Some("bulk_sync/get"));
    let (head, _) = get(shim.address, &path, "demo-a-user").await;
    assert!(head.contains("x-shim-mode: legacy") && !head.contains("x-shim-rule"), "{head}");
    counted(
        shim.admin,
        &[
            ("breaker_tripped{rule=\"bulk_sync/get\"}", 1.0),
            ("breaker_trips_total{rule=\"bulk_sync/get\"}", 1.0),
            ("breaker_tripped{rule=\"bulk_sync/list\"}", 0.0),
            ("comparisons_total{rule=\"bulk_sync/get\",result=\"different\"}", 3.0),
        ],
    )
    .await;

    let mismatch = &tripped.mismatches[0];
    assert_eq!(mismatch.operation, "GET /api/bulk/syncs/{id}");
    assert_eq!(mismatch.caller.len(), 12);
    let difference = &mismatch.differences[0];
    assert_eq!(difference.pointer, "/data/discover");
    assert_eq!((difference.legacy.is_some(), difference.translated.is_some()), (true, false));
    let (head, body) = get(shim.admin, &format!("/rollout/mismatches/{}", mismatch.id), "").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let sample: Value = serde_json::from_str(&body).unwrap();
    let fixture = sample["fixture"].as_str().unwrap();
    for expected in ["[request]\nmethod = \"GET\"", "[[upstream]]\ncall = \"GET /api/", "[legacy]"]
    {
        assert!(fixture.contains(expected), "{fixture}");
    }
    for secret in ["demo-a-user", MULTI_BULK_SYNC, "public", "0000000d"] {
        assert!(!body.contains(secret), "{secret} in {body}");
    }
    let (head, _) = get(shim.admin, "/rollout/mismatches/none", "").await;
    assert!(head.starts_with("HTTP/1.1 404 "), "{head}");

    let rearm = json!({ "changes": [{ "rule": "bulk_sync/get", "rearm": true }] });
    let (head, body) = put(shim.admin, TOKEN, &rearm).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head} {body}");
    assert_eq!(body["events"][0]["by"], "jo");
    assert_eq!(body["events"][0]["what"], "breaker armed again");
    let (head, _) = get(shim.address, &path, "demo-a-user").await;
    assert!(head.contains("x-shim-rule: bulk_sync/get"), "{head}");
    counted(shim.admin, &[("breaker_tripped{rule=\"bulk_sync/get\"}", 0.0)]).await;
}

#[tokio::test]
async fn shadow_finds_it_too_and_the_caller_never_sees_it() {
    let both = Both::start(Emulator::seeded()).await;
    let rules = broken_rules();
    let rollout = file("default = \"shadow\"\n[breaker]\nminimum = 2\n");
    let flags = [("rules", rules.path().to_str().unwrap())];
    let shim = both.shim(rollout.path().to_str().unwrap(), &flags).await;
    let path = bulk_sync(MULTI_BULK_SYNC);
    let direct = get(both.upstream.address, &path, "demo-a-user").await.1;
    for compared in 1..=4 {
        assert_eq!(get(shim.address, &path, "demo-a-user").await.1, direct);
        until(shim.admin, "it is compared", |view| {
            rule(view, "bulk_sync/get").mismatched == compared
        })
        .await;
    }
    let view = view(shim.admin).await;
    assert!(rule(&view, "bulk_sync/get").tripped.is_none(), "nothing is at stake");
    let said: Vec<_> = view.events.iter().filter(|event| event.by == "breaker").collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].what.starts_with("would not be left translated: 2 of 2"), "{said:?}");
    assert_eq!(view.mismatches.len(), 3, "what is alike is kept three times");
}

#[tokio::test]
async fn errors_alone_trip_it() {
    let upstream = Upstream::start(|seen| match seen.headers()["x-polytomic-version"].as_bytes() {
        b"2025-09-18" => answer(200, &[], "no JSON at all"),
        _ => answer(200, &[("x-polytomic-version", "2024-02-08")], r#"{"data":{"id":"1"}}"#),
    })
    .await;
    let rollout = file("[breaker]\nminimum = 3\nerrors = 50\n");
    let flags = [("rollout", rollout.path().to_str().unwrap())];
    let shim = Shim::staged(&upstream.origin, &flags).await;
    for _ in 0..3 {
        let (head, _) = get(shim.address, "/api/bulk/syncs/1", "k").await;
        assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
    }
    let (head, _) = get(shim.address, "/api/bulk/syncs/1", "k").await;
    assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("x-shim-mode: legacy"), "{head}");
    let view = view(shim.admin).await;
    let why = &rule(&view, "bulk_sync/get").tripped.as_ref().unwrap().why;
    assert!(why.starts_with("3 of 3 translated requests failed within 300s"), "{why}");
}

#[tokio::test]
async fn what_legacy_itself_disagrees_on_is_noise() {
    static LEGACY: AtomicUsize = AtomicUsize::new(0);
    let upstream = Upstream::start(|seen| {
        let headers = [("x-polytomic-version", "2024-02-08")];
        let body = |name: &'static str| match name {
            "a" => r#"{"data":{"id":"1","name":"a","mode":"replicate"}}"#,
            "b" => r#"{"data":{"id":"1","name":"b","mode":"replicate"}}"#,
            _ => r#"{"data":{"id":"1","name":"c","mode":"replicate","default_schedule":{"frequency":"manual"}}}"#,
        };
        match seen.headers()["x-polytomic-version"].as_bytes() {
            b"2025-09-18" => answer(200, &[], body("c")),
            _ if LEGACY.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) => answer(200, &headers, body("a")),
            _ => answer(200, &headers, body("b")),
        }
    })
    .await;
    let rollout = file(
        "default = \"shadow\"\n[[tolerance]]\nrule = \"bulk_sync/get\"\npointer = \"/data/*\"\nkind = \"added\"\nreason = \"x\"\n",
    );
    let flags = [("rollout", rollout.path().to_str().unwrap())];
    let shim = Shim::staged(&upstream.origin, &flags).await;
    get(shim.address, "/api/bulk/syncs/1", "k").await;
    counted(
        shim.admin,
        &[
            ("comparisons_total{rule=\"bulk_sync/get\",result=\"noise\"}", 1.0),
            ("comparisons_total{rule=\"bulk_sync/get\",result=\"different\"}", 0.0),
        ],
    )
    .await;
    assert_eq!(rule(&view(shim.admin).await, "bulk_sync/get").noise, 1);
    assert_eq!(LEGACY.load(Ordering::SeqCst), 2, "legacy is asked a second time, and no third");
}

#[tokio::test]
async fn what_writes_is_never_run_twice() {
    for (rollout, version) in [
        ("default = \"shadow\"\nverify = 100", "2024-02-08"),
        ("default = \"translate\"\nverify = 100", "2025-09-18"),
    ] {
        let both = Both::start(Emulator::seeded()).await;
        let rollout = file(rollout);
        let shim = both.shim(rollout.path().to_str().unwrap(), &[]).await;
        let path = bulk_sync(HIDDEN_BULK_SYNC) + "/executions";
        let (head, body) =
            send(shim.address, (WRITE, &path), "demo-a-user", "", r#"{"test":true}"#).await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head} {body}");
        // A read after it, whose comparison is over when that of the write would be.
        get(shim.address, &bulk_sync(MULTI_BULK_SYNC), "demo-a-user").await;
        until(shim.admin, "the read is compared", |view| rule(view, "bulk_sync/get").compared == 1)
            .await;
        assert_eq!(both.count(WRITE, version), 1, "{version}");
        let all = both.count(WRITE, "2024-02-08") + both.count(WRITE, "2025-09-18");
        assert_eq!(all, 1, "{version}");
        assert_eq!(rule(&view(shim.admin).await, "bulk_sync/start").compared, 0);
    }
}

/// An upstream that answers 2024-02-08 at once, and anything else never.
async fn half_dead() -> String {
    let (origin, _) = raw_upstream(|mut stream: TcpStream| async move {
        loop {
            let (head, _) = read_head(&mut stream).await;
            if !head.to_ascii_lowercase().contains("x-polytomic-version: 2024-02-08") {
                std::future::pending::<()>().await;
            }
            let body = r#"{"data":{"id":"1","schedule":{"frequency":"manual"}}}"#;
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    })
    .await;
    origin
}

#[tokio::test]
async fn what_hangs_beside_never_delays_the_caller() {
    let origin = half_dead().await;
    let rollout = file("default = \"shadow\"\n[beside]\ncomparisons = 4\ndeadline = \"1s\"\n");
    let flags = [("rollout", rollout.path().to_str().unwrap()), ("total_concurrency", "1")];
    let shim = Shim::staged(&origin, &flags).await;
    let begun = Instant::now();
    for _ in 0..20 {
        let (head, _) = get(shim.address, "/api/bulk/syncs/1", "k").await;
        assert!(
            head.starts_with("HTTP/1.1 200 ") && head.contains("x-shim-mode: shadow"),
            "{head}"
        );
    }
    assert!(begun.elapsed() < Duration::from_millis(900), "{:?}", begun.elapsed());
    let view = until(shim.admin, "all are given up", |view| {
        let rule = rule(view, "bulk_sync/get");
        rule.failed + rule.skipped == 20
    })
    .await;
    let rule = rule(&view, "bulk_sync/get");
    assert_eq!((rule.failed, rule.skipped, rule.compared), (4, 16, 0), "{rule:?}");
}

fn headers(key: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", format!("Bearer {key}").parse().unwrap());
    headers
}

#[tokio::test]
async fn replicas_agree_and_a_larger_share_holds_the_smaller_one() {
    let rules = Rules::embedded().unwrap();
    let settings = settings("http://127.0.0.1:1", &[("rollout", "translate")]);
    let rollout = |share: f64, more: &str| {
        let plan = parse("f", &format!("share = {share}\n{more}"), &rules, true).unwrap();
        Rollout::new(plan, &rules, &settings, Arc::new(Metrics::default()))
    };
    let is_in = |rollout: &Rollout, rule: &str, key: &str, salt: &Salt| {
        let headers = headers(key);
        let who = Who { headers: &headers, fingerprint: salt.of(&headers), organization: None };
        rollout.course(Some(rule), &who) != Course::Legacy
    };
    let replicas = [(rollout(25.0, ""), Salt::random()), (rollout(25.0, ""), Salt::random())];
    let (wider, nobody) = (rollout(60.0, ""), rollout(0.0, ""));
    let mut inside = 0;
    for number in 0..2000 {
        let key = format!("key-{number}");
        let each = replicas.each_ref().map(|(own, salt)| is_in(own, "users/list", &key, salt));
        assert_eq!(each[0], each[1], "{key}");
        assert_eq!(each[0], is_in(&replicas[0].0, "bulk_sync/get", &key, &replicas[0].1));
        assert!(!each[0] || is_in(&wider, "users/list", &key, &replicas[0].1), "{key}");
        assert!(!is_in(&nobody, "users/list", &key, &replicas[0].1), "{key}");
        inside += u32::from(each[0]);
    }
    assert!((420..580).contains(&inside), "{inside} of 2000 are in a share of 25");
    let salt = Salt::fixed();
    let start = salt.of(&headers("one")).to_string();
    let named = rollout(0.0, &format!("allow = [\"caller:{start}\"]"));
    assert!(is_in(&named, "users/list", "one", &salt));
    assert!(!is_in(&named, "users/list", "other", &salt));
    let denied =
        rollout(100.0, &format!("deny = [\"caller:{start}\"]\nallow = [\"caller:{start}\"]"));
    assert!(!is_in(&denied, "users/list", "one", &salt));
    assert!(is_in(&denied, "users/list", "other", &salt));
}

#[tokio::test]
async fn callers_are_told_apart_by_organization_and_sdk() {
    let both = Both::start(Emulator::seeded()).await;
    let rollout = file(&format!(
        "share = 0\nallow = [\"organization:{ORGANIZATION_A}\", \"sdk:polytomic/1.18.*\"]\n"
    ));
    let shim = both.shim(rollout.path().to_str().unwrap(), &[]).await;
    for (key, sdk, expected) in [
        ("demo-a-user", "", true),
        ("demo-b-user", "", false),
        ("demo-b-user", "X-Fern-SDK-Name: polytomic\r\nX-Fern-SDK-Version: 1.18.1\r\n", true),
        ("demo-b-user", "X-Fern-SDK-Name: polytomic\r\nX-Fern-SDK-Version: 1.17.0\r\n", false),
    ] {
        let (head, body) = send(shim.address, ("GET", "/api/bulk/syncs"), key, sdk, "").await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head} {body}");
        assert_eq!(head.contains("x-shim-rule: bulk_sync/list"), expected, "{key} {sdk} {head}");
    }
}

#[tokio::test]
async fn changes_need_the_token_and_are_all_or_nothing() {
    let both = Both::start(Emulator::seeded()).await;
    let change = json!({ "changes": [{ "mode": "legacy" }] });
    let shim = both.shim("translate", &[]).await;
    let (head, body) = put(shim.admin, TOKEN, &change).await;
    assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
    assert!(body["mistakes"][0]["hint"].as_str().unwrap().contains("admin_token"), "{body}");
    assert!(!view(shim.admin).await.can_change);

    let shim = both.shim("translate", &[("admin_token", TOKEN)]).await;
    assert!(view(shim.admin).await.can_change);
    for wrong in ["", "0123456789abcdef-tokem", "0123456789abcdef-token2"] {
        let (head, _) = put(shim.admin, wrong, &change).await;
        assert!(head.starts_with("HTTP/1.1 401 ") && head.contains("www-authenticate"), "{head}");
    }
    let path = bulk_sync(MULTI_BULK_SYNC);
    assert!(get(shim.address, &path, "demo-a-user").await.0.contains("x-shim-rule"));
    let mixed = json!({ "changes": [
        { "mode": "legacy" },
        { "rule": "bulk_sync/gett", "share": 101 },
        { "rule": "bulk_sync/create", "mode": "shadow" },
        {},
    ] });
    let (head, body) = put(shim.admin, TOKEN, &mixed).await;
    assert!(head.starts_with("HTTP/1.1 422 "), "{head}");
    let fields: Vec<_> =
        body["mistakes"].as_array().unwrap().iter().map(|own| own["field"].clone()).collect();
    let expected = ["changes/1/share", "changes/1/rule", "changes/2/mode", "changes/3"];
    assert_eq!(fields, expected);
    let (head, body) = put(shim.admin, TOKEN, &json!({ "chnages": [] })).await;
    assert!(head.starts_with("HTTP/1.1 400 "), "{head} {body}");
    assert!(get(shim.address, &path, "demo-a-user").await.0.contains("x-shim-rule"));

    let (head, body) = put(shim.admin, TOKEN, &change).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head} {body}");
    assert_eq!(body["events"][0]["what"], "mode set to legacy");
    assert_eq!(body["events"][0]["by"], "jo");
    assert!(!body.to_string().contains(TOKEN));
    assert!(!get(shim.address, &path, "demo-a-user").await.0.contains("x-shim-rule"));
    let one =
        json!({ "changes": [{ "rule": "bulk_sync/get", "mode": "translate", "share": 100 }] });
    put(shim.admin, TOKEN, &one).await;
    assert!(get(shim.address, &path, "demo-a-user").await.0.contains("x-shim-rule"));
    let other = get(shim.address, "/api/bulk/syncs", "demo-a-user").await.0;
    assert!(other.contains("x-shim-mode: legacy"), "{other}");
    put(shim.admin, TOKEN, &json!({ "changes": [{ "reset": true }] })).await;
    let other = get(shim.address, "/api/bulk/syncs", "demo-a-user").await.0;
    assert!(other.contains("x-shim-rule"), "{other}");
}

#[tokio::test]
async fn the_file_is_followed_and_a_bad_one_refused() {
    let both = Both::start(Emulator::seeded()).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rollout.toml");
    // As Kubernetes mounts a ConfigMap: the name is a link, and what it leads to is exchanged.
    let write = |name: &str, text: &str| {
        let target = folder.path().join(name);
        std::fs::write(&target, text).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&target, &link).unwrap();
        std::fs::rename(&link, &path).unwrap();
    };
    write("first", "default = \"legacy\"\n[rules.\"users/list\"]\nmode = \"legacy\"\n");
    let flags = ["--rollout", path.to_str().unwrap(), "--admin-token", TOKEN];
    let shim = Process::start(&both.origin(), &flags);
    let is = |mode: Mode| move |view: &View| rule(view, "bulk_sync/get").mode == mode;
    until(shim.admin, "it began so", is(Mode::Legacy)).await;
    let live = json!({ "changes": [
        { "rule": "users/list", "mode": "shadow" },
        { "rule": "users/get", "mode": "shadow" },
    ] });
    let (head, body) = put(shim.admin, TOKEN, &live).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head} {body}");

    write("second", "default = \"translate\"\n[rules.\"users/list\"]\nmode = \"translate\"\n");
    let view = until(shim.admin, "the file is followed", is(Mode::Translate)).await;
    assert_eq!(rule(&view, "users/list").mode, Mode::Translate, "the file changed this one");
    assert_eq!(rule(&view, "users/get").mode, Mode::Shadow, "the file did not change this one");
    assert!(view.events.iter().any(|event| event.by == "file"), "{:?}", view.events);

    write("third", "default = \"shadow\"\ncolour = \"blue\"\n");
    let is_refused =
        |view: &View| view.events.iter().any(|event| event.what.contains("the file has 1 mistake"));
    until(shim.admin, "the bad file is noticed", is_refused).await;
    until(shim.admin, "what was good stays", is(Mode::Translate)).await;
    shim.signal("HUP");
    counted(shim.admin, &[("reloads_total{result=\"refused\"}", 1.0)]).await;

    write("fourth", "default = \"shadow\"\n");
    shim.signal("HUP");
    counted(shim.admin, &[("reloads_total{result=\"applied\"}", 1.0)]).await;
    until(shim.admin, "a signal is faster", is(Mode::Shadow)).await;
    let log = shim.end().await;
    assert!(log.contains("unknown field `colour`") && !log.contains(TOKEN), "{log}");
}

#[tokio::test]
async fn where_legacy_has_ended_everything_is_translated() {
    let options = Options { legacy_served: false, ..Options::default() };
    let both = Both::start(Emulator::with_options(options)).await;
    let rules = broken_rules();
    let flags = [("admin_token", TOKEN), ("rules", rules.path().to_str().unwrap())];
    let shim = both.shim("legacy", &flags).await;
    let path = bulk_sync(MULTI_BULK_SYNC);
    let mut refused = 0;
    let begun = Instant::now();
    loop {
        let (head, _) = get(shim.address, &path, "demo-a-user").await;
        if head.starts_with("HTTP/1.1 200 ") {
            assert!(head.contains("x-shim-rule: bulk_sync/get"), "{head}");
            break;
        }
        refused += 1;
        assert!(begun.elapsed() < PATIENCE, "{head}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(refused >= 2, "one refusal convinces nobody");
    let gone = view(shim.admin).await;
    assert!(gone.legacy_gone_since.is_some());
    assert_eq!(gone.events[0].by, "upstream");
    counted(
        shim.admin,
        &[("legacy_gone", 1.0), ("rollout_mode{rule=\"bulk_sync/get\",mode=\"translate\"}", 1.0)],
    )
    .await;
    let (_, body) = put(shim.admin, TOKEN, &json!({ "changes": [{ "rearm": true }] })).await;
    assert_eq!(body["legacy_gone_since"], Value::Null);
}

#[tokio::test]
async fn comparisons_notice_it_and_trip_nothing() {
    let options = Options { legacy_served: false, ..Options::default() };
    let both = Both::start(Emulator::with_options(options)).await;
    let rollout = file("verify = 100\n[breaker]\nminimum = 1\n");
    let shim = both.shim(rollout.path().to_str().unwrap(), &[]).await;
    let mut asked = 0;
    while view(shim.admin).await.legacy_gone_since.is_none() {
        let (head, _) = get(shim.address, "/api/bulk/syncs", "demo-a-user").await;
        assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("x-shim-rule"), "{head}");
        asked += 1;
        assert!(asked < 200);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let view = view(shim.admin).await;
    assert!(view.rules.iter().all(|rule| rule.tripped.is_none() && rule.mismatched == 0));
}

#[tokio::test]
async fn requests_that_only_look_so_end_nothing() {
    // A caller can make upstream say the name of the header; it does not end legacy for others.
    let upstream = Upstream::start(|seen| match seen.uri().path() {
        "/api/me" => answer(200, &[], r#"{"data":{"is_user":true}}"#),
        _ => answer(400, &[], r#"{"message":"unknown: X-Polytomic-Version"}"#),
    })
    .await;
    let shim = Shim::staged(&upstream.origin, &[("rollout", "shadow")]).await;
    for _ in 0..10 {
        let (head, _) = get(shim.address, "/api/syncs", "k").await;
        assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(view(shim.admin).await.legacy_gone_since, None);
}

/// Calls for the caller's organization, who is a user at first and a partner from the second question
/// on: the singular route is refused then.
fn changing(asked: &AtomicUsize, seen: &Seen) -> Response<Full<Bytes>> {
    const USER: &str = r#"{"data":{"id":"u","organization_id":"o","is_user":true,"is_organization":false,"is_partner":false,"is_system":false}}"#;
    const PARTNER: &str = r#"{"data":{"id":"p","organization_id":null,"is_user":false,"is_organization":false,"is_partner":true,"is_system":false}}"#;
    let json = [("content-type", "application/json")];
    match (seen.uri().path(), asked.load(Ordering::SeqCst)) {
        ("/api/me", 0) => {
            asked.store(1, Ordering::SeqCst);
            answer(200, &json, USER)
        }
        ("/api/me", _) => answer(200, &json, PARTNER),
        ("/api/organization", 1) => {
            // From here on the credential is another one's.
            asked.store(2, Ordering::SeqCst);
            answer(200, &json, r#"{"data":{"id":"o","name":"Org"}}"#)
        }
        ("/api/organization", _) => answer(403, &json, r#"{"message":"not for partners"}"#),
        _ => answer(200, &json, r#"{"data":[{"id":"o","name":"Org"}]}"#),
    }
}

/// The version in which upstream is asked for the organizations of a caller who has become a partner,
/// and the head of the answer.
async fn asked_anew(
    rollout: &str,
    upstream: fn(&Seen) -> Response<Full<Bytes>>,
) -> (String, String) {
    let mut upstream = Upstream::start(upstream).await;
    let rollout = file(rollout);
    let flags = [("rollout", rollout.path().to_str().unwrap())];
    let shim = Shim::staged(&upstream.origin, &flags).await;
    let (head, _) = get(shim.address, "/api/organizations", "k").await;
    assert!(head.contains("x-shim-rule: organization/list"), "{head}");
    let (head, body) = get(shim.address, "/api/organizations", "k").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_eq!(body, r#"{"data":[{"id":"o","name":"Org"}]}"#);
    loop {
        let seen = upstream.next().await;
        if seen.uri().path() == "/api/organizations" {
            let version = seen.headers()["x-polytomic-version"].to_str().unwrap();
            return (version.to_owned(), head);
        }
    }
}

#[tokio::test]
async fn a_caller_that_became_another_is_served_as_the_rollout_says_for_it() {
    static ASKED: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];
    let rollout = "default = \"legacy\"\n[rules.\"organization/list\"]\nmode = \"translate\"\n";
    let (version, head) = asked_anew(rollout, |seen| changing(&ASKED[0], seen)).await;
    assert_eq!(version, "2024-02-08");
    assert!(head.contains("x-shim-mode: legacy"), "{head}");
    let rollout = "default = \"translate\"\n";
    let (version, head) = asked_anew(rollout, |seen| changing(&ASKED[1], seen)).await;
    assert_eq!(version, "2025-09-18");
    assert!(!head.contains("x-shim-mode"), "{head}");
}

#[tokio::test]
async fn callers_are_let_in_and_kept_out_while_it_runs() {
    let both = Both::start(Emulator::seeded()).await;
    let rollout = file("share = 0\n");
    let flags = [("admin_token", TOKEN)];
    let shim = both.shim(rollout.path().to_str().unwrap(), &flags).await;
    let path = bulk_sync(MULTI_BULK_SYNC);
    let is_translated =
        async || get(shim.address, &path, "demo-a-user").await.0.contains("x-shim-rule");
    let change = async |change: Value| {
        let (head, body) = put(shim.admin, TOKEN, &json!({ "changes": [change] })).await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head} {body}");
    };
    let organization = format!("organization:{ORGANIZATION_A}");
    assert!(!is_translated().await);
    change(json!({ "rule": "bulk_sync/get", "allow": [organization] })).await;
    assert!(is_translated().await);
    // What is left out stays.
    change(json!({ "rule": "bulk_sync/get", "share": 1 })).await;
    assert!(is_translated().await);
    change(json!({ "rule": "bulk_sync/get", "deny": [organization] })).await;
    assert!(!is_translated().await);
    change(json!({ "rule": "bulk_sync/get", "deny": [] })).await;
    assert!(is_translated().await);
    let said =
        view(shim.admin).await.events.iter().map(|event| event.what.clone()).collect::<Vec<_>>();
    assert_eq!(said[0], "deny emptied");
    assert_eq!(said[1], format!("deny set to {organization}"));
    change(json!({ "rule": "bulk_sync/get", "reset": true })).await;
    assert!(!is_translated().await);
    let wrong = json!({ "changes": [{ "allow": ["acme"] }] });
    let (head, body) = put(shim.admin, TOKEN, &wrong).await;
    assert!(head.starts_with("HTTP/1.1 422 "), "{head}");
    assert_eq!(body["mistakes"][0]["field"], "changes/0/allow", "{body}");
    assert!(body["mistakes"][0]["hint"].as_str().unwrap().contains("organization:ID"), "{body}");
}
