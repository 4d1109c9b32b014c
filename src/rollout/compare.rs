//! Comparing two answers: by JSON pointer, lists by the ids of their items.
//!
//! - Numbers are compared by their value: `1.0` is `1`. Texts are compared exactly, but for
//!   addresses of upstream, which a translation replaces by those of the shim.
//! - Objects are compared member by member, in whatever order they come.
//! - Lists whose items all have an `id` of their own are compared item by item with the same id.
//!   Of any other list, what both sides have is set aside, and the rest is compared in its order.
//!   The same items in another order are one difference, of the kind `order`: what the order of a
//!   list means is decided by the tolerances, where it can be read.

use std::collections::HashMap;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::shape::Shape;
use super::tolerance::Kind;
use crate::disclosure::segment;
use crate::message::Origins;

/// No more differences of two answers are looked for.
const MOST: usize = 100;

/// An answer to be compared.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Content,
}

/// The body of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// JSON.
    Json(Value),
    /// Anything else, nothing included.
    Bytes(Bytes),
}

impl Answer {
    /// An answer with its body decoded and whole.
    pub fn new(status: u16, body: Bytes) -> Self {
        let body = match serde_json::from_slice(&body) {
            Ok(value) => Content::Json(value),
            Err(_) => Content::Bytes(body),
        };
        Self { status, body }
    }
}

/// One difference.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Where: JSON pointer, `*` for any item.
    pub pointer: String,
    /// What kind it is.
    pub kind: Kind,
    /// The nearest key; empty at the top.
    pub key: String,
    /// The legacy value.
    pub legacy: Option<Value>,
    /// The translated value.
    pub translated: Option<Value>,
}

/// What is known beforehand of the answers that are compared.
#[derive(Debug, Clone, Default)]
pub struct Context<'c> {
    pub(super) shape: Shape<'c>,
    pub(super) origins: Option<Origins>,
}

impl Context<'static> {
    /// Of the answers of a legacy operation, by method and path as in the contract. With
    /// `origins`, addresses of upstream count as equal to those of the shim.
    pub fn new(method: &str, path: &str, origins: Option<Origins>) -> Self {
        Self { shape: Shape::of(method, path), origins }
    }
}

/// Every difference, each place once; nothing where the answers say the same.
pub fn compare(legacy: &Answer, translated: &Answer, context: &Context<'_>) -> Vec<Found> {
    let mut comparison = Comparison { origins: context.origins.as_ref(), found: Vec::new() };
    if legacy.status != translated.status {
        comparison.note(
            Place { pointer: "/".to_owned(), key: String::new() },
            Kind::Status,
            (Some(&legacy.status.into()), Some(&translated.status.into())),
        );
        // An answer and an error have nothing in common that would be worth a line.
        if legacy.status < 400 || translated.status < 400 {
            return comparison.found;
        }
    }
    let top = Place::default();
    match (&legacy.body, &translated.body) {
        (Content::Json(left), Content::Json(right)) => {
            comparison.values(&top, &context.shape, left, right);
        }
        (left, right) if left == right => {}
        (left, right) => {
            let value = |content: &Content| match content {
                Content::Json(value) => Some(value.clone()),
                Content::Bytes(bytes) if bytes.is_empty() => None,
                Content::Bytes(bytes) => {
                    Some(Value::String(String::from_utf8_lossy(bytes).into_owned()))
                }
            };
            let (left, right) = (value(left), value(right));
            comparison.note(top, Kind::Value, (left.as_ref(), right.as_ref()));
        }
    }
    comparison.found
}

/// A place within an answer.
#[derive(Debug, Clone, Default)]
struct Place {
    pointer: String,
    key: String,
}

impl Place {
    fn member(&self, key: &str) -> Self {
        Self { pointer: format!("{}/{}", self.pointer, segment(key)), key: key.to_owned() }
    }

    fn item(&self) -> Self {
        Self { pointer: format!("{}/*", self.pointer), key: self.key.clone() }
    }
}

struct Comparison<'o> {
    origins: Option<&'o Origins>,
    found: Vec<Found>,
}

impl Comparison<'_> {
    fn note(&mut self, place: Place, kind: Kind, values: (Option<&Value>, Option<&Value>)) {
        let Place { pointer, key } = place;
        let is_known = |own: &Found| own.pointer == pointer && own.kind == kind;
        if self.found.len() < MOST && !self.found.iter().any(is_known) {
            let (legacy, translated) = (values.0.cloned(), values.1.cloned());
            self.found.push(Found { pointer, kind, key, legacy, translated });
        }
    }

    fn values(&mut self, place: &Place, shape: &Shape<'_>, left: &Value, right: &Value) {
        match (left, right) {
            (Value::Object(left), Value::Object(right)) => self.objects(place, shape, left, right),
            (Value::Array(left), Value::Array(right)) => self.arrays(place, shape, left, right),
            _ if self.is_same(left, right) => {}
            _ => self.note(place.clone(), Kind::Value, (Some(left), Some(right))),
        }
    }

    fn objects(
        &mut self,
        place: &Place,
        shape: &Shape<'_>,
        left: &Map<String, Value>,
        right: &Map<String, Value>,
    ) {
        for (key, value) in left {
            let own = place.member(key);
            match right.get(key) {
                Some(other) => self.values(&own, &shape.member(key), value, other),
                None if value.is_null() => self.note(own, Kind::Null, (Some(value), None)),
                None => self.note(own, Kind::Missing, (Some(value), None)),
            }
        }
        for (key, value) in right.iter().filter(|(key, _)| !left.contains_key(*key)) {
            let kind = match value {
                _ if shape.is_undeclared(key) => Kind::Undeclared,
                Value::Null => Kind::Null,
                _ => Kind::Added,
            };
            self.note(place.member(key), kind, (None, Some(value)));
        }
    }

    fn arrays(&mut self, place: &Place, shape: &Shape<'_>, left: &[Value], right: &[Value]) {
        let (pairs, in_order) = match (by_id(left), by_id(right)) {
            (Some(lefts), Some(rights)) => by_ids(&lefts, &rights),
            _ => self.by_value(left, right),
        };
        let item = place.item();
        for pair in pairs {
            match pair {
                (Some(left), Some(right)) => self.values(&item, &shape.item(), left, right),
                (Some(left), None) => self.note(item.clone(), Kind::Missing, (Some(left), None)),
                (None, right) => self.note(item.clone(), Kind::Added, (None, right)),
            }
        }
        if !in_order {
            let (left, right) = (Value::from(left), Value::from(right));
            self.note(place.clone(), Kind::Order, (Some(&left), Some(&right)));
        }
    }

    /// The items that only one side has, in pairs as far as there are two; and whether those that
    /// both have come in the same order.
    fn by_value<'v>(&self, left: &'v [Value], right: &'v [Value]) -> (Pairs<'v>, bool) {
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, value) in right.iter().enumerate().rev() {
            places.entry(self.canonical(value, false)).or_default().push(at);
        }
        let mut taken = vec![false; right.len()];
        let mut only_left = Vec::new();
        let (mut last, mut in_order) = (None, true);
        for value in left {
            let key = self.canonical(value, true);
            let Some(at) = places.get_mut(&key).and_then(Vec::pop) else {
                only_left.push(value);
                continue;
            };
            if let Some(place) = taken.get_mut(at) {
                *place = true;
            }
            in_order &= last.is_none_or(|last| last < at);
            last = Some(at);
        }
        let only_right = right.iter().zip(&taken).filter(|(_, taken)| !**taken);
        let mut only_right = only_right.map(|(value, _)| value);
        let mut pairs: Pairs<'v> =
            only_left.into_iter().map(|left| (Some(left), only_right.next())).collect();
        pairs.extend(only_right.map(|right| (None, Some(right))));
        (pairs, in_order)
    }

    fn is_same(&self, left: &Value, right: &Value) -> bool {
        match (left, right) {
            (Value::Number(_), Value::Number(_)) => {
                left == right
                    || (left.as_f64() == right.as_f64() && (left.is_f64() || right.is_f64()))
            }
            (Value::String(left), Value::String(right)) => {
                left == right || self.rewritten(left).is_some_and(|own| own == *right)
            }
            _ => left == right,
        }
    }

    fn rewritten(&self, text: &str) -> Option<String> {
        self.origins.and_then(|origins| origins.rewrite(text))
    }

    /// A text that is the same for values that are the same.
    fn canonical(&self, value: &Value, is_legacy: bool) -> String {
        match value {
            Value::Object(object) => {
                let mut members: Vec<String> = object
                    .iter()
                    .map(|(key, value)| format!("{key:?}:{}", self.canonical(value, is_legacy)))
                    .collect();
                members.sort_unstable();
                format!("{{{}}}", members.join(","))
            }
            Value::Array(items) => {
                let items = items.iter().map(|value| self.canonical(value, is_legacy));
                format!("[{}]", items.collect::<Vec<_>>().join(","))
            }
            Value::Number(number) if number.is_f64() => {
                let number = number.as_f64().unwrap_or_default();
                #[expect(clippy::cast_possible_truncation, reason = "compared before it is used")]
                let whole = number as i64;
                #[expect(clippy::cast_precision_loss, reason = "compared before it is used")]
                let is_whole = whole as f64 == number;
                if is_whole { whole.to_string() } else { number.to_string() }
            }
            Value::String(text) if is_legacy => {
                format!("{:?}", self.rewritten(text).unwrap_or_else(|| text.clone()))
            }
            Value::String(text) => format!("{text:?}"),
            other => other.to_string(),
        }
    }
}

type Pairs<'v> = Vec<(Option<&'v Value>, Option<&'v Value>)>;
type ById<'v> = Vec<(String, &'v Value)>;

/// The items by their ids; none where an item has no id, or not one of its own.
fn by_id(items: &[Value]) -> Option<ById<'_>> {
    let mut all = Vec::with_capacity(items.len());
    let mut seen = std::collections::HashSet::new();
    for item in items {
        let id = match item.as_object()?.get("id")? {
            id @ (Value::String(_) | Value::Number(_)) => id.to_string(),
            _ => return None,
        };
        if !seen.insert(id.clone()) {
            return None;
        }
        all.push((id, item));
    }
    Some(all)
}

fn by_ids<'v>(left: &ById<'v>, right: &ById<'v>) -> (Pairs<'v>, bool) {
    let places: HashMap<&str, (usize, &Value)> =
        right.iter().enumerate().map(|(at, (id, value))| (id.as_str(), (at, *value))).collect();
    let mut pairs: Pairs<'v> = Vec::with_capacity(left.len());
    let (mut last, mut in_order) = (None, true);
    for (id, value) in left {
        let Some((at, other)) = places.get(id.as_str()) else {
            pairs.push((Some(value), None));
            continue;
        };
        pairs.push((Some(value), Some(other)));
        in_order &= last.is_none_or(|last| last < *at);
        last = Some(*at);
    }
    let lefts: std::collections::HashSet<&str> = left.iter().map(|(id, _)| id.as_str()).collect();
    let added = right.iter().filter(|(id, _)| !lefts.contains(id.as_str()));
    pairs.extend(added.map(|(_, value)| (None, Some(*value))));
    (pairs, in_order)
}

#[cfg(test)]
mod tests;
