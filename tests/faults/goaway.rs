//! HTTP/2: an upstream that goes away, or refuses a stream, before or after it has done its work.
//!
//! Between the shim and a server of hyper stands a reader of frames, which lets all of them pass
//! but where a request is to fail.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::client::ask;
use crate::front::{Cell, Front, until};
use crate::judge::{Role, has_key};
use crate::matrix::rows;
use crate::support::{Shim, raw_upstream};

/// What becomes of one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Away {
    /// GOAWAY, the stream still answered.
    AfterThis,
    /// GOAWAY, the stream not looked at.
    BeforeThis,
    /// REFUSED_STREAM, then GOAWAY.
    Refused,
    /// The work is done; then GOAWAY with an error instead of the answer.
    Done,
    /// The same with RST_STREAM before it.
    Reset,
}

/// The one cell that is tried, and which of its requests fails.
#[derive(Default)]
struct Current {
    cell: Mutex<Option<Arc<Cell>>>,
    failing: Mutex<Option<(usize, Away)>>,
    heads: AtomicUsize,
    fired: AtomicBool,
}

const HEADERS: u8 = 1;
const NO_ERROR: u32 = 0;
const INTERNAL_ERROR: u32 = 2;
const REFUSED_STREAM: u32 = 7;

fn goaway(last: u32, code: u32) -> Vec<u8> {
    [&[0, 0, 8, 7, 0, 0, 0, 0, 0][..], &last.to_be_bytes(), &code.to_be_bytes()].concat()
}

fn reset(stream: u32, code: u32) -> Vec<u8> {
    [&[0, 0, 4, 3, 0][..], &stream.to_be_bytes(), &code.to_be_bytes()].concat()
}

/// One whole frame, its type and stream; none at the end.
async fn frame(from: &mut (impl AsyncRead + Unpin)) -> Option<(Vec<u8>, u8, u32)> {
    let mut frame = vec![0; 9];
    from.read_exact(&mut frame).await.ok()?;
    let length = u32::from_be_bytes([0, frame[0], frame[1], frame[2]]);
    let stream = u32::from_be_bytes([frame[5], frame[6], frame[7], frame[8]]) & 0x7fff_ffff;
    frame.resize(9 + usize::try_from(length).unwrap(), 0);
    from.read_exact(&mut frame[9..]).await.ok()?;
    let kind = frame[3];
    Some((frame, kind, stream))
}

/// The frames of one direction, read by a task of their own: half a frame must not get lost when
/// the other direction is faster.
fn frames(mut from: impl AsyncRead + Unpin + Send + 'static) -> mpsc::Receiver<(Vec<u8>, u8, u32)> {
    let (sender, receiver) = mpsc::channel(64);
    tokio::spawn(async move {
        while let Some(frame) = frame(&mut from).await {
            if sender.send(frame).await.is_err() {
                return;
            }
        }
    });
    receiver
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, current: Arc<Current>) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let (mut from_shim, mut to_shim) = tokio::io::split(stream);
    let (near, far) = tokio::io::duplex(1 << 20);
    let (from_server, mut to_server) = tokio::io::split(near);
    let mut of_server = frames(from_server);
    let shared = current.clone();
    let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
        let cell = shared.cell.lock().unwrap().clone().unwrap();
        async move { Ok::<_, Infallible>(cell.serve(request.map(Body::new)).await) }
    });
    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(far), service);
    tokio::spawn(server);
    let mut preface = [0; 24];
    if from_shim.read_exact(&mut preface).await.is_err() {
        return;
    }
    to_server.write_all(&preface).await.unwrap();
    let mut of_shim = frames(from_shim);
    loop {
        tokio::select! {
            frame = of_server.recv() => {
                let Some((bytes, ..)) = frame else { return };
                if to_shim.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            frame = of_shim.recv() => {
                let Some((bytes, kind, stream)) = frame else { return };
                let place = match kind {
                    HEADERS => Some(current.heads.fetch_add(1, Ordering::SeqCst)),
                    _ => None,
                };
                let failing = current.failing.lock().unwrap().filter(|(at, _)| place == Some(*at));
                let Some((_, away)) = failing else {
                    let _ = to_server.write_all(&bytes).await;
                    continue;
                };
                *current.failing.lock().unwrap() = None;
                current.fired.store(true, Ordering::SeqCst);
                match away {
                    Away::AfterThis => {
                        let _ = to_shim.write_all(&goaway(stream, NO_ERROR)).await;
                        let _ = to_server.write_all(&bytes).await;
                    }
                    Away::BeforeThis => {
                        let _ = to_shim.write_all(&goaway(stream.saturating_sub(2), NO_ERROR)).await;
                        let _ = to_shim.shutdown().await;
                        return;
                    }
                    Away::Refused => {
                        // The server has not seen this head, so it could read no later one.
                        let _ = to_shim.write_all(&reset(stream, REFUSED_STREAM)).await;
                        let _ = to_shim.write_all(&goaway(stream, NO_ERROR)).await;
                        let _ = to_shim.shutdown().await;
                        return;
                    }
                    Away::Done | Away::Reset => {
                        let cell = current.cell.lock().unwrap().clone().unwrap();
                        let before = cell.calls().len();
                        let _ = to_server.write_all(&bytes).await;
                        // A request with a body is done once that has come as well.
                        while cell.calls().len() == before {
                            tokio::select! {
                                Some((bytes, ..)) = of_shim.recv() => {
                                    let _ = to_server.write_all(&bytes).await;
                                }
                                () = tokio::time::sleep(std::time::Duration::from_millis(5)) => {}
                            }
                        }
                        // The shim does not see this answer's head, so it could read no later one.
                        if away == Away::Reset {
                            let _ = to_shim.write_all(&reset(stream, INTERNAL_ERROR)).await;
                        }
                        let _ = to_shim.write_all(&goaway(stream, INTERNAL_ERROR)).await;
                        let _ = to_shim.shutdown().await;
                        return;
                    }
                }
            }
        }
    }
}

/// TLS for `localhost` by an authority of its own, whose certificate is in the file.
fn tls() -> (TlsAcceptor, tempfile::NamedTempFile) {
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority =
        rcgen::CertifiedIssuer::self_signed(authority, rcgen::KeyPair::generate().unwrap())
            .unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()])
        .unwrap()
        .signed_by(&key, &authority)
        .unwrap();
    let pem = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(pem.path(), authority.pem()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    (TlsAcceptor::from(Arc::new(config)), pem)
}

impl Cell {
    /// The emulator's answer to a request that is whole.
    async fn serve(&self, request: http::Request<Body>) -> http::Response<Body> {
        let (mut parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let key = format!("Bearer {}", self.key);
        parts.headers.insert("authorization", key.parse().unwrap());
        let call = format!("{} {}", parts.method, parts.uri.path_and_query().unwrap());
        let idempotency_key = parts.headers.get("idempotency-key").cloned();
        let request = http::Request::from_parts(parts, Body::from(body));
        let response = self.emulator.router().oneshot(request).await.unwrap();
        let key = idempotency_key.map(|key| key.to_str().unwrap().to_owned());
        self.saw(call, key, response.status().as_u16());
        response
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstream_that_goes_away_loses_no_read_and_doubles_no_write() {
    let healthy = Front::start(None).await;
    let shim = Shim::with_webhook(&healthy.origin, &[]).await;
    let rows = rows(&healthy, &shim).await;
    let names = [
        "users/update",
        "bulk_sync/create",
        "model_sync/executions/update",
        "query_runner/get_query",
    ];
    let rows: Vec<_> = rows.into_iter().filter(|row| names.contains(&row.asked.name)).collect();
    assert_eq!(rows.len(), names.len());

    let (acceptor, pem) = tls();
    let current = Arc::new(Current::default());
    let shared = current.clone();
    let (origin, _) =
        raw_upstream(move |stream| serve(stream, acceptor.clone(), shared.clone())).await;
    let origin = origin.replace("http://127.0.0.1", "https://localhost");
    let authority = pem.path().to_str().unwrap();
    let shim = Shim::with_webhook(&origin, &[("upstream_ca", authority)]).await;
    let mut number = 0;
    for row in &rows {
        for point in &row.points {
            for away in [Away::AfterThis, Away::BeforeThis, Away::Refused, Away::Done, Away::Reset]
            {
                number += 1;
                let what = format!("{} · {} · {away:?}", row.asked.name, point.call);
                let cell = Arc::new(Cell::new(row.asked.key, row.asked.writes_as));
                *current.cell.lock().unwrap() = Some(cell.clone());
                *current.failing.lock().unwrap() = Some((point.place, away));
                current.heads.store(0, Ordering::SeqCst);
                current.fired.store(false, Ordering::SeqCst);
                let got = ask(shim.address, &row.asked, number).await.unwrap();
                assert!(current.fired.load(Ordering::SeqCst), "{what}");
                let calls = cell.calls();
                let writes: Vec<_> = calls.iter().filter(|call| call.is_write()).collect();
                let repeatable = point.role != Role::Write || has_key(&row.rule);
                let most = if point.role == Role::Write && has_key(&row.rule) { 2 } else { 1 };
                assert!(writes.len() <= most, "{what}: {calls:?}");
                let accepted = writes.iter().any(|call| call.accepted());
                let uncertain = got.body.contains("may have been accepted")
                    && got.key().as_deref() == Some("shim.upstream_cut");
                if repeatable || away == Away::AfterThis {
                    assert_eq!(got.status, row.healthy.status, "{what}: {}", got.body);
                    assert_eq!(got.body, row.healthy.body, "{what}");
                } else if got.status >= 300 {
                    assert!(uncertain, "{what}: {} {}", got.status, got.body);
                } else {
                    assert!(accepted, "{what}: {}", got.body);
                }
            }
        }
    }
    println!("HTTP/2: {number} cells");
    assert_eq!(crate::matrix::in_flight(&shim).await, "0");
    until("nothing waits", || healthy.open().1 == 0).await;
}
