//! What an exchange may use, as the settings say.

use std::time::Duration;

use super::Ceilings;
use crate::rules::CallerKind;
use crate::settings::{self, Settings};

/// What an exchange may use; the README's settings of the same names explain each.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Upstream calls of one request at once.
    pub concurrency: usize,
    /// Upstream calls of one caller at once.
    pub caller_concurrency: usize,
    /// Upstream calls at once.
    pub total_concurrency: usize,
    /// Pages of a list.
    pub max_pages: usize,
    /// Callers remembered.
    pub caller_cache_size: u64,
    /// How long a caller is remembered.
    pub caller_cache_ttl: Duration,
    /// The kind of every caller, where configured.
    pub caller_kind: Option<CallerKind>,
}

impl From<&Settings> for Ceilings {
    fn from(settings: &Settings) -> Self {
        Self {
            max_waiting: settings.max_waiting,
            caller_max_waiting: settings.caller_max_waiting,
            max_calls: settings.max_calls,
        }
    }
}

impl From<&Settings> for Bounds {
    fn from(settings: &Settings) -> Self {
        Self {
            concurrency: settings.concurrency,
            caller_concurrency: settings.caller_concurrency,
            total_concurrency: settings.total_concurrency,
            max_pages: settings.max_pages,
            caller_cache_size: settings.caller_cache_size,
            caller_cache_ttl: settings.caller_cache_ttl,
            caller_kind: match settings.caller_kind {
                settings::CallerKind::Auto => None,
                settings::CallerKind::Partner => Some(CallerKind::Partner),
                settings::CallerKind::Organization => Some(CallerKind::Organization),
            },
        }
    }
}
