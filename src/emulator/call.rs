//! What a handler is given and what it gives back.

use serde_json::{Map, Value, json};

use super::auth::Caller;
use super::json::{text, without_nulls};
use super::store::{Store, Table};
use crate::contract::{Finding, Operation, Version};

/// One checked request on its way to a handler.
pub(super) struct Call<'a> {
    pub(super) store: &'a mut Store,
    pub(super) caller: &'a Caller,
    pub(super) side: Version,
    pub(super) operation: &'static Operation,
    pub(super) path: Vec<(&'static str, String)>,
    pub(super) query: Vec<(String, String)>,
    /// Null where none was sent.
    pub(super) body: Value,
    /// The `Host` that the client used.
    pub(super) host: &'a str,
    pub(super) page_limit: usize,
}

/// What a handler makes of a call.
pub(super) type Outcome = Result<Reply, Failure>;

impl Call<'_> {
    /// A parameter of the path, decoded.
    pub(super) fn path(&self, name: &str) -> String {
        self.path
            .iter()
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value.clone())
            .unwrap_or_default()
    }

    /// The first value of a query parameter, decoded.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn is_legacy(&self) -> bool {
        self.side == Version::Legacy
    }

    /// The body without nulls; an empty object where none was sent.
    pub(super) fn given(&self) -> Value {
        match &self.body {
            Value::Object(map) => without_nulls(Value::Object(map.clone())),
            _ => Value::Object(Map::new()),
        }
    }

    /// A row of the caller's organizations, or a 404.
    pub(super) fn row(&self, table: Table, id: &str) -> Result<&Value, Failure> {
        self.store
            .get(table, id)
            .filter(|row| self.caller.sees(text(row, "organization_id")))
            .ok_or_else(|| Failure::not_found(table.word()))
    }

    /// Like [`Call::row`], to be changed.
    pub(super) fn row_mut(&mut self, table: Table, id: &str) -> Result<&mut Value, Failure> {
        let caller = self.caller;
        self.store
            .get_mut(table, id)
            .filter(|row| caller.sees(text(row, "organization_id")))
            .ok_or_else(|| Failure::not_found(table.word()))
    }

    /// A connection that a body names at `pointer`; it has to belong to `organization`.
    pub(super) fn connection(
        &self,
        id: &str,
        organization: &str,
        pointer: &str,
    ) -> Result<&Value, Failure> {
        self.row(Table::Connections, id)
            .ok()
            .filter(|row| text(row, "organization_id") == organization)
            .ok_or_else(|| Failure::invalid(pointer, "connection not found"))
    }

    /// The rows of the caller's organizations, oldest first.
    pub(super) fn rows(&self, table: Table) -> impl DoubleEndedIterator<Item = &Value> {
        self.store.rows(table).iter().filter(|row| self.caller.sees(text(row, "organization_id")))
    }

    /// The organization that a new resource goes to: the body's `organization_id` if the caller
    /// may use it, else the caller's own.
    pub(super) fn target_organization(&self) -> Result<String, Failure> {
        let named = text(&self.body, "organization_id");
        if named.is_empty() && self.caller.organization.is_empty() {
            return Err(Failure::invalid("/organization_id", "is required"));
        }
        if named.is_empty() {
            return Ok(self.caller.organization.clone());
        }
        if self.caller.sees(named) {
            return Ok(named.to_owned());
        }
        let message = "is not one of the caller's organizations";
        Err(Failure::invalid("/organization_id", message))
    }

    /// Refuses a body that would move a resource out of its organization.
    pub(super) fn stays_in(&self, organization: &str) -> Result<(), Failure> {
        let named = text(&self.body, "organization_id");
        if named.is_empty() || named == organization {
            return Ok(());
        }
        Err(Failure::invalid("/organization_id", "cannot change"))
    }

    /// The properties that the request's schema declares.
    pub(super) fn writable(&self) -> Vec<&'static str> {
        self.operation
            .request_schema()
            .map(|schema| self.operation.resolve(schema))
            .and_then(|schema| schema.get("properties")?.as_object())
            .map(|properties| properties.keys().map(String::as_str).collect())
            .unwrap_or_default()
    }

    /// The caller as `created_by` and `updated_by` show it.
    pub(super) fn actor(&self) -> Value {
        self.caller.actor(self.store)
    }
}

/// An answer before it is cut to the contract's view.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// Nothing: an empty body.
    pub(super) body: Option<Value>,
    pub(super) location: Option<String>,
}

impl Reply {
    /// 200 with `{"data": …}`.
    pub(super) fn data(data: impl Into<Value>) -> Outcome {
        Reply::whole(json!({ "data": data.into() }))
    }

    /// 200 with this body.
    pub(super) fn whole(body: Value) -> Outcome {
        Ok(Reply { status: 200, body: Some(body), location: None })
    }

    /// 204.
    pub(super) fn nothing() -> Outcome {
        Ok(Reply { status: 204, body: None, location: None })
    }

    /// An empty answer that points elsewhere.
    pub(super) fn elsewhere(status: u16, location: String) -> Outcome {
        Ok(Reply { status, body: None, location: Some(location) })
    }
}

/// A refusal.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) status: u16,
    key: &'static str,
    message: String,
    metadata: Map<String, Value>,
}

impl Failure {
    pub(super) fn new(status: u16, key: &'static str, message: impl Into<String>) -> Failure {
        Failure { status, key, message: message.into(), metadata: Map::new() }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Failure {
        Failure::new(400, "bad_request", message)
    }

    pub(super) fn unauthorized(message: impl Into<String>) -> Failure {
        Failure::new(401, "unauthorized", message)
    }

    pub(super) fn forbidden(message: impl Into<String>) -> Failure {
        Failure::new(403, "forbidden", message)
    }

    pub(super) fn not_found(what: &str) -> Failure {
        Failure::new(404, "not_found", format!("{what} not found"))
    }

    pub(super) fn conflict(message: impl Into<String>) -> Failure {
        Failure::new(409, "conflict", message)
    }

    /// A 422 about one place of the body, named by its JSON pointer.
    pub(super) fn invalid(pointer: &str, message: &str) -> Failure {
        Failure::new(422, "invalid", format!("{pointer}: {message}")).about(pointer, message)
    }

    /// A refusal for what a contract check found, naming every place.
    pub(super) fn findings(status: u16, findings: &[Finding]) -> Failure {
        let said: Vec<String> = findings.iter().map(ToString::to_string).collect();
        let mut failure = Failure::new(status, "invalid", said.join("; "));
        for finding in findings {
            failure = failure.about(&finding.pointer, &finding.message);
        }
        failure
    }

    fn about(mut self, pointer: &str, message: &str) -> Failure {
        self.metadata.insert(pointer.to_owned(), Value::String(message.to_owned()));
        self
    }

    /// The body of that version: legacy 401s are `RestErrResponse`, all else `ApiError`.
    pub(super) fn body(&self, side: Version) -> Value {
        if self.status == 401 && side == Version::Legacy {
            return json!({
                "code": 401, "context": self.metadata,
                "error": self.message, "status": "Unauthorized",
            });
        }
        json!({
            "key": self.key, "message": self.message,
            "metadata": self.metadata, "status": self.status,
        })
    }
}
