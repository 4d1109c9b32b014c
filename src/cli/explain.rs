//! From the arguments of `explain` to its question.

use std::io::Read as _;
use std::path::Path;

use bytes::Bytes;

use super::Explain;
use crate::explain::Question;
use crate::rules::CallerKind;

/// Reads the arguments and the body that they name.
///
/// # Errors
/// What is wrong with them, and what to write instead.
pub fn question(arguments: &Explain) -> Result<Question, String> {
    let method = arguments.method.to_ascii_uppercase().parse().map_err(|_| {
        format!("`{}` is not a method; write GET, POST, PUT, PATCH or DELETE", arguments.method)
    })?;
    let target = arguments
        .path
        .parse()
        .map_err(|_| format!("`{}` is not a path; write it like /api/syncs", arguments.path))?;
    let body = arguments.body.as_deref().map(read).transpose()?;
    let caller = arguments.caller.as_deref().and_then(CallerKind::parse);
    Ok(Question { method, target, body, caller })
}

fn read(file: &Path) -> Result<Bytes, String> {
    let mut body = Vec::new();
    let read = match file.to_str() {
        Some("-") => std::io::stdin().read_to_end(&mut body).map(|_| body),
        _ => std::fs::read(file),
    };
    let hint = "write the request's body into it, or pass `--body -` and give it on standard input";
    read.map(Bytes::from)
        .map_err(|error| format!("{} cannot be read: {error}; {hint}", file.display()))
}
