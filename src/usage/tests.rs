use std::sync::Arc;

use super::*;
use crate::caller::Salt;

fn headers(key: &str, agent: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", format!("Bearer {key}").parse().unwrap());
    headers.insert("user-agent", agent.parse().unwrap());
    headers.insert("x-fern-sdk-name", "polytomic".parse().unwrap());
    headers.insert("x-fern-sdk-version", "1.18.0".parse().unwrap());
    headers
}

fn request(usage: &Usage, key: &str, asks: Asks, status: u16, calls: usize) {
    let headers = headers(key, "python");
    let mut call = usage.begin(&headers, asks, || Salt::fixed().of(&headers));
    call.answered(StatusCode::from_u16(status).unwrap(), calls);
}

fn list(usage: &Usage) -> Asks {
    usage.asks_legacy(&Method::GET, "/api/syncs")
}

#[test]
fn requests_are_counted_for_the_caller_the_operation_and_in_all() {
    let usage = Usage::default();
    request(&usage, "a", list(&usage), 200, 12);
    request(&usage, "a", list(&usage), 404, 1);
    request(&usage, "a", Asks::Upstream, 200, 1);
    request(&usage, "b", usage.asks_legacy(&Method::GET, "/nowhere"), 404, 1);
    request(&usage, "b", Asks::Other, 200, 1);
    let view = usage.view();
    assert_eq!((view.legacy.requests, view.legacy.errors, view.legacy.upstream_calls), (3, 2, 14));
    assert_eq!((view.migrated.requests, view.other.requests), (1, 1));
    let operations: Vec<_> = view
        .operations
        .iter()
        .map(|operation| (operation.id.as_str(), operation.counted.requests, operation.callers))
        .collect();
    assert_eq!(operations, [("model_sync.list", 2, 1), (UNKNOWN, 1, 1)]);
    let salt = Salt::fixed();
    let of = |key: &str| {
        let name = salt.of(&headers(key, "python")).to_string();
        view.callers.iter().find(|caller| caller.who.caller.as_ref() == Some(&name)).unwrap()
    };
    assert_eq!((of("a").legacy.requests, of("a").migrated.requests), (2, 1));
    assert_eq!((of("b").legacy.requests, of("b").other.requests), (1, 1));
    assert_eq!(of("a").operations[0].counted.upstream_calls, 13);
    assert!(of("a").legacy.first <= of("a").legacy.last && of("a").legacy.first >= view.since);
    let hours: u64 = view.hours.iter().map(|hour| hour.traffic.legacy).sum();
    assert_eq!(hours, 3);
    assert!(!serde_json::to_string(&view).unwrap().contains("Bearer"));
}

#[test]
fn a_client_that_leaves_is_counted_once_it_is_known() {
    let usage = Usage::default();
    let headers = headers("a", "python");
    let asks = list(&usage);
    drop(usage.begin(&headers, asks, || Salt::fixed().of(&headers)));
    assert_eq!(usage.view().callers.len(), 0);
    request(&usage, "a", asks, 200, 1);
    drop(usage.begin(&headers, asks, || panic!("it is known")));
    let view = usage.view();
    assert_eq!((view.legacy.requests, view.callers[0].legacy.requests), (3, 2));
}

#[test]
fn refused_credentials_are_no_callers() {
    let usage = Usage::default();
    for number in 0..50 {
        request(&usage, &number.to_string(), list(&usage), 401, 1);
    }
    let view = usage.view();
    assert_eq!((view.callers.len(), view.refused, view.legacy.errors), (0, 50, 50));
}

#[test]
fn the_longest_unseen_make_place() {
    let usage = Usage::default();
    usage.limit(32);
    for number in 0..500 {
        request(&usage, "always", Asks::Upstream, 200, 1);
        request(&usage, &number.to_string(), list(&usage), 200, 1);
        // Times are in milliseconds: the clients of one cannot be told apart by them.
        if number % 8 == 0 {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    }
    let view = usage.view();
    assert!((30..=32).contains(&view.callers.len()), "{}", view.callers.len());
    assert_eq!(view.evicted as usize, 501 - view.callers.len());
    assert_eq!(usage.quick.pin().len(), view.callers.len());
    assert_eq!(view.legacy.requests, 500, "totals do not forget");
    let always = Salt::fixed().of(&headers("always", "python")).to_string();
    let always = view.callers.iter().find(|caller| caller.who.caller.as_ref() == Some(&always));
    assert_eq!(always.unwrap().migrated.requests, 500);
}

#[test]
fn headers_that_differ_beyond_what_is_kept_are_one_client() {
    let usage = Usage::default();
    for number in 0..50 {
        let headers = headers("a", &format!("{}{number}", "x".repeat(200)));
        let mut call = usage.begin(&headers, Asks::Upstream, || Salt::fixed().of(&headers));
        call.answered(StatusCode::OK, 1);
    }
    let view = usage.view();
    assert_eq!((view.callers.len(), view.callers[0].migrated.requests), (1, 50));
    assert_eq!(usage.quick.pin().len(), 1);
}

#[test]
fn the_organization_is_learned() {
    let usage = Usage::default();
    let mut basic = headers("a", "python");
    // `O-1:key`
    basic.insert("authorization", "Basic Ty0xOmtleQ==".parse().unwrap());
    let mut call = usage.begin(&basic, Asks::Upstream, || Salt::fixed().of(&basic));
    call.answered(StatusCode::OK, 1);
    assert!(call.of_unknown_organization().is_none());
    drop(call);
    let bearer = headers("a", "python");
    for _ in 0..2 {
        let mut call = usage.begin(&bearer, Asks::Upstream, || Salt::fixed().of(&bearer));
        call.answered(StatusCode::OK, 1);
        if call.of_unknown_organization().is_some() {
            call.belongs_to(Some("O-2".to_owned()));
        }
    }
    let mut view = usage.view();
    view.callers.sort_by(|one, other| one.organization.cmp(&other.organization));
    let organizations: Vec<_> =
        view.callers.iter().map(|caller| caller.organization.as_deref()).collect();
    assert_eq!(organizations, [Some("O-1"), Some("O-2")]);
}

#[test]
fn threads_that_count_at_once_lose_nothing() {
    let usage = Arc::new(Usage::default());
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let usage = usage.clone();
            std::thread::spawn(move || {
                for number in 0..1_000 {
                    request(&usage, &(number % 7).to_string(), list(&usage), 200, thread);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let view = usage.view();
    assert_eq!((view.legacy.requests, view.callers.len()), (8_000, 7));
    assert_eq!(view.legacy.upstream_calls, 1_000 * (0..8).sum::<u64>());
    let by_caller: u64 = view.callers.iter().map(|caller| caller.legacy.requests).sum();
    assert_eq!(by_caller, 8_000);
}

/// Run by hand: `cargo test --release --lib usage::tests::cost -- --nocapture --include-ignored`.
#[test]
fn cost_of_a_known_caller() {
    let usage = Usage::default();
    let mut headers =
        headers("a-key-of-some-forty-characters-in-length", "polytomic/1.18.0 python/3.12");
    headers.insert("accept", "application/json".parse().unwrap());
    headers.insert("host", "shim.internal".parse().unwrap());
    let path = "/api/bulk/syncs/0000000d-0000-4000-8000-000000000007/schemas";
    let rounds = if cfg!(debug_assertions) { 1_000 } else { 2_000_000 };
    let begun = std::time::Instant::now();
    for _ in 0..rounds {
        let asks = usage.asks_legacy(&Method::GET, path);
        let mut call = usage.begin(&headers, asks, || Salt::fixed().of(&headers));
        call.answered(StatusCode::OK, 1);
    }
    eprintln!("{:?} for each request", begun.elapsed() / rounds);
    assert_eq!(usage.view().legacy.requests, u64::from(rounds));
}
