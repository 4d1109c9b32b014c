//! Answers that differed, and what happened to the rollout.

use maud::{Markup, html};

use crate::report::{Report, ago, moment};
use crate::rollout::view::{Difference, Mismatch};

/// Of each, the latest; `/report` has them all.
const MOST: usize = 25;

pub(super) fn mismatches(report: &Report) -> Markup {
    let all = &report.rollout.mismatches;
    html! {
        section id="mismatches" aria-labelledby="mismatches-title" {
            div.section-head {
                h2 id="mismatches-title" { "Mismatches" }
                p.aside { "Where upstream's own legacy answer and the translated one differ. Values are redacted." }
            }
            @if all.is_empty() { p.empty { "No answers have differed." } }
            @for mismatch in all.iter().take(MOST) { (entry(mismatch, report.usage.at)) }
        }
    }
}

fn entry(mismatch: &Mismatch, now: u64) -> Markup {
    html! {
        article.mismatch {
            h3 { code { (mismatch.operation) } }
            p.identity {
                span { (mismatch.rule) } span { (ago(mismatch.at, now)) } span { "caller " code { (mismatch.caller) } }
            }
            div.diff { @for difference in &mismatch.differences { (lines(difference)) } }
            p.aside { "As a fixture: " code { "polytomic-shim capture " (mismatch.id) } }
        }
    }
}

fn lines(difference: &Difference) -> Markup {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "(absent)".to_owned());
    html! {
        div.difference {
            p.pointer { (difference.pointer) }
            p.was { span.sign aria-hidden="true" { "−" } span.hidden { "Legacy: " } del { (value(&difference.legacy)) } span.side aria-hidden="true" { "legacy" } }
            p.is { span.sign aria-hidden="true" { "+" } span.hidden { "Translated: " } ins { (value(&difference.translated)) } span.side aria-hidden="true" { "translated" } }
        }
    }
}

pub(super) fn events(report: &Report) -> Markup {
    let all = &report.rollout.events;
    html! {
        section id="events" aria-labelledby="events-title" {
            h2 id="events-title" { "What happened" }
            @if all.is_empty() { p.empty { "Nothing has changed since the start." } }
            ol.events {
                @for event in all.iter().take(MOST) {
                    li {
                        time title=(moment(event.at)) { (ago(event.at, report.usage.at)) }
                        p {
                            @if let Some(rule) = &event.rule { code { (rule) } " " }
                            (event.what) " " span.aside { "by " (event.by) }
                        }
                    }
                }
            }
        }
    }
}
