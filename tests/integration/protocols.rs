//! HTTP/2 on either side, and TLS towards upstream.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use crate::support::*;

#[tokio::test]
async fn clients_may_speak_http_2_without_tls() {
    let mut upstream = Upstream::start(|_| answer(200, &[("x-answer", "1")], "hello")).await;
    let shim = Shim::start(&upstream.origin, &[]).await;
    let mut client = http2(shim.address).await;
    let request = Request::put("http://elsewhere.example.com/api/x?y=1")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .body(Full::new(Bytes::from("body")))
        .unwrap();
    let (status, headers, body) = collect(soon(client.send_request(request)).await.unwrap()).await;
    assert_eq!((status, &body[..]), (200, &b"hello"[..]));
    assert_eq!(headers["x-answer"], "1");
    let seen = upstream.next().await;
    assert_eq!(seen.version(), Version::HTTP_11);
    assert_eq!(seen.uri(), "/api/x?y=1");
    assert_eq!(seen.headers()["host"], upstream.origin.trim_start_matches("http://"));
    assert_eq!(seen.headers()["x-forwarded-host"], "elsewhere.example.com");
    assert_eq!(seen.headers()["via"], "2 polytomic-shim");
    assert_eq!(seen.headers()["cookie"], "a=1; b=2");
    assert_eq!(seen.body(), "body");
}

#[tokio::test]
async fn http_1_0_clients_are_answered() {
    let upstream = Upstream::start(|_| answer(200, &[], "hello")).await;
    let shim = Shim::start(&upstream.origin, &[]).await;
    let text = raw(shim.address, "GET / HTTP/1.0\r\n\r\n").await;
    assert!(text.starts_with("HTTP/1.0 200 OK\r\n") && text.ends_with("hello"), "{text}");
}

/// An upstream behind TLS with a certificate of an authority of its own; gives its origin, the
/// authority's certificate in a PEM file, and what arrives.
async fn tls_upstream(
    protocols: &'static [&'static [u8]],
) -> (String, tempfile::NamedTempFile, mpsc::UnboundedReceiver<Seen>) {
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let authority = rcgen::CertifiedIssuer::self_signed(authority, authority_key).unwrap();
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
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (sender, seen) = mpsc::unbounded_channel();
    let (origin, _) = raw_upstream(move |stream: TcpStream| {
        let (acceptor, sender) = (acceptor.clone(), sender.clone());
        async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            serve(TokioIo::new(stream), |_| answer(200, &[], "hello"), sender).await;
        }
    })
    .await;
    (origin.replace("http://127.0.0.1", "https://localhost"), pem, seen)
}

#[tokio::test]
async fn upstream_is_spoken_to_over_tls_in_the_newest_protocol_that_it_knows() {
    let one: &[&[u8]] = &[b"http/1.1"];
    let two: &[&[u8]] = &[b"h2", b"http/1.1"];
    for (protocols, version) in [(one, Version::HTTP_11), (two, Version::HTTP_2)] {
        let (origin, pem, mut seen) = tls_upstream(protocols).await;
        let flags = [("upstream_ca", pem.path().to_str().unwrap())];
        let shim = Shim::start(&origin, &flags).await;
        let request =
            "POST /api/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody";
        let text = raw(shim.address, request).await;
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("hello"), "{text}");
        let seen = soon(seen.recv()).await.unwrap();
        assert_eq!(seen.version(), version);
        let authority = origin.trim_start_matches("https://");
        let host = seen.headers().get("host").map(|host| host.to_str().unwrap());
        assert_eq!(
            seen.uri().authority().map(http::uri::Authority::as_str).or(host),
            Some(authority)
        );
        assert_eq!(seen.body(), "body");

        // A client that speaks HTTP/2 itself gets the same.
        let mut client = http2(shim.address).await;
        let request = Request::get("http://shim/api/y").body(Full::default()).unwrap();
        let response = soon(client.send_request(request)).await.unwrap();
        assert_eq!(collect(response).await.2, "hello");
    }
}

#[tokio::test]
async fn err_an_unknown_authority_is_not_trusted() {
    let (origin, _, _) = tls_upstream(&[b"http/1.1"]).await;
    let shim = Shim::start(&origin, &[]).await;
    let text = raw(shim.address, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(text.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{text}");
    assert!(text.contains("shim.upstream_unreachable"), "{text}");
}
