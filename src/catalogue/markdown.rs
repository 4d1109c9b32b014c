//! The catalogue as Markdown, for `rewrite-rules/README.md`.

use std::fmt::Write as _;

use super::example::{self, Pair};
use super::{Entry, entries};
use crate::rules::Rules;

/// The comment before the catalogue in the README.
pub const BEGIN: &str = "<!-- catalogue: written by `cargo run -- rules --format markdown` -->";

/// The comment after it.
pub const END: &str = "<!-- end of the catalogue -->";

/// The catalogue: a table, then each rule with its summary, why, before and after.
pub fn markdown(rules: &Rules) -> String {
    let entries = entries(rules);
    let mut text = "| rule | request | what it does |\n| --- | --- | --- |\n".to_owned();
    for entry in &entries {
        let anchor: String =
            entry.rule.chars().filter(|character| *character != '/').collect::<String>();
        let (rule, request, summary) = (&entry.rule, request_of(entry), &entry.summary);
        let _ = writeln!(text, "| [{rule}](#{anchor}) | `{request}` | {summary} |");
    }
    for entry in &entries {
        let rule = rules.iter().find(|rule| rule.id == entry.rule);
        text.push_str(&section(entry));
        if let Some(rule) = rule {
            let _ = write!(text, "{}", examples(example::request(rule), example::answer(rule)));
        }
        if !entry.closes.is_empty() {
            let ids: Vec<String> = entry.closes.iter().map(|id| format!("- `{id}`\n")).collect();
            let _ = write!(text, "\nCloses:\n\n{}", ids.concat());
        }
    }
    text
}

fn request_of(entry: &Entry) -> String {
    format!("{} {}", entry.method, entry.path)
}

fn section(entry: &Entry) -> String {
    let mut text = format!("\n### {}\n\n**{}.** {}\n", entry.rule, entry.summary, entry.why);
    let callers = match entry.callers.is_empty() {
        true => String::new(),
        false => format!(", sent by a caller of kind {}", entry.callers.join(" or ")),
    };
    let _ = write!(
        text,
        "\nBefore: `{}`{callers}.\n\nAfter (upstream calls: {}):\n\n",
        request_of(entry),
        entry.amplification
    );
    for (place, call) in entry.calls.iter().enumerate() {
        let (call, remark) = call
            .split_once(" (")
            .map_or((call.as_str(), String::new()), |(call, rest)| (call, format!(" ({rest}")));
        let _ = writeln!(text, "{}. `{call}`{remark}", place + 1);
    }
    text
}

/// Data before and after, as far as it differs.
fn examples(request: Option<Pair>, answer: Option<Pair>) -> String {
    let mut lines = Vec::new();
    if let Some(Pair { legacy, upstream }) = request {
        lines.push(format!("legacy request    {legacy}"));
        lines.push(format!("upstream request  {upstream}"));
    }
    if let Some(Pair { legacy, upstream }) = answer {
        lines.push(format!("upstream answer   {upstream}"));
        lines.push(format!("legacy answer     {legacy}"));
    }
    if lines.is_empty() {
        return String::new();
    }
    format!("\n```text\n{}\n```\n", lines.join("\n"))
}
