//! `polytomic-shim capture` and `polytomic-shim rearm`: what a terminal asks of a running rollout.

use clap::Args;
use http::{Method, StatusCode};
use serde_json::Value;

use super::admin::{Admin, complaint};
use crate::rollout::{Change, ChangeSet};
use crate::secret::Secret;

/// The arguments of `capture`.
#[derive(Args)]
pub struct CaptureArguments {
    /// The id of the sample, as `GET /rollout` and the log say.
    pub id: String,
    /// The admin listener of the shim.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8081")]
    pub admin: String,
}

/// The arguments of `rearm`.
#[derive(Args)]
pub struct RearmArguments {
    /// The rule; left out, all of them, and legacy is believed to be served again.
    pub rule: Option<String>,
    /// The admin listener of the shim.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8081")]
    pub admin: String,
    /// The name that the list of events says.
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
}

/// Prints the fixture of a sample.
///
/// # Errors
/// There is none, or the shim cannot be asked; a sentence for people.
pub async fn capture(arguments: &CaptureArguments) -> Result<String, String> {
    let is_id = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if arguments.id.is_empty() || !arguments.id.bytes().all(is_id) {
        return Err(format!("`{}` is no id of a sample; `GET /rollout` lists them", arguments.id));
    }
    let admin = Admin { address: arguments.admin.clone(), token: None };
    let path = format!("/rollout/mismatches/{}", arguments.id);
    let (status, body) = admin.ask(Method::GET, &path, None).await?;
    if status != StatusCode::OK {
        return Err(complaint(status, &body));
    }
    let sample: Value = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
    match sample["fixture"].as_str() {
        Some(fixture) => Ok(fixture.to_owned()),
        None => Err(sample["without_fixture"].as_str().unwrap_or("it has no fixture").to_owned()),
    }
}

/// Arms the breaker again; says what is so now.
///
/// # Errors
/// The shim refuses it, or cannot be asked; a sentence for people.
pub async fn rearm(arguments: &RearmArguments) -> Result<String, String> {
    let token = std::env::var("SHIM_ADMIN_TOKEN").ok().filter(|token| !token.is_empty());
    let Some(token) = token else {
        return Err("SHIM_ADMIN_TOKEN is not set; it has to be the shim's `admin_token`".to_owned());
    };
    let admin = Admin { address: arguments.admin.clone(), token: Some(Secret::new(token)) };
    let change = Change { rule: arguments.rule.clone(), rearm: true, ..Change::default() };
    let set = ChangeSet { by: arguments.by.clone(), changes: vec![change] };
    let body = serde_json::to_string(&set).map_err(|error| error.to_string())?;
    let (status, body) = admin.ask(Method::PUT, "/rollout", Some(body)).await?;
    if status != StatusCode::OK {
        return Err(complaint(status, &body));
    }
    let rules = arguments.rule.as_deref().unwrap_or("all rules");
    Ok(format!("the breaker is armed again for {rules}\n"))
}
