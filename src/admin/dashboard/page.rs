//! The page as a whole: what matters first.

use maud::{DOCTYPE, Markup, html};

use super::{Wanted, chart, clients, controls, findings, rules};
use crate::report::{Report, ago, grouped, moment, share};
use crate::usage::{Bucket, Counted, DAY, Traffic};

pub(super) fn page(report: &Report, wanted: &Wanted) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "Migration to 2025-09-18 · polytomic-shim" }
                link rel="icon" type="image/svg+xml" href="/favicon.svg";
                link rel="stylesheet" href="/dashboard.css";
            }
            body {
                a.skip href="#main" { "Skip to content" }
                header.top {
                    div {
                        p.eyebrow { "polytomic-shim " (report.program) }
                        h1 { "2024-02-08 " span.arrow aria-hidden="true" { "→" } span.hidden { "to" } " 2025-09-18" }
                    }
                    nav aria-label="Sections" {
                        a href="#progress" { "Progress" }
                        a href="#clients" { "Clients" }
                        a href="#rules" { "Rules" }
                        a href="#mismatches" { "Mismatches" }
                    }
                }
                main id="main" {
                    (notices(report, wanted))
                    (figures(report))
                    (chart::section(report, wanted.range))
                    (clients::section(report))
                    (rules::section(report))
                    (controls::section(report, wanted))
                    (findings::mismatches(report))
                    (findings::events(report))
                }
                footer {
                    p {
                        "As of " (moment(report.usage.at)) ", counted since " (moment(report.usage.since)) ". "
                        @if !report.usage.kept { "Counts end with the process; " code { "--state FILE" } " keeps them. " }
                    }
                    p {
                        "The same for programs: " a href="/report" { "report" } ", " a href="/usage" { "usage" }
                        ", " a href="/metrics" { "metrics" } ". For a terminal: " code { "polytomic-shim report" } "."
                    }
                }
            }
        }
    }
}

/// What somebody has to know before anything else.
fn notices(report: &Report, wanted: &Wanted) -> Markup {
    let tripped = report.rules.iter().filter(|rule| rule.view.tripped.is_some()).count();
    let changed = wanted.changed.as_ref();
    let changed = changed.and_then(|id| report.rules.iter().find(|rule| rule.view.id == *id));
    html! {
        @if let Some(rule) = changed {
            p.notice.good role="status" {
                code { (rule.view.id) } " is now in " strong { (rule.view.mode.text()) } "."
            }
        }
        @if let Some(since) = report.rollout.legacy_gone_since {
            p.notice.bad role="status" {
                strong { "Upstream no longer serves 2024-02-08" } ", since " (moment(since))
                ". Rules are translated whatever their mode, and nothing is compared any more."
            }
        }
        @if tripped > 0 {
            p.notice.bad role="status" {
                strong {
                    (tripped) @if tripped == 1 { " rule is" } @else { " rules are" }
                    " back in legacy"
                }
                ": the breaker has tripped. See " a href="#rules" { "Rules" } "."
            }
        }
    }
}

/// The traffic of the last day.
fn last_day(hours: &[Bucket], now: u64) -> Traffic {
    let recent = hours.iter().filter(|hour| hour.start + DAY > now);
    recent.fold(Traffic::default(), |sum, hour| Traffic {
        legacy: sum.legacy + hour.traffic.legacy,
        migrated: sum.migrated + hour.traffic.migrated,
    })
}

fn figures(report: &Report) -> Markup {
    let usage = &report.usage;
    let day = last_day(&usage.hours, usage.at);
    let week = usage.at.saturating_sub(7 * DAY);
    let on_legacy = usage.callers.iter().filter(|client| client.legacy.last > week).count();
    let done = |client: &&crate::usage::CallerUsage| {
        client.migrated.requests > 0 && client.legacy.last <= week
    };
    let done = usage.callers.iter().filter(done).count();
    html! {
        dl.figures aria-label="Key figures" {
            div.lead {
                dt { "Migrated, last 24 h" }
                dd.big { (share(day.migrated, day.legacy + day.migrated)) }
                dd { (grouped(day.migrated)) " of " (grouped(day.legacy + day.migrated)) " requests" }
            }
            div {
                dt { "Clients still on legacy" }
                dd.big { (on_legacy) }
                dd { "seen in 7 days; " (done) " migrated" }
            }
            div {
                dt { "Legacy requests, last 24 h" }
                dd.big { (grouped(day.legacy)) }
                dd { "the last one " (ago(usage.legacy.last, usage.at)) }
            }
            div {
                dt { "Upstream calls each" }
                dd.big { (per_request(usage.legacy)) }
                dd { (share(usage.legacy.errors, usage.legacy.requests)) " answered with an error" }
            }
        }
    }
}

/// How many upstream calls one request takes.
fn per_request(counted: Counted) -> String {
    #[expect(clippy::cast_precision_loss, reason = "one decimal is wanted")]
    let each = counted.upstream_calls as f64 / counted.requests.max(1) as f64;
    if counted.requests == 0 { "–".to_owned() } else { format!("{each:.1}") }
}
