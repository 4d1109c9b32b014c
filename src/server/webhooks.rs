//! The listener for webhook deliveries alone, where there is one.

use std::net::SocketAddr;
use std::sync::Arc;

use http::Response;
use tokio::net::{TcpListener, TcpStream};

use super::{Handler, Incoming, answer};
use crate::failure::{Failure, Key};
use crate::passthrough::Body;
use crate::webhook::may_be_delivery;

/// Stands in the extensions of a request that came by the listener for deliveries.
#[derive(Debug, Clone, Copy)]
pub struct WebhookListener;

/// The stack of all requests, for this listener: whoever may reach it reaches nothing else.
pub(super) struct ForDeliveries<H>(pub(super) Arc<H>);

impl<H: Handler> Handler for ForDeliveries<H> {
    async fn handle(&self, mut request: Incoming) -> Response<Body> {
        if !may_be_delivery(&request) {
            let message = "Only webhook deliveries are taken here, POSTed to /webhooks/NAME.";
            return answer(&Failure::new(Key::NotFound, message));
        }
        request.extensions_mut().insert(WebhookListener);
        self.0.handle(request).await
    }
}

/// By which listener a connection came.
pub(super) enum Entrance {
    /// The one for clients.
    Clients,
    /// The one for deliveries alone.
    Deliveries,
}

/// The next connection, of clients or by the listener for deliveries, if there is one.
pub(super) async fn accept(
    clients: &TcpListener,
    deliveries: Option<&TcpListener>,
) -> std::io::Result<(Entrance, TcpStream, SocketAddr)> {
    let deliver = async {
        match deliveries {
            Some(listener) => listener.accept().await,
            None => std::future::pending().await,
        }
    };
    let (entrance, accepted) = tokio::select! {
        accepted = clients.accept() => (Entrance::Clients, accepted),
        accepted = deliver => (Entrance::Deliveries, accepted),
    };
    accepted.map(|(stream, peer)| (entrance, stream, peer))
}
