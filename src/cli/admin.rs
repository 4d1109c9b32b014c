//! Asking the admin listener of a running shim.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::secret::Secret;

/// How long the whole question may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer that is read, in bytes.
const LARGEST: usize = 64 << 20;

/// Where to ask, and by which right.
#[derive(Debug, Clone)]
pub struct Admin {
    /// Its address, such as `http://127.0.0.1:8081`.
    pub address: String,
    /// The setting `admin_token` of that shim, where the question changes something.
    pub token: Option<Secret<String>>,
}

impl Admin {
    /// Sends one request with a JSON body, or none; gives status and body.
    ///
    /// # Errors
    /// It cannot be asked; a sentence for people.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<(StatusCode, Bytes), String> {
        let asked = tokio::time::timeout(TIMEOUT, self.send(method, path, body)).await;
        asked.map_err(|_| format!("{} did not answer within {TIMEOUT:?}", self.address))?
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<(StatusCode, Bytes), String> {
        let address = &self.address;
        let wrong = || {
            format!(
                "`{address}` is no address of an admin listener; write it like http://127.0.0.1:8081"
            )
        };
        let failed = |error: &dyn std::fmt::Display| format!("{address} cannot be asked: {error}");
        let uri: Uri = address.parse().map_err(|_| wrong())?;
        // `HOST:PORT` alone is an address too, as the setting `admin` is written.
        if uri.scheme_str().is_some_and(|scheme| scheme != "http") {
            return Err(wrong());
        }
        let authority = uri.authority().ok_or_else(wrong)?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(80))).await;
        let stream = stream.map_err(|error| failed(&error))?;
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|error| failed(&error))?;
        tokio::spawn(connection);
        let mut request =
            Request::builder().method(method).uri(path).header(HOST, authority.as_str());
        request = request.header(ACCEPT, "application/json");
        if let Some(token) = &self.token {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
                .map_err(|_| "the token has characters that no header can carry".to_owned())?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = Full::new(Bytes::from(body.unwrap_or_default()));
        let request = request.body(body).map_err(|error| failed(&error))?;
        let response = sender.send_request(request).await.map_err(|error| failed(&error))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), LARGEST).collect().await;
        Ok((status, body.map_err(|error| failed(&error))?.to_bytes()))
    }
}

/// What the admin listener says is wrong, for a person.
pub(super) fn complaint(status: StatusCode, body: &[u8]) -> String {
    let told: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let mistakes = told["mistakes"].as_array().into_iter().flatten();
    let lines = mistakes.map(|mistake| {
        let part = |name: &str| mistake[name].as_str().unwrap_or_default().to_owned();
        format!("{}\n  hint: {}", part("message"), part("hint"))
    });
    let lines: Vec<String> = lines.collect();
    match lines.is_empty() {
        true => format!("the answer is {status}: is it the admin listener?"),
        false => lines.join("\n"),
    }
}
