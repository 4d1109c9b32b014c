//! The catalogue of rules: what each does, what it closes, what it costs and what proves it.
//!
//! `polytomic-shim rules` prints it as a table, as JSON for tools, and as the Markdown that
//! `rewrite-rules/README.md` holds.

mod calls;
mod example;
mod laws;
mod markdown;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use serde::Serialize;

use crate::cli::CatalogueFormat;
use crate::coverage::Coverage;
use crate::rules::{CallerKind, Options, Rule, Rules};
use crate::settings::Settings;

pub use laws::{LAWS, Laws, OF_EVERY_LENS};
pub use markdown::{BEGIN, END, markdown};

/// The fixture cases there were when the program was built, as `RULE/CASE`.
static CASES: &[&str] = include!(concat!(env!("OUT_DIR"), "/cases.rs"));

/// One rule, as the catalogue shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The rule's name.
    pub rule: String,
    /// The legacy method.
    pub method: String,
    /// The legacy path.
    pub path: String,
    /// The kinds of caller that it is for; all where empty.
    pub callers: Vec<&'static str>,
    /// What it does.
    pub summary: String,
    /// Why.
    pub why: String,
    /// The differences that it answers for.
    pub closes: Vec<String>,
    /// How many fixture cases it has.
    pub cases: usize,
    /// Its lenses, in the order of `up`, each once.
    pub lenses: Vec<LensEntry>,
    /// The steps of its flow: `read first`, `send`, `collect`, `complete`, `follow`, or the name
    /// of a flow written in Rust.
    pub flow: Vec<&'static str>,
    /// Upstream calls for one request, such as `2` or `pages + items`; `look-up` stands for
    /// questions that are remembered.
    pub amplification: String,
    /// The upstream calls, in order, each with what it is for.
    pub calls: Vec<String>,
}

/// One lens of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LensEntry {
    /// Its name.
    pub name: &'static str,
    /// The laws that a test proves for it.
    pub laws: Vec<&'static str>,
}

/// Every rule, by name.
pub fn entries(rules: &Rules) -> Vec<Entry> {
    let mut entries: Vec<Entry> = rules.iter().map(|rule| entry(rule)).collect();
    entries.sort_by(|one, other| one.rule.cmp(&other.rule));
    entries
}

fn entry(rule: &Rule) -> Entry {
    let mut lenses: Vec<LensEntry> = Vec::new();
    for lens in rule.lenses.iter().chain(&rule.envelope_lenses) {
        let name = lens.name();
        if lenses.iter().all(|known| known.name != name) {
            lenses.push(LensEntry { name, laws: laws::of(name) });
        }
    }
    let callers = rule.callers.iter().flatten();
    Entry {
        rule: rule.id.clone(),
        method: rule.method.to_string(),
        path: rule.path.source().to_owned(),
        callers: callers.map(|kind: &CallerKind| kind.text()).collect(),
        summary: rule.summary.clone(),
        why: rule.why.clone(),
        closes: rule.closes.clone(),
        cases: cases(&rule.id),
        lenses,
        flow: calls::flow(rule),
        amplification: calls::amplification(rule),
        calls: calls::calls(rule),
    }
}

/// How many cases a rule has: the files of its folder, not those of folders below.
fn cases(rule: &str) -> usize {
    let folder = |case: &&&str| case.rsplit_once('/').is_some_and(|(folder, _)| folder == rule);
    CASES.iter().filter(folder).count()
}

/// `polytomic-shim rules`: the rules of these settings, as text that ends in a line feed.
///
/// # Errors
/// Every mistake in the rules, as text for a person.
pub fn run(settings: &Settings, format: CatalogueFormat, long: bool) -> Result<String, String> {
    let rules = Rules::load(settings.rules.as_deref(), Options::from(settings))
        .map_err(crate::check::describe)?;
    match format {
        CatalogueFormat::Table => Ok(table(&rules, long)),
        CatalogueFormat::Markdown => Ok(markdown(&rules)),
        CatalogueFormat::Json => json(&rules).map(|text| format!("{text}\n")),
    }
}

/// The catalogue as JSON, an array of [`Entry`].
///
/// # Errors
/// A defect; it always has a form in JSON.
pub fn json(rules: &Rules) -> Result<String, String> {
    serde_json::to_string_pretty(&entries(rules)).map_err(|error| error.to_string())
}

/// The catalogue as a table for a terminal; with `long`, each difference that a rule closes and
/// each law of its lenses stands on a line of its own below it.
pub fn table(rules: &Rules, long: bool) -> String {
    let entries = entries(rules);
    let mut rows =
        vec![["rule", "request", "closes", "cases", "flow", "calls", "lenses"].map(str::to_owned)];
    for entry in &entries {
        let lenses: Vec<&str> = entry.lenses.iter().map(|lens| lens.name).collect();
        rows.push([
            entry.rule.clone(),
            format!("{} {}", entry.method, entry.path),
            entry.closes.len().to_string(),
            entry.cases.to_string(),
            entry.flow.join(", "),
            entry.amplification.clone(),
            or_dash(&lenses.join(", ")),
        ]);
    }
    let mut text = String::new();
    let lines = aligned(&rows);
    for (place, line) in lines.iter().enumerate() {
        let _ = writeln!(text, "{line}");
        let entry = place.checked_sub(1).and_then(|place| entries.get(place));
        if let Some(entry) = entry.filter(|_| long) {
            text.push_str(&details(entry));
        }
    }
    let laws = entries.iter().flat_map(|entry| &entry.lenses);
    let mut laws: Vec<String> =
        laws.map(|lens| format!("  {}: {}", lens.name, or_dash(&lens.laws.join(", ")))).collect();
    laws.sort();
    laws.dedup();
    let _ = write!(text, "\nlaws of the lenses\n{}\n", laws.join("\n"));
    let _ = write!(
        text,
        "\n{} rules; {}\ncalls: upstream calls for one request; a look-up (who calls, who owns) is remembered\n",
        entries.len(),
        Coverage::of(rules).summary()
    );
    text
}

fn details(entry: &Entry) -> String {
    let mut text = format!("    {}\n", entry.summary);
    if !entry.callers.is_empty() {
        let _ = writeln!(text, "    for {}", entry.callers.join(", "));
    }
    for call in &entry.calls {
        let _ = writeln!(text, "    upstream  {call}");
    }
    for id in &entry.closes {
        let _ = writeln!(text, "    closes    {id}");
    }
    text
}

fn or_dash(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { text.to_owned() }
}

/// Rows with each column as wide as its widest cell.
pub(crate) fn aligned<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}  "));
        cells.collect::<String>().trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}
