//! Traffic for the demo: a few pretend clients, each with a key, an SDK and a version of the API,
//! over real connections. They only read.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, USER_AGENT};
use http::{Request, Uri};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::emulator::seed::MULTI_BULK_SYNC;
use crate::message::{LEGACY_VERSION, UPSTREAM_VERSION, VERSION_HEADER};

/// The pause between two requests: gentle, also on a laptop.
const PAUSE: Duration = Duration::from_millis(250);
/// After so many, about four hours, it ends.
const MOST: u64 = 60_000;

/// One pretend client.
struct Pretend {
    key: &'static str,
    sdk: Option<(&'static str, &'static str, &'static str)>,
    agent: &'static str,
    /// Of ten requests, how many ask for 2025-09-18.
    migrated: u64,
    paths: &'static [&'static str],
}

const CLIENTS: [Pretend; 5] = [
    Pretend {
        key: "demo-a-user",
        sdk: Some(("polytomic", "1.18.0", "Python")),
        agent: "polytomic/1.18.0 (airflow; nightly sync report)",
        migrated: 0,
        paths: &["/api/syncs", "/api/bulk/syncs", "/api/bulk/syncs/{bulk}", "/api/organizations"],
    },
    Pretend {
        key: "demo-b-organization",
        sdk: Some(("github.com/polytomic/polytomic-go", "v1.16.1", "Go")),
        agent: "terraform-provider-polytomic/1.2.0",
        migrated: 0,
        paths: &["/api/connections", "/api/bulk/syncs", "/api/organizations", "/api/me"],
    },
    Pretend {
        key: "demo-a-organization",
        sdk: Some(("polytomic", "1.18.1", "JavaScript")),
        agent: "polytomic/1.18.1 (node; customer portal)",
        migrated: 7,
        paths: &["/api/bulk/syncs/{bulk}", "/api/me", "/api/connections"],
    },
    Pretend {
        key: "demo-partner",
        sdk: None,
        agent: "curl/8.5.0",
        migrated: 0,
        paths: &["/api/organizations", "/api/bulk/sync"],
    },
    Pretend {
        key: "demo-b-user",
        sdk: Some(("polytomic", "25.9.10", "Python")),
        agent: "polytomic/25.9.10 (billing export)",
        migrated: 10,
        paths: &["/api/me", "/api/syncs", "/api/connections"],
    },
];

/// Sends requests to a shim for as long as this is polled, up to a bound.
pub async fn generate(shim: SocketAddr) {
    // A shim that listens everywhere is asked on loopback.
    let host =
        if shim.ip().is_unspecified() { "127.0.0.1".to_owned() } else { shim.ip().to_string() };
    let shim = if host.contains(':') {
        format!("[{host}]:{}", shim.port())
    } else {
        format!("{host}:{}", shim.port())
    };
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let mut rounds = [0_u64; CLIENTS.len()];
    for number in 0..MOST {
        // Some call more than others: a pattern that repeats only after a while.
        let place = usize::try_from((number * number + number / 3) % CLIENTS.len() as u64)
            .unwrap_or_default();
        if let (Some(pretend), Some(round)) = (CLIENTS.get(place), rounds.get_mut(place)) {
            send(&client, &shim, pretend, *round).await;
            *round += 1;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn send(
    client: &Client<HttpConnector, Empty<Bytes>>,
    shim: &str,
    pretend: &Pretend,
    round: u64,
) {
    let count = pretend.paths.len() as u64;
    let place = usize::try_from(round % count).unwrap_or_default();
    let path = pretend.paths.get(place).copied().unwrap_or("/api/me");
    let path = path.replace("{bulk}", MULTI_BULK_SYNC);
    let version = match (round * 7) % 10 < pretend.migrated {
        true => UPSTREAM_VERSION,
        false => LEGACY_VERSION,
    };
    let Ok(uri) = format!("http://{shim}{path}").parse::<Uri>() else { return };
    let mut request = Request::get(uri)
        .header(AUTHORIZATION, format!("Bearer {}", pretend.key))
        .header(VERSION_HEADER, version)
        .header(USER_AGENT, pretend.agent);
    if let Some((name, version, language)) = pretend.sdk {
        request = request
            .header("X-Fern-SDK-Name", name)
            .header("X-Fern-SDK-Version", version)
            .header("X-Fern-Language", language);
    }
    let Ok(request) = request.body(Empty::new()) else { return };
    // An answer is read whole, so that its connection can be used again; whatever it says is fine.
    if let Ok(answer) = client.request(request).await {
        let _ = answer.into_body().collect().await;
    }
}
