//! What a rule does to data, shown on examples that are made from the contracts.

use serde_json::{Map, Value};

use crate::contract::{Contract, Operation, Version};
use crate::coverage::shape;
use crate::disclosure::Report;
use crate::json::Text;
use crate::rules::{Calls, Rule};

/// The members of a body that differ between the two sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    /// What the client sends or sees.
    pub legacy: Value,
    /// What upstream takes or answers.
    pub upstream: Value,
}

/// The request's body, where a lens changes it.
pub(super) fn request(rule: &Rule) -> Option<Pair> {
    let Calls::Single(single) = &rule.calls else { return None };
    if !single.body {
        return None;
    }
    let legacy = operation(Version::Legacy, rule.method.as_str(), rule.path.source())?;
    let current = single.read.as_ref().and_then(|(path, take)| {
        let read = operation(Version::Upstream, "GET", path.source())?.example_answer()?;
        take.first(&Text::tree(&read))?.into_owned().into_object()
    });
    let translated = |body: &Value| {
        let mut object = Text::tree(body).into_object()?;
        for lens in &rule.lenses {
            lens.up(&mut object, current.as_ref(), &mut Report::default()).ok()?;
        }
        differing(body, &object.to_text().to_tree())
    };
    let whole = translated(&legacy.example_request()?)?;
    // Once more with nothing else in the body: members that merely stand beside may win.
    translated(&whole.legacy).or(Some(whole))
}

/// The resource that is answered, or the whole answer where a lens stands on that, as far as a lens
/// changes it.
pub(super) fn answer(rule: &Rule) -> Option<Pair> {
    let is_whole = !rule.envelope_lenses.is_empty();
    let upstream = if is_whole { example(rule)? } else { resource(rule)?.to_tree() };
    let lenses = if is_whole { &rule.envelope_lenses } else { &rule.lenses };
    let mut object = Text::tree(&upstream).into_object()?;
    for lens in lenses.iter().rev() {
        lens.down(&mut object, &mut Report::default()).ok()?;
    }
    differing(&object.to_text().to_tree(), &upstream)
}

/// An example of the upstream resource that the lenses see.
fn resource(rule: &Rule) -> Option<Text<'static>> {
    let example = example(rule)?;
    match &rule.calls {
        Calls::Single(_) => rule.resource.first(&Text::tree(&example)).map(Text::into_owned),
        Calls::Collect(collect) => match &collect.complete {
            Some((_, take)) => take.first(&Text::tree(&example)).map(Text::into_owned),
            None => example.get(&collect.items)?.get(0).map(Text::tree),
        },
        Calls::Coded(_) => None,
    }
}

/// An example of the upstream answer, with the values in it that legacy does not know.
fn example(rule: &Rule) -> Option<Value> {
    let (method, path) = match &rule.calls {
        Calls::Single(single) => match &single.follow {
            Some(follow) => ("GET", &follow.path),
            None => (single.method.as_str(), &single.path),
        },
        Calls::Collect(collect) => match &collect.complete {
            Some((path, _)) => ("GET", path),
            None => ("GET", &collect.path),
        },
        Calls::Coded(_) => return None,
    };
    let mut example = operation(Version::Upstream, method, path.source())?.example_answer()?;
    for (pointer, value) in rule.closes.iter().filter_map(|id| added_value(id)) {
        if let Some(place) = example.pointer_mut(&pointer.replace("/*", "/0")) {
            *place = Value::from(value);
        }
    }
    Some(example)
}

/// Pointer and value of `… response POINTER value VALUE added`.
fn added_value(id: &str) -> Option<(&str, &str)> {
    let (_, what) = id.split_once(" response ")?;
    what.strip_suffix(" added")?.split_once(" value ")
}

fn operation(version: Version, method: &str, path: &str) -> Option<&'static Operation> {
    let mut operations = Contract::of(version).operations();
    operations
        .find(|operation| operation.method == method && shape(&operation.template) == shape(path))
}

fn differing(legacy: &Value, upstream: &Value) -> Option<Pair> {
    let own = only(legacy, upstream)?;
    let other = only(upstream, legacy)?;
    let differs = own != other;
    differs.then_some(Pair { legacy: own, upstream: other })
}

/// The members of one object that are absent from or different in the other.
fn only(one: &Value, other: &Value) -> Option<Value> {
    let members =
        one.as_object()?.iter().filter(|(key, value)| other.get(key.as_str()) != Some(*value));
    Some(Value::Object(
        members.map(|(key, value)| (key.clone(), value.clone())).collect::<Map<_, _>>(),
    ))
}
