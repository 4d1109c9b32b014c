//! Which differences between the two API versions are answered for, and by what.
//!
//! Breaking differences come from two places: the contract documents, compared by `contract.rs`,
//! and `prose.toml`, for what only the vendor's prose and the behaviour of released clients say.
//! Each is named by a stable id, such as `bulk_sync.get response /data/schedule removed`: the
//! legacy operation, where, what. A rule lists in `closes` the differences it answers for; code
//! that is no rule does so in `built_in.rs`; `rewrite-rules/waivers.toml` lists what nothing closes
//! and why. [`Coverage::of`] puts these together, and a test fails on whatever is left open.

mod built_in;
mod contract;
mod kind;
mod list;
mod schema;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::contract::{Contract, Operation, Version};
use crate::rules::{CallerKind, Rule, Rules};

pub use built_in::{BUILT_IN, BuiltIn};
pub(crate) use contract::shape;
pub use list::Waiver;

const EVERY_CALLER: [CallerKind; 3] =
    [CallerKind::User, CallerKind::Organization, CallerKind::Partner];

/// One breaking difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Legacy operation, where, what: `bulk_sync.get response /data/schedule removed`. `*` stands
    /// for every operation, in pointers for any item of a list, `{}` for any value of a map.
    pub id: String,
    /// What it is about, for a reader.
    pub detail: String,
    /// Where it is said: none for the contract documents themselves.
    pub place: Option<String>,
    /// The kinds of caller that notice it.
    pub callers: Vec<CallerKind>,
}

/// What answers for the differences.
#[derive(Debug)]
pub struct Coverage {
    /// Every difference, with what closes it; those of the contract first.
    pub differences: Vec<(Difference, Closed)>,
    /// `closes` and waivers that are wrong, as sentences.
    pub mistakes: Vec<String>,
}

/// Whether a difference is answered for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closed {
    /// By these rules and built-in behaviours.
    By(Vec<String>),
    /// By nothing, for this reason.
    Waived(String),
    /// By nothing yet, for these kinds of caller.
    Open(Vec<CallerKind>),
}

impl Difference {
    fn of_contract(operation: &Operation, what: &str, detail: String) -> Self {
        let id = format!("{} {what}", operation.id);
        Self { id, detail, place: None, callers: EVERY_CALLER.to_vec() }
    }

    /// The legacy operation; none where it stands for all of them.
    fn operation(&self) -> Option<&'static Operation> {
        let name = self.id.split(' ').next()?;
        Contract::of(Version::Legacy).operation(name)
    }
}

/// Every difference there is: those of the contract documents, then those of prose.
pub fn differences() -> Vec<Difference> {
    contract::differences().into_iter().chain(list::prose()).collect()
}

impl Coverage {
    /// What `rules`, the built-in behaviours and the waivers answer for.
    pub fn of(rules: &Rules) -> Self {
        Self::from_parts(differences(), rules, BUILT_IN, list::waivers())
    }

    fn from_parts(
        differences: Vec<Difference>,
        rules: &Rules,
        built_in: &[BuiltIn],
        waivers: Vec<Waiver>,
    ) -> Self {
        let mut mistakes = mistakes(&differences, rules, built_in, &waivers);
        let judge = |difference: Difference| {
            let closed = judge(&difference, rules, built_in, &waivers);
            (difference, closed)
        };
        let differences: Vec<_> = differences.into_iter().map(judge).collect();
        let is_idle = |waiver: &&Waiver| {
            differences.iter().any(|(difference, closed)| {
                difference.id == waiver.id && matches!(closed, Closed::By(_))
            })
        };
        for waiver in waivers.iter().filter(is_idle) {
            mistakes.push(format!("waivers.toml: `{}` is closed: drop its waiver", waiver.id));
        }
        Self { differences, mistakes }
    }

    /// Differences that nothing answers for.
    pub fn open(&self) -> impl Iterator<Item = &Difference> {
        let open = self.differences.iter().filter(|(_, closed)| matches!(closed, Closed::Open(_)));
        open.map(|(difference, _)| difference)
    }

    /// `73 of 75 differences closed`, without those that are waived.
    pub fn summary(&self) -> String {
        let waived = self.count(|closed| matches!(closed, Closed::Waived(_)));
        let closed = self.count(|closed| matches!(closed, Closed::By(_)));
        let all = self.differences.len() - waived;
        format!("{closed} of {all} differences closed, {waived} waived")
    }

    fn count(&self, wanted: impl Fn(&Closed) -> bool) -> usize {
        self.differences.iter().filter(|(_, closed)| wanted(closed)).count()
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.summary())?;
        for (difference, closed) in &self.differences {
            if let Closed::Waived(reason) = closed {
                writeln!(formatter, "  waived  {}\n          {reason}", difference.id)?;
            }
        }
        for (difference, closed) in &self.differences {
            let Closed::Open(callers) = closed else { continue };
            let callers = match callers.len() == difference.callers.len() {
                true => String::new(),
                false => format!(" (for {})", names(callers)),
            };
            writeln!(formatter, "  open    {}{callers}\n          {difference}", difference.id)?;
        }
        for mistake in &self.mistakes {
            writeln!(formatter, "  wrong   {mistake}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.place, self.operation()) {
            (Some(place), _) => write!(formatter, "{} [{place}]", self.detail),
            (None, Some(operation)) => {
                write!(formatter, "{} {}: {}", operation.method, operation.template, self.detail)
            }
            (None, None) => formatter.write_str(&self.detail),
        }
    }
}

fn judge(
    difference: &Difference,
    rules: &Rules,
    built_in: &[BuiltIn],
    waivers: &[Waiver],
) -> Closed {
    let behaviours =
        built_in.iter().filter(|behaviour| behaviour.closes.contains(&difference.id.as_str()));
    let closing: Vec<&Rule> = rules
        .iter()
        .map(AsRef::as_ref)
        .filter(|rule: &&Rule| rule.closes.contains(&difference.id))
        .collect();
    let mut by: Vec<String> = behaviours.map(|behaviour| behaviour.code.to_owned()).collect();
    let is_built_in = !by.is_empty();
    by.extend(closing.iter().map(|rule| rule.id.clone()));
    let is_closed_for = |kind: &CallerKind| {
        let serves = |rule: &&Rule| rule.callers.as_ref().is_none_or(|kinds| kinds.contains(kind));
        is_built_in || closing.iter().any(serves)
    };
    let left: Vec<CallerKind> =
        difference.callers.iter().copied().filter(|kind| !is_closed_for(kind)).collect();
    if left.is_empty() {
        return Closed::By(by);
    }
    let waiver = waivers.iter().find(|waiver| waiver.id == difference.id);
    waiver.map_or(Closed::Open(left), |waiver| Closed::Waived(waiver.reason.clone()))
}

fn mistakes(
    differences: &[Difference],
    rules: &Rules,
    built_in: &[BuiltIn],
    waivers: &[Waiver],
) -> Vec<String> {
    let mut found = Vec::new();
    for rule in rules.iter() {
        let source = format!("{}.toml", rule.id);
        for id in &rule.closes {
            found.extend(unknown(differences, &source, id));
            let served =
                differences.iter().find(|own| own.id == *id).and_then(Difference::operation);
            if let Some(operation) = served.filter(|operation| !serves(rule, operation)) {
                found.push(format!(
                    "{source}: `{id}` is about {} {}, which the rule does not match",
                    operation.method, operation.template
                ));
            }
        }
    }
    for behaviour in built_in {
        found.extend(
            behaviour.closes.iter().filter_map(|id| unknown(differences, behaviour.code, id)),
        );
    }
    for waiver in waivers {
        found.extend(unknown(differences, "waivers.toml", &waiver.id));
        if waiver.reason.trim().is_empty() {
            found.push(format!("waivers.toml: `{}` is waived without a reason", waiver.id));
        }
    }
    found
}

/// The mistake of an id that names no difference.
fn unknown(differences: &[Difference], source: &str, id: &str) -> Option<String> {
    if differences.iter().any(|difference| difference.id == id) {
        return None;
    }
    let known = differences.iter().map(|difference| difference.id.as_str());
    let hint = known
        .clone()
        .find(|known| known.starts_with(id))
        .or_else(|| crate::rules::nearest(id, known))
        .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    Some(format!("{source}: `{id}` is no difference{hint}"))
}

/// Whether a rule is for an operation. A rule whose path the legacy contract does not list, such
/// as one that only some clients use, may be for any.
fn serves(rule: &Rule, operation: &Operation) -> bool {
    let own = contract::shape(rule.path.source());
    let is_own = |other: &Operation| {
        rule.method == other.method.as_str() && own == contract::shape(&other.template)
    };
    is_own(operation) || !Contract::of(Version::Legacy).operations().any(is_own)
}

fn names(callers: &[CallerKind]) -> String {
    callers.iter().map(|kind| kind.text()).collect::<Vec<_>>().join(", ")
}
