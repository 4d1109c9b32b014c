//! The report in Markdown, for a ticket: a list of things to tick off for each client.

use std::fmt::Write as _;

use super::{Report, ago, grouped, moment, name, share, text};

/// The report as Markdown; `idle` is how long a rule has to be unused before it may go.
pub fn markdown(report: &Report, idle: u64) -> String {
    let usage = &report.usage;
    let all = usage.legacy.requests + usage.migrated.requests;
    let mut page = String::new();
    // Writing to a String cannot fail.
    let _ = write!(
        page,
        "# Migration from 2024-02-08 to 2025-09-18\n\n\
         {} of {} requests have migrated ({}). As of {}, counted since {}. [Migration guide](<{}>)\n",
        grouped(usage.migrated.requests),
        grouped(all),
        share(usage.migrated.requests, all),
        moment(usage.at),
        moment(usage.since),
        report.guide,
    );
    if !report.has_legacy() {
        page.push_str("\nNo legacy traffic.\n");
    }
    for caller in usage.callers.iter().filter(|caller| !caller.operations.is_empty()) {
        let credential = caller.who.caller.as_deref().unwrap_or("no credential");
        let _ = write!(page, "\n## {}\n\nCaller `{credential}`", escaped(&name(caller)));
        if let Some(organization) = &caller.organization {
            let _ = write!(page, ", organization `{organization}`");
        }
        if let Some(agent) = &caller.who.user_agent {
            let _ = write!(page, ", {}", escaped(agent));
        }
        let _ = write!(
            page,
            "; {} legacy requests, the last {}; {} migrated.\n\n",
            grouped(caller.legacy.requests),
            ago(caller.legacy.last, usage.at),
            grouped(caller.migrated.requests),
        );
        for operation in &caller.operations {
            let Some(advice) = report.advice(&operation.id) else { continue };
            let _ = write!(
                page,
                "- [ ] `{}` ({}×): {}",
                advice.operation,
                grouped(operation.counted.requests),
                code(&advice.line()),
            );
            if let Some(section) = &advice.section {
                let _ = write!(page, "; guide: {section}");
            }
            page.push('\n');
        }
    }
    rules(report, idle, &mut page);
    page
}

fn rules(report: &Report, idle: u64, page: &mut String) {
    if report.rules.is_empty() {
        return;
    }
    page.push_str(
        "\n## Rules\n\n| rule | mode | legacy requests | compared | differ | to delete |\n",
    );
    page.push_str("| --- | --- | ---: | ---: | ---: | --- |\n");
    for rule in &report.rules {
        let view = &rule.view;
        let mode = if view.tripped.is_some() { "legacy (breaker)" } else { view.mode.text() };
        let _ = writeln!(
            page,
            "| `{}` | {mode} | {} | {} | {} | {} |",
            view.id,
            grouped(rule.counted.requests),
            grouped(view.compared),
            share(view.mismatched, view.compared),
            text::deletion(rule.deletion(&report.usage, idle)),
        );
    }
}

/// What a client has said of itself must not become markup.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        if character.is_ascii_punctuation() && !".,-/();:".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// Calls as code, their remarks as text.
fn code(line: &str) -> String {
    let marked = |call: &str| match call.split_once(" (") {
        Some((call, remark)) => format!("`{call}` ({remark}"),
        None if call.contains('/') => format!("`{call}`"),
        None => call.to_owned(),
    };
    line.split(", then ").map(marked).collect::<Vec<_>>().join(", then ")
}
