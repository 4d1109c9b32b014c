//! An upstream that answers at once, from memory.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use polytomic_shim::failure::Failure;
use polytomic_shim::message::{UpstreamRequest, UpstreamResponse};
use polytomic_shim::upstream::{Envelope, Upstream};

/// The bodies of its answers.
pub struct Memory {
    /// Of a read of one bulk sync, and of a POST.
    pub one: Bytes,
    /// Of a read of the list, which has one page.
    pub list: Bytes,
}

impl Upstream for Memory {
    async fn call(
        &self,
        request: &UpstreamRequest,
        _: &Envelope,
    ) -> Result<UpstreamResponse, Failure> {
        let is_list = request.method == Method::GET && request.target.path() == "/api/bulk/syncs";
        let body = if is_list { &self.list } else { &self.one };
        Ok(UpstreamResponse { status: StatusCode::OK, headers: headers(), body: body.clone() })
    }
}

/// Those that upstream sends with an answer.
pub fn headers() -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert("server", HeaderValue::from_static("nginx"));
    headers.insert("date", HeaderValue::from_static("Wed, 01 Oct 2025 00:05:24 GMT"));
    headers
}
