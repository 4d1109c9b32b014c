//! The only place where the shim's own errors take shape.
//!
//! A failure becomes the legacy `ApiError` (`/components/schemas/ApiError` of 2024-02-08),
//! except 401, which legacy clients read as `RestErrResponse`.

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::message::{LEGACY_VERSION, LegacyResponse, VERSION_HEADER};

/// The legacy answer that tells a failure.
pub fn reply(failure: &Failure) -> LegacyResponse {
    let status = failure.key.status();
    let mut headers = json_headers();
    if let Some(wait) = failure.retry_after {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    let body = if status == StatusCode::UNAUTHORIZED {
        unauthorized(&failure.message, Value::Object(failure.metadata.clone()))
    } else {
        json!({
            "key": failure.key.text(),
            "message": failure.message,
            "metadata": failure.metadata,
            "status": status.as_u16(),
        })
    };
    LegacyResponse { status, headers, body: body.to_string().into() }
}

/// A legacy 401 body: `status` is a text, the message stands in `error`
/// (`/components/schemas/RestErrResponse` of 2024-02-08).
pub fn unauthorized(message: &str, context: Value) -> Value {
    json!({ "code": 401, "context": context, "error": message, "status": "Unauthorized" })
}

/// The headers that every answer made by the shim itself carries.
pub fn json_headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(VERSION_HEADER, HeaderValue::from_static(LEGACY_VERSION));
    headers
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::failure::Key;

    #[test]
    fn every_key_validates_as_a_legacy_error() {
        for key in Key::ALL {
            let failure =
                Failure::new(*key, "What is wrong.").retry_after(Duration::from_millis(1200));
            let answer = reply(&failure);
            assert_eq!(answer.status, key.status());
            assert_eq!(answer.headers[RETRY_AFTER], "2");
            assert_eq!(answer.headers[VERSION_HEADER], LEGACY_VERSION);
            let body: Value = serde_json::from_slice(&answer.body.to_bytes()).unwrap();
            let status = if answer.status == 401 {
                json!("Unauthorized")
            } else {
                json!(key.status().as_u16())
            };
            assert_eq!(body["status"], status);
        }
    }
}
