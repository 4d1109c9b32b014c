//! The settings in force: what is read from here may change while the process runs.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use crate::settings::Settings;

/// The settings in force. Reading takes no lock.
#[derive(Debug)]
pub struct Live {
    settings: ArcSwap<Settings>,
}

impl Live {
    /// Starts with `settings`.
    pub fn new(settings: Settings) -> Self {
        Self { settings: ArcSwap::from_pointee(settings) }
    }

    /// The settings as they are now, for a moment: keep [`Self::settings`] across an await.
    pub fn now(&self) -> Guard<Arc<Settings>> {
        self.settings.load()
    }

    /// The settings as they are now.
    pub fn settings(&self) -> Arc<Settings> {
        self.settings.load_full()
    }
}
