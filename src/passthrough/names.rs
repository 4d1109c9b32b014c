//! Names of headers that are looked for together.

use std::sync::OnceLock;

use http::{HeaderMap, HeaderName};

/// Hardly a header has a longer name.
const LENGTHS: usize = 32;

/// A list of at most 64 names.
#[derive(Debug)]
pub(crate) struct Names {
    names: &'static [HeaderName],
    /// For each length those that have it: a bit for each. Lengths that are as far apart as there are
    /// entries share one.
    lengths: OnceLock<[u64; LENGTHS]>,
}

/// Those of a list that a message has: a bit for each, by its place in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found(u64);

impl Names {
    pub(crate) const fn new(names: &'static [HeaderName]) -> Self {
        assert!(names.len() <= 64, "there is a bit for each");
        Self { names, lengths: OnceLock::new() }
    }

    /// Those among the names of a message. Most messages have few of them: looking at the names there
    /// are costs less than looking up each.
    pub(crate) fn among(&self, headers: &HeaderMap) -> Found {
        self.among_others(headers, |_| ())
    }

    /// The same; `others` is told of all that are not in the list.
    pub(crate) fn among_others(
        &self,
        headers: &HeaderMap,
        mut others: impl FnMut(&HeaderName),
    ) -> Found {
        let length = |name: &HeaderName| name.as_str().len() % LENGTHS;
        let lengths = self.lengths.get_or_init(|| {
            let mut lengths = [0; LENGTHS];
            for (place, name) in self.names.iter().enumerate() {
                lengths[length(name)] |= 1 << place;
            }
            lengths
        });
        let mut found = 0;
        for name in headers.keys() {
            // By their lengths, most need no closer look.
            let mut may_be = places(lengths[length(name)]);
            match may_be.find(|place| self.names.get(*place) == Some(name)) {
                Some(place) => found |= 1 << place,
                None => others(name),
            }
        }
        Found(found)
    }

    /// Takes out every line of those that were found.
    pub(crate) fn remove_found(&self, headers: &mut HeaderMap, Found(found): Found) {
        for name in places(found).filter_map(|place| self.names.get(place)) {
            headers.remove(name);
        }
    }

    /// Takes out every line of these headers.
    pub(crate) fn remove_from(&self, headers: &mut HeaderMap) {
        self.remove_found(headers, self.among(headers));
    }
}

/// The places of the bits that are set.
fn places(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = (bits != 0).then(|| bits.trailing_zeros() as usize)?;
        bits &= bits - 1;
        Some(place)
    })
}

impl Found {
    /// Whether the name at that place of the list was found.
    pub(crate) const fn has(self, place: usize) -> bool {
        self.0 & (1 << place) != 0
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::{ACCEPT, DATE, ETAG, HOST, VIA};

    use super::*;

    #[test]
    fn every_line_goes_and_all_else_stays() {
        static BOTH: [HeaderName; 2] = [VIA, HOST];
        static NAMES: Names = Names::new(&BOTH);
        let mut headers = HeaderMap::new();
        for name in [HOST, ETAG, VIA, DATE, VIA, ACCEPT] {
            headers.append(name, HeaderValue::from_static("x"));
        }
        let mut others = Vec::new();
        let found = NAMES.among_others(&headers, |name| others.push(name.clone()));
        assert!(found.has(0) && found.has(1));
        NAMES.remove_found(&mut headers, found);
        let left: Vec<&HeaderName> = headers.keys().collect();
        assert_eq!(left.len(), 3, "{left:?}");
        assert!([ETAG, DATE, ACCEPT].iter().all(|name| left.contains(&name)), "{left:?}");
        assert_eq!(others, [ETAG, DATE, ACCEPT]);
        assert!(!NAMES.among(&headers).has(0));
    }
}
