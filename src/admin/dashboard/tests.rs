use super::*;
use crate::report::tests::sample;

fn page(wanted: &Wanted) -> String {
    page::page(&sample(), wanted).into_string()
}

#[test]
fn everything_that_a_client_says_is_escaped() {
    let page = page(&Wanted::default());
    assert!(!page.contains("<script"), "a User-Agent became markup");
    assert!(page.contains("&lt;script&gt;alert(document.domain)&lt;/script&gt;"));
    let mut report = sample();
    let evil = "\"><img src=x onerror=alert(1)>".to_owned();
    report.guide = evil.clone();
    let mismatch = report.rollout.mismatches.first_mut().unwrap();
    mismatch.operation = evil.clone();
    mismatch.differences.first_mut().unwrap().legacy = Some(evil.clone());
    report.rollout.events.first_mut().unwrap().what = evil.clone();
    let wanted = Wanted {
        refused: Some(evil.clone()),
        rule: Some(evil.clone()),
        changed: Some(evil),
        range: None,
    };
    let page = page::page(&report, &wanted).into_string();
    assert!(!page.contains("<img"), "{page}");
}

#[test]
fn the_page_needs_nothing_but_itself() {
    let page = page(&Wanted::default());
    for forbidden in ["style=", "<script", "onclick", "javascript:", "url("] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    assert!(!CSS.contains("url(") && !CSS.contains("@import"), "the style sheet loads something");
    for (start, _) in page.match_indices("src=").chain(page.match_indices("<link")) {
        let tag: String = page[start..].chars().take_while(|letter| *letter != '>').collect();
        assert!(!tag.contains("//"), "{tag}");
    }
}

#[test]
fn each_part_says_what_it_should() {
    let wanted = Wanted { rule: Some("bulk_sync/get".to_owned()), ..Wanted::default() };
    let page = page(&wanted);
    for part in [
        "polytomic 1.18.0 (Python)",
        "polytomic-go 1.16.1",
        "<code>GET /api/syncs/{$.id}</code>",
        "Model Sync: list syncs",
        "1 client has no legacy traffic",
        "legacy, by the breaker",
        "capture m-0001",
        "/data/*/encryption_passphrase",
        "(absent)",
        "<option value=\"bulk_sync/get\" selected>",
        "name=\"token\"",
        "1 rule is back in legacy",
    ] {
        assert!(page.contains(part), "{part}");
    }
    let mut report = sample();
    report.rollout.can_change = false;
    let page = page::page(&report, &wanted).into_string();
    assert!(!page.contains("<form") && page.contains("SHIM_ADMIN_TOKEN"));
}

#[test]
fn an_empty_shim_has_a_page_too() {
    let page = page::page(&crate::report::Report::default(), &Wanted::default()).into_string();
    assert!(page.contains("Nobody has called yet."));
    assert!(!page.contains("NaN") && !page.contains("inf"));
}
