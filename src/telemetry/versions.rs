//! Requests of API versions that are neither legacy nor upstream's: they pass through untouched,
//! and somebody should know.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, PoisonError};

use http::HeaderValue;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::caller::Fingerprint;

type Labels = Vec<(&'static str, String)>;

/// Versions that get a label of their own; any further one counts as [`REST`].
const MOST_VERSIONS: usize = 16;
/// Callers that are remembered as warned of; beyond, nobody new is warned of.
const MOST_CALLERS: usize = 10_000;
/// The label of versions that are too many, too long or no plain text.
const REST: &str = "(other)";

/// The other versions seen so far, and who was warned of.
#[derive(Debug, Default)]
pub struct Versions {
    counts: Family<Labels, Counter>,
    known: Mutex<BTreeSet<String>>,
    warned: Mutex<HashSet<Fingerprint>>,
}

impl Versions {
    /// Adds the counters to a registry.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let versions = Self::default();
        let help = "Requests of versions that are neither legacy nor upstream's, by version";
        registry.register("other_versions", help, versions.counts.clone());
        versions
    }

    /// Counts a request of another version, and warns once of each caller.
    pub fn count(&self, version: &HeaderValue, caller: Fingerprint) {
        let label = self.label(version);
        self.counts.get_or_create(&vec![("version", label.clone())]).inc();
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.len() < MOST_CALLERS && warned.insert(caller) {
            drop(warned);
            tracing::warn!(
                version = label,
                "a caller asks for a version that is not translated; its requests pass through untouched"
            );
        }
    }

    fn label(&self, version: &HeaderValue) -> String {
        let plain =
            |text: &&str| text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_graphic());
        let Some(text) = version.to_str().ok().filter(plain) else { return REST.to_owned() };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(text) || known.len() < MOST_VERSIONS {
            known.insert(text.to_owned());
            return text.to_owned();
        }
        REST.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::Salt;

    fn count(versions: &Versions, version: &str) -> u64 {
        versions.counts.get_or_create(&vec![("version", version.to_owned())]).get()
    }

    #[test]
    fn versions_are_counted_within_bounds() {
        let versions = Versions::default();
        let caller = Salt::fixed().fingerprint(b"k");
        for number in 0..40 {
            versions.count(&HeaderValue::try_from(format!("2023-01-{number:02}")).unwrap(), caller);
        }
        versions.count(&HeaderValue::from_static("2023-01-00"), caller);
        versions.count(&HeaderValue::from_static("a b"), caller);
        assert_eq!(count(&versions, "2023-01-00"), 2);
        assert_eq!(count(&versions, REST), 25);
        assert_eq!(versions.warned.lock().unwrap().len(), 1);
    }
}
