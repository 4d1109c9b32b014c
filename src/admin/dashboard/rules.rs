//! The rules: how far each is rolled out, how it compares, and whether it could go.

use maud::{Markup, html};

use crate::report::{Deletion, IDLE, Report, RuleReport, ago, grouped, share};
use crate::rollout::view::Mode;
use crate::usage::DAY;

pub(super) fn section(report: &Report) -> Markup {
    let safe = |rule: &&RuleReport| rule.deletion(&report.usage, IDLE) == Deletion::Safe;
    let safe = report.rules.iter().filter(safe).count();
    let (mut busy, quiet): (Vec<&RuleReport>, Vec<&RuleReport>) = report
        .rules
        .iter()
        .partition(|rule| rule.counted.requests > 0 || rule.view.tripped.is_some());
    busy.sort_by_key(|rule| std::cmp::Reverse(rule.counted.requests));
    html! {
        section id="rules" aria-labelledby="rules-title" {
            div.section-head {
                h2 id="rules-title" { "Rules" }
                p.aside {
                    (report.rules.len()) " rules, " (safe) " safe to delete: no legacy request to the operation, by anybody and in any mode, in "
                    (IDLE / DAY) " days, all of which were watched."
                }
            }
            @if report.rules.is_empty() { p.empty { "No rules are loaded." } }
            @if !busy.is_empty() { (table(&busy, report)) }
            @if !quiet.is_empty() {
                details.quiet open[busy.is_empty()] {
                    summary { (quiet.len()) @if quiet.len() == 1 { " rule" } @else { " rules" } " without legacy traffic" }
                    (table(&quiet, report))
                }
            }
        }
    }
}

fn table(rules: &[&RuleReport], report: &Report) -> Markup {
    html! {
        table.cards role="table" {
            thead role="rowgroup" {
                tr role="row" {
                    th scope="col" role="columnheader" { "Rule" }
                    th scope="col" role="columnheader" { "Mode" }
                    th.number scope="col" role="columnheader" { "Legacy requests" }
                    th.number scope="col" role="columnheader" { "Compared" }
                    th.number scope="col" role="columnheader" { "Differ" }
                    th scope="col" role="columnheader" { "Delete?" }
                }
            }
            tbody role="rowgroup" { @for rule in rules { (row(rule, report)) } }
        }
    }
}

fn row(rule: &RuleReport, report: &Report) -> Markup {
    let view = &rule.view;
    let now = report.usage.at;
    html! {
        tr role="row" {
            th scope="row" role="rowheader" {
                span.id { (view.id) }
                span.operation { (view.operation) }
            }
            td role="cell" data-label="Mode" {
                div {
                    (pill(rule))
                    @if report.rollout.can_change {
                        " " a.change href=(format!("/?rule={}#control", view.id)) aria-label=(format!("Change {}", view.id)) { "change" }
                    }
                    @if let Some(tripped) = &view.tripped {
                        span.why { (ago(tripped.at, now)) ": " (tripped.why) }
                    }
                }
            }
            td.number role="cell" data-label="Legacy requests" {
                div {
                    (grouped(rule.counted.requests))
                    @if rule.counted.requests > 0 { span.operation { (ago(rule.counted.last, now)) } }
                }
            }
            td.number role="cell" data-label="Compared" { (grouped(view.compared)) }
            td.number.differs[view.mismatched > 0] role="cell" data-label="Differ" {
                (share(view.mismatched, view.compared))
            }
            td role="cell" data-label="Delete?" { (deletion(rule.deletion(&report.usage, IDLE))) }
        }
    }
}

fn pill(rule: &RuleReport) -> Markup {
    let view = &rule.view;
    if view.tripped.is_some() {
        return html! { span.pill.tripped { "legacy, by the breaker" } };
    }
    let class = match view.mode {
        Mode::Legacy => "pill",
        Mode::Shadow => "pill shadow",
        Mode::Translate => "pill translate",
    };
    html! {
        span class=(class) { (view.mode.text()) @if view.share < 100.0 { " " (view.share) "\u{202f}%" } }
        @if view.mode == Mode::Translate && view.verify > 0.0 { span.operation { (view.verify) "\u{202f}% verified" } }
    }
}

fn deletion(deletion: Deletion) -> Markup {
    let words = crate::report::deletion(deletion);
    match deletion {
        Deletion::Safe => html! { span.safe { (words) } },
        Deletion::TooEarly(_) | Deletion::InUse(_) => html! { span.aside { (words) } },
    }
}
