//! The certificate that clients are shown.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::settings::Settings;

/// Why TLS cannot be served with the files that the settings name. Holds nothing of the key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file has changed since the settings were checked.
    #[error("the file `{file}` (`{setting}`) cannot be used: {reason}")]
    File {
        /// The setting.
        setting: &'static str,
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Certificate and key are each good, and not of each other, or of a kind that is not served.
    #[error("`tls_cert` and `tls_key` cannot be served: {0}")]
    Pair(#[from] rustls::Error),
}

/// The configuration of the listener by `tls_cert` and `tls_key`; none where it is plain.
///
/// # Errors
/// The files cannot be read, or do not belong together.
pub(super) fn config(settings: &Settings) -> Result<Option<Arc<ServerConfig>>, TlsError> {
    let (Some(certificate), Some(key)) = (&settings.tls_cert, &settings.tls_key) else {
        return Ok(None);
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| wrong("tls_cert", certificate, &error));
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong("tls_key", key, &error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain?, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Some(Arc::new(config)))
}

fn wrong(setting: &'static str, file: &Path, error: &rustls::pki_types::pem::Error) -> TlsError {
    TlsError::File { setting, file: file.display().to_string(), reason: error.to_string() }
}
