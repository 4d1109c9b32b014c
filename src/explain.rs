//! `polytomic-shim explain`: what would happen to a request, without sending it.
//!
//! The real engine runs, over an upstream that only writes down what it is asked and answers with
//! examples made from its contract. So what is printed is what would be sent, as far as it does
//! not depend on upstream's answers; and there it shows where their values would go.

mod imagined;

use std::fmt::Write as _;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Uri};

use crate::exchange::{Bounds, Choice, Exchange, Outcome};
use crate::lens::Disclosable;
use crate::message::{LEGACY_VERSION, LegacyRequest, UPSTREAM_VERSION, UpstreamRequest};
use crate::rollout::view::Mode;
use crate::rollout::{self, Plan};
use crate::rules::{CallerKind, Calls, CodedFlow, Options, Rule, Rules};
use crate::settings::Settings;
use crate::upstream::Envelope;

use imagined::Imagined;

/// A request to explain.
#[derive(Debug, Clone)]
pub struct Question {
    /// The method.
    pub method: Method,
    /// Path and query; of a whole address only these count.
    pub target: Uri,
    /// The body, if there is one.
    pub body: Option<Bytes>,
    /// Who would call; none explains each kind of caller where that makes a difference.
    pub caller: Option<CallerKind>,
}

/// Explains a request.
///
/// # Errors
/// Rules that do not load, or a target without a path.
pub async fn run(settings: &Settings, question: &Question) -> Result<String, String> {
    let rules = Rules::load(settings.rules.as_deref(), Options::from(settings))
        .map_err(crate::check::describe)?;
    let target = question
        .target
        .path_and_query()
        .ok_or("the target has no path; write it like /api/syncs")?;
    crate::exchange::check_path(target.path())
        .map_err(|failure| format!("refused without sending anything: {failure}"))?;
    let depends = rules.candidates(&question.method, target.path()).depend_on_caller();
    let kinds = match question.caller {
        Some(kind) => vec![kind],
        None if depends => vec![CallerKind::User, CallerKind::Organization, CallerKind::Partner],
        None => vec![CallerKind::User],
    };
    let plan = rollout::load(settings, &rules).map_err(crate::check::describe_rollout)?;
    let mut text = format!("{} {target}\n", question.method);
    for kind in kinds {
        if depends {
            let _ = write!(text, "\nas {}:\n", kind.text());
        }
        text.push_str(&explain(settings, (&rules, &plan), question, kind).await?);
    }
    Ok(text.trim_end().to_owned())
}

async fn explain(
    settings: &Settings,
    (rules, plan): (&Rules, &Plan),
    question: &Question,
    kind: CallerKind,
) -> Result<String, String> {
    let target = question.target.path_and_query().cloned().ok_or("the target has no path")?;
    let organization = target.path().split('/').nth(3).unwrap_or_default().to_owned();
    let imagined = Imagined { kind, organization, calls: Mutex::default() };
    let exchange =
        Exchange::new(imagined, rules.clone(), Bounds::from(settings)).with_fixed_idempotency_key();
    let mut headers = HeaderMap::new();
    headers.insert(http::header::AUTHORIZATION, HeaderValue::from_static("Bearer example"));
    let envelope = Envelope::new(headers, tokio::time::Instant::now() + Duration::from_secs(60));
    let candidates = exchange.candidates(&question.method, target.path());
    let body = question.body.clone().unwrap_or_default();
    let request = LegacyRequest { method: question.method.clone(), target, body, origins: None };
    let mut text = String::new();
    match exchange.choose(candidates, &envelope).await {
        Ok(Choice::Forward) => {
            let calls = written(exchange.upstream());
            let version = match plan.default.mode {
                Mode::Translate => UPSTREAM_VERSION,
                Mode::Legacy | Mode::Shadow => LEGACY_VERSION,
            };
            let _ = writeln!(
                text,
                "rule: none; forwarded as it is, with X-Polytomic-Version: {version}"
            );
            match exchange.upstream().is_idle() {
                true => drop(writeln!(text, "upstream calls: 1, the request itself")),
                false => {
                    text.push_str(&calls);
                    text.push_str("  … and the request itself\n");
                }
            }
        }
        Ok(Choice::Translate(chosen)) => {
            let rule = chosen.rule().clone();
            let outcome = exchange.translate(chosen, request, &envelope).await;
            let _ = writeln!(text, "rule: {}\n  {}", rule.id, rule.summary);
            text.push_str(&staged(&rule, plan));
            let _ = writeln!(text, "why:\n{}", indented(&rule.why));
            text.push_str(&written(exchange.upstream()));
            text.push_str(&repeated(&rule, settings));
            text.push_str(&ended(outcome.as_ref()));
            text.push_str(&disclosable(&rule));
        }
        Err(refused) => {
            text.push_str(&written(exchange.upstream()));
            text.push_str(&ended(Some(&refused)));
        }
    }
    Ok(text)
}

/// The mode that the rollout puts the rule in, and whether it could be shadowed.
fn staged(rule: &Rule, plan: &Plan) -> String {
    let twice = match rule.only_reads() {
        true => "reads only, so it may run beside a legacy answer",
        false => "writes, so it is never run twice",
    };
    format!("mode: {}\n  {twice}\n", plan.sentence(rule))
}

/// The calls, in order.
fn written(imagined: &Imagined) -> String {
    let calls = imagined.calls.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if calls.is_empty() {
        return "upstream calls: none\n".to_owned();
    }
    let mut text =
        "upstream calls (nothing was sent; CAPITALS stand for what upstream would answer):\n"
            .to_owned();
    for (index, call) in calls.iter().enumerate() {
        let _ = writeln!(text, "  {}. {} {}{}", index + 1, call.method, call.target, remark(call));
        if call.idempotency_key.is_some() {
            let _ = writeln!(text, "     Idempotency-Key: the client's, or one for each request");
        }
        if let Some(body) = &call.body {
            let _ = writeln!(text, "     {}", String::from_utf8_lossy(body));
        }
    }
    text
}

fn remark(call: &UpstreamRequest) -> &'static str {
    match call.target.path() {
        "/api/me" => "   (who calls; asked once, then remembered)",
        path if path.starts_with("/api/organizations/entities/") => {
            "   (who owns it; asked once, then remembered)"
        }
        _ => "",
    }
}

/// What is repeated as often as upstream's answers make it.
fn repeated(rule: &Rule, settings: &Settings) -> String {
    let Calls::Collect(collect) = &rule.calls else {
        return match rule.calls {
            Calls::Coded(CodedFlow::EventLogs) => {
                "  … and for each event without its record logs, the index of its execution's logs and each type in it\n".to_owned()
            }
            _ => String::new(),
        };
    };
    let mut text = String::new();
    if let Some(pages) = &collect.pages {
        let next = pages.next.source();
        let _ = writeln!(
            text,
            "  … page by page with {}={next}, until there is none; at most {} pages",
            pages.token, settings.max_pages
        );
    }
    if let Some((path, _)) = &collect.complete {
        let _ = writeln!(
            text,
            "  … and GET {} for each item, at most {} at once",
            path.source(),
            settings.concurrency
        );
    }
    text
}

/// An answer that is the shim's own; upstream's examples are not worth showing.
fn ended(outcome: Option<&Outcome>) -> String {
    let Some(failure) = outcome.and_then(|outcome| outcome.failure.as_ref()) else {
        return String::new();
    };
    format!("answer: {} {}\n", failure.key.status().as_u16(), failure)
}

fn disclosable(rule: &Rule) -> String {
    let base = rule.resource.source().trim_start_matches('$').replace('.', "/");
    let base = match &rule.calls {
        Calls::Collect(collect) => format!("/{}/*", collect.items),
        Calls::Single(_) | Calls::Coded(_) => base,
    };
    let lenses = rule.lenses.iter().chain(&rule.envelope_lenses);
    let line = |own: Disclosable| {
        let base = if own.in_request { "request " } else { base.as_str() };
        format!("  {} {base}{}: when {}", own.how.text(), own.pointer, own.when)
    };
    let mut lines: Vec<String> = lenses.flat_map(|lens| lens.discloses()).map(line).collect();
    if let Calls::Single(single) = &rule.calls
        && let Some(follow) = &single.follow
    {
        let line = |pointer: &String| {
            format!(
                "  synthesized {pointer}: when GET {} fails after the request was accepted",
                follow.path.source()
            )
        };
        lines.extend(follow.synthesized.iter().map(line));
    }
    match rule.calls {
        Calls::Coded(CodedFlow::TargetMetadata) => {
            lines.push("  approximated /data: always".to_owned());
        }
        Calls::Coded(CodedFlow::EventLogs) => {
            lines.push("  dropped /data/*/event/total_records and the other lists: when a read of the logs fails".to_owned());
        }
        _ => {}
    }
    match lines.is_empty() {
        true => "disclosed: nothing\n".to_owned(),
        false => format!("disclosed (X-Shim-Disclosed), where it happens:\n{}\n", lines.join("\n")),
    }
}

fn indented(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + word.len() < 98 => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("  {word}")),
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn explained(
        method: &str,
        target: &'static str,
        body: &str,
        caller: Option<CallerKind>,
    ) -> String {
        let settings = Settings::load(Vec::new(), std::iter::empty()).unwrap();
        let body = (!body.is_empty()).then(|| Bytes::from(body.to_owned()));
        let question = Question {
            method: method.parse().unwrap(),
            target: Uri::from_static(target),
            body,
            caller,
        };
        run(&settings, &question).await.unwrap()
    }

    #[tokio::test]
    async fn a_cancellation_shows_both_calls() {
        let text = explained(
            "PUT",
            "/api/syncs/S/executions/E",
            r#"{"status":"canceled"}"#,
            Some(CallerKind::User),
        )
        .await;
        for part in [
            "rule: model_sync/executions/update",
            "1. POST /api/syncs/S/executions/E/cancel",
            "2. GET /api/syncs/S/executions/E",
            "synthesized /data/status",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[tokio::test]
    async fn a_refused_request_makes_no_calls() {
        let text =
            explained("PUT", "/api/syncs/S/executions/E", r#"{"status":"running"}"#, None).await;
        assert!(
            text.contains("upstream calls: none")
                && text.contains("answer: 400 shim.status_unsupported"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn callers_are_told_apart() {
        let text = explained("GET", "/api/organizations", "", None).await;
        assert!(text.contains("as user:") && text.contains("as partner:\nrule: none"), "{text}");
    }

    #[tokio::test]
    async fn every_rule_explains_itself() {
        let rules = Rules::embedded().unwrap();
        let mut settings = Settings::load(Vec::new(), std::iter::empty()).unwrap();
        let receiver = "https://receiver.example/".parse().unwrap();
        settings.webhooks = vec![crate::settings::Webhook::new("orders", receiver, "secret")];
        settings.webhook_public_url = Some("https://shim.example".parse().unwrap());
        for rule in rules.iter() {
            let path = rule.path.source().replace(['{', '}'], "");
            let body = rule.reads_body().then(|| Bytes::from_static(br#"{"status":"canceled","email":"EMAIL","child_organization_id":"C","schedule":{"frequency":"daily"}}"#));
            let caller = rule.callers.as_ref().and_then(|callers| callers.first().copied());
            let question = Question {
                method: rule.method.clone(),
                target: path.parse().unwrap(),
                body,
                caller,
            };
            let text = run(&settings, &question).await.unwrap();
            assert!(
                text.contains(&format!("rule: {}\n", rule.id)) && !text.contains("answer:"),
                "{text}"
            );
        }
    }
}
