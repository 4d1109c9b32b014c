//! Turning connections away when there are too many.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::gate::Gate;
use crate::failure::{Failure, Key};
use crate::reply::reply;
use crate::telemetry::{Limit, Metrics};

/// When those who were turned away should come again.
pub(crate) const COME_AGAIN: Duration = Duration::from_secs(1);

/// How many connections are told at once why they are closed; further ones are just closed.
const MOST_TOLD: usize = 64;
/// How long telling may take.
const TELLING: Duration = Duration::from_secs(1);

/// Turns connections away.
#[derive(Debug, Default)]
pub(super) struct Shedder(Gate);

impl Shedder {
    /// Answers 503 without waiting for a request, and closes. A client of TLS or HTTP/2 sees only
    /// the close: there is no cheap way to tell it.
    pub(super) fn shed(&self, stream: TcpStream, metrics: &Metrics, is_plain: bool) {
        metrics.shed(Limit::Connections);
        metrics.error(Key::TooManyConnections);
        let key = Key::TooManyConnections.text();
        tracing::warn!(key, "a connection was turned away (`max_connections`)");
        let Some(pass) = self.0.enter(MOST_TOLD).filter(|_| is_plain) else { return };
        tokio::spawn(async move {
            let _ = tokio::time::timeout(TELLING, tell(stream)).await;
            drop(pass);
        });
    }
}

async fn tell(mut stream: TcpStream) -> std::io::Result<()> {
    stream.write_all(text().as_bytes()).await?;
    stream.shutdown().await?;
    // Closing with unread bytes would reset the connection, and the answer with it.
    let mut unread = [0; 1024];
    while stream.read(&mut unread).await? > 0 {}
    Ok(())
}

fn text() -> String {
    let failure = Failure::new(
        Key::TooManyConnections,
        "The shim has as many connections as it may; try again soon.",
    );
    let answer = reply(&failure.retry_after(COME_AGAIN));
    let pieces = answer.body.into_pieces();
    let body: Vec<u8> = pieces.iter().flat_map(|piece| piece.iter().copied()).collect();
    let mut text = String::from("HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n");
    for (name, value) in &answer.headers {
        text.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap_or_default()));
    }
    let length = body.len();
    text.push_str(&format!("content-length: {length}\r\n\r\n{}", String::from_utf8_lossy(&body)));
    text
}
