//! Traffic that a program is built for: what it does often while it gets this, the compiler lays
//! out for speed.
//!
//! `polytomic-shim-workload train FIXTURES UPSTREAM SHIM ROUNDS` answers as upstream at the address
//! UPSTREAM, and asks the shim at the address SHIM, which is to call that upstream: every fixture
//! in which nothing fails, a list of many of the bulk syncs that stand in them, and plain calls,
//! ROUNDS times. The bodies that the benchmark measures with are not among them.

mod case;

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use polytomic_shim::message::{LEGACY_VERSION, VERSION_HEADER};
use tokio::net::TcpListener;

use case::Case;

/// Clients at once; each has a connection.
const CLIENTS: usize = 8;
/// Plain calls that come with each fixture: most of what is asked is the same in both versions.
const PLAIN: usize = 2;

/// Trains, and says with what.
///
/// # Errors
/// Fixtures cannot be read, an address cannot be listened on or reached, or the shim did not
/// translate.
pub async fn train(fixtures: &str, upstream: &str, shim: &str, rounds: &str) -> Result<(), String> {
    let rounds: usize = rounds.parse().map_err(|error| format!("{rounds}: {error}"))?;
    let cases = Arc::new(case::all(Path::new(fixtures))?);
    let listener =
        TcpListener::bind(upstream).await.map_err(|error| format!("{upstream}: {error}"))?;
    tokio::spawn(serve(listener, cases.clone()));
    let clients: Vec<_> =
        (0..CLIENTS).map(|_| tokio::spawn(ask(shim.to_owned(), cases.clone(), rounds))).collect();
    let mut counts = Counts::default();
    for client in clients {
        counts.add(client.await.map_err(|error| error.to_string())??);
    }
    let Counts { requests, translated } = counts;
    println!("{requests} requests of {} fixtures and more, {translated} translated", cases.len());
    // Nobody would notice a program that was made for error messages.
    if translated * 4 < requests {
        return Err(format!(
            "of {requests} requests only {translated} were translated; see its log"
        ));
    }
    Ok(())
}

#[derive(Default)]
struct Counts {
    requests: usize,
    translated: usize,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.translated += other.translated;
    }
}

/// One client, with all its requests one after another.
async fn ask(
    shim: String,
    cases: Arc<HashMap<String, Case>>,
    rounds: usize,
) -> Result<Counts, String> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let mut counts = Counts::default();
    for _ in 0..rounds {
        for (key, case) in cases.iter() {
            send(&client, &shim, key, case, &mut counts).await?;
            for _ in 0..PLAIN {
                send(&client, &shim, key, &Case::plain(), &mut counts).await?;
            }
        }
    }
    Ok(counts)
}

async fn send(
    client: &Client<HttpConnector, Full<Bytes>>,
    shim: &str,
    key: &str,
    case: &Case,
    counts: &mut Counts,
) -> Result<(), String> {
    let request = Request::builder()
        .method(case.method.as_str())
        .uri(format!("http://{shim}{}", case.path))
        .header(AUTHORIZATION, format!("Bearer {key}"))
        .header(VERSION_HEADER, LEGACY_VERSION)
        .header(ACCEPT, "application/json")
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, "polytomic-python/1.18.0")
        .body(Full::from(case.body.clone()))
        .map_err(|error| error.to_string())?;
    let answer =
        client.request(request).await.map_err(|error| format!("{}: {error}", case.path))?;
    counts.requests += 1;
    counts.translated += usize::from(answer.headers().contains_key("x-shim-rule"));
    if answer.status().is_server_error() {
        return Err(format!("{} {}: {}; see its log", case.method, case.path, answer.status()));
    }
    answer.into_body().collect().await.map_err(|error| error.to_string())?;
    Ok(())
}

/// Upstream: what the fixture says whose key it is.
async fn serve(listener: TcpListener, cases: Arc<HashMap<String, Case>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let cases = cases.clone();
        let answer = hyper::service::service_fn(move |request| answer(cases.clone(), request));
        let serving = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), answer);
        tokio::spawn(serving);
    }
}

async fn answer(
    cases: Arc<HashMap<String, Case>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let call = format!("{} {}", request.method(), request.uri());
    let key = request.headers().get(AUTHORIZATION).and_then(|key| key.to_str().ok());
    let key = key.and_then(|key| key.strip_prefix("Bearer ")).unwrap_or_default();
    let found = cases.get(key).and_then(|case| case.answers.get(&call)).cloned();
    // A body is read, whatever is said.
    let _ = request.into_body().collect().await;
    let (status, body) = found.unwrap_or((StatusCode::NOT_FOUND, case::NOT_FOUND.clone()));
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    Ok(response)
}
