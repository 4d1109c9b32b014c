use serde_json::{Value, json};

use super::{Contract, Finding, Operation, Version};

fn operation(version: Version, id: &str) -> &'static Operation {
    Contract::of(version).operation(id).expect(id)
}

fn pointers(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|f| f.pointer.as_str()).collect()
}

fn bulk_sync() -> Value {
    json!({
        "name": "n", "source_connection_id": "s", "destination_connection_id": "d",
        "destination_configuration": {}, "default_schedule": {"frequency": "daily", "hour": null},
    })
}

#[test]
fn every_operation_compiles() {
    for (version, count) in [(Version::Legacy, 114), (Version::Upstream, 141)] {
        let contract = Contract::of(version);
        assert_eq!(contract.operations().count(), count);
        for operation in contract.operations() {
            operation.check_query(None);
            operation.check_request(Some(&Value::Null));
            operation.check_request_strict(Some(&Value::Null));
            for status in [200, 400, 401, 404, 422, 500] {
                operation.check_answer(status, &json!({}));
            }
        }
    }
}

#[test]
fn finds_operations_and_decodes_parameters() {
    let upstream = Contract::of(Version::Upstream);
    let found = upstream.find("GET", "/api/syncs/a%2Fb%20c").unwrap();
    assert_eq!(found.operation.id, "model_sync.get");
    assert_eq!(found.parameters, [("id", "a/b c".to_owned())]);
    assert_eq!(found.parameter("id"), Some("a/b c"));
    assert!(upstream.find("GET", "/api/syncs/").is_none());
    assert!(upstream.find("GET", "/api/nothing").is_none());
    assert!(upstream.find("GET", "/api/syncs/%FF").is_none());
    assert!(upstream.find("PATCH", "/api/syncs").is_none());
    assert_eq!(upstream.methods("/api/syncs"), ["GET", "POST"]);
}

#[test]
fn literal_segments_win() {
    let cases = [
        ("/api/syncs/schedules", "model_sync.get_schedule_options"),
        ("/api/bulk/syncs/status", "bulk_sync.executions.list_status"),
        ("/api/syncs/s/executions/e/logs", "model_sync.executions.get_logs_index"),
        ("/api/syncs/s/executions/e/records", "model_sync.executions.get_log_urls"),
        ("/api/connections/c/schemas/status", "schemas.get_status"),
    ];
    for (path, id) in cases {
        let found = Contract::of(Version::Upstream).find("GET", path).unwrap();
        assert_eq!(found.operation.id, id, "{path}");
    }
}

#[test]
fn checks_queries() {
    let list = operation(Version::Upstream, "model_sync.list");
    assert_eq!(list.check_query(None), []);
    let good = "active=true&limit=50&mode=append&page_token=a%20b";
    assert_eq!(list.check_query(Some(good)), []);
    for (bad, pointer) in [
        ("active=yes", "?active"),
        ("limit=many", "?limit"),
        ("mode=sideways", "?mode"),
        ("unknown=1", "?unknown"),
        ("limit=1&limit=2", "?limit"),
    ] {
        assert_eq!(pointers(&list.check_query(Some(bad))), [pointer], "{bad}");
    }
    let fields = operation(Version::Legacy, "model_sync.targets.get_target_fields");
    assert_eq!(pointers(&fields.check_query(None)), ["?target"]);
    let events = operation(Version::Legacy, "events.list");
    let time = "starting_after=2025-01-01T00:00:00Z";
    assert_eq!(events.check_query(Some(time)), []);
    let time = "starting_after=yesterday";
    assert_eq!(pointers(&events.check_query(Some(time))), ["?starting_after"]);
    let status = operation(Version::Upstream, "bulk_sync.executions.list_status");
    assert_eq!(status.check_query(Some("sync_id=a&sync_id=b")), []);
    let source = operation(Version::Upstream, "model_sync.get_source");
    assert_eq!(source.check_query(Some("params[table]=a&params[x][]=b")), []);
    assert_eq!(pointers(&source.check_query(Some("params=a"))), ["?params"]);
}

#[test]
fn checks_requests() {
    let create = operation(Version::Upstream, "bulk_sync.create");
    assert_eq!(create.check_request(Some(&bulk_sync())), []);
    assert_eq!(pointers(&create.check_request(None)), [""]);
    let mut bad = bulk_sync();
    bad["default_schedule"]["frequency"] = json!("sometimes");
    bad["data_cutoff_timestamp"] = json!("monday");
    bad["name"] = Value::Null;
    let mut found = create.check_request(Some(&bad));
    found.sort_by(|a, b| a.pointer.cmp(&b.pointer));
    let expected = ["/data_cutoff_timestamp", "/default_schedule/frequency", "/name"];
    assert_eq!(pointers(&found), expected);

    let start = operation(Version::Upstream, "bulk_sync.start");
    assert_eq!(start.check_request(None), []);
    let get = operation(Version::Upstream, "bulk_sync.get");
    assert_eq!(get.check_request(None), []);
    assert_eq!(pointers(&get.check_request(Some(&json!({})))), [""]);
}

#[test]
fn strict_requests_refuse_undeclared_properties() {
    let create = operation(Version::Upstream, "bulk_sync.create");
    let mut body = bulk_sync();
    assert_eq!(create.check_request_strict(Some(&body)), []);
    body["destination_configuration"]["anything"] = json!(1);
    assert_eq!(create.check_request_strict(Some(&body)), []);
    body["default_schedule"]["selective_mode"] = json!("none");
    assert_eq!(create.check_request(Some(&body)), []);
    let found = create.check_request_strict(Some(&body));
    assert_eq!(pointers(&found), ["/default_schedule"]);
    assert!(found[0].message.contains("selective_mode"), "{}", found[0]);
}

#[test]
fn checks_answers() {
    let get = operation(Version::Legacy, "bulk_sync.get");
    let good = json!({"data": {"id": "1", "schedule": {"frequency": "multi"}, "extra": 1}});
    assert_eq!(get.check_answer(200, &good), []);
    assert_eq!(get.check_answer(201, &good), []);
    let bad = json!({"data": {"mode": "append", "created_at": "soon"}});
    let found = get.check_answer(200, &bad);
    assert_eq!(pointers(&found), ["/data/mode", "/data/created_at"]);
    assert!(!found[0].message.contains("append"), "{}", found[0]);

    let rest = json!({"code": 401, "context": {}, "error": "no", "status": "Unauthorized"});
    let api = json!({"key": "k", "message": "m", "metadata": {}, "status": 401});
    assert_eq!(get.check_answer(401, &rest), []);
    assert_eq!(pointers(&get.check_answer(401, &api)), ["/status"]);
    assert_eq!(get.check_answer(418, &api), []);
    assert_eq!(pointers(&get.check_answer(418, &rest)), ["/status"]);
    let get = operation(Version::Upstream, "bulk_sync.get");
    assert_eq!(get.check_answer(401, &api), []);

    let delete = operation(Version::Upstream, "bulk_sync.delete");
    assert_eq!(delete.check_answer(204, &Value::Null), []);
}
