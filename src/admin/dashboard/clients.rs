//! Clients, each with what is left for it to write anew.

use maud::{Markup, html};

use crate::report::{Advice, Report, SAME, ago, grouped, name, share};
use crate::usage::{CallerUsage, Counted, View};

/// Clients that the page shows; `/usage` has them all.
const MOST: usize = 50;

pub(super) fn section(report: &Report) -> Markup {
    let usage = &report.usage;
    let (mut legacy, done): (Vec<&CallerUsage>, Vec<&CallerUsage>) =
        usage.callers.iter().partition(|client| client.legacy.requests > 0);
    legacy.sort_by_key(|client| std::cmp::Reverse(client.legacy.requests));
    let more = legacy.len().saturating_sub(MOST);
    html! {
        section id="clients" aria-labelledby="clients-title" {
            div.section-head {
                h2 id="clients-title" { "Clients" }
                p.aside { "One entry for each credential in each program, the most legacy requests first." }
            }
            @if usage.callers.is_empty() {
                p.empty { "Nobody has called yet. Point a client at the shim, and it appears here." }
            } @else if legacy.is_empty() {
                p.empty { "Nobody calls 2024-02-08." }
            }
            div.clients {
                @for client in legacy.into_iter().take(MOST) { (entry(client, report)) }
            }
            @if more > 0 {
                p.aside { (grouped(more as u64)) " more are in " a href="/usage" { "usage" } "." }
            }
            @if !done.is_empty() { (migrated(&done, usage)) }
            @if usage.evicted > 0 || usage.refused > 0 {
                p.aside {
                    @if usage.evicted > 0 { (grouped(usage.evicted)) " clients were forgotten to make place (" code { "usage_callers" } "). " }
                    @if usage.refused > 0 { (grouped(usage.refused)) " requests came with credentials that upstream refused." }
                }
            }
        }
    }
}

fn entry(client: &CallerUsage, report: &Report) -> Markup {
    let now = report.usage.at;
    let left = client.operations.len();
    html! {
        article.client {
            div.who {
                h3 { (name(client)) }
                p.identity {
                    span { "caller " code { (client.who.caller.as_deref().unwrap_or("none")) } }
                    @if let Some(organization) = &client.organization { span { "organization " code { (organization) } } }
                    @if let (Some(agent), Some(_)) = (&client.who.user_agent, &client.who.sdk) { span.agent { (agent) } }
                }
            }
            dl.counts {
                (count("Legacy", &grouped(client.legacy.requests)))
                (count("Migrated", &share(client.migrated.requests, client.legacy.requests + client.migrated.requests)))
                (count("Errors", &share(client.legacy.errors, client.legacy.requests)))
                (count("Upstream calls", &grouped(client.legacy.upstream_calls)))
                (count("Last legacy call", &ago(client.legacy.last, now)))
            }
            details {
                summary { (left) @if left == 1 { " operation" } @else { " operations" } " left to write anew" }
                ol.todo {
                    @for operation in &client.operations {
                        @if let Some(advice) = report.advice(&operation.id) { (item(advice, operation.counted, report)) }
                    }
                }
            }
        }
    }
}

fn count(label: &str, value: &str) -> Markup {
    html! { div { dt { (label) } dd { (value) } } }
}

/// One operation: what is called, and what to call instead.
fn item(advice: &Advice, counted: Counted, report: &Report) -> Markup {
    html! {
        li {
            p.from { code { (advice.operation) } " " span.aside { (grouped(counted.requests)) "×, " (ago(counted.last, report.usage.at)) } }
            @for instead in &advice.instead {
                p.summary {
                    (instead.summary) "."
                    @if !instead.callers.is_empty() { " For " (instead.callers.join(" and ")) " keys." }
                }
                ul.calls { @for call in &instead.calls { (call_line(call)) } }
            }
            @let unchanged = advice.unchanged_for();
            @if !unchanged.is_empty() { p.summary { "For " (unchanged.join(" and ")) " keys: " (SAME) "." } }
            @if advice.instead.is_empty() { p.summary.sentence { (advice.line()) "." } }
            @if let Some(section) = &advice.section {
                p.aside { "Migration guide: " a href=(report.guide) rel="noreferrer" { (section) } }
            }
        }
    }
}

/// A call, and what it is for.
fn call_line(call: &str) -> Markup {
    match call.split_once(" (") {
        Some((call, remark)) => html! {
            li { code { (call) } " " span.aside { (remark.trim_end_matches(')')) } }
        },
        None => html! { li { code { (call) } } },
    }
}

fn migrated(done: &[&CallerUsage], usage: &View) -> Markup {
    html! {
        details.quiet {
            summary { (done.len()) @if done.len() == 1 { " client has" } @else { " clients have" } " no legacy traffic" }
            ul {
                @for client in done.iter().take(MOST) {
                    li {
                        strong { (name(client)) } " "
                        span.aside {
                            "caller " code { (client.who.caller.as_deref().unwrap_or("none")) } ", "
                            (grouped(client.migrated.requests)) " requests, " (ago(client.last(), usage.at))
                        }
                    }
                }
            }
        }
    }
}
