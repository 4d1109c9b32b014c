use std::path::Path;

use serde_json::{Value, json};

use super::*;

#[test]
fn coverage_every_difference_is_closed_or_waived() {
    let coverage = Coverage::of(&Rules::embedded().unwrap());
    println!("{coverage}");
    assert_eq!(coverage.mistakes, Vec::<String>::new(), "\n{coverage}");
    let open: Vec<&str> = coverage.open().map(|difference| difference.id.as_str()).collect();
    assert!(open.is_empty(), "{} differences are open:\n{coverage}", open.len());
}

#[test]
fn coverage_agrees_with_the_count_of_the_other_comparison() {
    let line = include_str!("../../fixtures/contract/DIFF.md")
        .lines()
        .find(|line| line.contains("breaking differences, removed operations included"))
        .unwrap();
    let expected: usize =
        line.trim_end_matches([' ', '|']).rsplit(' ').next().unwrap().parse().unwrap();
    // That comparison keeps error bodies in a table of their own, outside the count.
    let own: Vec<Difference> = contract::differences()
        .into_iter()
        .filter(|difference| !difference.id.contains(" error "))
        .collect();
    let ids: Vec<&str> = own.iter().map(|difference| difference.id.as_str()).collect();
    assert_eq!(own.len(), expected, "{ids:#?}");
}

#[test]
fn coverage_sees_that_every_401_changed() {
    let errors: Vec<Difference> = contract::differences()
        .into_iter()
        .filter(|difference| difference.id.contains(" error "))
        .collect();
    let [error] = errors.as_slice() else { panic!("{errors:#?}") };
    assert_eq!(error.id, "* error 401 changed");
    assert!(error.detail.contains("on each of 111 operations"), "{error}");
    assert!(error.detail.contains("/status widened to integer"), "{error}");
}

#[test]
fn coverage_ids_are_unique_and_name_legacy_operations() {
    let differences = differences();
    let mut ids: Vec<&str> = differences.iter().map(|difference| difference.id.as_str()).collect();
    ids.sort_unstable();
    for pair in ids.windows(2) {
        assert_ne!(pair[0], pair[1]);
    }
    for difference in &differences {
        assert!(
            difference.operation().is_some() || difference.id.starts_with("* "),
            "{difference:?}"
        );
        assert!(!difference.callers.is_empty(), "{difference:?}");
    }
}

#[test]
fn coverage_of_built_in_behaviour_names_tests_that_exist() {
    for behaviour in BUILT_IN {
        assert!(!behaviour.tests.is_empty(), "{behaviour:?}");
        for (file, test) in behaviour.tests {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
            let text =
                std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{file}: {error}"));
            assert!(text.contains(&format!("fn {test}()")), "{file} has no test {test}");
        }
    }
}

const RULE: &str = "summary = \"s\"\nwhy = \"w\"\ncloses = [CLOSES]\n[match]\nmethod = \"GET\"\npath = \"/api/syncs/{id}\"\nCALLERS\n[send]\npath = \"/api/syncs/{id}\"\n";

fn rules(closes: &str, callers: &str) -> Rules {
    let text = RULE.replace("CLOSES", closes).replace("CALLERS", callers);
    Rules::compile(&[("model_sync/get.toml".to_owned(), text)], crate::rules::Options::default())
        .unwrap()
}

fn difference(id: &str) -> Difference {
    Difference {
        id: id.to_owned(),
        detail: String::new(),
        place: None,
        callers: EVERY_CALLER.to_vec(),
    }
}

fn judged(rules: &Rules, waivers: &[(&str, &str)]) -> Coverage {
    let differences = ["model_sync.get response /data/x removed", "bulk_sync.get behaviour slow"];
    let waivers = waivers
        .iter()
        .map(|(id, reason)| Waiver { id: (*id).to_owned(), reason: (*reason).to_owned() })
        .collect();
    Coverage::from_parts(differences.into_iter().map(difference).collect(), rules, &[], waivers)
}

#[test]
fn coverage_reports_what_is_open_waived_and_mistaken() {
    let id = "\"model_sync.get response /data/x removed\"";
    let open = judged(&rules("", ""), &[("bulk_sync.get behaviour slow", "It is not ours.")]);
    assert_eq!(open.summary(), "0 of 1 differences closed, 1 waived");
    assert!(open.to_string().contains("open    model_sync.get response /data/x removed\n"));
    assert!(
        open.to_string()
            .contains("waived  bulk_sync.get behaviour slow\n          It is not ours.")
    );

    let partly = judged(&rules(id, "callers = [\"partner\"]"), &[]);
    assert!(partly.to_string().contains("removed (for user, organization)"), "{partly}");

    for (closes, waiver, expected) in [
        (
            "\"model_sync.get response /data/x\"",
            None,
            "model_sync/get.toml: `model_sync.get response /data/x` is no difference; did you mean `model_sync.get response /data/x removed`?",
        ),
        (
            "\"model_sync.get response /data/x romeved\"",
            None,
            "did you mean `model_sync.get response /data/x removed`?",
        ),
        (
            "\"bulk_sync.get behaviour slow\"",
            None,
            "is about GET /api/bulk/syncs/{id}, which the rule does not match",
        ),
        (id, Some(("model_sync.get response /data/x removed", "r")), "is closed: drop its waiver"),
        ("", Some(("bulk_sync.get behaviour slow", " ")), "is waived without a reason"),
        ("", Some(("bulk_sync.got", "r")), "waivers.toml: `bulk_sync.got` is no difference"),
    ] {
        let coverage = judged(&rules(closes, ""), waiver.as_slice());
        let mistakes = coverage.mistakes.join("\n");
        assert!(mistakes.contains(expected), "{closes} {waiver:?}: {mistakes}");
    }
}

/// The ids that two documents with these operations differ by.
fn between(legacy: &Value, upstream: &Value) -> Vec<String> {
    let document = |paths: &Value| {
        let error = json!({"type": "object", "properties": {"message": {"type": "string"}}});
        json!({"paths": paths, "components": {"schemas": {"ApiError": error, "Node": {
            "type": "object", "properties": {"next": {"$ref": "#/components/schemas/Node"}},
        }}}})
    };
    let legacy = crate::contract::read_all(&document(legacy));
    let upstream = crate::contract::read_all(&document(upstream));
    let (legacy, upstream): (Vec<_>, Vec<_>) = (legacy.iter().collect(), upstream.iter().collect());
    contract::between(&legacy, &upstream).into_iter().map(|difference| difference.id).collect()
}

fn answering(schema: &Value) -> Value {
    json!({"/a": {"get": {"operationId": "a", "responses": {"200": {"content": {"application/json": {"schema": schema}}}}}}})
}

fn taking(schema: &Value) -> Value {
    json!({"/a": {"get": {"operationId": "a", "responses": {}, "requestBody": {"content": {"application/json": {"schema": schema}}}}}})
}

/// An object with one property `x`.
fn of(schema: &Value, required: bool) -> Value {
    let required = if required { json!(["x"]) } else { json!([]) };
    json!({"type": "object", "properties": {"x": schema}, "required": required})
}

#[test]
fn coverage_compares_types_by_the_way_a_message_goes() {
    let string = json!({"type": "string"});
    let date = json!({"type": "string", "format": "date-time"});
    let (ab, abc) = (
        json!({"type": "string", "enum": ["a", "b"]}),
        json!({"type": "string", "enum": ["a", "b", "c"]}),
    );
    let (integer, number) = (json!({"type": "integer"}), json!({"type": "number"}));
    let nullable = json!({"type": ["string", "null"]});
    let either = json!({"anyOf": [string, integer]});
    let any = json!({});
    let (list, numbers) =
        (json!({"type": "array", "items": string}), json!({"type": "array", "items": number}));
    let (map, map_of_numbers) = (
        json!({"type": "object", "additionalProperties": string}),
        json!({"type": "object", "additionalProperties": number}),
    );
    let node = json!({"$ref": "#/components/schemas/Node"});
    // From, to, what breaks answers, what breaks requests.
    let cases: [(&Value, &Value, &[&str], &[&str]); 15] = [
        (&string, &string, &[], &[]),
        (&node, &node, &[], &[]),
        (&date, &string, &["/x widened to string"], &[]),
        (&string, &date, &[], &["/x narrowed from string"]),
        (&ab, &abc, &["/x value c added"], &[]),
        (&abc, &ab, &[], &["/x value c removed"]),
        (&ab, &string, &["/x widened to string"], &[]),
        (&integer, &number, &["/x widened to number"], &[]),
        (&number, &integer, &[], &["/x narrowed from number"]),
        (&string, &either, &["/x widened to integer"], &[]),
        (&either, &string, &[], &["/x narrowed from integer"]),
        (&string, &any, &["/x widened to anything"], &[]),
        (&any, &string, &[], &["/x narrowed from anything"]),
        (&list, &numbers, &["/x/* widened to number"], &["/x/* narrowed from string"]),
        (&map, &map_of_numbers, &["/x/{} widened to number"], &["/x/{} narrowed from string"]),
    ];
    let ids = |place: &str, ids: &[&str]| -> Vec<String> {
        ids.iter().map(|id| format!("a {place} {id}")).collect()
    };
    for (from, to, answers, requests) in cases {
        let (legacy, upstream) = (of(from, false), of(to, false));
        assert_eq!(
            between(&answering(&legacy), &answering(&upstream)),
            ids("response", answers),
            "{from} {to}"
        );
        assert_eq!(
            between(&taking(&legacy), &taking(&upstream)),
            ids("request", requests),
            "{from} {to}"
        );
    }
    // Null counts only where a property is always there: an optional one may be null anyway.
    let (plain, optional) = (of(&string, true), of(&string, false));
    assert_eq!(
        between(&answering(&plain), &answering(&of(&nullable, true))),
        ["a response /x widened to null"]
    );
    assert_eq!(
        between(&answering(&optional), &answering(&of(&nullable, false))),
        Vec::<String>::new()
    );
    assert_eq!(between(&answering(&plain), &answering(&optional)), ["a response /x optional"]);
    assert_eq!(between(&taking(&optional), &taking(&plain)), ["a request /x required"]);
    let nothing = json!({"type": "object", "properties": {"y": string}});
    assert_eq!(
        between(&taking(&nothing), &taking(&plain)),
        ["a request /y removed", "a request /x required"]
    );
    assert_eq!(between(&answering(&plain), &answering(&nothing)), ["a response /x removed"]);
}

#[test]
fn coverage_compares_unions_member_by_member() {
    let started = json!({"type": "object", "properties": {"started": {"type": "string"}, "by": {"type": "string"}}});
    let ended = json!({"type": "object", "properties": {"ended": {"type": "string"}, "rows": {"type": "integer"}}});
    let ended_with_text = json!({"type": "object", "properties": {"ended": {"type": "string"}, "rows": {"type": "string"}}});
    let union = |last: &Value| of(&json!({"anyOf": [started, last]}), false);
    let found = between(&answering(&union(&ended)), &answering(&union(&ended_with_text)));
    assert_eq!(found, ["a response /x/rows widened to string"]);
}

#[test]
fn coverage_compares_routes_parameters_bodies_and_errors() {
    let operation = |parameters: Value, more: Value| {
        let mut operation = json!({"operationId": "a", "parameters": parameters, "responses": {}});
        for (key, value) in more.as_object().unwrap() {
            operation[key] = value.clone();
        }
        json!({"/a/{id}": {"get": operation}})
    };
    let parameter = |name: &str, place: &str, required: bool| json!({"name": name, "in": place, "required": required, "schema": {"type": "string"}});
    let plain = operation(
        json!([parameter("id", "path", true), parameter("q", "query", false)]),
        json!({}),
    );
    assert_eq!(between(&plain, &json!({})), ["a operation removed"]);
    let renamed = json!({"/a/{other}": {"get": {"operationId": "b", "responses": {}, "parameters": [parameter("other", "path", true), parameter("q", "query", false), parameter("limit", "query", false)]}}});
    assert_eq!(between(&plain, &renamed), Vec::<String>::new());
    let stricter = operation(
        json!([
            parameter("id", "path", true),
            parameter("q", "query", true),
            parameter("h", "header", true)
        ]),
        json!({}),
    );
    assert_eq!(between(&plain, &stricter), ["a query q required", "a header h required"]);
    let fewer = operation(json!([parameter("id", "path", true)]), json!({}));
    assert_eq!(between(&plain, &fewer), ["a query q removed"]);

    let body = |required: bool| json!({"requestBody": {"required": required, "content": {"application/json": {"schema": {"type": "object"}}}}});
    let (optional, required) =
        (operation(json!([]), body(false)), operation(json!([]), body(true)));
    assert_eq!(between(&optional, &required), ["a request body required"]);
    assert_eq!(between(&optional, &operation(json!([]), json!({}))), ["a request body removed"]);

    let mut more = plain.clone();
    more["/a/logs"] = json!({"get": {"operationId": "logs", "responses": {}}});
    assert_eq!(between(&plain, &more), ["a path /a/logs taken"]);

    let error = json!({"responses": {"401": {"content": {"application/json": {"schema": {"type": "object", "properties": {"code": {"type": "integer"}}}}}}}});
    let other = json!({"operationId": "c", "responses": {}});
    let mut legacy = operation(json!([]), error);
    let mut upstream = operation(json!([]), json!({}));
    assert_eq!(between(&legacy, &upstream), ["a error 401 changed"]);
    legacy["/c"] = json!({"get": other});
    upstream["/c"] = json!({"get": other});
    assert_eq!(between(&legacy, &upstream), ["a error 401 changed"]);
    legacy["/c"]["get"]["responses"] = legacy["/a/{id}"]["get"]["responses"].clone();
    assert_eq!(between(&legacy, &upstream), ["* error 401 changed"]);
}
