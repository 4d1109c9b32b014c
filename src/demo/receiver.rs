//! A receiver of webhook deliveries that shows what it gets, and a delivery to try it with.

use std::io::Write as _;
use std::net::SocketAddr;

use axum::body::Bytes;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::emulator::Emulator;
use crate::secret::Secret;
use crate::settings::Webhook;
use crate::settings::webhook::{Algorithm, Encoding};
use crate::webhook::signature;

/// The demo's webhook, by its name in the settings.
pub const NAME: &str = "demo";
/// The secret that deliveries of the demo are signed with; the emulator's webhook has it too.
const SECRET: &str = "demo-webhook-secret";
/// The key for reading record logs: that of a user of organization A.
const KEY: &str = "demo-a-user";
const HEADER: &str = "polytomic-signature";

/// A running receiver; ends with the process.
#[derive(Debug, Clone, Copy)]
pub struct Receiver {
    /// Where it listens.
    pub address: SocketAddr,
}

impl Receiver {
    /// Starts a receiver on a free port of loopback. Fails when there is none.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(receive)).await });
        Ok(Self { address })
    }

    /// The webhook whose deliveries go to this receiver. The error says what is wrong with it.
    pub fn webhook(&self) -> Result<Webhook, String> {
        let forward = format!("http://{}/as-legacy", self.address).parse()?;
        let authorization = Some(Secret::new(format!("Bearer {KEY}")));
        Ok(Webhook { authorization, ..Webhook::new(NAME, forward, SECRET) })
    }
}

/// Prints and answers what came, and whether its signature is right.
async fn receive(uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let secret = Secret::new(SECRET.as_bytes().to_vec());
    let signed = headers.get(HEADER);
    let form =
        signed.and_then(|own| signature::check(Algorithm::Sha256, &secret, None, own, &body));
    let signature = if form.is_some() { "right" } else { "wrong" };
    let payload: Value =
        serde_json::from_slice(&body).unwrap_or_else(|_| json!(String::from_utf8_lossy(&body)));
    // A reader that has left is no reason to answer otherwise.
    let _ = writeln!(
        std::io::stdout().lock(),
        "received at {uri}, signature {signature}:\n{payload:#}"
    );
    Json(json!({ "path": uri.path(), "signature": signature, "payload": payload })).into_response()
}

/// A delivery of a completed sync as 2025-09-18 makes it, with the logs that the emulator has.
pub fn delivery(emulator: &Emulator) -> Value {
    let state = emulator.state();
    let events = state["event"].as_array().cloned().unwrap_or_default();
    let has_logs = |event: &&Value| event["event"]["logs_url"].is_string();
    events.iter().find(has_logs).cloned().unwrap_or_default()
}

/// The curl lines: straight to the receiver, and through the shim.
pub fn instructions(shim: SocketAddr, receiver: Receiver, delivery: &Value) -> String {
    let body = delivery.to_string();
    let secret = Secret::new(SECRET.as_bytes().to_vec());
    let signed = signature::sign(Algorithm::Sha256, &secret, "", Encoding::Hex, body.as_bytes());
    let signed = signed.as_ref().and_then(|value| value.to_str().ok()).unwrap_or_default();
    let line = |address: String| {
        format!(
            "  curl -s http://{address} -X POST -H 'Polytomic-Signature: {signed}' -H 'Content-Type: application/json' -d '{body}'\n"
        )
    };
    format!(
        r#"Deliver a webhook. The receiver, at http://{address}, answers and prints what it got: first straight from
upstream, then through the shim, which checks the signature, adds the record logs, and signs again:

{}
{}"#,
        line(format!("{}/as-upstream", receiver.address)),
        line(format!("{shim}/webhooks/{NAME}")),
        address = receiver.address,
    )
}
