use proptest::prelude::*;

use super::*;
use crate::json::parse;
use crate::json::scan::quote;

fn object(text: &str) -> Object<'_> {
    parse(text.as_bytes()).unwrap().into_object().unwrap()
}

#[test]
fn untouched_members_keep_every_byte() {
    let mut value = object(
        r#"{"n":12.50, "big":18446744073709551616, "\u0061":1e3, "x":{ "y" : [ ] }, "x":null}"#,
    );
    value.set("new", Text::boolean(true));
    assert_eq!(
        value.to_text().as_text(),
        r#"{"n":12.50, "big":18446744073709551616, "\u0061":1e3, "x":{ "y" : [ ] }, "x":null,"new":true}"#
    );
}

#[test]
fn an_unchanged_object_keeps_its_white_space() {
    let text = "{ \"a\" : 1 }";
    assert_eq!(object(text).to_text().as_text(), text);
}

#[test]
fn escaped_keys_are_found() {
    let mut value = object(r#"{"sched\u0075le":1,"b":2}"#);
    assert!(value.has("schedule"));
    value.rename("schedule", "default_schedule");
    assert_eq!(value.to_text().as_text(), r#"{"default_schedule":1,"b":2}"#);
}

#[test]
fn members_far_behind_the_first_are_found() {
    let items = "0,".repeat(70_000);
    let text = format!(r#"{{"a":[{items}0],"b":1,"c":2,"b":3}}"#);
    let document = crate::json::Document::read(text.as_bytes()).unwrap();
    let mut value = document.text().into_object().unwrap();
    assert_eq!(value.get("b").unwrap().as_text(), "3");
    assert!(value.repeats("b") && !value.repeats("c") && !value.has("d"));
    value.remove("a");
    value.set("b", Text::boolean(true));
    assert_eq!(value.to_text().as_text(), r#"{"b":true,"c":2}"#);
}

#[test]
fn a_body_full_of_one_key_takes_no_longer_than_another() {
    // Ten thousand times as long, were each looked for among the others.
    let text = format!("{{{}}}", vec![r#""a":1"#; 300_000].join(","));
    let document = crate::json::Document::read(text.as_bytes()).unwrap();
    let mut value = document.text().into_object().unwrap();
    assert!(value.repeats("a"));
    value.rename("a", "b");
    assert_eq!(value.to_text().as_text(), r#"{"b":1}"#);
    assert_eq!((value.len(), value.has("a")), (1, false));
}

#[test]
fn values_change_where_they_stand() {
    let mut value = object(r#"{ "a":1, "\u0062": 2 ,"a":3}"#);
    let change = |key: &str, value: Text<'_>| match (key, value.as_text()) {
        ("b", "2") => Ok(Some(Text::boolean(true))),
        (_, "3") => Ok(Some(Text::boolean(false))),
        _ => Ok::<_, ()>(None),
    };
    value.change_values(change).unwrap();
    assert_eq!(value.to_text().as_text(), r#"{"a":1,"b":true,"a":false}"#);
    let mut other = object(r#"{"a":1}"#);
    assert_eq!(other.change_values(|_, _| Err("no")), Err("no"));
    assert_eq!(other.to_text().as_text(), r#"{"a":1}"#);
}

#[test]
fn replacing_keeps_the_place() {
    let mut value = object(r#"{"a":1,"b":2,"c":3}"#);
    value.replace("b", "z", Text::boolean(false));
    assert_eq!(value.to_text().as_text(), r#"{"a":1,"z":false,"c":3}"#);
    value.replace("c", "a", Text::boolean(true));
    assert_eq!(value.to_text().as_text(), r#"{"z":false,"a":true}"#);
}

#[test]
fn text_around_a_value_stays() {
    let around = |text: &'static str, key: &str| {
        object(text).text_around(key, &Text::boolean(true)).map(Text::into_string)
    };
    let text = r#"{ "a" : 1.0, "b" : "x" , "\u0063":[ ] }"#;
    assert_eq!(around(text, "b").unwrap(), r#"{ "a" : 1.0, "b" : true , "\u0063":[ ] }"#);
    assert_eq!(around(text, "c").unwrap(), r#"{ "a" : 1.0, "b" : "x" , "\u0063":true }"#);
    assert_eq!(around(text, "d"), None);
    assert_eq!(around(r#"{"b":1,"b":2}"#, "b"), None);
    let mut changed = object(text);
    changed.remove("a");
    assert!(changed.text_around("b", &Text::boolean(true)).is_none());
}

#[test]
fn repeated_keys_are_seen() {
    let value = object(r#"{"a":1,"\u0061":2}"#);
    assert!(value.repeats("a"));
    assert_eq!(value.get("a").unwrap().as_text(), "2");
}

#[test]
fn meaning_ignores_order_and_null() {
    assert!(object(r#"{"a":1,"b":null}"#).says_the_same_as(&object(r#"{"a":1}"#)));
    assert!(!object(r#"{"a":1}"#).says_the_same_as(&object(r#"{"a":2}"#)));
}

/// Does to a list of members what is done to the object.
fn edited_slowly(members: &mut Vec<(String, String)>, change: &Change) {
    let forget = |members: &mut Vec<(String, String)>, key: &str| {
        members.retain(|(own, _)| own != key);
    };
    match change {
        Change::Set(key, value) => match members.iter().position(|(own, _)| own == key) {
            Some(at) => {
                members[at].1.clone_from(value);
                let later = members.split_off(at + 1);
                members.extend(later.into_iter().filter(|(own, _)| own != key));
            }
            None => members.push((key.clone(), value.clone())),
        },
        Change::Remove(key) => forget(members, key),
        Change::Replace(key, name, value) => {
            let at = members.iter().position(|(own, _)| own == key);
            let at = at.unwrap_or(members.len());
            members.insert(at, ("new".to_owned(), value.clone()));
            forget(members, name);
            forget(members, key);
            members
                .iter_mut()
                .filter(|(own, _)| own == "new")
                .for_each(|(own, _)| own.clone_from(name));
        }
    }
}

#[derive(Debug, Clone)]
enum Change {
    Set(String, String),
    Remove(String),
    Replace(String, String, String),
}

fn any_change() -> impl Strategy<Value = Change> {
    let (key, value) = ("[abcé\"]", "[0-9]");
    prop_oneof![
        (key, value).prop_map(|(key, value)| Change::Set(key, value)),
        key.prop_map(Change::Remove),
        (key, key, value).prop_map(|(key, name, value)| Change::Replace(key, name, value)),
    ]
}

fn written(members: &[(String, String)]) -> String {
    let member = |(key, value): &(String, String)| format!("{}:{value}", quote(key));
    format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(","))
}

proptest! {
    #[test]
    fn edits_do_what_they_do_to_a_list(
        mut members in prop::collection::vec(("[abcé\"]", "[0-9]"), 0..6),
        mut others in prop::collection::vec("[a-m]{2,4}|[a-m]{40,41}", 36),
        count in prop_oneof![Just(0), 12..18_usize, 26..36_usize],
        behind in any::<bool>(),
        changes in prop::collection::vec(any_change(), 0..8),
        is_noted in any::<bool>(),
    ) {
        // Members are indexed, or stand behind those that are.
        others.truncate(count);
        let others = others.into_iter().map(|key| (key, "0".to_owned()));
        let end = if behind { members.len() } else { 0 };
        members.splice(end..end, others);
        let text = written(&members);
        let document = crate::json::Document::read(text.as_bytes()).unwrap();
        let mut object = match is_noted {
            true => document.text().into_object().unwrap(),
            false => object(&text),
        };
        for change in &changes {
            edited_slowly(&mut members, change);
            match change.clone() {
                Change::Set(key, value) => object.set(key, Text::owned(value)),
                Change::Remove(key) => drop(object.remove(&key)),
                Change::Replace(key, name, value) => object.replace(&key, name, Text::owned(value)),
            }
            prop_assert_eq!(object.to_text().into_string(), written(&members));
            prop_assert_eq!(object.clone().into_owned().to_text().into_string(), written(&members));
            let listed: Vec<(String, String)> = object
                .members()
                .map(|(key, value)| (key.into_owned(), value.into_string()))
                .collect();
            prop_assert_eq!(&listed, &members);
            for key in ["a", "b", "c", "é", "\"", "x"] {
                let own = || members.iter().filter(|(own, _)| own == key);
                let value = own().next_back().map(|(_, value)| value.clone());
                prop_assert_eq!(object.get(key).map(Text::into_string), value.clone());
                prop_assert_eq!(object.value(key).map(Text::into_string), value.clone());
                prop_assert_eq!(object.has(key), value.is_some());
                prop_assert_eq!(object.repeats(key), own().count() > 1);
                prop_assert!(object.may_repeat() || !object.repeats(key));
                let mut out = String::new();
                object.write_some(|own, _| own != key, &mut out);
                let mut rest = members.clone();
                rest.retain(|(own, _)| own != key);
                prop_assert_eq!(out, written(&rest));
                let mut without = object.clone();
                without.remove_where(|own| own == key);
                prop_assert_eq!(without.to_text().into_string(), written(&rest));
                prop_assert!(!without.has(key));
            }
        }
    }
}
