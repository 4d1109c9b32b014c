//! JSONPath (RFC 9535), parsed while rules load, and edits at the places that a path selects.
//!
//! Plain paths of names and `[*]` (`$.data`, `$.data[*]`) run on shallow objects. Any other path
//! is evaluated by `jsonpath-rust` on the one subtree that it selects from, and its normalized
//! results are then edited as plain paths are.

use jsonpath_rust::parser::model::{JpQuery, Segment, Selector};

use crate::disclosure;
use crate::failure::Failure;
use crate::json::{Array, Object, Text};

/// A compiled JSONPath.
#[derive(Debug, Clone)]
pub struct Path {
    source: String,
    plain: Vec<Step>,
    /// What follows the plain part; empty for a plain path.
    rest: Option<JpQuery>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Name(String),
    Index(usize),
    Every,
}

/// What an edit does with one selected value: given the value and its pointer, the new value.
pub type Edit<'e, 'a> = dyn FnMut(Text<'a>, &str) -> Result<Text<'a>, Failure> + 'e;

impl Path {
    /// Compiles a path.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub fn parse(source: &str) -> Result<Self, String> {
        let query = jsonpath_rust::parser::parse_json_path(source)
            .map_err(|error| format!("is not a JSONPath (RFC 9535): {error}"))?;
        let plain: Vec<Step> = query.segments.iter().map_while(plain_step).collect();
        let rest = query.segments.get(plain.len()..).filter(|rest| !rest.is_empty());
        let rest = rest.map(|rest| JpQuery::new(rest.to_vec()));
        Ok(Self { source: source.to_owned(), plain, rest })
    }

    /// The path as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether this selects the root.
    pub fn is_root(&self) -> bool {
        self.plain.is_empty() && self.rest.is_none()
    }

    /// The key, where this is `$.key`.
    pub fn as_key(&self) -> Option<&str> {
        match (self.plain.as_slice(), &self.rest) {
            ([Step::Name(name)], None) => Some(name),
            _ => None,
        }
    }

    /// The member of the root that all it selects stands in.
    pub fn first_key(&self) -> Option<&str> {
        match self.plain.first()? {
            Step::Name(name) => Some(name),
            Step::Index(_) | Step::Every => None,
        }
    }

    /// The first value that the path selects.
    pub fn first<'t>(&self, text: &'t Text<'_>) -> Option<Text<'t>> {
        let mut found: Option<Text<'static>> = None;
        let mut look = |value: Text<'t>, _: &str| {
            if found.is_none() {
                found = Some(value.borrowed().into_owned());
            }
            Ok(value)
        };
        self.edit(text.borrowed(), &mut look).ok()?;
        found
    }

    /// The first value that the path selects in an object that is split already.
    pub fn first_of<'o>(&self, object: &'o Object<'_>) -> Option<Text<'o>> {
        let mut names = self.plain.iter().map(|step| match step {
            Step::Name(name) => Some(name),
            Step::Index(_) | Step::Every => None,
        });
        if self.rest.is_some() || names.clone().any(|name| name.is_none()) {
            return self.first(&object.to_text()).map(Text::into_owned);
        }
        let mut value = object.get(names.next()??)?;
        for name in names {
            value = value.into_object()?.value(name?)?;
        }
        Some(value)
    }

    /// [`Path::edit`] on an object that is split already.
    ///
    /// # Errors
    /// Those of `edit`.
    pub fn edit_members<'a>(
        &self,
        object: &mut Object<'a>,
        edit: &mut Edit<'_, 'a>,
    ) -> Result<(), Failure> {
        if let (Some((Step::Name(name), rest)), None) = (self.plain.split_first(), &self.rest) {
            let Some(before) = object.value(name) else { return Ok(()) };
            let mut pointer = ["/", &disclosure::segment(name)].concat();
            let after = walk(before.clone(), rest, &mut pointer, edit)?;
            if after != before {
                object.set(name.clone(), after);
            }
            return Ok(());
        }
        let before = object.to_text();
        let after = self.edit(before.clone(), &mut |value, pointer| edit(value, pointer))?;
        if after != before
            && let Some(changed) = after.into_object()
        {
            *object = changed;
        }
        Ok(())
    }

    /// Replaces each selected value by what `edit` makes of it; the rest stays as it is.
    ///
    /// # Errors
    /// Those of `edit`.
    pub fn edit<'a>(&self, text: Text<'a>, edit: &mut Edit<'_, 'a>) -> Result<Text<'a>, Failure> {
        let mut pointer = String::new();
        let Some(query) = &self.rest else {
            return walk(text, &self.plain, &mut pointer, edit);
        };
        let mut at_subtree = |subtree: Text<'a>, base: &str| {
            let tree = subtree.to_tree();
            let found = jsonpath_rust::query::js_path_process(query, &tree).unwrap_or_default();
            let places: Vec<Vec<Step>> =
                found.into_iter().map(|found| normalized(&found.path())).collect();
            places.into_iter().try_fold(subtree, |subtree, steps| {
                walk(subtree, &steps, &mut base.to_owned(), edit)
            })
        };
        walk(text, &self.plain, &mut pointer, &mut at_subtree)
    }
}

fn plain_step(segment: &Segment) -> Option<Step> {
    match segment {
        Segment::Selector(Selector::Name(name)) => Some(Step::Name(unquoted(name))),
        Segment::Selector(Selector::Wildcard) => Some(Step::Every),
        _ => None,
    }
}

fn unquoted(name: &str) -> String {
    name.trim_matches(|character| character == '\'' || character == '"').to_owned()
}

/// The steps of a normalized path (RFC 9535 section 2.7), such as `$['data'][0]`.
fn normalized(path: &str) -> Vec<Step> {
    let inner = path.trim_start_matches('$').trim_start_matches('[').trim_end_matches(']');
    if inner.is_empty() {
        return Vec::new();
    }
    let step = |part: &str| part.parse().map_or_else(|_| Step::Name(unquoted(part)), Step::Index);
    inner.split("][").map(step).collect()
}

fn walk<'a>(
    text: Text<'a>,
    steps: &[Step],
    pointer: &mut String,
    edit: &mut Edit<'_, 'a>,
) -> Result<Text<'a>, Failure> {
    let Some((step, rest)) = steps.split_first() else {
        return edit(text, pointer);
    };
    let length = pointer.len();
    let result = match step {
        Step::Name(name) => walk_member(text, name, rest, pointer, edit),
        Step::Index(_) | Step::Every => walk_items(text, step, rest, pointer, edit),
    };
    pointer.truncate(length);
    result
}

fn walk_member<'a>(
    text: Text<'a>,
    name: &str,
    rest: &[Step],
    pointer: &mut String,
    edit: &mut Edit<'_, 'a>,
) -> Result<Text<'a>, Failure> {
    let Some(mut object) = text.clone().into_object() else { return Ok(text) };
    let Some(value) = object.value(name) else { return Ok(text) };
    pointer.push('/');
    pointer.push_str(&disclosure::segment(name));
    let before = value.clone();
    let value = walk(value, rest, pointer, edit)?;
    if value == before {
        return Ok(text);
    }
    // What stands around it stays as it is, white space and all; unless it stands there twice.
    Ok(object.text_around(name, &value).unwrap_or_else(|| {
        object.set(name.to_owned(), value);
        object.to_text()
    }))
}

fn walk_items<'a>(
    text: Text<'a>,
    step: &Step,
    rest: &[Step],
    pointer: &mut String,
    edit: &mut Edit<'_, 'a>,
) -> Result<Text<'a>, Failure> {
    if matches!(step, Step::Every)
        && let Some(mut object) = text.clone().into_object()
    {
        object.change_values(|key, before| {
            let length = pointer.len();
            pointer.push('/');
            pointer.push_str(&disclosure::segment(key));
            let after = walk(before.clone(), rest, pointer, edit)?;
            pointer.truncate(length);
            Ok((after != before).then_some(after))
        })?;
        return Ok(object.into_text());
    }
    let Some(array) = text.clone().into_array() else { return Ok(text) };
    let mut changed = false;
    let mut items = Vec::with_capacity(array.items().len());
    for (index, item) in array.into_items().into_iter().enumerate() {
        if matches!(step, Step::Index(wanted) if *wanted != index) {
            items.push(item);
            continue;
        }
        let length = pointer.len();
        pointer.push('/');
        pointer.push_str(itoa::Buffer::new().format(index));
        let edited = walk(item.clone(), rest, pointer, edit)?;
        pointer.truncate(length);
        changed |= edited != item;
        items.push(edited);
    }
    if !changed {
        return Ok(text);
    }
    Ok(items.into_iter().collect::<Array<'_>>().to_text())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    fn edited(path: &str, body: &str) -> (String, Vec<String>) {
        let mut pointers = Vec::new();
        let mut edit = |_: Text<'_>, pointer: &str| {
            pointers.push(pointer.to_owned());
            Ok(Text::boolean(true))
        };
        let text =
            Path::parse(path).unwrap().edit(parse(body.as_bytes()).unwrap(), &mut edit).unwrap();
        (text.as_text().to_owned(), pointers)
    }

    #[test]
    fn plain_paths_edit_in_place() {
        let (text, pointers) = edited(
            "$.data[*].mode",
            r#"{"data":[{"mode":"a","n":1.0},{"n":2},{"mode":"b"}],"x":1e3}"#,
        );
        assert_eq!(text, r#"{"data":[{"mode":true,"n":1.0},{"n":2},{"mode":true}],"x":1e3}"#);
        assert_eq!(pointers, ["/data/0/mode", "/data/2/mode"]);
    }

    #[test]
    fn queries_edit_what_they_select() {
        let (text, pointers) = edited(
            "$.data[?@.id == 'append'].id",
            r#"{"data":[{"id":"x"},{"id":"append","n":12.50}]}"#,
        );
        assert_eq!(text, r#"{"data":[{"id":"x"},{"id":true,"n":12.50}]}"#);
        assert_eq!(pointers, ["/data/1/id"]);
    }

    #[test]
    fn wildcards_reach_object_members() {
        let (text, pointers) = edited("$.data[*]", r#"{"data":{"a/b":1}}"#);
        assert_eq!(text, r#"{"data":{"a/b":true}}"#);
        assert_eq!(pointers, ["/data/a~1b"]);
        let members: Vec<String> = (0..100_000).map(|n| format!("\"{n}\":0")).collect();
        let (_, pointers) = edited("$.data[*]", &format!("{{\"data\":{{{}}}}}", members.join(",")));
        assert_eq!(pointers.len(), 100_000);
    }

    #[test]
    fn a_path_that_selects_nothing_changes_nothing() {
        let (text, pointers) = edited("$.data.x", r#"{"data": [1]}"#);
        assert_eq!((text.as_str(), pointers.len()), (r#"{"data": [1]}"#, 0));
    }

    #[test]
    fn a_bad_path_says_so() {
        assert!(Path::parse("data[").unwrap_err().contains("not a JSONPath"));
    }

    #[test]
    fn first_gives_the_first_value() {
        let text = parse(br#"{"data":{"status":"canceled"}}"#).unwrap();
        assert!(Path::parse("$.data.status").unwrap().first(&text).unwrap().is_string("canceled"));
    }
}
