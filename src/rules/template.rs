//! Path templates: what a rule matches, and the paths of the requests that it makes.

use std::borrow::Cow;

use http::uri::PathAndQuery;

use super::path::Path;
use crate::failure::{Failure, Key};
use crate::json::Text;

/// A path such as `/api/syncs/{sync_id}/executions/{id}`; each variable is one whole segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    source: String,
    segments: Vec<Segment>,
    /// How many bytes of the source come before the first variable.
    fixed: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Variable(String),
}

/// The variables of a request: names, and texts that are already encoded as one path segment.
pub type Bindings = Vec<(String, String)>;

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub fn parse(source: &str) -> Result<Self, String> {
        let Some(path) = source.strip_prefix('/') else {
            return Err("must start with `/`".to_owned());
        };
        if source.contains(['?', '#', ' ']) {
            return Err("is a path: no query, fragment or space".to_owned());
        }
        let segments = path.split('/').map(Segment::parse).collect::<Result<_, _>>()?;
        let fixed = source.find('{').unwrap_or(source.len());
        Ok(Self { source: source.to_owned(), segments, fixed })
    }

    /// The template as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The names of its variables, in order.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Variable(name) => Some(name.as_str()),
            Segment::Literal(_) => None,
        })
    }

    /// The variables of a path that this template matches; none if it does not.
    pub fn bind(&self, path: &str) -> Option<Bindings> {
        // Most templates do not match, and nothing more is looked at to find out.
        if !self.begins(path) && !path.contains('%') {
            return None;
        }
        let mut parts = path.strip_prefix('/')?.split('/');
        let mut bindings = Bindings::new();
        for segment in &self.segments {
            let part = parts.next()?;
            match segment {
                Segment::Literal(literal) if literal == part => {}
                Segment::Literal(literal) if part.contains('%') && decoded(part) == *literal => {}
                Segment::Variable(name) if !part.is_empty() => {
                    bindings.push((name.clone(), part.to_owned()));
                }
                Segment::Literal(_) | Segment::Variable(_) => return None,
            }
        }
        parts.next().is_none().then_some(bindings)
    }

    /// Whether a path begins as this does before its first variable.
    fn begins(&self, path: &str) -> bool {
        path.as_bytes().get(..self.fixed) == self.source.as_bytes().get(..self.fixed)
    }

    /// How many segments a path has that matches.
    pub fn depth(&self) -> usize {
        self.segments.len()
    }

    /// How particular this is where several match: literals count before variables, from the left.
    pub fn specificity(&self) -> Vec<bool> {
        self.segments.iter().map(|segment| matches!(segment, Segment::Literal(_))).collect()
    }

    /// The path of an upstream request. A variable `$.x` is taken from `item`, any other from
    /// `bindings`.
    ///
    /// # Errors
    /// Upstream gave an item without a usable id; or, a defect, a variable that nothing binds.
    pub fn fill(&self, bindings: &Bindings, item: Option<&Text<'_>>) -> Result<String, Failure> {
        let mut path = String::with_capacity(self.source.len() + 40);
        for segment in &self.segments {
            path.push('/');
            match segment {
                Segment::Literal(literal) => path.push_str(literal),
                Segment::Variable(name) => match name.starts_with('$') {
                    true => path.push_str(&from_item(name, item)?),
                    false => path.push_str(bound(bindings, name)?),
                },
            }
        }
        Ok(path)
    }
}

impl Segment {
    fn parse(text: &str) -> Result<Self, String> {
        let Some(name) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
            if text.contains(['{', '}']) {
                return Err(format!("`{text}`: a variable is a whole segment, like `{{id}}`"));
            }
            return Ok(Self::Literal(text.to_owned()));
        };
        if name.starts_with('$') {
            Path::parse(name).map_err(|why| format!("`{{{name}}}` {why}"))?;
        } else if name.is_empty()
            || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            return Err(format!("`{{{name}}}`: a variable's name is letters, digits and `_`"));
        }
        Ok(Self::Variable(name.to_owned()))
    }
}

/// Path and query of an upstream request.
///
/// # Errors
/// A defect: templates and encoded segments always make a valid path.
pub fn target(path: &str, query: Option<&str>) -> Result<PathAndQuery, Failure> {
    let text = match query.filter(|query| !query.is_empty()) {
        Some(query) => Cow::Owned(format!("{path}?{query}")),
        None => Cow::Borrowed(path),
    };
    text.parse().map_err(|error| {
        Failure::new(
            Key::Internal,
            "The shim could not build an upstream path; please report this.",
        )
        .detail(format!("{error}"))
    })
}

/// A text encoded as one path segment; none if no encoding makes it one (empty, `.`, `..`).
pub fn encode_segment(text: &str) -> Option<String> {
    const SEGMENT: percent_encoding::AsciiSet =
        percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    if matches!(text, "" | "." | "..") {
        return None;
    }
    Some(percent_encoding::utf8_percent_encode(text, &SEGMENT).to_string())
}

/// A path segment without its percent-encoding.
pub fn decoded(segment: &str) -> Cow<'_, str> {
    percent_encoding::percent_decode_str(segment).decode_utf8_lossy()
}

fn bound<'b>(bindings: &'b Bindings, name: &str) -> Result<&'b str, Failure> {
    let found = bindings.iter().find(|(own, _)| own == name);
    found.map(|(_, value)| value.as_str()).ok_or_else(|| {
        Failure::new(
            Key::Internal,
            "The shim could not build an upstream path; please report this.",
        )
        .detail(format!("unbound `{name}`"))
    })
}

fn from_item(path: &str, item: Option<&Text<'_>>) -> Result<String, Failure> {
    let invalid = || {
        Failure::new(
            Key::UpstreamInvalid,
            format!(
                "Upstream listed an item without a usable id at `{path}`; try again, and report it if it stays."
            ),
        )
    };
    let compiled = Path::parse(path).map_err(|_| invalid())?;
    let value =
        item.and_then(|item| compiled.first(item).map(Text::into_owned)).ok_or_else(invalid)?;
    value.as_string().and_then(|id| encode_segment(&id)).ok_or_else(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    #[test]
    fn binds_and_fills() {
        let template = Template::parse("/api/syncs/{sync_id}/executions/{id}").unwrap();
        let bindings = template.bind("/api/syncs/s%20x/executions/e").unwrap();
        assert_eq!(template.fill(&bindings, None).unwrap(), "/api/syncs/s%20x/executions/e");
        assert!(template.bind("/api/syncs/s/executions/").is_none());
        assert!(template.bind("/api/syncs/s/executions/e/x").is_none());
        assert_eq!(Template::parse("/api/syncs").unwrap().bind("/api/s%79ncs"), Some(vec![]));
    }

    #[test]
    fn items_name_their_reads() {
        let template = Template::parse("/api/syncs/{$.id}").unwrap();
        let item = parse(br#"{"id":"a/../b"}"#).unwrap();
        assert_eq!(template.fill(&vec![], Some(&item)).unwrap(), "/api/syncs/a%2F..%2Fb");
        let dots = parse(br#"{"id":".."}"#).unwrap();
        assert_eq!(template.fill(&vec![], Some(&dots)).unwrap_err().key, Key::UpstreamInvalid);
    }

    #[test]
    fn mistakes_are_named() {
        for (source, part) in [
            ("api", "start with"),
            ("/a?b", "no query"),
            ("/x{id}", "whole segment"),
            ("/{a b}", "no query"),
            ("/{é}", "letters"),
        ] {
            assert!(Template::parse(source).unwrap_err().contains(part), "{source}");
        }
    }
}
