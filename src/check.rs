//! `polytomic-shim check`: every finding in settings and rules, before anything serves.

use std::fmt::Write as _;
use std::path::Path;

use crate::rollout;
use crate::rules::{Finding, Options, Rules};
use crate::settings::{RolloutSource, Settings};

/// Checks what `serve` would load; gives what was found good, as lines for a person.
///
/// # Errors
/// Every finding, as text for a person.
pub fn run(settings: &Settings) -> Result<String, String> {
    let rules =
        Rules::load(settings.rules.as_deref(), Options::from(settings)).map_err(describe)?;
    let source = settings
        .rules
        .as_ref()
        .map_or_else(|| "built in".to_owned(), |folder| folder.display().to_string());
    let count = rules.iter().count();
    let plan = rollout::load(settings, &rules).map_err(describe_rollout)?;
    let mut text =
        format!("settings: good (upstream {})\nrules: {count} good ({source})", settings.upstream);
    if let Some(rollout) = &settings.rollout {
        let source = match rollout {
            RolloutSource::Mode(mode) => format!("all {}", mode.text()),
            RolloutSource::File(path) => path.display().to_string(),
        };
        // Writing to a String cannot fail.
        let _ = write!(text, "\nrollout: good ({source})\n{}", plan.describe(&rules).trim_end());
    }
    for webhook in &settings.webhooks {
        let _ = write!(text, "\nwebhook {}: forwards to {}", webhook.name, webhook.forward.origin);
    }
    Ok(text)
}

/// What is wrong with the rules, where the settings are wrong already: a person wants to hear of
/// both. `folder` is what a flag or variable names as rules, as far as that can be told.
pub fn beside(mistakes: String, folder: Option<&Path>) -> String {
    match Rules::load(folder.filter(|folder| folder.is_dir()), Options::default()) {
        Ok(_) => mistakes,
        Err(findings) => format!("{mistakes}\n{}", describe(findings)),
    }
}

/// Findings as text for a person, one after another.
pub fn describe(findings: Vec<Finding>) -> String {
    report(findings, "the rules")
}

/// The same, of a rollout file.
pub fn describe_rollout(findings: Vec<Finding>) -> String {
    report(findings, "the rollout")
}

fn report(findings: Vec<Finding>, of: &str) -> String {
    let count = findings.len();
    let mut text = format!("{count} {} in {of}:", if count == 1 { "mistake" } else { "mistakes" });
    for finding in findings {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n{finding}");
    }
    text
}
