//! Models.

use serde_json::{Value, json};

use super::call::{Call, Failure, Outcome, Reply};
use super::json::{given, list as items, put, text, texts};
use super::metadata::model_fields;
use super::store::Table;

pub(super) fn handle(call: &mut Call<'_>) -> Option<Outcome> {
    Some(match call.operation.id.as_str() {
        "models.list" => list(call),
        "models.get" => get(call),
        "models.create" => create(call),
        "models.preview" => preview(call),
        "models.update" => update(call),
        "models.delete" | "models.remove" => delete(call),
        "models.sample" => sample(call),
        _ => return None,
    })
}

fn list(call: &Call<'_>) -> Outcome {
    let rows: Vec<Value> = call.rows(Table::Models).cloned().collect();
    Reply::data(rows)
}

fn get(call: &Call<'_>) -> Outcome {
    answer(call, call.row(Table::Models, &call.path("id"))?.clone(), None)
}

fn create(call: &mut Call<'_>) -> Outcome {
    let now = call.store.tick();
    let mut row = json!({
        "id": call.store.next_id(Table::Models),
        "organization_id": call.target_organization()?,
        "version": 0, "created_at": now, "created_by": call.actor(),
    });
    replace(call, &mut row, &now)?;
    call.store.insert(Table::Models, row.clone());
    let job = job(call, "createmodel", &row);
    answer(call, row, Some(job))
}

/// What `create` would make of the body, without an id: nothing is stored.
fn preview(call: &Call<'_>) -> Outcome {
    let now = call.store.now();
    let mut row = json!({ "organization_id": call.target_organization()?, "version": 0 });
    replace(call, &mut row, &now)?;
    answer(call, row, None)
}

fn update(call: &mut Call<'_>) -> Outcome {
    let id = call.path("id");
    let mut row = call.row(Table::Models, &id)?.clone();
    let now = call.store.tick();
    replace(call, &mut row, &now)?;
    *call.row_mut(Table::Models, &id)? = row.clone();
    let job = job(call, "updatemodel", &row);
    answer(call, row, Some(job))
}

fn delete(call: &mut Call<'_>) -> Outcome {
    let id = call.path("id");
    call.row(Table::Models, &id)?;
    call.store.tick();
    call.store.remove(Table::Models, &id);
    Reply::nothing()
}

fn sample(call: &Call<'_>) -> Outcome {
    let row = call.row(Table::Models, &call.path("id"))?;
    let mut record = json!({});
    for field in items(row, "fields") {
        record[text(field, "name")] = json!({ "value": "sample" });
    }
    answer(call, json!({ "records": [record], "warnings": [] }), None)
}

fn replace(call: &Call<'_>, row: &mut Value, now: &str) -> Result<(), Failure> {
    let body = call.given();
    let organization = text(row, "organization_id").to_owned();
    call.stays_in(&organization)?;
    let connection =
        call.connection(text(&body, "connection_id"), &organization, "/connection_id")?;
    row["connection_id"] = body["connection_id"].clone();
    row["configuration"] = body["configuration"].clone();
    row["name"] = body["name"].clone();
    row["type"] = connection["type"]["id"].clone();
    for key in ["identifier", "enricher"] {
        put(row, key, given(&body, key).cloned());
    }
    for key in ["policies", "relations", "tracking_columns"] {
        row[key] = json!(items(&body, key));
    }
    row["labels"] =
        texts(&body, "labels").into_iter().map(|label| json!({ "name": label })).collect();
    let mut names = texts(&body, "fields");
    if names.is_empty() {
        names = vec!["id", "email", "amount"];
    }
    let mut fields = model_fields(&names, connection);
    for added in items(&body, "additional_fields") {
        let mut field = model_fields(&[text(added, "name")], connection).remove(0);
        field["label"] = added["label"].clone();
        field["type"] = added["type"].clone();
        field["user_added"] = json!(true);
        put(&mut field, "example", given(added, "example").cloned());
        fields.push(field);
    }
    row["fields"] = json!(fields);
    row["version"] = json!(super::json::number(row, "version") + 1);
    row["updated_at"] = json!(now);
    row["updated_by"] = call.actor();
    Ok(())
}

/// A finished job beside the data where the call was asynchronous.
fn answer(call: &Call<'_>, data: Value, job: Option<Value>) -> Outcome {
    let mut body = json!({ "data": data });
    if call.query("async") == Some("true") {
        put(&mut body, "job", job);
    }
    Reply::whole(body)
}

fn job(call: &mut Call<'_>, kind: &str, model: &Value) -> Value {
    let id = call.store.next_id(Table::Jobs);
    let job = json!({
        "id": id, "job_id": id, "type": kind, "status": "done",
        "organization_id": model["organization_id"], "result": { "id": model["id"] },
    });
    call.store.insert(Table::Jobs, job.clone());
    job
}
