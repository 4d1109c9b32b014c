//! Clients over TLS.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::*;

/// An authority of its own, and the files of a certificate by it.
pub struct Certified {
    folder: tempfile::TempDir,
    roots: RootCertStore,
}

impl Certified {
    pub fn new() -> Self {
        let certified =
            Self { folder: tempfile::tempdir().unwrap(), roots: RootCertStore::empty() };
        certified.renewed()
    }

    /// Another certificate by another authority, in the same files.
    pub fn renewed(self) -> Self {
        let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority_key = rcgen::KeyPair::generate().unwrap();
        let authority = rcgen::CertifiedIssuer::self_signed(authority, authority_key).unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()])
            .unwrap()
            .signed_by(&key, &authority)
            .unwrap();
        std::fs::write(self.certificate(), certificate.pem()).unwrap();
        std::fs::write(self.key(), key.serialize_pem()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).unwrap();
        Self { roots, ..self }
    }

    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    pub fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    /// Connects by the authority's certificate, offering protocols.
    pub async fn connect(
        &self,
        address: SocketAddr,
        protocols: &[&[u8]],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        let stream = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        soon(TlsConnector::from(Arc::new(config)).connect(name, stream)).await
    }
}

fn path(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn clients_agree_on_a_protocol() {
    let mut upstream = Upstream::start(|_| answer(200, &[], "hello")).await;
    let files = Certified::new();
    let (certificate, key) = (path(&files.certificate()), path(&files.key()));
    let flags = [("tls_cert", certificate.as_str()), ("tls_key", key.as_str())];
    let shim = Shim::translating(&upstream.origin, &flags).await;

    for protocols in [&[][..], &[&b"http/1.1"[..]], &[b"http/1.1", b"other"]] {
        let mut client = files.connect(shim.address, protocols).await.unwrap();
        let request = "GET /api/me HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        client.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        soon(client.read_to_string(&mut text)).await.unwrap();
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("hello"), "{text}");
        assert_eq!(upstream.next().await.headers()["x-forwarded-proto"], "https");
    }

    let client = files.connect(shim.address, &[b"http/1.1", b"h2"]).await.unwrap();
    assert_eq!(client.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(client))
            .await
            .unwrap();
    tokio::spawn(connection);
    let request = Request::get("https://localhost/api/me").body(Full::<Bytes>::default()).unwrap();
    let (status, _, body) = collect(soon(sender.send_request(request)).await.unwrap()).await;
    assert_eq!((status, &body[..]), (200, &b"hello"[..]));
    assert_eq!(upstream.next().await.headers()["x-forwarded-proto"], "https");
}

#[tokio::test]
async fn err_who_does_not_speak_tls_is_left() {
    let upstream = Upstream::start(|_| answer(200, &[], "hello")).await;
    let files = Certified::new();
    let (certificate, key) = (path(&files.certificate()), path(&files.key()));
    let flags = [
        ("tls_cert", certificate.as_str()),
        ("tls_key", key.as_str()),
        ("header_timeout", "300ms"),
    ];
    let shim = Shim::translating(&upstream.origin, &flags).await;
    let text = raw(shim.address, "GET /api/me HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(!text.contains("HTTP/1.1"), "{text}");
    // Silence in the handshake ends like silence in a head.
    assert_eq!(raw(shim.address, "").await, "");
    let stranger = Certified::new();
    assert!(stranger.connect(shim.address, &[]).await.is_err());
    assert!(files.connect(shim.address, &[]).await.is_ok());
}

#[test]
fn err_certificate_and_key_belong_together() {
    let (one, other) = (Certified::new(), Certified::new());
    let (certificate, key) = (path(&one.certificate()), path(&other.key()));
    for (flags, expected) in [
        (vec!["--tls-cert", &certificate], "`tls_cert` is set, and `tls_key` is not"),
        (vec!["--tls-cert", &certificate, "--tls-key", &certificate], "holds no private key"),
        (vec!["--tls-cert", &key, "--tls-key", &key], "holds no certificate"),
        (vec!["--tls-cert", &certificate, "--tls-key", &key], "cannot be served"),
    ] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_polytomic-shim"))
            .args(&flags)
            .args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(expected), "{text}");
        assert!(!text.contains("PRIVATE KEY-----\n"), "{text}");
    }
}
