use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};

use super::*;
use crate::caller::Salt;
use crate::catalogue::entries;
use crate::rollout::view::{Difference, Event, Mismatch, Tripped};
use crate::rules::Rules;
use crate::usage::{Asks, Bucket, HOUR, Traffic, Usage, View};

/// 2026-03-14 09:26 UTC.
pub(crate) const NOW: u64 = 1_773_480_360_000;

fn client(key: &str, sdk: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", format!("Bearer {key}").parse().unwrap());
    for (name, value) in sdk {
        headers.insert(*name, value.parse().unwrap());
    }
    headers
}

/// What a team might see in the middle of its migration; times are fixed.
pub(crate) fn usage() -> View {
    let usage = Usage::default();
    let call = |headers: &HeaderMap, asks, count: u32, calls| {
        for number in 0..count {
            let mut call = usage.begin(headers, asks, || Salt::fixed().of(headers));
            let status = if number % 40 == 7 { StatusCode::NOT_FOUND } else { StatusCode::OK };
            call.answered(status, calls);
            call.belongs_to(Some("0000000a-0000-4000-8000-00000000000a".to_owned()));
        }
    };
    let legacy = |method: Method, path: &str| usage.asks_legacy(&method, path);
    let python = client(
        "one",
        &[
            ("x-fern-sdk-name", "polytomic"),
            ("x-fern-sdk-version", "1.18.0"),
            ("x-fern-language", "Python"),
            ("user-agent", "polytomic/1.18.0 (airflow; nightly_sync_report)"),
        ],
    );
    call(&python, legacy(Method::GET, "/api/syncs"), 412, 123);
    call(&python, legacy(Method::GET, "/api/bulk/syncs/7"), 96, 1);
    call(&python, legacy(Method::PUT, "/api/syncs/1/executions/2"), 9, 2);
    call(&python, Asks::Upstream, 41, 1);
    let terraform = client(
        "two",
        &[
            ("x-fern-sdk-name", "github.com/polytomic/polytomic-go"),
            ("x-fern-sdk-version", "v1.16.1"),
            ("user-agent", "Terraform/1.9 <script>alert(document.domain)</script>"),
        ],
    );
    call(&terraform, legacy(Method::GET, "/api/organizations"), 60, 1);
    call(&terraform, legacy(Method::GET, "/api/connections"), 55, 1);
    call(&terraform, legacy(Method::GET, "/nowhere"), 2, 1);
    let node = client("three", &[("user-agent", "node-fetch")]);
    call(&node, Asks::Upstream, 1_304, 1);
    let mut view = usage.view();
    let at = |counted: &mut Counted, age: u64| {
        if counted.requests > 0 {
            (counted.first, counted.last) = (NOW - 40 * DAY, NOW - age);
        }
    };
    view.since = NOW - 41 * DAY;
    for (place, caller) in view.callers.iter_mut().enumerate() {
        let age = [9, 320, 4_000][place % 3] * crate::usage::MINUTE;
        [&mut caller.legacy, &mut caller.migrated].into_iter().for_each(|counted| at(counted, age));
        caller.operations.iter_mut().for_each(|operation| at(&mut operation.counted, age));
    }
    for (place, operation) in view.operations.iter_mut().enumerate() {
        let age = if operation.id.contains("executions") { 33 * DAY } else { 9 * HOUR };
        at(&mut operation.counted, age + place as u64 * HOUR);
    }
    at(&mut view.legacy, 9 * HOUR);
    at(&mut view.migrated, HOUR);
    let today = NOW - NOW % DAY;
    let day = |age: u64| Bucket {
        start: today - age * DAY,
        traffic: Traffic { legacy: 30 + age * 9, migrated: (40 - age) * (40 - age) / 4 },
    };
    view.days = (0..40).rev().map(day).collect();
    view.at = NOW;
    view
}

fn rollout(catalogue: &[Entry]) -> RolloutView {
    let rules = catalogue.iter().enumerate().map(|(place, entry)| {
        let mut view = translated(entry);
        view.mode = Mode::ALL[place % 3];
        if view.mode != Mode::Legacy {
            view.compared = 100 + place as u64;
            view.mismatched = place as u64 % 4;
        }
        if entry.rule == "model_sync/list" {
            let why = "4 of 31 answers differed within 5 minutes, more than 5 %.".to_owned();
            view.tripped = Some(Tripped { at: NOW - HOUR, why });
        }
        view
    });
    let difference = |pointer: &str, legacy: Option<&str>, translated: Option<&str>| Difference {
        pointer: pointer.to_owned(),
        legacy: legacy.map(str::to_owned),
        translated: translated.map(str::to_owned),
    };
    RolloutView {
        rules: rules.collect(),
        events: vec![
            Event {
                at: NOW - HOUR,
                rule: Some("model_sync/list".to_owned()),
                by: "breaker".to_owned(),
                what: "Put back to legacy: 4 of 31 answers differed within 5 minutes.".to_owned(),
            },
            Event {
                at: NOW - 30 * HOUR,
                rule: None,
                by: "file".to_owned(),
                what: "Read rules in shadow from rollout.toml.".to_owned(),
            },
        ],
        mismatches: vec![Mismatch {
            id: "m-0001".to_owned(),
            at: NOW - HOUR,
            rule: "model_sync/list".to_owned(),
            operation: "GET /api/syncs".to_owned(),
            caller: "0123456789ab".to_owned(),
            differences: vec![
                difference("/data/*/mode", Some("\"updateOrCreate\""), Some("\"update\"")),
                difference("/data/*/encryption_passphrase", Some("null"), None),
            ],
        }],
        legacy_gone_since: None,
        can_change: true,
    }
}

/// A whole report of that team.
pub(crate) fn sample() -> Report {
    let catalogue = entries(&Rules::embedded().unwrap());
    let guide = "https://docs.example.com/guide".to_owned();
    report(usage(), rollout(&catalogue), &catalogue, guide)
}

#[test]
fn rules_may_go_once_nobody_has_called_for_long_enough() {
    let report = sample();
    let of = |id: &str| {
        let rule = report.rules.iter().find(|rule| rule.view.id == id).unwrap();
        rule.deletion(&report.usage, IDLE)
    };
    assert!(matches!(of("model_sync/list"), Deletion::InUse(_)));
    assert_eq!(of("model_sync/executions/update"), Deletion::Safe);
    assert_eq!(of("events/list"), Deletion::Safe, "never called in 41 days");
    assert!(matches!(of("organization/list"), Deletion::InUse(_)));
    let mut young = report.clone();
    young.usage.since = NOW - 3 * DAY;
    let rule = young.rules.iter().find(|rule| rule.view.id == "events/list").unwrap();
    assert_eq!(rule.deletion(&young.usage, IDLE), Deletion::TooEarly(3 * DAY));
}

#[test]
fn every_operation_that_is_called_has_advice() {
    let report = sample();
    let line = |id: &str| report.advice(id).unwrap().line();
    assert_eq!(
        line("model_sync.list"),
        "GET /api/syncs?limit=50 (then with page_token=$.pagination.next_page_token, until there is none), then GET /api/syncs/{$.id} (for each item)"
    );
    assert_eq!(line("connections.list"), "the same call; only the version header changes");
    assert_eq!(
        line("organization.list"),
        "GET /api/organization (as user or organization); as partner the same call; only the version header changes"
    );
    assert!(line(usage::UNKNOWN).contains("check the path"));
    for operation in &report.usage.operations {
        assert!(report.advice(&operation.id).is_some(), "{}", operation.id);
    }
}

#[test]
fn since_leaves_out_what_is_older() {
    let report = sample();
    assert!(report.advice("model_sync.executions.update").is_some());
    let recent = report.clone().since(NOW - 7 * DAY);
    assert!(recent.advice("model_sync.executions.update").is_none());
    assert!(recent.has_legacy());
    let none = report.since(NOW);
    assert!(!none.has_legacy() && none.usage.callers.is_empty());
}

#[test]
fn the_report_reads_well() {
    insta::with_settings!({ snapshot_path => "snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("text", text::text(&sample(), IDLE));
        insta::assert_snapshot!("markdown", markdown::markdown(&sample(), IDLE));
    });
    let markdown = markdown::markdown(&sample(), IDLE);
    assert!(!markdown.contains("<script>"), "what a client says of itself is no markup");
    let json = serde_json::to_string(&sample()).unwrap();
    let again: Report = serde_json::from_str(&json).unwrap();
    assert_eq!(serde_json::to_string(&again).unwrap(), json, "the report survives its own JSON");
}

#[tokio::test]
async fn what_is_no_admin_listener_is_said_so() {
    let ask = async |admin: &str| {
        let asked = Asked {
            admin: admin.to_owned(),
            form: Form::Text,
            since: None,
            idle: Duration::from_secs(1),
        };
        run(&asked).await.unwrap_err()
    };
    for wrong in ["", "https://127.0.0.1:1", "/report", "ftp://a"] {
        assert!(ask(wrong).await.contains("write it like http://127.0.0.1:8081"), "{wrong}");
    }
    assert!(ask("http://127.0.0.1:1").await.contains("cannot be asked"));
}
