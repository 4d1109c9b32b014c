//! The listener for clients: connections, the stack of layers around the handler, and the drain.

mod ahead;
mod connection;
mod gate;
mod layers;
mod live;
mod shed;
mod signals;
mod talk;
mod tls;
mod watched;
mod webhooks;
mod workers;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

pub use gate::{Gate, Pass};
pub use layers::{InFlight, LastCall, RequestId};
pub use live::{Live, Prepared};
pub(crate) use shed::COME_AGAIN;
pub use signals::{hangup_signals, stop_signals};
pub use tls::TlsError;
pub(crate) use watched::Busy;
pub use webhooks::WebhookListener;

use self::connection::Client;
use self::shed::Shedder;
use self::webhooks::{Entrance, ForDeliveries};
use self::workers::Workers;
use crate::admin::{self, Status};
use crate::failure::Failure;
use crate::passthrough::{Body, respond};
use crate::reply::reply;
use crate::settings::Settings;
use crate::telemetry::{ALWAYS, Account};
use crate::upstream::Roots;

/// How long answers may take to go out after the time to drain.
const LAST_CALL: Duration = Duration::from_millis(500);

/// A request whose body still comes. In a box: a dozen layers hand it on, and each would hold it twice
/// in its future.
pub type Incoming = Box<Request<hyper::body::Incoming>>;

/// Answers requests. There is no error: what goes wrong becomes an answer, by [`answer`].
///
/// Dropping the future is how a handler learns that its client has left.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request; its extensions hold a [`crate::passthrough::Peer`] and a [`RequestId`].
    fn handle(&self, request: Incoming) -> impl Future<Output = Response<Body>> + Send;
}

impl<H: Handler> Handler for Arc<H> {
    async fn handle(&self, request: Incoming) -> Response<Body> {
        H::handle(self, request).await
    }
}

/// All listeners, bound and not yet accepting.
pub struct Listeners {
    proxy: TcpListener,
    admin: TcpListener,
    webhooks: Option<TcpListener>,
}

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} (`{setting}`): {source}")]
pub struct BindError {
    setting: &'static str,
    address: SocketAddr,
    source: std::io::Error,
}

impl Listeners {
    /// Binds the addresses `listen`, `admin`, and `webhook_listen` if there is one.
    pub async fn bind(settings: &Settings) -> Result<Self, BindError> {
        let bind = async |setting, address| {
            let listener = TcpListener::bind(address).await;
            listener.map_err(|source| BindError { setting, address, source })
        };
        let proxy = bind("listen", settings.listen).await?;
        let webhooks = match settings.webhook_listen {
            Some(address) => Some(bind("webhook_listen", address).await?),
            None => None,
        };
        Ok(Self { proxy, admin: bind("admin", settings.admin).await?, webhooks })
    }

    /// Where clients connect, and where the admin listener is: the ports are the real ones, also
    /// where the settings say 0.
    pub fn addresses(&self) -> std::io::Result<(SocketAddr, SocketAddr)> {
        Ok((self.proxy.local_addr()?, self.admin.local_addr()?))
    }

    /// Where webhook deliveries have a listener of their own.
    pub fn webhook_address(&self) -> Option<SocketAddr> {
        self.webhooks.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// Writes the first log line, which tells both addresses, whatever the log level.
    pub fn announce(&self, settings: &Settings, roots: Roots) {
        let Ok((listen, admin)) = self.addresses() else { return };
        let (upstream, version) = (&settings.upstream, env!("CARGO_PKG_VERSION"));
        let tls = settings.tls_cert.is_some();
        if let Some(webhooks) = self.webhook_address() {
            tracing::info!(target: ALWAYS, %listen, %admin, %webhooks, tls, %upstream, ?roots, version, "listening");
            return;
        }
        tracing::info!(target: ALWAYS, %listen, %admin, tls, %upstream, ?roots, version, "listening");
    }
}

/// How serving came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Every request that was under way got its whole answer.
    Drained,
    /// The time to drain was over, and requests were cut.
    TimedOut,
    /// A second signal came, and requests were cut.
    Interrupted,
}

/// Serves all listeners until the first message on `stop`, then lets requests that are under way
/// finish, for as long as `drain` says or until the next message. Nothing that it has started
/// outlives it.
pub async fn serve<H: Handler>(
    live: Arc<Live>,
    listeners: Listeners,
    handler: H,
    status: Status,
    mut stop: mpsc::Receiver<()>,
) -> Ending {
    let mut admin = JoinSet::new();
    admin.spawn(admin::serve(listeners.admin, status.clone()));
    let Status { readiness, metrics, .. } = status;
    let last_call = LastCall::default();
    let stack = layers::stack(handler, &live, &metrics, last_call.clone());
    let stack = Arc::new(stack);
    let for_deliveries = Arc::new(ForDeliveries(stack.clone()));
    let (going_away, told) = watch::channel(());
    let workers = match Workers::start(live.now().threads) {
        Ok(workers) => workers,
        Err(error) => {
            tracing::error!(%error, "no thread can be started");
            return Ending::Interrupted;
        }
    };
    let mut connections = JoinSet::new();
    let shedder = Shedder::default();
    loop {
        tokio::select! {
            accepted = webhooks::accept(&listeners.proxy, listeners.webhooks.as_ref()) => match accepted {
                Ok((_, stream, _)) if connections.len() >= live.now().max_connections => {
                    shedder.shed(stream, &metrics, live.tls().is_none());
                }
                Ok((entrance, stream, peer)) => {
                    // The thread that serves it waits for it with means of its own.
                    let Ok(stream) = stream.into_std() else { continue };
                    let (settings, tls) = (live.settings(), live.tls());
                    let client = Client { stream, peer, settings, tls };
                    let (metrics, told) = (metrics.clone(), told.clone());
                    match entrance {
                        Entrance::Clients => workers
                            .spawn(&mut connections, client.serve(stack.clone(), metrics, told)),
                        Entrance::Deliveries => workers.spawn(
                            &mut connections,
                            client.serve(for_deliveries.clone(), metrics, told),
                        ),
                    }
                }
                Err(error) => refused(&error).await,
            },
            Some(_) = connections.join_next() => {}
            _ = stop.recv() => break,
        }
    }
    drop((listeners.proxy, listeners.webhooks));
    readiness.drain();
    tracing::info!(requests = metrics.in_flight().get(), "draining");
    let _ = going_away.send(());
    let ending = tokio::select! {
        () = finished(&mut connections) => Ending::Drained,
        () = tokio::time::sleep(live.now().drain) => Ending::TimedOut,
        Some(()) = stop.recv() => Ending::Interrupted,
    };
    let requests = metrics.in_flight().get();
    if ending == Ending::TimedOut {
        last_call.announce();
        // What is left are answers that go out within moments, and bodies that do not end.
        let _ = tokio::time::timeout(LAST_CALL, finished(&mut connections)).await;
    }
    match ending {
        Ending::Drained => tracing::info!("drained"),
        _ => tracing::warn!(requests, ?ending, "requests were cut"),
    }
    ending
}

/// Waits until every connection has ended.
async fn finished(connections: &mut JoinSet<()>) {
    while connections.join_next().await.is_some() {}
}

/// The answer for a failure, after logging what only operators should know.
pub fn answer(failure: &Failure) -> Response<Body> {
    failure.log();
    let mut response = respond(reply(failure));
    response.body_mut().set_account(Account::of_error(failure.key));
    response
}

/// An accept that failed: a client that left again is none of our business; out of file
/// descriptors, accepting again at once would only burn time.
async fn refused(error: &std::io::Error) {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    if matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) {
        return;
    }
    tracing::error!(%error, "a connection cannot be accepted");
    tokio::time::sleep(Duration::from_millis(100)).await;
}
