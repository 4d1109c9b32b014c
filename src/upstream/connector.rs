//! TCP and TLS to upstream.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tower::Service;

use super::StartError;
use crate::passthrough::BoxError;
use crate::settings::Settings;

/// Which certificate authorities are trusted, besides those of `upstream_ca`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Roots {
    /// Upstream is plain HTTP: none are needed, and none were loaded.
    Unneeded,
    /// Those of the platform.
    Platform,
    /// Mozilla's, from within the program, as the platform has none.
    Bundled,
}

/// A connector that gives up after `connect_timeout`, name look-up and TLS included.
#[derive(Clone)]
pub(super) struct Connector {
    inner: HttpsConnector<HttpConnector>,
    timeout: Duration,
}

/// The connector for the configured upstream.
pub(super) fn connector(settings: &Settings) -> Result<(Connector, Roots), StartError> {
    let mut http = HttpConnector::new();
    // The TLS connector around it gets https addresses through.
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_keepalive(Some(Duration::from_secs(60)));
    let (certificates, roots) = certificates(settings)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(certificates)
        .with_no_client_auth();
    let inner = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_all_versions()
        .wrap_connector(http);
    Ok((Connector { inner, timeout: settings.connect_timeout }, roots))
}

fn certificates(settings: &Settings) -> Result<(RootCertStore, Roots), StartError> {
    let mut store = RootCertStore::empty();
    // Loading the platform's takes milliseconds that a start without TLS need not spend.
    if !settings.upstream.is_tls() {
        return Ok((store, Roots::Unneeded));
    }
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let roots = if store.is_empty() { Roots::Bundled } else { Roots::Platform };
    if roots == Roots::Bundled {
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let Some(path) = &settings.upstream_ca else { return Ok((store, roots)) };
    let wrong =
        |reason: String| StartError::Certificates { path: path.display().to_string(), reason };
    let file = CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?;
    for certificate in file {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        store.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    Ok((store, roots))
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, address: Uri) -> Self::Future {
        let connecting = tokio::time::timeout(self.timeout, self.inner.call(address));
        let timeout = self.timeout;
        Box::pin(async move {
            connecting.await.map_err(|_| BoxError::from(format!("not within {timeout:?}")))?
        })
    }
}
