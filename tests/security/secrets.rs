//! Every fixture, through the program itself at the level `trace`: no output shows a credential.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::support::{Process, Upstream, answer, raw, raw_upstream};

/// What nobody may see again.
const SECRET: &str = "s3cr3t";

#[derive(serde::Deserialize)]
struct Case {
    request: Asked,
    #[serde(default)]
    upstream: Vec<Said>,
}

#[derive(serde::Deserialize)]
struct Asked {
    method: String,
    path: String,
    #[serde(default)]
    body: String,
    #[serde(default)]
    authorization: String,
}

#[derive(serde::Deserialize, Clone)]
struct Said {
    call: String,
    status: Option<u16>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
}

fn cases() -> Vec<Case> {
    let mut folders = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures")];
    let mut cases = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "toml") {
                let text = std::fs::read_to_string(&path).unwrap();
                // Values that are called secret are secret.
                let text =
                    text.replace("client_secret\":\"", &format!("client_secret\":\"{SECRET}-"));
                cases.push(toml::from_str(&text).unwrap());
            }
        }
    }
    cases
}

type Script = Arc<Mutex<Vec<Said>>>;

/// Answers a call with the next that its case says of it.
async fn serve(stream: TcpStream, script: Script) {
    let service = service_fn(move |request: Request<Incoming>| {
        let script = script.clone();
        async move {
            let call = format!("{} {}", request.method(), request.uri());
            request.into_body().collect().await?;
            let said = {
                let mut script = script.lock().unwrap();
                let place = script.iter().position(|said| said.call == call);
                place.map(|place| script.remove(place))
            };
            let mut response =
                Response::builder().header("set-cookie", format!("session={SECRET}"));
            let Some(said) = said else {
                // Whoever is asked for and not in the script is a partner.
                let body = r#"{"data":{"is_partner":true,"organization_id":"O"}}"#;
                return Ok::<_, hyper::Error>(response.body(Full::new(Bytes::from(body))).unwrap());
            };
            response = response.status(said.status.unwrap_or(200));
            for (name, value) in &said.headers {
                // Waiting would only take long.
                let value = if name.eq_ignore_ascii_case("retry-after") { "0" } else { value };
                response = response.header(name, value);
            }
            Ok(response.body(Full::new(Bytes::from(said.body))).unwrap())
        }
    });
    let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_credential_is_in_any_output_at_trace() {
    let script = Script::default();
    let shared = script.clone();
    let (origin, _) = raw_upstream(move |stream| serve(stream, shared.clone())).await;
    let cases = cases();
    assert!(cases.len() > 150, "{}", cases.len());
    for format in ["human", "json"] {
        let mut collector = Upstream::start(|_| answer(200, &[], "")).await;
        let spans = ["--otlp-endpoint", &collector.origin];
        let flags = ["--log-level", "trace", "--log-format", format, "--deadline", "2s"];
        let mut shim = Process::start(&origin, &[&flags[..], &spans].concat());
        let mut encoded = Vec::new();
        for (number, case) in cases.iter().enumerate() {
            *script.lock().unwrap() = case.upstream.clone();
            let key = format!("{SECRET}-{number}");
            let authorization = match case.request.authorization.starts_with("Basic") {
                true => {
                    let text = format!("organization:{key}");
                    encoded.push(base64::engine::general_purpose::STANDARD.encode(text));
                    format!("Basic {}", encoded.last().unwrap())
                }
                false => format!("Bearer {key}"),
            };
            let Asked { method, path, body, .. } = &case.request;
            let request = format!(
                "{method} {path} HTTP/1.1\r\nHost: shim\r\nConnection: close\r\nAuthorization: {authorization}\r\n\
                 Cookie: session={SECRET}\r\nX-Api-Key: {SECRET}\r\nProxy-Authorization: Basic {SECRET}\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let text = raw(shim.address, &request).await;
            assert!(text.starts_with("HTTP/1.1 "), "{path}: {text}");
            // What the shim says itself names no credential either.
            if text.contains("\"shim.") {
                assert!(!text.contains(&key), "{text}");
            }
        }
        let metrics = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        let metrics = raw(shim.admin, metrics).await;
        let mut output = std::mem::replace(&mut shim.output, other_output());
        let log = shim.end().await;
        let mut printed = String::new();
        output.read_to_string(&mut printed).unwrap();
        assert!(log.matches("answered").count() >= cases.len(), "not everything was logged");
        let mut exported = String::new();
        while let Ok(seen) = collector.seen.try_recv() {
            exported.push_str(&format!(
                "{:?} {}",
                seen.headers(),
                String::from_utf8_lossy(seen.body())
            ));
        }
        assert!(exported.contains("bulk_sync/get"), "no span was exported");
        for text in [&log, &printed, &metrics, &exported] {
            for line in text.lines() {
                let shown = encoded.iter().any(|encoded| line.contains(encoded.as_str()));
                assert!(!shown && !line.contains(SECRET), "{line}");
            }
        }
    }
}

/// Something to leave in place of the output that is read.
fn other_output() -> std::process::ChildStdout {
    let child = std::process::Command::new("true").stdout(std::process::Stdio::piped()).spawn();
    let mut child = child.unwrap();
    let output = child.stdout.take().unwrap();
    child.wait().unwrap();
    output
}
