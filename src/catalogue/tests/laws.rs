//! Laws of lenses: two that every lens of every rule is tried by, and those of `laws.rs`'s rows
//! that say so.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::disclosure::Report;
use crate::json::{Object, Text, parse};
use crate::lens::{
    Alias, BulkResync, BulkSchemas, Fixed, Lens, ModelSyncFields, ModelSyncView,
    OrganizationSignOn, Registration, WebhookEndpoint,
};
use crate::rules::{Options, Rule, Rules};
use crate::secret::Secret;

fn object(value: &Value) -> Object<'static> {
    Text::tree(value).into_object().unwrap()
}

fn down(lens: &dyn Lens, resource: &Value) -> Value {
    let mut resource = object(resource);
    lens.down(&mut resource, &mut Report::default()).unwrap();
    resource.to_text().to_tree()
}

fn up(lens: &dyn Lens, body: &Value, current: &Value) -> Value {
    let mut body = object(body);
    lens.up(&mut body, Some(&object(current)), &mut Report::default()).unwrap();
    body.to_text().to_tree()
}

/// What is written back as it was read is what is stored, in each of these members.
fn assert_get_put(lens: &dyn Lens, stored: &Value, members: &[&str]) {
    let sent = up(lens, &down(lens, stored), stored);
    for member in members {
        assert_eq!(sent.get(member), stored.get(member), "{}: {member} of {stored}", lens.name());
    }
}

fn text() -> impl Strategy<Value = String> + Clone {
    "[a-c]{1,2}"
}

/// Members that may each be absent.
fn members<S: Strategy<Value = Value> + 'static>(
    names: &'static [&'static str],
    value: S,
) -> impl Strategy<Value = Value> {
    let count = names.len();
    prop::collection::vec(prop::option::of(value), count).prop_map(move |values| {
        let present = names.iter().zip(values);
        present.filter_map(|(name, value)| Some(((*name).to_owned(), value?))).collect()
    })
}

fn texts(names: &'static [&'static str]) -> impl Strategy<Value = Value> {
    members(names, text().prop_map(Value::from))
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        prop::sample::select(vec![
            "",
            "a",
            "append",
            "multi",
            "none",
            "https://receiver.example/b",
            "https://shim.example/webhooks/two",
            "y",
            "z"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        let key = prop::sample::select(KEYS.to_vec()).prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..6).prop_map(|pairs| pairs.into_iter().collect()),
        ]
    })
}

/// The keys that lenses look at.
const KEYS: &[&str] = &[
    "additional_schedules",
    "automatically_add_new_fields",
    "automatically_add_new_objects",
    "client_id",
    "data",
    "default_schedule",
    "discover",
    "email",
    "enabled",
    "encryption_enabled",
    "endpoint",
    "field",
    "filter_logic",
    "filters",
    "frequency",
    "id",
    "identities",
    "identity",
    "issuer",
    "item",
    "mappings",
    "mode",
    "model_filters",
    "modes",
    "multi",
    "name",
    "object",
    "organization_id",
    "override_fields",
    "partitionKey",
    "resync",
    "resync_mode",
    "schedule",
    "schedules",
    "schemas",
    "secret",
    "selective_mode",
    "source",
    "status",
    "target",
    "target_filters",
];

/// Three webhooks, of which two have one receiver and are told apart by its secrets.
fn webhook_endpoint() -> WebhookEndpoint {
    let all = [("one", "a", "x", "x"), ("two", "b", "y", "z"), ("three", "b", "z", "y")];
    let secret = |text: &str| Secret::new(text.as_bytes().to_vec());
    let registration =
        |(name, receiver, own, receiver_secret): (&str, &str, &str, &str)| Registration {
            name: name.to_owned(),
            receiver: format!("https://receiver.example/{receiver}").parse().unwrap(),
            endpoint: format!("https://shim.example/webhooks/{name}"),
            secret: secret(own),
            receiver_secret: secret(receiver_secret),
        };
    WebhookEndpoint { registrations: all.map(registration).into() }
}

fn every_rule() -> Vec<Arc<Rule>> {
    let registrations = webhook_endpoint().registrations;
    let options = Options { registrations, ..Options::default() };
    Rules::load(None, options).unwrap().iter().cloned().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_lens_of_a_rule_leaves_alone_what_it_does_not_name(body in any_json(), current in any_json()) {
        const NOISE: &str = r#""\u00e9":{ "a" : [ ] },"big":18446744073709551616,"f":12.50,"e":1e3"#;
        let (Some(_), Some(current)) = (body.as_object(), Text::tree(&current).into_object()) else { return Ok(()) };
        let text = body.to_string();
        let comma = if text == "{}" { "" } else { "," };
        let text = format!("{{{NOISE}{comma}{}", &text[1..]);
        for rule in every_rule() {
            for lens in rule.lenses.iter().chain(&rule.envelope_lenses) {
                for is_up in [true, false] {
                    let mut object = parse(text.as_bytes()).unwrap().into_object().unwrap();
                    let report = &mut Report::default();
                    let result = if is_up { lens.up(&mut object, Some(&current), report) } else { lens.down(&mut object, report) };
                    let after = object.to_text();
                    prop_assert!(result.is_err() || after.as_text().starts_with(&format!("{{{NOISE}")), "{}: {}", lens.name(), after.as_text());
                }
            }
        }
    }

    #[test]
    fn no_json_makes_a_lens_of_a_rule_panic(body in any_json(), current in any_json()) {
        let (Some(body), Some(current)) = (Text::tree(&body).into_object(), Text::tree(&current).into_object()) else { return Ok(()) };
        for rule in every_rule() {
            for lens in rule.lenses.iter().chain(&rule.envelope_lenses) {
                let mut report = Report::default();
                let _ = lens.down(&mut body.clone(), &mut report);
                let _ = lens.up(&mut body.clone(), Some(&current), &mut report);
                let _ = lens.up(&mut body.clone(), None, &mut report);
                let declared = lens.branches();
                for branch in report.branches() {
                    prop_assert!(declared.contains(&branch), "{} took {branch}, which it does not declare", lens.name());
                }
            }
        }
    }

    #[test]
    fn alias_put_get(value in any_json(), other in any_json()) {
        let lens = Alias { field: "own".to_owned(), also: "other".to_owned() };
        if !value.is_null() {
            prop_assert_eq!(up(&lens, &json!({"own": value, "other": other}), &json!({}))["own"].clone(), value.clone());
        }
        prop_assert_eq!(up(&lens, &json!({"other": value}), &json!({})), json!({"own": value}));
    }

    #[test]
    fn bulk_resync_get_put(stored in texts(&["resync_mode", "fetch_mode"])) {
        assert_get_put(&BulkResync, &stored, &["resync_mode", "fetch_mode", "resync"]);
    }

    #[test]
    fn bulk_schemas_get_put(entries in prop::collection::vec(texts(&["history_enabled", "user_output_name", "partition_key"]), 0..4)) {
        let stored: Vec<Value> = entries.into_iter().enumerate().map(|(place, mut entry)| {
            entry["id"] = json!(place);
            entry["enabled"] = json!(true);
            entry
        }).collect();
        let stored = json!({"schemas": stored});
        assert_get_put(&BulkSchemas, &stored, &["schemas"]);
        let mut legacy = stored.clone();
        for entry in legacy["schemas"].as_array_mut().unwrap() {
            let entry = entry.as_object_mut().unwrap();
            entry.remove("history_enabled");
            entry.remove("user_output_name");
        }
        prop_assert_eq!(up(&BulkSchemas, &legacy, &stored), stored);
    }

    #[test]
    fn fixed_get_put(value in any_json()) {
        let lens = Fixed { field: "email".to_owned(), instead: "Nothing.".to_owned() };
        let stored = json!({"email": value, "name": "n"});
        prop_assert_eq!(up(&lens, &down(&lens, &stored), &stored), json!({"name": "n"}));
    }

    #[test]
    fn model_sync_fields_get_put(overrides in prop::collection::vec(texts(&["target", "override_value"]), 0..4), target in texts(&["object", "connection_id"])) {
        let stored = json!({"override_fields": overrides, "target": target});
        assert_get_put(&ModelSyncFields, &stored, &["override_fields", "target"]);
    }

    #[test]
    fn model_sync_view_get_put(mappings in prop::collection::vec(texts(&["target", "function"]), 0..4), shown in any::<bool>(), filters in prop::collection::vec(texts(&["label", "value"]), 0..3), hidden in texts(&["model_filters", "target_filters"]), logic in prop::option::of(text())) {
        let mut stored = hidden;
        if shown && let Some(first) = mappings.first() { stored["identity"] = first.clone(); }
        stored["identities"] = json!({"mappings": mappings, "strategy": "priority"});
        stored["filters"] = json!(filters);
        if let Some(logic) = logic { stored["filter_logic"] = json!(logic); }
        assert_get_put(&ModelSyncView, &stored, &["identities", "model_filters", "target_filters"]);
    }

    #[test]
    fn webhook_endpoint_get_put(place in 0..4_usize, other in texts(&["endpoint", "secret", "id"])) {
        let lens = webhook_endpoint();
        let WebhookEndpoint { registrations } = &lens;
        let mut stored = other;
        if let Some(own) = registrations.get(place) {
            stored["endpoint"] = json!(own.endpoint);
            stored["secret"] = json!(std::str::from_utf8(own.secret.expose()).unwrap());
        }
        assert_get_put(&lens, &stored, &["endpoint", "secret", "id"]);
    }

    #[test]
    fn webhook_endpoint_put_get(place in 0..4_usize, other in texts(&["endpoint", "secret", "id"])) {
        let lens = webhook_endpoint();
        let WebhookEndpoint { registrations } = &lens;
        let mut body = other;
        if let Some(own) = registrations.get(place) {
            body["endpoint"] = json!(own.receiver.written);
            body["secret"] = json!(std::str::from_utf8(own.receiver_secret.expose()).unwrap());
        }
        let sent = up(&lens, &body, &json!({}));
        if let Some(own) = registrations.get(place) {
            prop_assert_eq!(&sent["endpoint"], &json!(own.endpoint));
            prop_assert_eq!(&sent["secret"], &json!(std::str::from_utf8(own.secret.expose()).unwrap()));
        }
        prop_assert_eq!(down(&lens, &sent), body);
    }

    #[test]
    fn organization_sign_on_get_put(stored in texts(&["name", "sso_domain", "sso_org_id", "issuer"]), keep in any::<[bool; 4]>()) {
        let lens = OrganizationSignOn { may_lose_client: true };
        assert_get_put(&lens, &stored, &["name", "sso_domain", "sso_org_id", "issuer"]);
        // Leaving out what the client does not know changes nothing either.
        let partial: Value = stored.as_object().unwrap().iter().zip(keep).filter(|(_, keep)| *keep).map(|((key, value), _)| (key.clone(), value.clone())).collect();
        prop_assert_eq!(up(&lens, &partial, &stored), stored);
    }
}
