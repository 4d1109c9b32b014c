//! Where the members of an object stand.

use super::map::{Members, Node, Place};
use super::scan::{skip_key, skip_space, skip_value};

/// Where the members stand in the text.
#[derive(Debug, Clone)]
pub(super) enum Listed<'a> {
    /// As noted when the body was validated.
    Noted(Place<'a>),
    /// As found by searching the text.
    Found(Vec<Node>),
}

impl<'a> Listed<'a> {
    /// Of the object with that text; none if it is the text of something else, or longer than 4 GiB.
    pub fn of(text: &str, place: Option<Place<'a>>) -> Option<Self> {
        if text.as_bytes().first() != Some(&b'{') {
            return None;
        }
        match place.filter(|place| place.has_children()) {
            Some(place) => Some(Self::Noted(place)),
            None => search(text).map(Self::Found),
        }
    }

    /// The members.
    pub fn members(&self) -> Members<'_> {
        match self {
            Self::Noted(place) => place.members(),
            Self::Found(nodes) => Members::of(nodes),
        }
    }
}

/// The members of an object whose text is searched for them.
fn search(text: &str) -> Option<Vec<Node>> {
    u32::try_from(text.len()).ok()?;
    let bytes = text.as_bytes();
    let mut members = Vec::with_capacity(16);
    let mut at = skip_space(bytes, 1);
    while bytes.get(at) == Some(&b'"') {
        let (key_end, is_plain) = skip_key(bytes, at);
        let start = skip_space(bytes, skip_space(bytes, key_end) + 1);
        let end = skip_value(bytes, start);
        members.push(Node::of(members.len(), (at..key_end, is_plain), start..end)?);
        at = skip_space(bytes, end);
        if bytes.get(at) != Some(&b',') {
            break;
        }
        at = skip_space(bytes, at + 1);
    }
    Some(members)
}
