//! Logs of model sync executions: record logs by type, their index, and the console.

use serde_json::{Value, json};

use super::executions::of_path;
use crate::emulator::call::{Call, Failure, Outcome, Reply};
use crate::emulator::clock;
use crate::emulator::json::{number, text};
use crate::emulator::service::file_origin;

/// Log types, and the counter of the execution that says whether there is one.
const TYPES: [(&str, &str); 6] = [
    ("records", "total"),
    ("errors", "error"),
    ("warnings", "warnings"),
    ("inserts", "insert"),
    ("updates", "update"),
    ("deletes", "delete"),
];

/// Lines in an answer of the console, unless `limit` asks for fewer.
const LINES: usize = 100;

pub(super) fn handle(call: &mut Call<'_>) -> Option<Outcome> {
    Some(match call.operation.id.as_str() {
        "model_sync.executions.get_logs_index" => get_index(call),
        "model_sync.executions.get_log_urls" => get_urls(call),
        "model_sync.executions.get_logs" => get_file(call),
        "model_sync.executions.get_console_logs" => {
            of_path(call).and_then(|(_, row)| console(call, &row))
        }
        _ => return None,
    })
}

/// The addresses of an execution's log files of that type; none where nothing was logged.
pub(in crate::emulator) fn urls(execution: &Value, kind: &str) -> Vec<String> {
    let counter = TYPES.iter().find(|(name, _)| *name == kind);
    if counter.is_none_or(|(_, counter)| number(&execution["counts"], counter) == 0) {
        return Vec::new();
    }
    let (sync, id) = (text(execution, "_sync"), text(execution, "id"));
    vec![format!("https://app.polytomic.example/api/syncs/{sync}/executions/{id}/{kind}/0.json")]
}

/// The console's lines of an execution, after the cursor `after`.
pub(in crate::emulator) fn console(call: &Call<'_>, execution: &Value) -> Outcome {
    let limit = match call.query("limit").map(str::parse::<usize>) {
        None => LINES,
        Some(Ok(limit)) if (1..=LINES).contains(&limit) => limit,
        Some(_) => return Err(Failure::bad_request("?limit: must be between 1 and 100")),
    };
    let start = match call.query("after").map(str::parse::<usize>) {
        None => 0,
        Some(Ok(start)) => start,
        Some(Err(_)) => return Err(Failure::bad_request("?after: is not a cursor")),
    };
    let lines = ["Execution created", "Execution started", "Execution reports its status"];
    let entries: Vec<Value> = lines
        .iter()
        .enumerate()
        .skip(start)
        .take(limit)
        .map(|(place, message)| {
            json!({
                "id": place.to_string(), "level": "info", "message": message,
                "payload": { "status": execution["status"] },
                "timestamp": execution["created_at"],
            })
        })
        .collect();
    let mut data = json!({ "entries": entries });
    let next = start.saturating_add(limit);
    if next < lines.len() {
        data["next_cursor"] = json!(next.to_string());
    }
    Reply::data(data)
}

/// Only the types that have something to show.
fn get_index(call: &Call<'_>) -> Outcome {
    let (_, row) = of_path(call)?;
    let mut index = json!({});
    for (kind, counter) in TYPES {
        if let Some(url) = urls(&row, kind).first() {
            index[kind] = json!({ "count": number(&row["counts"], counter), "url": url });
        }
    }
    Reply::data(index)
}

fn get_urls(call: &Call<'_>) -> Outcome {
    let (_, row) = of_path(call)?;
    let kind = require_type(call)?;
    let expires = clock::format(call.store.seconds() + 3600);
    Reply::data(json!({ "expires": expires, "urls": urls(&row, &kind) }))
}

/// 302 to a signed address at another origin.
fn get_file(call: &Call<'_>) -> Outcome {
    let (sync, row) = of_path(call)?;
    let kind = require_type(call)?;
    let name = call.path("filename");
    if urls(&row, &kind).is_empty() || name != "0.json" {
        return Err(Failure::not_found("log file"));
    }
    let path = format!("{sync}/{}/{kind}/{name}", text(&row, "id"));
    let address = format!("{}/_emulator/files/{path}?signature=none", file_origin(call));
    Reply::elsewhere(302, address)
}

fn require_type(call: &Call<'_>) -> Result<String, Failure> {
    let kind = call.path("type");
    if TYPES.iter().any(|(name, _)| *name == kind) {
        return Ok(kind);
    }
    Err(Failure::bad_request("type: is not a type of log"))
}
