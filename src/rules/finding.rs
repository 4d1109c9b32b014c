//! What is wrong with a rule file: where, and what to write instead.

use std::fmt;
use std::ops::Range;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, as a path below the rules folder.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The field, such as `match.path`; empty where the file as a whole is wrong.
    pub field: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: ", self.file, self.line)?;
        if !self.field.is_empty() {
            write!(formatter, "{}: ", self.field)?;
        }
        write!(formatter, "{}", self.message)?;
        match &self.hint {
            Some(hint) => write!(formatter, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// Collects the findings of one file.
#[derive(Debug)]
pub(crate) struct Findings<'s> {
    file: &'s str,
    source: &'s str,
    found: Vec<Finding>,
}

impl<'s> Findings<'s> {
    pub(crate) fn new(file: &'s str, source: &'s str) -> Self {
        Self { file, source, found: Vec::new() }
    }

    /// Adds a finding about the text at `span`.
    pub(crate) fn add(
        &mut self,
        field: &str,
        span: Range<usize>,
        message: impl Into<String>,
        hint: Option<&str>,
    ) {
        let before = self.source.as_bytes().iter().take(span.start);
        self.found.push(Finding {
            file: self.file.to_owned(),
            line: 1 + before.filter(|&&byte| byte == b'\n').count(),
            field: field.to_owned(),
            message: message.into(),
            hint: hint.map(str::to_owned),
        });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(crate) fn into_vec(self) -> Vec<Finding> {
        self.found
    }
}

/// The known name nearest to a mistaken one, if one is near.
pub(crate) fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let scored = known.into_iter().map(|candidate| (distance(name, candidate), candidate));
    scored
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min()
        .map(|(_, candidate)| candidate)
}

/// How many insertions, deletions and substitutions lead from one text to the other.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (line, left) in from.chars().enumerate() {
        let mut diagonal = line;
        let mut last = line + 1;
        for (cell, right) in row.iter_mut().skip(1).zip(to.chars()) {
            let next = (diagonal + usize::from(left != right)).min(last + 1).min(*cell + 1);
            diagonal = std::mem::replace(cell, next);
            last = next;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_only_if_near() {
        let known = ["bulk_schedule", "bulk_discover"];
        assert_eq!(nearest("bulk_shedule", known), Some("bulk_schedule"));
        assert_eq!(nearest("model_filters", known), None);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
