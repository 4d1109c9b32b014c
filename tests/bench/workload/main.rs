//! A fixed workload in one process, whose instructions `tests/bench/instructions` counts.
//!
//! `polytomic-shim-workload FOLDER [CASE COUNT]` translates requests with an upstream in memory that
//! answers with the bodies in FOLDER. Every case runs a few times first, so that the difference of
//! two runs is the cost of the case alone. What `train` does stands in [`train`].

mod memory;
mod train;

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Version};
use polytomic_shim::exchange::{Bounds, Choice, Exchange, check_path};
use polytomic_shim::message::{LegacyRequest, UPSTREAM_VERSION, VERSION_HEADER};
use polytomic_shim::passthrough::{self, Arrival, Peer, incoming_headers, outgoing_headers};
use polytomic_shim::rules::Rules;
use polytomic_shim::upstream::Envelope;
use tokio::time::Instant;

use memory::Memory;

const USAGE: &str = "usage: polytomic-shim-workload FOLDER [CASE COUNT]
       polytomic-shim-workload train FIXTURES UPSTREAM SHIM ROUNDS";

/// How often every case runs before the one that is counted.
const WARM_UP: usize = 3;

/// A request, and what its answer has to hold.
struct Case {
    name: &'static str,
    method: Method,
    target: String,
    body: Bytes,
    /// None where no rule is for it.
    shows: Option<&'static str>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime.map_err(|error| error.to_string()).and_then(|runtime| {
        runtime.block_on(async {
            match arguments.as_slice() {
                [train, fixtures, upstream, shim, rounds] if train == "train" => {
                    train::train(fixtures, upstream, shim, rounds).await
                }
                _ => workload(&arguments).await,
            }
        })
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("polytomic-shim-workload: {message}");
            ExitCode::FAILURE
        }
    }
}

async fn workload(arguments: &[String]) -> Result<(), String> {
    let (folder, counted) = match arguments {
        [folder] => (folder, None),
        [folder, case, count] => {
            let count = count.parse::<usize>().map_err(|error| format!("{count}: {error}"))?;
            (folder, Some((case.as_str(), count)))
        }
        _ => return Err(USAGE.to_owned()),
    };
    let read = |name: &str| {
        let path = format!("{folder}/{name}");
        std::fs::read(&path).map(Bytes::from).map_err(|error| format!("{path}: {error}"))
    };
    let upstream = Memory { one: read("one.json")?, list: read("list.json")? };
    let rules = Rules::embedded().map_err(|findings| format!("{findings:?}"))?;
    let exchange = Exchange::new(upstream, rules, bounds());
    let cases = cases(read("legacy.json")?);
    for case in &cases {
        run(&exchange, case, WARM_UP).await?;
    }
    let Some((name, count)) = counted else { return Ok(()) };
    let case = cases.iter().find(|case| case.name == name);
    run(&exchange, case.ok_or_else(|| format!("no case is called {name}"))?, count).await
}

/// The defaults of the settings.
fn bounds() -> Bounds {
    Bounds {
        concurrency: 16,
        caller_concurrency: 32,
        total_concurrency: 256,
        max_pages: 1000,
        caller_cache_size: 10_000,
        caller_cache_ttl: Duration::from_secs(300),
        caller_kind: None,
    }
}

fn cases(legacy: Bytes) -> Vec<Case> {
    let of = |name, method, target: &str, body, shows| {
        let target = target.to_owned();
        Case { name, method, target, body, shows }
    };
    let one = "/api/bulk/syncs/0000000d-0000-4000-8000-000000000001";
    let multi = Some(r#""frequency":"multi""#);
    vec![
        of(
            "plain",
            Method::GET,
            "/api/models/0000000a-0000-4000-8000-000000000001",
            Bytes::new(),
            None,
        ),
        of("get", Method::GET, one, Bytes::new(), multi),
        of("post", Method::POST, "/api/bulk/syncs", legacy, multi),
        of("list", Method::GET, "/api/bulk/syncs", Bytes::new(), multi),
    ]
}

async fn run(exchange: &Exchange<Memory>, case: &Case, count: usize) -> Result<(), String> {
    for _ in 0..count {
        let parts = arrived(case)?;
        match case.shows {
            None => pass(exchange, parts)?,
            Some(text) => translate(exchange, case, parts, text).await?,
        }
    }
    Ok(())
}

/// The request as the server hands it on.
fn arrived(case: &Case) -> Result<Parts, String> {
    let address = ([127, 0, 0, 1], 50_000).into();
    let mut request = Request::builder()
        .method(case.method.clone())
        .uri(&case.target)
        .version(Version::HTTP_11)
        .header("host", "127.0.0.1:8080")
        .header("authorization", "Bearer bench-50")
        .header(VERSION_HEADER, "2024-02-08")
        .header("accept", "application/json")
        .header("user-agent", "polytomic-python/1.18.0");
    if !case.body.is_empty() {
        request = request.header("content-type", "application/json");
    }
    let request = request.extension(Peer { address, tls: false }).body(());
    Ok(request.map_err(|error| error.to_string())?.into_parts().0)
}

/// All that a request costs which no rule is for, but for the two connections.
fn pass(exchange: &Exchange<Memory>, parts: Parts) -> Result<(), String> {
    let path = parts.uri.path();
    check_path(path).map_err(|failure| format!("{failure:?}"))?;
    if !exchange.candidates(&parts.method, path).is_empty() {
        return Err(format!("a rule is for {path}"));
    }
    black_box(passthrough::target(&parts).map_err(|failure| format!("{failure:?}"))?);
    black_box(envelope(parts));
    black_box(incoming_headers(memory::headers(), Version::HTTP_11));
    Ok(())
}

async fn translate(
    exchange: &Exchange<Memory>,
    case: &Case,
    parts: Parts,
    shows: &str,
) -> Result<(), String> {
    let path = parts.uri.path();
    check_path(path).map_err(|failure| format!("{failure:?}"))?;
    let candidates = exchange.candidates(&parts.method, path);
    let target = passthrough::target(&parts).map_err(|failure| format!("{failure:?}"))?;
    let method = parts.method.clone();
    let envelope = envelope(parts);
    let Ok(Choice::Translate(chosen)) = exchange.choose(candidates, &envelope).await else {
        return Err(format!("{}: no rule was chosen", case.name));
    };
    let request = LegacyRequest { method, target, body: case.body.clone(), origins: None };
    let outcome = exchange.translate(chosen, request, &envelope).await;
    let Some(outcome) = outcome.filter(|outcome| outcome.response.status == StatusCode::OK) else {
        return Err(format!("{}: not translated", case.name));
    };
    let pieces = outcome.response.body.into_pieces();
    // Looked for from the start, where the first item has it: the search is no part of the cost.
    let found = pieces.iter().any(|piece| memchr::memmem::find(piece, shows.as_bytes()).is_some());
    black_box(pieces);
    found.then_some(()).ok_or_else(|| format!("{}: the answer has no {shows}", case.name))
}

fn envelope(parts: Parts) -> Envelope {
    let arrival = Arrival::of(&parts);
    let mut headers: HeaderMap = outgoing_headers(parts.headers, &arrival, &[]);
    let version = HeaderValue::from_static(UPSTREAM_VERSION);
    headers.insert(VERSION_HEADER, version);
    Envelope::new(headers, Instant::now() + Duration::from_secs(600))
}
