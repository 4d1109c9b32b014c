//! Where values come from, and which one wins.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use super::mistake::{Mistake, Problem, did_you_mean};
use super::{CONFIG, Setting, TABLE};

/// Where a value stands, in the words of whoever wrote it there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A flag, with its dashes.
    Flag(String),
    /// An environment variable.
    Variable(String),
    /// A line of the settings file, counted from 1.
    File {
        /// The file, as it was named.
        path: PathBuf,
        /// The line.
        line: usize,
    },
    /// The built-in default.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) | Self::Variable(name) => f.write_str(name),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// One value that one source gave, not yet parsed.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) name: &'static str,
    pub(super) source: Source,
    pub(super) text: String,
}

/// The value of one setting: every given one is parsed, the first (strongest) one wins.
pub(super) fn settle<T>(
    given: &[Given],
    name: &str,
    default: &str,
    parse: fn(&str) -> Result<T, Problem>,
    mistakes: &mut Vec<Mistake>,
) -> Option<T> {
    let mut parsed = Vec::new();
    for value in given.iter().filter(|value| value.name == name) {
        let result = parse(&value.text);
        parsed.push(result.map_err(|problem| mistakes.push(problem.at(value.source.clone()))).ok());
    }
    if let Some(strongest) = parsed.into_iter().next() {
        return strongest;
    }
    parse(default).map_err(|problem| mistakes.push(problem.at(Source::Default))).ok()
}

/// The flags that were given. A list may be given in several flags; anything else only once.
pub(super) fn flags(
    flags: Vec<(&'static str, OsString)>,
    mistakes: &mut Vec<Mistake>,
) -> Vec<Given> {
    let mut given: Vec<Given> = Vec::new();
    for (name, value) in flags {
        let Some(setting) = setting(name) else { continue };
        let source = Source::Flag(format!("--{}", setting.flag()));
        let Some(text) = text(value, &source, mistakes) else { continue };
        match given.iter_mut().find(|earlier| earlier.name == name) {
            Some(earlier) if setting.is_list() => {
                earlier.text.push(',');
                earlier.text.push_str(&text);
            }
            Some(_) => mistakes
                .push(Mistake::new(source, "is given more than once").hint("keep one of them")),
            None => given.push(Given { name: setting.name, source, text }),
        }
    }
    given
}

/// The variables that are set. An empty one counts as not set: compose files and shells make those.
pub(super) fn environment(
    variables: impl Iterator<Item = (OsString, OsString)>,
    mistakes: &mut Vec<Mistake>,
) -> Vec<Given> {
    let names: Vec<(String, &Setting)> =
        all().map(|setting| (setting.variable(), setting)).collect();
    let mut given = Vec::new();
    for (variable, value) in variables {
        let Some(variable) = variable.to_str().filter(|variable| variable.starts_with("SHIM_"))
        else {
            continue;
        };
        let source = Source::Variable(variable.to_owned());
        if let Some((_, setting)) = names.iter().find(|(name, _)| name == variable) {
            let Some(text) = text(value, &source, mistakes) else { continue };
            if !text.is_empty() {
                given.push(Given { name: setting.name, source, text });
            }
            continue;
        }
        // Kubernetes sets SHIM_PORT and the like for a service named shim, so only what is nearly
        // the name of a setting is a mistake.
        let known = names.iter().map(|(name, _)| name.as_str());
        if let Some(close) = did_you_mean(variable, known) {
            mistakes.push(
                Mistake::new(source, "is no setting").hint(format!("did you mean `{close}`?")),
            );
        }
    }
    given
}

/// The setting of this name, `config` included.
pub(super) fn setting(name: &str) -> Option<&'static Setting> {
    all().find(|setting| setting.name == name)
}

fn all() -> impl Iterator<Item = &'static Setting> {
    std::iter::once(&CONFIG).chain(TABLE)
}

fn text(value: OsString, source: &Source, mistakes: &mut Vec<Mistake>) -> Option<String> {
    let text = value.into_string().ok();
    if text.is_none() {
        mistakes.push(Mistake::new(source.clone(), "is not valid UTF-8"));
    }
    text
}
