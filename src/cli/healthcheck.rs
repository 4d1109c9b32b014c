//! `polytomic-shim healthcheck`: asks a running shim whether it is ready, or whether it lives.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long the whole question may take: below the 30 s after which container runtimes give up.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Asks `GET /readyz` of the admin listener, or `GET /healthz` if only `live` is of interest; the
/// error is a sentence for people.
pub async fn run(admin: SocketAddr, live: bool) -> Result<(), String> {
    let address = reachable(admin);
    let (path, what) = if live { ("/healthz", "not alive") } else { ("/readyz", "not ready") };
    let status = tokio::time::timeout(TIMEOUT, ask(address, path))
        .await
        .map_err(|_| format!("{address} did not answer within {TIMEOUT:?}"))?
        .map_err(|error| format!("{address} cannot be asked: {error}"))?;
    if status == StatusCode::OK { Ok(()) } else { Err(format!("{what}: {address} says {status}")) }
}

async fn ask(address: SocketAddr, path: &str) -> std::io::Result<StatusCode> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    // The status line starts `HTTP/1.1 200`; nothing after it matters.
    let mut start = [0; 12];
    stream.read_exact(&mut start).await?;
    StatusCode::from_bytes(&start[9..]).map_err(|_| std::io::Error::other("the answer is not HTTP"))
}

/// A listener on all interfaces is asked on the loopback one.
fn reachable(admin: SocketAddr) -> SocketAddr {
    let ip = match admin.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, admin.port())
}
