//! Events, jobs, queries, notifications, and what an id stands for.

use serde_json::{Value, json};

use super::call::{Call, Failure, Outcome, Reply};
use super::clock;
use super::json::{given, list, take, text};
use super::organizations::require_plural;
use super::service::origin;
use super::store::Table;
use super::sync::logs;

/// Events in an answer, unless `limit` asks for fewer.
const EVENTS: usize = 100;

/// Records in a page of query results.
const QUERY_PAGE: usize = 2;

const EVENT_TYPES: [&str; 10] = [
    "sync.running",
    "sync.completed",
    "sync.completed_with_errors",
    "sync.failed",
    "sync.canceled",
    "bulk_sync.running",
    "bulk_sync.completed",
    "bulk_sync.completed_with_errors",
    "bulk_sync.failed",
    "bulk_sync.canceled",
];

pub(super) fn handle(call: &mut Call<'_>) -> Option<Outcome> {
    Some(match call.operation.id.as_str() {
        "events.list" => list_events(call),
        "events.get_types" => Reply::data(json!(EVENT_TYPES)),
        "jobs.get" => get_job(call),
        "query_runner.run_query" => run_query(call),
        "query_runner.get_query" => get_query(call),
        "notifications.get_global_error_subscribers" => Reply::whole(subscribers(call)),
        "notifications.set_global_error_subscribers" => set_subscribers(call),
        "entities.get" => get_entity(call),
        "entities.get_for_partner" => require_plural(call).and_then(|()| get_entity(call)),
        _ => return None,
    })
}

/// Newest first.
fn list_events(call: &Call<'_>) -> Outcome {
    let limit = match call.query("limit").map(str::parse::<usize>) {
        None => EVENTS,
        Some(Ok(limit)) if (1..=EVENTS).contains(&limit) => limit,
        Some(_) => {
            return Err(Failure::new(422, "invalid", "?limit: must be between 1 and 100"));
        }
    };
    let time = |name: &str| call.query(name).and_then(clock::parse);
    let (after, before) = (time("starting_after"), time("ending_before"));
    let organization = call.query("organization_id");
    let kind = call.query("type");
    let events: Vec<Value> = call
        .rows(Table::Events)
        .rev()
        .filter(|event| {
            let at = clock::parse(text(event, "created_at"));
            organization.is_none_or(|id| id == text(event, "organization_id"))
                && kind.is_none_or(|kind| kind == text(event, "type"))
                && after.is_none_or(|after| at > Some(after))
                && before.is_none_or(|before| at < Some(before))
        })
        .take(limit)
        .map(|event| show_event(call, event))
        .collect();
    Reply::data(events)
}

/// Legacy events carry the addresses of their record logs themselves, always.
fn show_event(call: &Call<'_>, event: &Value) -> Value {
    let mut event = event.clone();
    let body = &mut event["event"];
    if call.is_legacy() && take(body, "logs_url").is_some() {
        let execution = call.store.get(Table::Executions, text(body, "execution_id"));
        for (kind, name) in [
            ("records", "total_records"),
            ("inserts", "inserted_records"),
            ("updates", "updated_records"),
            ("deletes", "deleted_records"),
            ("errors", "errored_records"),
            ("warnings", "warnings"),
        ] {
            body[name] = json!(execution.map(|row| logs::urls(row, kind)).unwrap_or_default());
        }
    }
    event
}

fn get_job(call: &Call<'_>) -> Outcome {
    let job = call.row(Table::Jobs, &call.path("id"))?;
    if text(job, "type") != call.path("type") {
        return Err(Failure::not_found("job"));
    }
    Reply::data(job.clone())
}

/// The text decides the outcome: one with `unknown`, `running` or `fail` in it ends that way.
fn run_query(call: &mut Call<'_>) -> Outcome {
    let connection = call.path("connection_id");
    let row = call.row(Table::Connections, &connection)?;
    if !list(&row["type"], "operations").contains(&json!("query")) {
        return Err(Failure::bad_request("the connection cannot run queries"));
    }
    let organization = row["organization_id"].clone();
    let query = match call.query("query") {
        Some(query) => query.to_owned(),
        None => text(&call.body, "query").to_owned(),
    };
    if query.is_empty() {
        return Err(Failure::bad_request("query: is required"));
    }
    let status = ["unknown", "running"].into_iter().find(|status| query.contains(status));
    let status = status.unwrap_or(if query.contains("fail") { "failed" } else { "done" });
    call.store.tick();
    let expires = clock::format(call.store.seconds() + 3600);
    let row = query_row(call.store.next_id(Table::Queries), &organization, status, &expires);
    call.store.insert(Table::Queries, row.clone());
    Reply::data(show_query(call, &row, 1))
}

/// A stored query; its results are there once it is done.
pub(super) fn query_row(id: String, organization: &Value, status: &str, expires: &str) -> Value {
    let mut row = json!({
        "id": id, "organization_id": organization, "status": status, "expires": expires,
        "fields": ["id", "email"], "results": [], "count": 0,
    });
    match status {
        "done" => {
            row["count"] = json!(3);
            row["results"] = (1..=3)
                .map(|n| json!({ "id": n, "email": format!("person{n}@example.com") }))
                .collect();
        }
        "failed" => row["error"] = json!("the query failed"),
        _ => {}
    }
    row
}

fn get_query(call: &Call<'_>) -> Outcome {
    let id = call.path("id");
    let row = call.row(Table::Queries, &id)?;
    let page = match call.query("page").map(str::parse::<usize>) {
        None => 1,
        Some(Ok(page)) if page > 0 => page,
        Some(_) => return Err(Failure::bad_request("?page: is not a page of this query")),
    };
    let address = |page: usize| format!("{}/api/queries/{id}?page={page}", origin(call));
    let mut links = json!({});
    if list(row, "results").len() > page.saturating_mul(QUERY_PAGE) {
        links["next"] = json!(address(page + 1));
    }
    if page > 1 {
        links["previous"] = json!(address(page - 1));
    }
    Reply::whole(json!({ "data": show_query(call, row, page), "links": links }))
}

/// Legacy knows no `unknown`: as far as the vendor can tell, such a query still runs.
fn show_query(call: &Call<'_>, row: &Value, page: usize) -> Value {
    let mut shown = row.clone();
    if call.is_legacy() && text(&shown, "status") == "unknown" {
        shown["status"] = json!("running");
    }
    shown["results"] = list(row, "results")
        .iter()
        .skip((page - 1).saturating_mul(QUERY_PAGE))
        .take(QUERY_PAGE)
        .cloned()
        .collect();
    shown
}

fn subscribers(call: &Call<'_>) -> Value {
    let row = call.store.get(Table::Notifications, &call.caller.organization);
    json!({ "emails": row.map(|row| list(row, "emails")).unwrap_or_default() })
}

fn set_subscribers(call: &mut Call<'_>) -> Outcome {
    let id = call.caller.organization.clone();
    let body = call.given();
    let emails = given(&body, "emails").cloned().unwrap_or(json!([]));
    call.store.tick();
    call.store.remove(Table::Notifications, &id);
    let row = json!({ "id": id, "organization_id": id, "emails": emails });
    call.store.insert(Table::Notifications, row);
    Reply::whole(subscribers(call))
}

fn get_entity(call: &Call<'_>) -> Outcome {
    let id = call.path("id");
    let (table, row) = call
        .store
        .locate(&id)
        .filter(|(table, row)| {
            let owner = match table {
                Table::Organizations => text(row, "id"),
                Table::Keys => "",
                _ => text(row, "organization_id"),
            };
            call.caller.sees(owner)
        })
        .ok_or_else(|| Failure::not_found("entity"))?;
    let kind = table.word();
    let mut relationships = json!({});
    for key in ["connection_id", "source_connection_id", "destination_connection_id"] {
        if let Some(other) = given(row, key).and_then(Value::as_str) {
            let path = format!("/api/connections/{other}");
            relationships[key.trim_end_matches("_id")] = json!({ "id": other, "path": path });
        }
    }
    let organization = given(row, "organization_id").unwrap_or(&row["id"]);
    Reply::data(json!({
        "id": id, "type": kind, "organization_id": organization,
        "canonical_path": format!("/api/{}s/{id}", kind.replace("bulk_", "bulk/")),
        "context": {}, "relationships": relationships,
    }))
}
