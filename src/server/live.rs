//! What is in force, and may change while the process runs: settings and certificates.

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption, Guard};
use rustls::ServerConfig;

use super::tls::{self, TlsError};
use crate::settings::Settings;

/// Settings and certificates in force. Reading takes no lock.
#[derive(Debug)]
pub struct Live {
    settings: ArcSwap<Settings>,
    tls: ArcSwapOption<ServerConfig>,
}

/// Settings and certificates that were found good, to be put in force by [`Live::replace`].
#[derive(Debug)]
pub struct Prepared {
    /// The settings.
    pub settings: Settings,
    tls: Option<Arc<ServerConfig>>,
}

impl Prepared {
    /// Reads the certificates that `settings` name.
    ///
    /// # Errors
    /// The files cannot be read, or do not belong together.
    pub fn new(settings: Settings) -> Result<Self, TlsError> {
        let tls = tls::config(&settings)?;
        Ok(Self { settings, tls })
    }
}

impl Live {
    /// Starts with `settings`.
    ///
    /// # Errors
    /// The certificates that they name cannot be used.
    pub fn new(settings: Settings) -> Result<Self, TlsError> {
        let Prepared { settings, tls } = Prepared::new(settings)?;
        Ok(Self { settings: ArcSwap::from_pointee(settings), tls: ArcSwapOption::new(tls) })
    }

    /// The settings as they are now, for a moment: keep [`Self::settings`] across an await.
    pub fn now(&self) -> Guard<Arc<Settings>> {
        self.settings.load()
    }

    /// The settings as they are now.
    pub fn settings(&self) -> Arc<Settings> {
        self.settings.load_full()
    }

    /// How TLS is served as of now; none where clients are served without.
    pub fn tls(&self) -> Option<Arc<ServerConfig>> {
        self.tls.load_full()
    }

    /// Puts other settings and certificates in force, for connections from now on.
    pub fn replace(&self, prepared: Prepared) {
        self.tls.store(prepared.tls);
        self.settings.store(Arc::new(prepared.settings));
    }
}
