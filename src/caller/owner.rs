//! Which organization owns a connection: the legacy sharing paths do not say, the upstream ones
//! need it.

use std::time::Duration;

use http::Method;

use super::credential::Fingerprint;
use super::memory::Memory;
use super::{Caller, Refusal, unavailable};
use crate::failure::{Failure, Key};
use crate::flow::error_answer;
use crate::json::{self, Text};
use crate::message::{UpstreamRequest, UpstreamResponse};
use crate::rules::template::target;

/// The owners of connections, remembered for each credential: an owner does not change, but who
/// may know it does.
#[derive(Debug)]
pub struct Owners {
    known: Memory<(Fingerprint, String), String>,
}

impl Owners {
    /// Remembers some `capacity` connections for `lifetime` each.
    pub fn new(capacity: u64, lifetime: Duration) -> Self {
        Self { known: Memory::new(capacity, lifetime) }
    }

    /// The owner of the connection whose encoded path segment is `connection`: the organization
    /// of a Basic credential, else what upstream says of the entity, else the caller's own.
    ///
    /// # Errors
    /// The legacy 404 where no source knows; the failure of a look-up, never a guess from the
    /// next source; upstream's 401.
    pub async fn find<F, C>(
        &self,
        fingerprint: Fingerprint,
        connection: &str,
        scoped: Option<String>,
        ask: impl FnOnce(UpstreamRequest) -> F,
        caller: impl FnOnce() -> C,
    ) -> Result<String, Refusal>
    where
        F: Future<Output = Result<UpstreamResponse, Failure>>,
        C: Future<Output = Result<Caller, Refusal>>,
    {
        if let Some(organization) = scoped {
            return Ok(organization);
        }
        let look_up = || async {
            let request = UpstreamRequest::new(
                Method::GET,
                target(&format!("/api/organizations/entities/{connection}"), None)?,
            );
            match of_entity(ask(request).await?)? {
                Some(organization) => Ok(organization),
                None => caller().await?.organization.ok_or_else(|| Refusal::Failure(unknown())),
            }
        };
        let key = (fingerprint, connection.to_owned());
        self.known.get_or(key, look_up).await
    }
}

/// The organization of an entity (`/components/schemas/EntityResponse` of 2025-09-18), if it is a
/// connection and upstream tells this caller.
fn of_entity(answer: UpstreamResponse) -> Result<Option<String>, Refusal> {
    match answer.status.as_u16() {
        200..=299 => {}
        401 | 429 => return Err(Refusal::Answer(error_answer(&[], answer))),
        400..=499 => return Ok(None),
        _ => {
            return Err(unavailable(
                answer.status,
                "who owns the connection",
                "GET /api/organizations/entities/{id}",
            )
            .into());
        }
    }
    let invalid =
        || crate::lens::invalid("/data", "an entity (GET /api/organizations/entities/{id})");
    let text = json::parse(&answer.body).map_err(|_| invalid())?;
    let envelope = text.object().ok_or_else(invalid)?;
    let data = envelope.get("data").and_then(Text::into_object).ok_or_else(invalid)?;
    if !data.get("type").is_some_and(|kind| kind.is_string("connection")) {
        return Ok(None);
    }
    let organization =
        data.get("organization_id").and_then(|id| id.as_string().map(std::borrow::Cow::into_owned));
    Ok(organization.filter(|id| !id.is_empty()))
}

fn unknown() -> Failure {
    Failure::new(
        Key::NotFound,
        "The connection was not found: no organization is known that owns it. Check the id and the credential.",
    )
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};

    use super::*;
    use crate::caller::Salt;
    use crate::rules::CallerKind;

    fn answer(status: u16, body: &str) -> UpstreamResponse {
        UpstreamResponse {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::from(body.to_owned()),
        }
    }

    async fn found(
        scoped: Option<&str>,
        entity: UpstreamResponse,
        own: Option<&str>,
    ) -> Result<String, Refusal> {
        let owners = Owners::new(10, Duration::from_secs(9));
        let caller = Caller { kind: CallerKind::User, organization: own.map(str::to_owned) };
        let print = Salt::fixed().fingerprint(b"k");
        owners
            .find(
                print,
                "C",
                scoped.map(str::to_owned),
                |_| async { Ok(entity) },
                || async { Ok(caller) },
            )
            .await
    }

    #[tokio::test]
    async fn sources_are_asked_in_order() {
        let connection = r#"{"data":{"type":"connection","organization_id":"OWNER"}}"#;
        let model = r#"{"data":{"type":"model","organization_id":"OTHER"}}"#;
        assert_eq!(found(Some("BASIC"), answer(500, ""), None).await.unwrap(), "BASIC");
        assert_eq!(found(None, answer(200, connection), Some("OWN")).await.unwrap(), "OWNER");
        assert_eq!(found(None, answer(200, model), Some("OWN")).await.unwrap(), "OWN");
        assert_eq!(found(None, answer(403, ""), Some("OWN")).await.unwrap(), "OWN");
        let Err(Refusal::Failure(failure)) = found(None, answer(404, ""), None).await else {
            panic!("expected a failure")
        };
        assert_eq!(failure.key, Key::NotFound);
    }

    #[tokio::test]
    async fn a_failed_look_up_is_no_reason_to_guess() {
        for (status, key) in [(500, Key::UpstreamUnreachable), (504, Key::UpstreamTimeout)] {
            let Err(Refusal::Failure(failure)) = found(None, answer(status, ""), Some("OWN")).await
            else {
                panic!("expected a failure")
            };
            assert_eq!(failure.key, key);
        }
    }
}
