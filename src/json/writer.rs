//! Writing an object again.

use std::ops::Range;

use super::edits::Set;
use super::scan::push_quoted;

/// Writes an object: members that stand beside each other in the source, and stay, as they are there.
pub(super) struct Writer<'w> {
    source: &'w str,
    out: &'w mut String,
    /// What comes before the next member.
    separator: char,
    run: Option<Range<usize>>,
}

impl<'w> Writer<'w> {
    /// Appends to `out` an object that was read from `source`.
    pub fn new(source: &'w str, out: &'w mut String) -> Self {
        Self { source, out, separator: '{', run: None }
    }

    /// Adds a part of the source to the run of those that stay.
    pub fn extend(&mut self, part: Range<usize>) {
        let start = self.run.take().map_or(part.start, |run| run.start);
        self.run = Some(start..part.end);
    }

    fn separate(&mut self) {
        self.out.push(std::mem::replace(&mut self.separator, ','));
    }

    /// Writes the run: what comes next stood elsewhere, or is new.
    #[inline]
    pub fn end_run(&mut self) {
        if let Some(run) = self.run.take() {
            self.write(run);
        }
    }

    fn write(&mut self, part: Range<usize>) {
        self.separate();
        self.out.push_str(self.source.get(part).unwrap_or_default());
    }

    /// Writes a member that was set.
    pub fn member(&mut self, set: &Set<'_>) {
        self.separate();
        push_quoted(&set.key, self.out);
        self.out.push(':');
        self.out.push_str(set.value.as_text());
    }

    /// Writes the end of the object.
    pub fn end(self) {
        self.out.push_str(if self.separator == '{' { "{}" } else { "}" });
    }
}
