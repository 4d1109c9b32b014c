//! The upstream calls of a rule, for a reader.

use crate::rules::{AlsoRead, Calls, CodedFlow, Collect, Rule, Single};

/// The steps of the flow, in order.
pub(super) fn flow(rule: &Rule) -> Vec<&'static str> {
    match &rule.calls {
        Calls::Single(single) => {
            let read = single.read.as_ref().map(|_| "read first");
            let follow = single.follow.as_ref().map(|_| "follow");
            read.into_iter().chain(["send"]).chain(follow).collect()
        }
        Calls::Collect(collect) => {
            let complete = collect.complete.as_ref().map(|_| "complete");
            ["collect"].into_iter().chain(complete).collect()
        }
        Calls::Coded(flow) => vec![flow.name()],
    }
}

/// Upstream calls for one request.
pub(super) fn amplification(rule: &Rule) -> String {
    let calls = match &rule.calls {
        Calls::Single(single) => {
            let fewest =
                1 + usize::from(single.read.is_some()) + usize::from(single.follow.is_some());
            let of_items = single.also_read.iter().any(|also| also.each.is_some());
            let items = if of_items { " + items" } else { "" };
            match single.also_read.iter().filter(|also| also.each.is_none()).count() {
                0 => format!("{fewest}{items}"),
                more => format!("{fewest} to {}{items}", fewest + more),
            }
        }
        Calls::Collect(collect) => {
            let pages = if collect.pages.is_some() { "pages" } else { "1" };
            let items = if collect.complete.is_some() { " + items" } else { "" };
            format!("{pages}{items}")
        }
        Calls::Coded(CodedFlow::TargetMetadata) => "1 to 2".to_owned(),
        Calls::Coded(CodedFlow::EventLogs) => "1 + events × (1 + log types)".to_owned(),
    };
    let looks_up =
        rule.callers.is_some() || rule.own_organization.is_some() || rule.owner_of.is_some();
    if looks_up { format!("{calls} + look-up") } else { calls }
}

/// Each upstream call, with what it is for.
pub(super) fn calls(rule: &Rule) -> Vec<String> {
    let mut calls = Vec::new();
    if rule.owner_of.is_some() {
        calls.push(
            "GET /api/organizations/entities/{connection} (who owns it; remembered)".to_owned(),
        );
    }
    if rule.callers.is_some() || rule.own_organization.is_some() {
        calls.push("GET /api/me (who calls; remembered)".to_owned());
    }
    match &rule.calls {
        Calls::Single(single) => calls.extend(single_calls(rule, single)),
        Calls::Collect(collect) => calls.extend(collect_calls(collect)),
        Calls::Coded(CodedFlow::TargetMetadata) => calls.extend([
            "GET /api/connections/{id}/modelsync/targetobjects".to_owned(),
            "GET /api/connections/{id}/modelsync/target/fields?target={type} (where `type` names one target object)".to_owned(),
        ]),
        Calls::Coded(CodedFlow::EventLogs) => calls.extend([
            "GET /api/events".to_owned(),
            "GET /api/syncs/{sync_id}/executions/{id}/logs (for each event with `logs_url` in place of lists)".to_owned(),
            "GET /api/syncs/{sync_id}/executions/{id}/{type} (for each type that it names)".to_owned(),
        ]),
    }
    calls
}

fn single_calls(rule: &Rule, single: &Single) -> Vec<String> {
    let mut calls = Vec::new();
    if let Some((path, _)) = &single.read {
        calls.push(format!("GET {} (the current resource)", path.source()));
    }
    let also = |also: &AlsoRead| match &also.each {
        Some(key) => {
            let path = also.path.source();
            format!("GET {path} (for each item of `{}` that has `{key}`)", also.when)
        }
        None => format!("GET {} (where the body has `{}`)", also.path.source(), also.when),
    };
    calls.extend(single.also_read.iter().map(also));
    let mut remarks = Vec::new();
    if single.idempotency_key {
        remarks.push("with an Idempotency-Key");
    }
    if !single.body && matches!(rule.method.as_str(), "POST" | "PUT" | "PATCH") {
        remarks.push("without a body");
    }
    let remark = match remarks.is_empty() {
        true => String::new(),
        false => format!(" ({})", remarks.join(", ")),
    };
    calls.push(format!("{} {}{remark}", single.method, single.path.source()));
    if let Some(follow) = &single.follow {
        calls.push(format!("GET {} (which answers)", follow.path.source()));
    }
    calls
}

fn collect_calls(collect: &Collect) -> Vec<String> {
    let path = collect.path.source();
    let mut calls = Vec::new();
    match &collect.pages {
        Some(pages) => {
            let (size, value) = &pages.size;
            calls.push(format!(
                "GET {path}?{size}={value} (then with {}={}, until there is none)",
                pages.token,
                pages.next.source()
            ));
        }
        None => calls.push(format!("GET {path}")),
    }
    if let Some((path, _)) = &collect.complete {
        calls.push(format!("GET {} (for each item)", path.source()));
    }
    calls
}
