//! The two lists that are written by hand: differences that only prose states, and waivers.

use serde::Deserialize;

use super::{Difference, EVERY_CALLER};
use crate::rules::CallerKind;

const PROSE: &str = include_str!("prose.toml");
const WAIVERS: &str = include_str!("../../rewrite-rules/waivers.toml");

/// A difference that nothing closes, and why that is right.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// The difference.
    pub id: String,
    /// Why nothing closes it.
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Waivers {
    #[serde(default)]
    waiver: Vec<Waiver>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Prose {
    difference: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    says: String,
    place: String,
    callers: Option<Vec<String>>,
}

/// The differences that only prose states.
pub fn prose() -> Vec<Difference> {
    let entries = read::<Prose>(PROSE, "prose.toml").difference;
    let difference = |entry: Entry| {
        let callers = entry.callers.map_or_else(
            || EVERY_CALLER.to_vec(),
            |names| names.iter().filter_map(|name| CallerKind::parse(name)).collect(),
        );
        Difference { id: entry.id, detail: entry.says, place: Some(entry.place), callers }
    };
    entries.into_iter().map(difference).collect()
}

/// The waivers of `rewrite-rules/waivers.toml`.
pub fn waivers() -> Vec<Waiver> {
    read::<Waivers>(WAIVERS, "waivers.toml").waiver
}

#[expect(clippy::panic, reason = "the files are compiled in, and a test reads both")]
fn read<T: serde::de::DeserializeOwned>(text: &str, file: &str) -> T {
    toml::from_str(text).unwrap_or_else(|error| panic!("{file}: {error}"))
}
