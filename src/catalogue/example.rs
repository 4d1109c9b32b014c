//! What a rule does to data, shown on examples that are made from the contracts.

use serde_json::{Map, Value};

use crate::contract::{Contract, Operation, Version};
use crate::coverage::shape;
use crate::disclosure::Report;
use crate::json::{Object, Text};
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

/// The resource that is answered, where a lens changes it.
pub(super) fn answer(rule: &Rule) -> Option<Pair> {
    let (upstream, mut object) = answered(rule)?;
    for lens in rule.lenses.iter().rev() {
        lens.down(&mut object, &mut Report::default()).ok()?;
    }
    differing(&object.to_text().to_tree(), &upstream)
}

/// An example of the upstream resource that the lenses see.
fn answered(rule: &Rule) -> Option<(Value, Object<'static>)> {
    let example =
        |method: &str, path: &str| operation(Version::Upstream, method, path)?.example_answer();
    let resource = match &rule.calls {
        Calls::Single(single) => {
            let example = match &single.follow {
                Some(follow) => example("GET", follow.path.source()),
                None => example(single.method.as_str(), single.path.source()),
            };
            rule.resource.first(&Text::tree(&example?))?.into_owned()
        }
        Calls::Collect(collect) => match &collect.complete {
            Some((path, take)) => {
                take.first(&Text::tree(&example("GET", path.source())?))?.into_owned()
            }
            None => {
                let page = example("GET", collect.path.source())?;
                Text::tree(page.get(&collect.items)?.get(0)?)
            }
        },
        Calls::Coded(_) => return None,
    };
    Some((resource.to_tree(), resource.into_object()?))
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
