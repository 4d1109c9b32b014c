//! Which changes between two schemas break a legacy client.
//!
//! What upstream answers must be something that legacy declares, and what legacy may send must be
//! something that upstream takes. So one schema has to fit into the other, and each place where it
//! does not is a change. Schemas are compared by structure; names of components count for nothing.

use std::fmt;

use serde_json::Value;

use super::kind::{Kind, Member, members};
use crate::contract::Operation;

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client: what legacy declares has to fit into what upstream declares.
    Request,
    /// To the client: what upstream declares has to fit into what legacy declares.
    Response,
}

/// One place where a schema does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// A JSON pointer, `*` for any item and `{}` for any value of a map.
    pub pointer: String,
    /// What happened there.
    pub what: What,
    /// The type that it concerns, for a reader.
    pub detail: String,
}

/// What happened to a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A property is gone.
    Removed,
    /// A property that legacy requests need not have is required.
    Required,
    /// A property that legacy answers always have may be absent.
    Optional,
    /// An answer may have a value that legacy does not list.
    ValueAdded(String),
    /// A value that legacy requests may have is refused.
    ValueRemoved(String),
    /// An answer may be of a type that legacy does not declare there.
    Widened(String),
    /// A legacy request may be of a type that is refused.
    Narrowed(String),
}

impl fmt::Display for What {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Removed => formatter.write_str("removed"),
            Self::Required => formatter.write_str("required"),
            Self::Optional => formatter.write_str("optional"),
            Self::ValueAdded(value) => write!(formatter, "value {value} added"),
            Self::ValueRemoved(value) => write!(formatter, "value {value} removed"),
            Self::Widened(kind) => write!(formatter, "widened to {kind}"),
            Self::Narrowed(kind) => write!(formatter, "narrowed from {kind}"),
        }
    }
}

/// The changes from one schema to another that break a message going in `direction`.
pub fn changes(
    direction: Direction,
    legacy: (&Operation, &Value),
    upstream: (&Operation, &Value),
) -> Vec<Change> {
    let mut comparison = Comparison {
        direction,
        legacy: legacy.0,
        upstream: upstream.0,
        within: Vec::new(),
        null: false,
    };
    comparison.schemas("", legacy.1, upstream.1)
}

struct Comparison<'a> {
    direction: Direction,
    legacy: &'a Operation,
    upstream: &'a Operation,
    /// The pairs under comparison: schemas refer to themselves.
    within: Vec<(&'a Value, &'a Value)>,
    /// Whether null is allowed here anyway, because the property is optional.
    null: bool,
}

impl<'a> Comparison<'a> {
    fn schemas(&mut self, pointer: &str, legacy: &'a Value, upstream: &'a Value) -> Vec<Change> {
        let null_allowed = std::mem::take(&mut self.null);
        let legacy = members(self.legacy, legacy);
        let upstream = members(self.upstream, upstream);
        let is_union = named(&legacy) > 1 || named(&upstream) > 1;
        let (part, whole) = match self.direction {
            Direction::Request => (&legacy, &upstream),
            Direction::Response => (&upstream, &legacy),
        };
        if whole.iter().any(|member| matches!(member.kind, Kind::Any)) {
            return Vec::new();
        }
        let mut found = Vec::new();
        for member in part {
            if null_allowed && matches!(member.kind, Kind::Null) {
                continue;
            }
            let tried =
                whole.iter().filter(|other| other.kind.is_like(&member.kind)).map(|other| {
                    let (legacy, upstream) = match self.direction {
                        Direction::Request => (member, other),
                        Direction::Response => (other, member),
                    };
                    let pointer = match legacy.name.filter(|_| is_union) {
                        Some(name) => format!("{pointer}/<{name}>"),
                        None => pointer.to_owned(),
                    };
                    (self.members(&pointer, legacy, upstream), member.distance(other))
                });
            let best = tried.min_by_key(|(changes, distance)| (changes.len(), *distance));
            match best {
                Some((changes, _)) => found.extend(changes),
                None => found.push(self.unlike(pointer, member)),
            }
        }
        found
    }

    fn members(
        &mut self,
        pointer: &str,
        legacy: &Member<'a>,
        upstream: &Member<'a>,
    ) -> Vec<Change> {
        let is_same = |(one, other): &(&Value, &Value)| {
            std::ptr::eq(*one, legacy.schema) && std::ptr::eq(*other, upstream.schema)
        };
        if self.within.iter().any(is_same) {
            return Vec::new();
        }
        self.within.push((legacy.schema, upstream.schema));
        let found = match (&legacy.kind, &upstream.kind) {
            (Kind::Array(legacy), Kind::Array(upstream)) => {
                self.schemas(&format!("{pointer}/*"), legacy, upstream)
            }
            (Kind::Object, Kind::Object) => self.objects(pointer, legacy.schema, upstream.schema),
            _ => self.scalars(pointer, legacy, upstream),
        };
        self.within.pop();
        found
    }

    fn scalars(&self, pointer: &str, legacy: &Member<'a>, upstream: &Member<'a>) -> Vec<Change> {
        let (part, whole) = match self.direction {
            Direction::Request => (legacy, upstream),
            Direction::Response => (upstream, legacy),
        };
        match (&part.kind, &whole.kind) {
            (Kind::Enum(part), Kind::Enum(whole)) => {
                let missing = part.iter().filter(|value| !whole.contains(value));
                let change = |value: &&str| {
                    let value = (*value).to_owned();
                    let what = match self.direction {
                        Direction::Request => What::ValueRemoved(value),
                        Direction::Response => What::ValueAdded(value),
                    };
                    Change {
                        pointer: pointer.to_owned(),
                        what,
                        detail: format!("legacy knows {}", legacy.kind.text()),
                    }
                };
                missing.map(change).collect()
            }
            (part_kind, whole_kind) if part_kind.fits(whole_kind) => Vec::new(),
            _ => vec![self.unlike(pointer, part)],
        }
    }

    /// A type that has no counterpart on the other side.
    fn unlike(&self, pointer: &str, member: &Member<'_>) -> Change {
        let kind = member.kind.text();
        let (what, detail) = match self.direction {
            Direction::Request => {
                (What::Narrowed(member.kind.name().to_owned()), format!("upstream refuses {kind}"))
            }
            Direction::Response => {
                (What::Widened(member.kind.name().to_owned()), format!("upstream answers {kind}"))
            }
        };
        Change { pointer: pointer.to_owned(), what, detail }
    }

    fn objects(&mut self, pointer: &str, legacy: &'a Value, upstream: &'a Value) -> Vec<Change> {
        let mut found = Vec::new();
        if let (Some(legacy), Some(upstream)) = (values(legacy), values(upstream)) {
            found.extend(self.schemas(&format!("{pointer}/{{}}"), legacy, upstream));
        }
        // An object of which upstream declares nothing takes everything and promises nothing.
        let is_free =
            properties(upstream).next().is_none() && upstream["additionalProperties"] != false;
        let is_request = self.direction == Direction::Request;
        for (name, schema) in properties(legacy) {
            let pointer = format!("{pointer}/{name}");
            let Some(counterpart) = upstream["properties"].get(name) else {
                if !(is_free && is_request) {
                    let detail = super::kind::text(self.legacy, schema);
                    found.push(Change { pointer, what: What::Removed, detail });
                }
                continue;
            };
            let (was, is) = (requires(legacy, name), requires(upstream, name));
            let what = match self.direction {
                Direction::Request if is && !was => Some(What::Required),
                Direction::Response if was && !is => Some(What::Optional),
                _ => None,
            };
            found.extend(what.map(|what| Change {
                pointer: pointer.clone(),
                what,
                detail: super::kind::text(self.upstream, counterpart),
            }));
            self.null = if is_request { !is } else { !was };
            found.extend(self.schemas(&pointer, schema, counterpart));
        }
        for (name, schema) in properties(upstream) {
            if is_request && requires(upstream, name) && legacy["properties"].get(name).is_none() {
                let detail = super::kind::text(self.upstream, schema);
                found.push(Change {
                    pointer: format!("{pointer}/{name}"),
                    what: What::Required,
                    detail,
                });
            }
        }
        found
    }
}

/// How many members are objects or null-free types of a name: more than one makes a union whose
/// members have to be told apart in pointers.
fn named(members: &[Member<'_>]) -> usize {
    members.iter().filter(|member| !matches!(member.kind, Kind::Null)).count()
}

fn properties(schema: &Value) -> impl Iterator<Item = (&str, &Value)> {
    schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, schema)| (name.as_str(), schema))
}

fn requires(schema: &Value, name: &str) -> bool {
    schema["required"].as_array().is_some_and(|names| names.iter().any(|own| own == name))
}

/// The schema of a map's values.
fn values(schema: &Value) -> Option<&Value> {
    schema.get("additionalProperties").filter(|values| values.is_object())
}
