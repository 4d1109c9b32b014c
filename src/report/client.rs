//! `polytomic-shim report`: asks a running shim for its report, and prints it.

use std::time::Duration;

use clap::ValueEnum;
use http::{Method, StatusCode};

use super::{Report, markdown, text};
use crate::cli::admin::Admin;

/// How a report is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For a terminal.
    Text,
    /// For a ticket: a list to tick off for each client.
    Markdown,
    /// For tools.
    Json,
}

/// What is asked of `report`.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The address of the admin listener, such as `http://127.0.0.1:8081`.
    pub admin: String,
    /// How it is printed.
    pub form: Form,
    /// Only what was seen within this time.
    pub since: Option<Duration>,
    /// How long a rule has to be unused before it may go.
    pub idle: Duration,
}

/// Asks for the report: its text, and whether legacy traffic is left in it.
///
/// # Errors
/// The shim cannot be asked, or does not answer with a report; a sentence for people.
pub async fn run(asked: &Asked) -> Result<(String, bool), String> {
    let admin = Admin { address: asked.admin.clone(), token: None };
    let (status, body) = admin.ask(Method::GET, "/report", None).await?;
    if status != StatusCode::OK {
        return Err(format!("{} answered {status}: is it the admin listener?", asked.admin));
    }
    let report: Report = serde_json::from_slice(&body)
        .map_err(|error| format!("{} did not answer with a report: {error}", asked.admin))?;
    let report = match asked.since {
        Some(since) => {
            let moment = report.usage.at.saturating_sub(milliseconds(since));
            report.since(moment)
        }
        None => report,
    };
    let idle = milliseconds(asked.idle);
    let printed = match asked.form {
        Form::Text => text::text(&report, idle),
        Form::Markdown => markdown::markdown(&report, idle),
        Form::Json => {
            serde_json::to_string_pretty(&report).map_err(|error| error.to_string())? + "\n"
        }
    };
    Ok((printed, report.has_legacy()))
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
