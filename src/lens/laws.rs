//! The laws that every lens obeys, tried on random resources.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{Alias, At, BulkDiscover, BulkSchedule, Fixed, HiddenValue, Keep, Lens, Rename, Wrap};
use crate::disclosure::Report;
use crate::json::{Object, Text};
use crate::rules::path::Path;

fn object(value: &Value) -> Object<'static> {
    Text::tree(value).into_object().unwrap()
}

fn down(lens: &dyn Lens, resource: &Value) -> Value {
    let mut resource = object(resource);
    lens.down(&mut resource, &mut Report::default()).unwrap();
    resource.to_text().to_tree()
}

fn up(lens: &dyn Lens, body: &Value, current: Option<&Value>) -> Value {
    let mut body = object(body);
    let current = current.map(object);
    lens.up(&mut body, current.as_ref(), &mut Report::default()).unwrap();
    body.to_text().to_tree()
}

/// GetPut: writing back what was read sends what is stored, in every field of `writable`.
fn assert_get_put(lens: &dyn Lens, stored: &Value, writable: &[&str]) {
    let sent = up(lens, &down(lens, stored), Some(stored));
    for key in writable {
        assert_eq!(
            without_metadata(&sent[*key]),
            without_metadata(&stored[*key]),
            "{}: {key} of {stored}",
            lens.name()
        );
        assert!(!has_metadata(&sent[*key]), "{}: metadata went up: {sent}", lens.name());
    }
}

/// PutGet: what was written is what is read, by the normal form `normal`.
fn assert_put_get(lens: &dyn Lens, body: &Value, current: &Value, normal: fn(&Value) -> Value) {
    let stored = up(lens, body, Some(current));
    assert_eq!(
        normal(&down(lens, &stored)),
        normal(body),
        "{}: {body} over {current}",
        lens.name()
    );
}

const METADATA: [&str; 4] = ["created_at", "created_by", "updated_at", "updated_by"];

fn without_metadata(value: &Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.iter()
                .filter(|(key, _)| !METADATA.contains(&key.as_str()))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(without_metadata).collect()),
        other => other.clone(),
    }
}

fn has_metadata(value: &Value) -> bool {
    *value != without_metadata(value)
}

fn maybe<T: std::fmt::Debug + Clone>(
    inner: impl Strategy<Value = T> + Clone,
) -> impl Strategy<Value = Option<T>> + Clone {
    prop::option::of(inner)
}

fn frequency() -> impl Strategy<Value = &'static str> + Clone {
    prop::sample::select(vec!["manual", "continuous", "hourly", "daily", "weekly", "custom"])
}

fn mode() -> impl Strategy<Value = &'static str> + Clone {
    prop::sample::select(vec!["none", "incrementalFields", "nonincrementalFields"])
}

prop_compose! {
    fn legacy_schedule()(frequency in frequency(), hour in maybe("[0-9]"), minute in maybe("[0-9]"), extra in maybe("[a-z]{3}")) -> Value {
        let mut schedule = Map::from_iter([("frequency".to_owned(), json!(frequency))]);
        for (key, value) in [("hour", hour), ("minute", minute), ("x_unknown", extra)] {
            schedule.extend(value.map(|value| (key.to_owned(), json!(value))));
        }
        Value::Object(schedule)
    }
}

prop_compose! {
    fn stored_schedule(id: String)(schedule in legacy_schedule(), id in Just(id), created in any::<bool>()) -> Value {
        let mut schedule = schedule;
        schedule["id"] = json!(id);
        if created {
            schedule["created_at"] = json!("2025-01-01T00:00:00Z");
            schedule["updated_by"] = json!({"id": "u"});
        }
        schedule
    }
}

prop_compose! {
    fn additional(id: String)(schedule in stored_schedule(id), mode in maybe(mode()), schemas in maybe(prop::collection::vec("[a-c]", 0..3)), resync in maybe(prop::sample::select(vec!["normal", "rebuild"]))) -> Value {
        let mut schedule = schedule;
        if let Some(mode) = mode { schedule["selective_mode"] = json!(mode); }
        if let Some(schemas) = schemas { schedule["schemas"] = json!(schemas); }
        if let Some(resync) = resync { schedule["resync_mode"] = json!(resync); }
        schedule
    }
}

prop_compose! {
    fn stored()(default in stored_schedule("default".to_owned()), additional in prop::collection::vec(additional("a".to_owned()), 0..5)) -> Value {
        let mut additional = additional;
        for (place, entry) in additional.iter_mut().enumerate() {
            entry["id"] = json!(format!("a{place}"));
        }
        json!({"default_schedule": default, "additional_schedules": additional})
    }
}

fn legacy_body() -> impl Strategy<Value = Value> {
    let item = (mode(), legacy_schedule())
        .prop_map(|(mode, schedule)| json!({"item": mode, "schedule": schedule}));
    let multi = prop::collection::vec(item, 1..5).prop_map(|items| json!({"schedule": {"frequency": "multi", "multi": {"type": "incremental", "schedules": items}}}));
    prop_oneof![legacy_schedule().prop_map(|schedule| json!({"schedule": schedule})), multi]
}

/// The normal form of a legacy schedule: the items in any order, a single one as an item `none`.
///
/// A silent item `none` among others is the one thing that has no legacy form of its own: a
/// manual default is not shown, and runs nothing.
fn normal_schedule(body: &Value) -> Value {
    let schedule = &body["schedule"];
    let mut items: Vec<Value> = match schedule["multi"]["schedules"].as_array() {
        Some(items) => items.clone(),
        None => vec![json!({"item": "none", "schedule": schedule})],
    };
    let silent = |item: &Value| item["item"] == "none" && item["schedule"]["frequency"] == "manual";
    items.retain(|item| !silent(item));
    let mut texts: Vec<String> = items
        .iter()
        .map(|item| {
            format!(
                "{}{:?}",
                item["item"],
                item["schedule"]
                    .as_object()
                    .map(|map| map.iter().collect::<std::collections::BTreeMap<_, _>>())
            )
        })
        .collect();
    texts.sort();
    json!(texts)
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z]{0,3}".prop_map(Value::from),
        Just(json!("multi"))
    ];
    let key = prop::sample::select(vec![
        "schedule",
        "multi",
        "schedules",
        "item",
        "frequency",
        "default_schedule",
        "additional_schedules",
        "discover",
        "mode",
        "data",
        "id",
        "x",
    ]);
    leaf.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..5).prop_map(|pairs| Value::Object(
                pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
            )),
        ]
    })
}

fn every_lens() -> Vec<Box<dyn Lens>> {
    let text = str::to_owned;
    vec![
        Box::new(BulkSchedule),
        Box::new(BulkDiscover),
        Box::new(Rename { legacy: text("schedule"), upstream: text("default_schedule") }),
        Box::new(Alias { field: text("schedule"), also: text("x") }),
        Box::new(HiddenValue {
            field: text("mode"),
            upstream: text("append"),
            legacy: text("replicate"),
        }),
        Box::new(Fixed { field: text("id"), instead: text("Nothing.") }),
        Box::new(Keep { fields: vec![text("mode")] }),
        Box::new(Wrap { field: text("data") }),
        Box::new(At { path: Path::parse("$.schedules[*]").unwrap(), lens: Box::new(BulkSchedule) }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn bulk_schedule_get_put(stored in stored()) {
        assert_get_put(&BulkSchedule, &stored, &["default_schedule", "additional_schedules"]);
    }

    #[test]
    fn bulk_schedule_put_get(body in legacy_body(), current in stored()) {
        assert_put_get(&BulkSchedule, &body, &current, normal_schedule);
        assert_put_get(&BulkSchedule, &body, &json!({}), normal_schedule);
    }

    #[test]
    fn bulk_schedule_changes_only_what_was_changed(stored in stored(), pick in any::<prop::sample::Index>(), shuffle in any::<bool>()) {
        let mut body = down(&BulkSchedule, &stored);
        let mut expected = stored.clone();
        let schedules = body["schedule"]["multi"]["schedules"].as_array().map(Vec::len);
        match schedules {
            None => {
                body["schedule"]["hour"] = json!("changed");
                expected["default_schedule"]["hour"] = json!("changed");
            }
            Some(count) => {
                let place = pick.index(count);
                body["schedule"]["multi"]["schedules"][place]["schedule"]["hour"] = json!("changed");
                let additional = expected["additional_schedules"].as_array().unwrap().len();
                match (place + additional).checked_sub(count) {
                    Some(index) => expected["additional_schedules"][index]["hour"] = json!("changed"),
                    None => expected["default_schedule"]["hour"] = json!("changed"),
                }
            }
        }
        let sent = up(&BulkSchedule, &body, Some(&stored));
        prop_assert_eq!(&sent["default_schedule"], &without_metadata(&expected["default_schedule"]));
        prop_assert_eq!(&sent["additional_schedules"], &without_metadata(&expected["additional_schedules"]));
        if shuffle && let Some(items) = body["schedule"]["multi"]["schedules"].as_array_mut() {
            items.reverse();
            let sent = up(&BulkSchedule, &body, Some(&stored));
            let ids = |value: &Value| value["additional_schedules"].as_array().unwrap().iter().map(|entry| entry["id"].to_string()).collect::<std::collections::BTreeSet<_>>();
            prop_assert_eq!(ids(&sent), ids(&expected));
        }
    }

    #[test]
    fn bulk_schedule_ids_never_cross(body in legacy_body(), current in stored()) {
        let sent = up(&BulkSchedule, &body, Some(&current));
        prop_assert_eq!(&sent["default_schedule"]["id"], &json!("default"));
        let known: Vec<&Value> = current["additional_schedules"].as_array().unwrap().iter().map(|entry| &entry["id"]).collect();
        for entry in sent["additional_schedules"].as_array().unwrap() {
            prop_assert!(entry["id"].is_null() || known.contains(&&entry["id"]), "{}", sent);
        }
    }

    #[test]
    fn bulk_discover_get_put(objects in maybe(prop::sample::select(vec!["all", "none", "onlyIncremental"])), fields in maybe(prop::sample::select(vec!["all", "none"]))) {
        let mut stored = json!({});
        if let Some(objects) = objects { stored["automatically_add_new_objects"] = json!(objects); }
        if let Some(fields) = fields { stored["automatically_add_new_fields"] = json!(fields); }
        assert_get_put(&BulkDiscover, &stored, &["automatically_add_new_objects", "automatically_add_new_fields"]);
        let only = json!({"discover": down(&BulkDiscover, &stored)["discover"]});
        let sent = up(&BulkDiscover, &only, Some(&stored));
        prop_assert_eq!(&sent["automatically_add_new_fields"], &stored["automatically_add_new_fields"]);
        for discover in [true, false] {
            assert_put_get(&BulkDiscover, &json!({"discover": discover}), &stored, |body| body["discover"].clone());
        }
    }

    #[test]
    fn hidden_value_laws(mode in prop::sample::select(vec!["append", "replicate", "snapshot"]), write in prop::sample::select(vec!["replicate", "snapshot"])) {
        let lens = HiddenValue { field: "mode".to_owned(), upstream: "append".to_owned(), legacy: "replicate".to_owned() };
        let stored = json!({"mode": mode});
        assert_get_put(&lens, &stored, &["mode"]);
        assert_put_get(&lens, &json!({"mode": write}), &stored, Value::clone);
    }

    #[test]
    fn declared_laws(value in any_value(), other in any_value()) {
        let text = str::to_owned;
        let rename = Rename { legacy: text("l"), upstream: text("u") };
        assert_get_put(&rename, &json!({"u": value}), &["u"]);
        assert_put_get(&rename, &json!({"l": value}), &json!({"u": other}), Value::clone);
        let keep = Keep { fields: vec![text("hidden")] };
        let sent = up(&keep, &json!({"a": 1}), Some(&json!({"hidden": value, "a": 2})));
        prop_assert_eq!(sent, json!({"a": 1, "hidden": value}));
        let wrap = Wrap { field: text("data") };
        if !value.is_null() { assert_get_put(&wrap, &json!({"data": value}), &["data"]); }
    }

    #[test]
    fn untouched_members_keep_every_byte(stored in stored(), body in legacy_body(), extra in any_value()) {
        let noise = format!(r#""big":18446744073709551616,"f":12.50,"e":1e3,"\u00e9":{{ "a" : [ ] }},"extra":{extra}"#);
        for lens in [Box::new(BulkSchedule) as Box<dyn Lens>, Box::new(BulkDiscover)] {
            let text = format!("{{{noise},{}", &stored.to_string()[1..]);
            let mut resource = crate::json::parse(text.as_bytes()).unwrap().into_object().unwrap();
            lens.down(&mut resource, &mut Report::default()).unwrap();
            let shown = resource.to_text().as_text().to_owned();
            prop_assert!(shown.starts_with(&format!("{{{noise},")), "{}", shown);
            let text = format!("{{{noise},{}", &body.to_string()[1..]);
            let mut sent = crate::json::parse(text.as_bytes()).unwrap().into_object().unwrap();
            lens.up(&mut sent, None, &mut Report::default()).unwrap();
            let sent = sent.to_text().as_text().to_owned();
            prop_assert!(sent.starts_with(&format!("{{{noise},")), "{}", sent);
        }
    }

    /// A part that is skipped for its text is one that a walk through it would have left as it is.
    #[test]
    fn a_lens_does_nothing_in_what_does_not_concern_it(
        members in prop::collection::vec(
            prop_oneof![Just(r#""schedule":1"#), Just(r#""x":2"#), Just(r#""\u0078":3"#), Just(r#""y":"x""#), Just(r#""y":null"#)],
            0..4,
        ),
    ) {
        let items = format!("[{{{}}},{{}}]", members.join(","));
        for lens in every_lens() {
            let lens: &dyn Lens = &*lens;
            let mut item = crate::json::parse(&items.as_bytes()[1..items.len() - 4]).unwrap().into_object().unwrap();
            let before = item.to_text();
            let result = lens.up(&mut item, None, &mut Report::default());
            if !lens.concerns(&items) {
                prop_assert!(result.is_ok() && item.to_text() == before, "{}: {items}", lens.name());
            }
        }
    }

    #[test]
    fn no_json_makes_a_lens_panic(resource in any_value(), current in any_value()) {
        let (Some(resource), Some(current)) = (Text::tree(&resource).into_object(), Text::tree(&current).into_object()) else { return Ok(()) };
        for lens in every_lens() {
            let mut report = Report::default();
            let _ = lens.down(&mut resource.clone(), &mut report);
            let _ = lens.up(&mut resource.clone(), Some(&current), &mut report);
            let _ = lens.up(&mut resource.clone(), None, &mut report);
            let declared = lens.branches();
            for branch in report.branches() {
                prop_assert!(declared.contains(&branch), "{} took {branch}, which it does not declare", lens.name());
            }
        }
    }
}
