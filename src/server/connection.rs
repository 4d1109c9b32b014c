//! One client connection: HTTP/1.1, or HTTP/2 with prior knowledge.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::Handler;
use crate::passthrough::Peer;

/// Longest time from connecting, or from the last answer, to the end of a request's head. Also
/// what ends idle connections, so it is above the idle times of common clients.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);

/// How often an HTTP/2 client with nothing to say is asked for a sign of life.
const PING: Duration = Duration::from_secs(30);

/// Requests that one HTTP/2 connection may have under way.
const STREAMS: u32 = 256;

/// Largest head that an HTTP/2 client may send, in bytes.
const HEADER_LIST: u32 = 64 << 10;

/// Serves one connection to its end. After the first message on `told`, the client is told to go
/// away, and requests under way are finished.
pub(super) async fn serve<H: Handler>(
    stream: TcpStream,
    address: SocketAddr,
    handler: Arc<H>,
    mut told: watch::Receiver<()>,
) {
    // Small answers must not wait for the client's acknowledgement of earlier ones.
    let _ = stream.set_nodelay(true);
    let peer = Peer { address, tls: false };
    let spoke = Arc::new(AtomicBool::new(false));
    let service = service_fn({
        let spoke = spoke.clone();
        move |mut request: Request<Incoming>| {
            spoke.store(true, Ordering::Relaxed);
            request.extensions_mut().insert(peer);
            let handler = handler.clone();
            async move { Ok::<_, Infallible>(handler.handle(request).await) }
        }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADER_LIST);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    // The builder waits without limit for the bytes that tell HTTP/1.1 from HTTP/2.
    let mut silence = std::pin::pin!(tokio::time::sleep(HEAD_TIMEOUT));
    let (mut listening, mut staying) = (true, true);
    loop {
        tokio::select! {
            result = connection.as_mut() => {
                if let Err(error) = result {
                    tracing::debug!(%error, peer = %address, "a connection broke");
                }
                return;
            }
            _ = told.changed(), if staying => {
                staying = false;
                connection.as_mut().graceful_shutdown();
            }
            () = silence.as_mut(), if listening => {
                listening = false;
                if !spoke.load(Ordering::Relaxed) {
                    return;
                }
            }
        }
    }
}
