//! Names of headers that are looked for together.

use std::sync::OnceLock;

use http::{HeaderMap, HeaderName};

/// A list of at most 64 names.
#[derive(Debug)]
pub(crate) struct Names {
    names: &'static [HeaderName],
    /// A bit for each length that one of them has.
    lengths: OnceLock<u64>,
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
        let length = |name: &HeaderName| 1_u64 << (name.as_str().len() % 64);
        // By their lengths, most need no closer look.
        let lengths = *self
            .lengths
            .get_or_init(|| self.names.iter().map(length).fold(0, |all, one| all | one));
        let mut found = 0;
        for name in headers.keys() {
            let place = match lengths & length(name) {
                0 => None,
                _ => self.names.iter().position(|own| own == name),
            };
            match place {
                Some(place) => found |= 1 << place,
                None => others(name),
            }
        }
        Found(found)
    }

    /// Takes out every line of those that were found.
    pub(crate) fn remove_found(&self, headers: &mut HeaderMap, Found(mut found): Found) {
        while found != 0 {
            if let Some(name) = self.names.get(found.trailing_zeros() as usize) {
                headers.remove(name);
            }
            found &= found - 1;
        }
    }

    /// Takes out every line of these headers.
    pub(crate) fn remove_from(&self, headers: &mut HeaderMap) {
        self.remove_found(headers, self.among(headers));
    }
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
