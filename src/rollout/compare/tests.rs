//! The comparison: what is a difference, and the laws that hold for any two answers.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::disclosure::{How, Report};
use crate::rollout::verdict::without_noise;
use crate::rollout::{built_in, settle};

fn answer(status: u16, body: Value) -> Answer {
    Answer { status, body: Content::Json(body) }
}

fn found(left: Value, right: Value) -> Vec<(String, Kind)> {
    let context = Context::new("GET", "/api/syncs", None);
    let found = compare(&answer(200, left), &answer(200, right), &context);
    found.into_iter().map(|found| (found.pointer, found.kind)).collect()
}

#[test]
fn differences_have_their_place_and_kind() {
    type Expected<'e> = &'e [(&'e str, Kind)];
    let cases: [(Value, Value, Expected<'_>); 15] = [
        (json!({"a": 1, "b": [1.0]}), json!({"b": [1], "a": 1.0}), &[]),
        (json!({"a": 1}), json!({"a": 2}), &[("/a", Kind::Value)]),
        (json!({"a": "1"}), json!({"a": 1}), &[("/a", Kind::Value)]),
        (json!({"a": {}}), json!({"a": []}), &[("/a", Kind::Value)]),
        (json!({"a": 1}), json!({}), &[("/a", Kind::Missing)]),
        (json!({"a": null}), json!({}), &[("/a", Kind::Null)]),
        (json!({"data": []}), json!({"data": [], "x": 1}), &[("/x", Kind::Undeclared)]),
        (
            json!({"data": [{"id": 1}]}),
            json!({"data": [{"id": 1, "fields": [], "mine": 1, "name": null}]}),
            &[
                ("/data/*/fields", Kind::Added),
                ("/data/*/mine", Kind::Undeclared),
                ("/data/*/name", Kind::Null),
            ],
        ),
        (json!({"a/b~c": 1}), json!({"a/b~c": 2}), &[("/a~1b~0c", Kind::Value)]),
        (json!([1, 2, 3]), json!([3, 1, 2]), &[("", Kind::Order)]),
        (json!([1, 2, 3]), json!([1, 3]), &[("/*", Kind::Missing)]),
        (json!([1, 2, 2]), json!([1, 2, 4]), &[("/*", Kind::Value)]),
        (
            json!([{"id": "a", "x": 1}, {"id": "b", "x": 2}]),
            json!([{"id": "b", "x": 2}, {"id": "a", "x": 3}]),
            &[("/*/x", Kind::Value), ("", Kind::Order)],
        ),
        (
            json!([{"id": "a"}, {"id": "b"}]),
            json!([{"id": "b"}, {"id": "c"}]),
            &[("/*", Kind::Missing), ("/*", Kind::Added)],
        ),
        (
            json!([{"x": 1, "y": 1}, {"x": 2}, {"x": 3}]),
            json!([{"x": 2}, {"y": 2, "x": 1}, {"x": 3}]),
            &[("/*/y", Kind::Value)],
        ),
    ];
    for (left, right, expected) in cases {
        let expected: Vec<_> =
            expected.iter().map(|(pointer, kind)| ((*pointer).to_owned(), *kind)).collect();
        assert_eq!(found(left.clone(), right.clone()), expected, "{left} {right}");
    }
}

#[test]
fn an_error_is_no_answer() {
    let context = Context::default();
    let one = answer(200, json!({"data": 1}));
    let other = answer(404, json!({"message": "x"}));
    let found = compare(&one, &other, &context);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].kind, found[0].legacy.clone()), (Kind::Status, Some(json!(200))));
    let text = Answer::new(200, Bytes::from_static(b"no JSON"));
    assert_eq!(compare(&text, &text, &context), []);
    assert_eq!(compare(&text, &one, &context)[0].kind, Kind::Value);
    let own = answer(404, json!({"key": "shim.not_found", "message": "y"}));
    let (left, is_tolerated) = settle(
        compare(&other, &own, &context),
        "users/get",
        built_in(),
        (&own, &Report::default()),
    );
    assert!(left.is_empty() && is_tolerated, "{left:?}");
    let upstream = answer(404, json!({"key": "not_found", "message": "y"}));
    let found = compare(&other, &upstream, &context);
    let (left, _) = settle(found, "users/get", built_in(), (&upstream, &Report::default()));
    assert!(!left.is_empty(), "upstream's own words are compared");
}

#[test]
fn addresses_of_upstream_are_those_of_the_shim() {
    let origins = Origins {
        upstream: "https://app.polytomic.com".to_owned(),
        client: "http://shim:8080".to_owned(),
    };
    let context = Context::new("GET", "/api/syncs", Some(origins));
    let one = answer(
        200,
        json!({"next": "https://app.polytomic.com/x", "all": ["https://app.polytomic.com/y"]}),
    );
    let other = answer(200, json!({"next": "http://shim:8080/x", "all": ["http://shim:8080/y"]}));
    assert_eq!(compare(&one, &other, &context), []);
    assert_eq!(compare(&one, &one, &context), []);
    assert_eq!(compare(&one, &other, &Context::default()).len(), 2);
}

#[test]
fn what_is_disclosed_is_right_and_noise_is_none_of_ours() {
    let context = Context::default();
    let one = answer(200, json!({"data": [{"id": 1, "mode": "a", "at": 1, "n": 1}]}));
    let other = answer(200, json!({"data": [{"id": 1, "mode": "b", "at": 2, "n": 2}]}));
    let mut report = Report::default();
    report.note(How::Approximated, "/data/0/mode");
    let (left, is_tolerated) =
        settle(compare(&one, &other, &context), "x/y", built_in(), (&other, &report));
    assert!(is_tolerated);
    let pointers: Vec<_> = left.iter().map(|found| found.pointer.as_str()).collect();
    assert_eq!(pointers, ["/data/*/at", "/data/*/n"]);
    let later = answer(200, json!({"data": [{"id": 1, "mode": "a", "at": 3, "n": 1}]}));
    let left = without_noise(left, &compare(&one, &later, &context));
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].pointer, "/data/*/n");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-5_i64..5).prop_map(Value::from),
        (-5_i64..5).prop_map(|number| json!(number as f64)),
        "[a-c]{0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[a-c]|id", inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn swapped(kind: Kind) -> Kind {
    match kind {
        Kind::Added | Kind::Undeclared => Kind::Missing,
        Kind::Missing => Kind::Added,
        other => other,
    }
}

/// Members and items in another order, all the way down.
fn shuffled(value: &Value, turn: usize) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(|item| shuffled(item, turn)).collect();
            let by = turn % items.len().max(1);
            items.rotate_left(by);
            Value::Array(items)
        }
        Value::Object(members) => {
            let members = members.iter().rev();
            Value::Object(members.map(|(key, own)| (key.clone(), shuffled(own, turn))).collect())
        }
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn nothing_differs_from_itself(value in any_json()) {
        prop_assert_eq!(found(value.clone(), value), []);
    }

    #[test]
    fn both_sides_find_the_same(left in any_json(), right in any_json()) {
        let context = Context::default();
        let places = |found: Vec<Found>, swap: bool| {
            let mut places: Vec<(String, String)> = found
                .into_iter()
                .map(|own| {
                    let kind = if swap { swapped(own.kind) } else { own.kind };
                    (own.pointer, format!("{kind:?}"))
                })
                .collect();
            places.sort();
            places
        };
        let (one, other) = (answer(200, left), answer(200, right));
        let there = places(compare(&one, &other, &context), false);
        let back = places(compare(&other, &one, &context), true);
        prop_assert_eq!(there.is_empty(), back.is_empty());
        let pointers = |places: &[(String, String)]| {
            places.iter().map(|(pointer, _)| pointer.clone()).collect::<std::collections::BTreeSet<_>>()
        };
        prop_assert_eq!(pointers(&there), pointers(&back));
    }

    #[test]
    fn order_is_one_kind_of_difference(ids in prop::collection::btree_set(0_u32..50, 0..8), turn in 0_usize..8, body in any_json()) {
        let items: Vec<Value> =
            ids.iter().map(|id| json!({ "id": id, "body": body, "n": id * 2 })).collect();
        let list = json!({ "data": items, "b": 1, "a": 2 });
        let mut other = list.clone();
        if let Some(items) = other["data"].as_array_mut() {
            let by = turn % items.len().max(1);
            items.rotate_left(by);
        }
        let context = Context::new("GET", "/api/syncs", None);
        let (one, other) = (answer(200, list), answer(200, other));
        let all = compare(&one, &other, &context);
        prop_assert!(all.iter().all(|own| own.kind == Kind::Order && own.pointer == "/data"));
        let (left, _) = settle(all, "model_sync/list", built_in(), (&other, &Report::default()));
        prop_assert_eq!(left, []);
    }

    #[test]
    fn members_have_no_order(value in any_json()) {
        prop_assert_eq!(found(value.clone(), shuffled(&value, 0)), []);
    }
}
