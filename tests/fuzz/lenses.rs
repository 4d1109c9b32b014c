//! Every lens of every rule on any JSON.

use polytomic_shim::disclosure::Report;
use polytomic_shim::json::{self, Object};
use polytomic_shim::rules::Rules;

use crate::corpus;
use crate::driver::fuzz;

const WORDS: &[&str] = &[
    "\"schedule\":",
    "\"default_schedule\":",
    "\"additional_schedules\":",
    "\"frequency\":\"multi\"",
    "\"multi\":",
    "\"schedules\":",
    "\"item\":\"none\"",
    "\"selective_mode\":",
    "\"discover\":",
    "\"mode\":\"append\"",
    "\"identities\":",
    "\"mappings\":",
    "\"identity\":",
    "\"filters\":",
    "\"model_filters\":",
    "\"target\":",
    "\"schemas\":",
    "\"id\":",
    "\"override_fields\":",
    "\"issuer\":",
    "\"email\":",
    "\"partitionKey\":",
    "\"resync\":",
    "null",
    "true",
    "[]",
    "{}",
    "\"\"",
    "\0",
];

/// Before a NUL what the client sends, or upstream shows; after it what upstream has now.
#[test]
fn lenses() {
    let rules = Rules::embedded().unwrap();
    let bodies = corpus::fixtures(&["body"]);
    let mut inputs = bodies.clone();
    // What is in an envelope is what lenses get to see.
    for body in &bodies {
        let Ok(envelope) = serde_json::from_slice::<serde_json::Value>(body) else { continue };
        let data = envelope.get("data").map(ToString::to_string);
        inputs.extend(data.map(|data| [data.as_bytes(), b"\0", data.as_bytes()].concat()));
    }
    fuzz("lenses", inputs, WORDS, |input| {
        let mut parts = input.splitn(2, |byte| *byte == 0);
        let (body, current) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let object = |bytes| json::parse(bytes).ok().and_then(json::Text::into_object);
        let Some(body) = object(body) else { return "no object".to_owned() };
        let current = object(current);
        let mut said = String::new();
        for rule in rules.iter() {
            for lens in rule.lenses.iter().chain(&rule.envelope_lenses) {
                let mut report = Report::default();
                let mut up = body.clone();
                let result = lens.up(&mut up, current.as_ref(), &mut report);
                is_json(&up);
                let outcome = result.map_or_else(|failure| failure.key.text(), |()| "up");
                let mut down = body.clone();
                let result = lens.down(&mut down, &mut report);
                is_json(&down);
                let other = result.map_or_else(|failure| failure.key.text(), |()| "down");
                let header = report.header().unwrap_or_default();
                assert!(header.len() <= 5 << 10 && http::HeaderValue::from_str(&header).is_ok());
                if !header.is_empty() || outcome != "up" || other != "down" {
                    said.push_str(&format!("{} {outcome} {other} ", lens.name()));
                }
            }
        }
        said
    });
}

fn is_json(object: &Object<'_>) {
    let text = object.to_text();
    let oracle = serde_json::from_str::<&serde_json::value::RawValue>(text.as_text());
    assert!(oracle.is_ok(), "{}", text.as_text());
}
