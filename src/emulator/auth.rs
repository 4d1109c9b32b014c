//! Who calls: credentials, what they may see, and `GET /api/me`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::call::{Call, Failure, Outcome, Reply};
use super::json::{put, text};
use super::store::{Store, Table};

/// What a credential acts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    User,
    Organization,
    Partner,
    System,
}

/// A caller whose credential was accepted.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) kind: Kind,
    /// The credential's row and the organization it is scoped to: what an idempotency key
    /// belongs to.
    pub(super) credential: String,
    /// The organization that new resources go to. A partner's is the one that owns it; a
    /// system credential has none.
    pub(super) organization: String,
    /// The organizations whose resources the caller sees, its own first.
    scope: Vec<String>,
    /// The user, organization or partner behind the credential.
    subject: String,
}

impl Caller {
    pub(super) fn sees(&self, organization: &str) -> bool {
        self.scope.iter().any(|seen| seen == organization)
    }

    pub(super) fn scope(&self) -> &[String] {
        &self.scope
    }

    /// Whether the plural organization routes are the caller's: partner and system credentials
    /// that are not scoped to one organization.
    pub(super) fn is_plural(&self) -> bool {
        matches!(self.kind, Kind::Partner | Kind::System)
    }

    /// `OutputActor`: id, name and type.
    pub(super) fn actor(&self, store: &Store) -> Value {
        let (kind, name) = match self.kind {
            Kind::User => ("user", name_of(store, Table::Users, &self.subject, "email")),
            Kind::Organization => {
                ("organization", name_of(store, Table::Organizations, &self.subject, "name"))
            }
            Kind::Partner => ("partner", name_of(store, Table::Partners, &self.subject, "name")),
            Kind::System => ("system", "System".to_owned()),
        };
        json!({ "id": self.subject, "name": name, "type": kind })
    }
}

/// The caller of an `Authorization` header: `Bearer KEY` or `Basic base64(ORG_ID:KEY)`.
///
/// An organization id scopes a partner or system credential: from then on it acts as that
/// organization's own credential (`is_organization`, not `is_partner`). With a user's or an
/// organization's key it has to be their organization.
///
/// # Errors
///
/// 401 for anything else, and for an organization that the credential has no business with.
pub(super) fn authenticate(store: &Store, header: Option<&str>) -> Result<Caller, Failure> {
    let refused = || Failure::unauthorized("the credential is missing or not valid");
    let header = header.ok_or_else(refused)?;
    let (scheme, rest) = header.split_once(' ').ok_or_else(refused)?;
    let (organization, secret) = if scheme.eq_ignore_ascii_case("bearer") {
        (String::new(), rest.trim().to_owned())
    } else if scheme.eq_ignore_ascii_case("basic") {
        read_basic(rest.trim()).ok_or_else(refused)?
    } else {
        return Err(refused());
    };
    let key = store
        .find(Table::Keys, "_secret", &secret)
        .filter(|_| !secret.is_empty())
        .ok_or_else(refused)?;
    let caller = unscoped(store, key);
    if organization.is_empty() {
        return Ok(caller);
    }
    if !caller.sees(&organization) {
        return Err(refused());
    }
    if !caller.is_plural() {
        return Ok(caller);
    }
    Ok(Caller {
        kind: Kind::Organization,
        credential: format!("{} {organization}", caller.credential),
        scope: vec![organization.clone()],
        subject: organization.clone(),
        organization,
    })
}

/// `GET /api/me`.
pub(super) fn handle(call: &mut Call<'_>) -> Option<Outcome> {
    (call.operation.id == "identity.get").then(|| Reply::data(identity(call)))
}

fn identity(call: &Call<'_>) -> Value {
    let caller = call.caller;
    let mut identity = json!({
        "id": caller.subject,
        "is_user": caller.kind == Kind::User,
        "is_organization": caller.kind == Kind::Organization,
        "is_partner": caller.kind == Kind::Partner,
        "is_system": caller.kind == Kind::System,
        "credential": { "method": "api_key", "mode": "full" },
    });
    if caller.kind == Kind::User
        && let Some(user) = call.store.get(Table::Users, &caller.subject)
    {
        put(&mut identity, "email", user.get("email").cloned());
        put(&mut identity, "role", user.get("role").cloned());
    }
    if let Some(organization) = call.store.get(Table::Organizations, &caller.organization) {
        put(&mut identity, "organization_id", organization.get("id").cloned());
        put(&mut identity, "organization_name", organization.get("name").cloned());
    }
    identity
}

fn unscoped(store: &Store, key: &Value) -> Caller {
    let kind = match text(key, "kind") {
        "user" => Kind::User,
        "organization" => Kind::Organization,
        "partner" => Kind::Partner,
        _ => Kind::System,
    };
    let subject = text(key, "subject");
    let organization = match kind {
        Kind::Partner => name_of(store, Table::Partners, subject, "owner_organization_id"),
        _ => text(key, "organization_id").to_owned(),
    };
    let mut scope = match kind {
        Kind::User | Kind::Organization => vec![organization.clone()],
        Kind::Partner => ids(store.select(Table::Organizations, "_partner", subject)),
        Kind::System => ids(store.rows(Table::Organizations).iter()),
    };
    // The organization that owns the partner is listed first.
    scope.sort_by_key(|id| *id != organization);
    Caller {
        kind,
        credential: text(key, "id").to_owned(),
        organization,
        scope,
        subject: subject.to_owned(),
    }
}

fn read_basic(encoded: &str) -> Option<(String, String)> {
    let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (organization, secret) = decoded.split_once(':')?;
    Some((organization.to_owned(), secret.to_owned()))
}

fn ids<'a>(rows: impl Iterator<Item = &'a Value>) -> Vec<String> {
    rows.map(|row| text(row, "id").to_owned()).collect()
}

fn name_of(store: &Store, table: Table, id: &str, key: &str) -> String {
    store.get(table, id).map(|row| text(row, key).to_owned()).unwrap_or_default()
}
