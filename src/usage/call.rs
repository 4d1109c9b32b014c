//! One request, from its headers to its end.

use std::sync::Arc;

use http::StatusCode;

use super::Usage;
use super::client::Client;
use super::who::Fresh;
use crate::caller::Fingerprint;

/// The version that a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// For 2024-02-08; the number of the operation.
    Legacy(u16),
    /// For 2025-09-18.
    Upstream,
    /// For any other.
    Other,
}

/// One request under way, counted when this is dropped: with its answer, or without one where the
/// client has left.
#[derive(Debug)]
pub struct Call<'u> {
    pub(super) usage: &'u Usage,
    pub(super) key: u64,
    pub(super) asks: Asks,
    /// The client, where it was known when the request came.
    pub(super) client: Option<Arc<Client>>,
    pub(super) fresh: Option<Box<Fresh>>,
    pub(super) status: Option<StatusCode>,
    pub(super) upstream_calls: u64,
    pub(super) organization: Option<String>,
}

impl Call<'_> {
    /// The request was answered, which took some calls to upstream.
    pub fn answered(&mut self, status: StatusCode, upstream_calls: usize) {
        self.status = Some(status);
        self.upstream_calls = u64::try_from(upstream_calls).unwrap_or(u64::MAX);
    }

    /// The client's credential, where that is known by now: no hash has to be made of it again.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        match &self.fresh {
            Some(fresh) => Some(fresh.fingerprint),
            None => self.client.as_ref()?.fingerprint(),
        }
    }

    /// The client's credential, where its organization is not known yet.
    pub fn of_unknown_organization(&self) -> Option<Fingerprint> {
        match &self.fresh {
            Some(fresh) => fresh.organization.is_none().then_some(fresh.fingerprint),
            None => {
                let client = self.client.as_ref()?;
                client.organization().is_none().then(|| client.fingerprint()).flatten()
            }
        }
    }

    /// The client belongs to this organization.
    pub fn belongs_to(&mut self, organization: Option<String>) {
        self.organization = organization;
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.usage.count(self);
    }
}
