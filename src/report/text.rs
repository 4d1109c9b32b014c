//! The report for a terminal.

use std::fmt::Write as _;

use super::{Deletion, Report, SAME, ago, grouped, moment, name, say, share};
use crate::catalogue::aligned;

/// The report as text; `idle` is how long a rule has to be unused before it may go.
pub fn text(report: &Report, idle: u64) -> String {
    let usage = &report.usage;
    let mut text = String::new();
    let all = usage.legacy.requests + usage.migrated.requests;
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "Migration from 2024-02-08 to 2025-09-18, as of {}; counted since {}\n",
        moment(usage.at),
        moment(usage.since)
    );
    let _ = writeln!(
        text,
        "{} of {} requests have migrated ({}).",
        grouped(usage.migrated.requests),
        grouped(all),
        share(usage.migrated.requests, all),
    );
    if !report.has_legacy() {
        let _ = writeln!(text, "No legacy traffic.");
    }
    callers(report, &mut text);
    to_do(report, &mut text);
    rules(report, idle, &mut text);
    text
}

fn callers(report: &Report, text: &mut String) {
    let usage = &report.usage;
    let legacy: Vec<_> =
        usage.callers.iter().filter(|caller| !caller.operations.is_empty()).collect();
    if legacy.is_empty() {
        return;
    }
    let mut rows = vec![
        [
            "client",
            "caller",
            "organization",
            "legacy",
            "errors",
            "calls",
            "migrated",
            "last legacy",
        ]
        .map(str::to_owned),
    ];
    for caller in legacy {
        rows.push([
            name(caller),
            caller.who.caller.clone().unwrap_or_else(|| "-".to_owned()),
            caller.organization.clone().unwrap_or_else(|| "-".to_owned()),
            grouped(caller.legacy.requests),
            grouped(caller.legacy.errors),
            grouped(caller.legacy.upstream_calls),
            grouped(caller.migrated.requests),
            ago(caller.legacy.last, usage.at),
        ]);
    }
    let _ = write!(text, "\nWho still calls 2024-02-08\n\n{}", lines(&rows));
    if usage.evicted > 0 {
        let _ =
            writeln!(text, "  {} more were forgotten (`usage_callers`)", grouped(usage.evicted));
    }
}

fn to_do(report: &Report, text: &mut String) {
    if report.advice.is_empty() {
        return;
    }
    let _ = write!(text, "\nWhat to write instead ({})\n", report.guide);
    for advice in &report.advice {
        let found = report.usage.operations.iter().find(|operation| operation.id == advice.id);
        let counted = found.map(|operation| operation.counted).unwrap_or_default();
        let requests = match counted.requests {
            1 => "1 request".to_owned(),
            requests => format!("{} requests", grouped(requests)),
        };
        let last = ago(counted.last, report.usage.at);
        let _ = write!(text, "\n  {}   {requests}, last {last}\n", advice.operation);
        if let Some(section) = &advice.section {
            let _ = writeln!(text, "    guide: {section}");
        }
        for instead in &advice.instead {
            let whom = match instead.callers.is_empty() {
                true => String::new(),
                false => format!(" (as {})", instead.callers.join(" or ")),
            };
            let _ = writeln!(text, "    {}{whom}", instead.summary);
            for call in &instead.calls {
                let _ = writeln!(text, "      -> {call}");
            }
        }
        let unchanged = advice.unchanged_for();
        if !unchanged.is_empty() {
            let _ = writeln!(text, "    As {}: {SAME}", unchanged.join(" or "));
        }
        if advice.instead.is_empty() {
            let _ = writeln!(text, "    {}", advice.line());
        }
    }
}

fn rules(report: &Report, idle: u64, text: &mut String) {
    let mut rows =
        vec![["rule", "mode", "requests", "compared", "differ", "to delete"].map(str::to_owned)];
    for rule in &report.rules {
        let view = &rule.view;
        let share_of = match view.share {
            100.0 => String::new(),
            share => format!(" {share} %"),
        };
        let mode = match view.tripped {
            Some(_) => "legacy (breaker)".to_owned(),
            None => format!("{}{share_of}", view.mode.text()),
        };
        rows.push([
            view.id.clone(),
            mode,
            grouped(rule.counted.requests),
            grouped(view.compared),
            share(view.mismatched, view.compared),
            deletion(rule.deletion(&report.usage, idle)),
        ]);
    }
    if rows.len() > 1 {
        let _ = write!(text, "\nRules\n\n{}", lines(&rows));
    }
}

/// Whether a rule may go, in a few words.
pub(crate) fn deletion(deletion: Deletion) -> String {
    match deletion {
        Deletion::Safe => "safe".to_owned(),
        Deletion::TooEarly(watched) => format!("watched for {} only", say::span(watched)),
        Deletion::InUse(since) if since < crate::usage::MINUTE => "in use".to_owned(),
        Deletion::InUse(since) => format!("used {} ago", say::span(since)),
    }
}

fn lines<const N: usize>(rows: &[[String; N]]) -> String {
    aligned(rows).into_iter().map(|line| format!("  {line}\n")).collect()
}
