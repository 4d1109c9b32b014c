//! `polytomic-shim report`: asks a running shim for its report, and prints it.

use std::time::Duration;

use bytes::Bytes;
use clap::ValueEnum;
use http::header::{ACCEPT, HOST};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{Report, markdown, text};

/// How long the whole question may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest report that is read, in bytes.
const LARGEST: usize = 64 << 20;

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
    let body = tokio::time::timeout(TIMEOUT, ask(&asked.admin));
    let body =
        body.await.map_err(|_| format!("{} did not answer within {TIMEOUT:?}", asked.admin))??;
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

async fn ask(admin: &str) -> Result<Bytes, String> {
    let wrong = || {
        format!(
            "`{admin}` is not the address of an admin listener; write it like http://127.0.0.1:8081"
        )
    };
    let uri: Uri = admin.parse().map_err(|_| wrong())?;
    if uri.scheme_str() != Some("http") {
        return Err(wrong());
    }
    let authority = uri.authority().ok_or_else(wrong)?.clone();
    let failed = |error: String| format!("{admin} cannot be asked: {error}");
    let (host, port) = (authority.host(), authority.port_u16().unwrap_or(80));
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let stream =
        TcpStream::connect((host, port)).await.map_err(|error| failed(error.to_string()))?;
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| failed(error.to_string()))?;
    tokio::spawn(connection);
    let request = Request::get("/report")
        .header(HOST, authority.as_str())
        .header(ACCEPT, "application/json")
        .body(Empty::<Bytes>::new())
        .map_err(|error| failed(error.to_string()))?;
    let response = sender.send_request(request).await.map_err(|error| failed(error.to_string()))?;
    if response.status() != StatusCode::OK {
        return Err(format!("{admin} answered {}: is it the admin listener?", response.status()));
    }
    let body = Limited::new(response.into_body(), LARGEST).collect().await;
    Ok(body.map_err(|error| failed(error.to_string()))?.to_bytes())
}
