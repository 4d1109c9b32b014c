//! What is wrong in the settings, where, and what to do about it.

use std::fmt;

use super::Source;

/// Every mistake found in all sources; displays as a report of several lines.
#[derive(Debug, thiserror::Error)]
pub struct Mistakes(pub Vec<Mistake>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(f, "{count} {} in the settings", if count == 1 { "mistake" } else { "mistakes" })?;
        self.0.iter().try_for_each(|mistake| write!(f, "\n{mistake}"))
    }
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where the wrong value stands.
    pub source: Source,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl Mistake {
    pub(super) fn new(source: Source, message: impl Into<String>) -> Self {
        Self { source, message: message.into(), hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  {}: {}", self.source, self.message)?;
        let Some(hint) = &self.hint else { return Ok(()) };
        write!(f, "\n    hint: {hint}")
    }
}

/// What is wrong with one value; the source is added by whoever knows it.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Problem {
    pub(super) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: Some(hint.into()) }
    }

    pub(super) fn at(self, source: Source) -> Mistake {
        Mistake { source, message: self.message, hint: self.hint }
    }
}

/// The known name that `unknown` most likely is, if any comes close.
pub(super) fn did_you_mean<'a>(
    unknown: &str,
    known: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    // A third of the letters may be wrong: enough for a slip, too few to turn one word into another.
    let tolerance = (unknown.chars().count() / 3).clamp(1, 3);
    known
        .map(|name| (distance(unknown, name), name))
        .filter(|(distance, _)| *distance <= tolerance)
        .min()
        .map(|(_, name)| name)
}

/// How many letters must be added, removed, replaced or swapped with a neighbour to turn one word into the other.
fn distance(one: &str, other: &str) -> usize {
    let one: Vec<char> = one.chars().collect();
    let other: Vec<char> = other.chars().collect();
    let mut rows = vec![(0..=other.len()).collect::<Vec<usize>>()];
    for i in 1..=one.len() {
        let mut row = vec![i];
        for j in 1..=other.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(one[i - 1] != other[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[one.len()][other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognized_and_other_words_are_not() {
        let known = ["listen", "admin", "upstream_ca"];
        for (unknown, expected) in [
            ("listne", Some("listen")),
            ("lisen", Some("listen")),
            ("upstream-ca", Some("upstream_ca")),
            ("port", None),
            ("", None),
        ] {
            assert_eq!(did_you_mean(unknown, known.into_iter()), expected, "{unknown}");
        }
    }
}
