//! Rule files and what they compile to.
//!
//! A rule is one operation of the legacy contract and everything the shim does about it: which
//! requests it matches, the upstream calls, and the lenses for the data. Everything is parsed and
//! checked while rules load ([`Rules::load`]); nothing in here does I/O while serving.

mod compile;
mod compile_lens;
pub mod document;
mod finding;
mod load;
mod options;
pub mod path;
pub mod template;
#[cfg(test)]
mod tests;

use std::path::Path as FilePath;
use std::sync::Arc;

use http::{HeaderValue, Method};

pub use finding::Finding;
pub(crate) use finding::{Findings, nearest};
pub use options::{Need, Options};

use crate::lens::Lens;
use path::Path;
use template::{Bindings, Template};

/// The rules of a deployment.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    rules: Vec<Arc<Rule>>,
    /// The same, by how many segments their paths have.
    by_depth: Vec<Vec<Arc<Rule>>>,
    /// Those that need a setting which is not there: for no request.
    dormant: Vec<Arc<Rule>>,
}

/// One compiled rule.
#[derive(Debug)]
pub struct Rule {
    /// The file's path without its extension, such as `bulk_sync/create`.
    pub id: String,
    /// The same as the value of a header, where it can be one.
    pub header: Option<HeaderValue>,
    /// What it does, in one line.
    pub summary: String,
    /// Why.
    pub why: String,
    /// The contract differences that it answers for.
    pub closes: Vec<String>,
    /// The legacy method.
    pub method: Method,
    /// The legacy path.
    pub path: Template,
    /// Paths that the template matches too and that are other operations.
    pub except: Vec<String>,
    /// The kinds of caller it is for; none means all.
    pub callers: Option<Vec<CallerKind>>,
    /// The setting without which it is for no request.
    pub needs: Option<Need>,
    /// The path parameter that has to be the caller's own organization.
    pub own_organization: Option<String>,
    /// The path parameter with the connection whose owner is bound as `owner`.
    pub owner_of: Option<String>,
    /// Values that the body has to have.
    pub accept: Vec<Accept>,
    /// Query parameters that do not go up.
    pub drop_query: Vec<String>,
    /// Which calls are made.
    pub calls: Calls,
    /// Where resources stand in the answer.
    pub resource: Path,
    /// Where addresses of upstream stand in the answer.
    pub addresses: Vec<Path>,
    /// Upstream's names and the legacy ones, for error messages.
    pub renamed: Vec<(String, String)>,
    /// The lenses of the resource, in the order of `up`.
    pub lenses: Vec<Box<dyn Lens>>,
    /// The lenses of the answer as a whole.
    pub envelope_lenses: Vec<Box<dyn Lens>>,
}

impl Rule {
    fn is_except(&self, path: &str) -> bool {
        let is = |path: &str| self.except.iter().any(|except| except == path);
        is(path) || (!self.except.is_empty() && path.contains('%') && is(&template::decoded(path)))
    }

    /// Whether every upstream call of its plan is a read, so that it may run a second time.
    pub fn only_reads(&self) -> bool {
        self.method == Method::GET
            && match &self.calls {
                Calls::Single(single) => single.method == Method::GET,
                Calls::Collect(_) | Calls::Coded(_) => true,
            }
    }

    /// Whether `up` has anything to do with the body.
    pub fn reads_body(&self) -> bool {
        match &self.calls {
            Calls::Single(single) => {
                !self.accept.is_empty() || (single.body && !self.lenses.is_empty())
            }
            Calls::Collect(_) | Calls::Coded(_) => false,
        }
    }
}

/// The kinds of credential that rules tell apart (`GET /api/me`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CallerKind {
    /// A user's key.
    User,
    /// An organization's key.
    Organization,
    /// A partner's key, or the system's, which is treated alike.
    Partner,
}

impl CallerKind {
    /// The name in rule files and on the command line.
    pub const fn text(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Organization => "organization",
            Self::Partner => "partner",
        }
    }

    /// The kind with a name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::User, Self::Organization, Self::Partner].into_iter().find(|kind| kind.text() == text)
    }
}

/// A value that the body has to have.
#[derive(Debug)]
pub struct Accept {
    /// The key.
    pub field: String,
    /// The values with a counterpart.
    pub values: Vec<String>,
    /// What to do instead.
    pub instead: String,
}

/// The upstream calls of a rule.
#[derive(Debug)]
pub enum Calls {
    /// One request, perhaps with a read before and another after it.
    Single(Box<Single>),
    /// A list, walked page by page, perhaps with a read for each item.
    Collect(Box<Collect>),
    /// A flow written in Rust.
    Coded(CodedFlow),
}

/// The flows that are written in Rust for one rule each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodedFlow {
    /// The metadata of a connection's targets, rebuilt from its target objects.
    TargetMetadata,
    /// Events, with the record logs that they used to carry.
    EventLogs,
}

impl CodedFlow {
    /// Every coded flow.
    pub const ALL: [Self; 2] = [Self::TargetMetadata, Self::EventLogs];

    /// The name in rule files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TargetMetadata => "target_metadata",
            Self::EventLogs => "event_logs",
        }
    }
}

/// One request, perhaps with a read before and another after it.
#[derive(Debug)]
pub struct Single {
    /// The current resource, read first.
    pub read: Option<(Template, Path)>,
    /// Further reads.
    pub also_read: Vec<AlsoRead>,
    /// The method.
    pub method: Method,
    /// The path.
    pub path: Template,
    /// Whether the translated body goes along.
    pub body: bool,
    /// Whether it gets an `Idempotency-Key`.
    pub idempotency_key: bool,
    /// The read that answers.
    pub follow: Option<Follow>,
}

/// A further read before the request is sent.
#[derive(Debug)]
pub struct AlsoRead {
    /// Its path.
    pub path: Template,
    /// Where its result stands in its answer.
    pub take: Path,
    /// The member of the current resource that lenses find it under.
    pub name: String,
    /// The key of the body without which it is not needed.
    pub when: String,
    /// One read for each item under `when` that has this key, in place of a single one.
    pub each: Option<String>,
}

/// The read that answers in place of the request sent.
#[derive(Debug)]
pub struct Follow {
    /// Its path.
    pub path: Template,
    /// When a refusal is a success after all: its status, where the state stands, the states.
    pub settled: Option<(u16, Path, Vec<String>)>,
    /// The answer where the read fails after the request was accepted.
    pub fallback: serde_json::Value,
    /// The pointers of `fallback` that are made up.
    pub synthesized: Vec<String>,
}

/// A list, walked page by page.
#[derive(Debug)]
pub struct Collect {
    /// The path of the list.
    pub path: Template,
    /// The member of a page that holds its items.
    pub items: String,
    /// Its pages, where it has them.
    pub pages: Option<Pages>,
    /// The members of the answer that only speak of pages.
    pub drop: Vec<String>,
    /// What identifies an item.
    pub unique: Option<Path>,
    /// The read that completes an item, and where the item stands in its answer.
    pub complete: Option<(Template, Path)>,
}

/// The pages of a list.
#[derive(Debug)]
pub struct Pages {
    /// Where the token of the next page stands.
    pub next: Path,
    /// The query parameter for the token.
    pub token: String,
    /// The query parameter and the value for the size of a page.
    pub size: (String, u32),
}

impl Rules {
    /// The rules that are part of the binary.
    ///
    /// # Errors
    /// A defect; the tests load them.
    pub fn embedded() -> Result<Self, Vec<Finding>> {
        Self::compile(&load::embedded(), Options::default())
    }

    /// The rules of a folder, or the embedded ones.
    ///
    /// # Errors
    /// Every mistake in every file.
    pub fn load(folder: Option<&FilePath>, options: Options) -> Result<Self, Vec<Finding>> {
        let Some(folder) = folder else {
            return Self::compile(&load::embedded(), options);
        };
        let files = load::folder(folder).map_err(|finding| vec![finding])?;
        if files.is_empty() {
            let message = "the folder has no rule files".to_owned();
            let hint = Some(
                "a rule is a file `RESOURCE/OPERATION.toml`; see rewrite-rules/README.md"
                    .to_owned(),
            );
            return Err(vec![Finding {
                file: folder.display().to_string(),
                line: 1,
                field: String::new(),
                message,
                hint,
            }]);
        }
        Self::compile(&files, options)
    }

    /// Compiles files given as path and text.
    ///
    /// # Errors
    /// Every mistake in every file.
    pub fn compile(files: &[(String, String)], options: Options) -> Result<Self, Vec<Finding>> {
        let mut rules: Vec<Arc<Rule>> = Vec::new();
        let mut findings = Vec::new();
        for (file, source) in files {
            match compile::compile(file, source, &options) {
                Ok(rule) => rules.push(Arc::new(rule)),
                Err(found) => findings.extend(found),
            }
        }
        findings.extend(compile::overlaps(&rules));
        // Where several templates match, the most particular one does: literals before variables.
        rules.sort_by(|left, right| {
            right
                .path
                .specificity()
                .cmp(&left.path.specificity())
                .then_with(|| left.id.cmp(&right.id))
        });
        let is_dormant = |rule: &mut Arc<Rule>| rule.needs.is_some_and(|need| !options.meet(need));
        let dormant = rules.extract_if(.., is_dormant).collect();
        if !findings.is_empty() {
            return Err(findings);
        }
        let mut by_depth = Vec::new();
        for rule in &rules {
            let depth = rule.path.depth();
            by_depth.resize_with(by_depth.len().max(depth + 1), Vec::new);
            by_depth[depth].push(rule.clone());
        }
        Ok(Self { rules, by_depth, dormant })
    }

    /// Every rule, those included that need a setting which is not there.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Rule>> {
        self.rules.iter().chain(&self.dormant)
    }

    /// The rules that may meet a request: without those that need a setting which is not there.
    pub fn in_force(&self) -> impl Iterator<Item = &Arc<Rule>> {
        self.rules.iter()
    }

    /// The rules for a request, whoever calls: those of the most particular path that matches.
    pub fn candidates(&self, method: &Method, path: &str) -> Candidates {
        // A client that adds a slash means the same operation.
        let path = path.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(path);
        let depth = path.bytes().filter(|byte| *byte == b'/').count();
        let of_depth = self.by_depth.get(depth).into_iter().flatten();
        let mut may_be = of_depth.filter(|rule| rule.method == *method);
        let first = may_be.find_map(|rule| {
            let bindings = rule.path.bind(path)?;
            (!rule.is_except(path)).then_some((rule, bindings))
        });
        let Some((first, bindings)) = first else { return Candidates::default() };
        let others = may_be.filter(|rule| rule.path == first.path && !rule.is_except(path));
        Candidates { rules: [first].into_iter().chain(others).cloned().collect(), bindings }
    }
}

/// The rules that a request may come under, depending on who calls.
#[derive(Debug, Default)]
pub struct Candidates {
    rules: Vec<Arc<Rule>>,
    /// The variables of the path that they have in common.
    bindings: Bindings,
}

impl Candidates {
    /// Whether no rule names the operation.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rules.
    pub fn rules(&self) -> impl Iterator<Item = &Arc<Rule>> {
        self.rules.iter()
    }

    /// Whether the caller's kind decides.
    pub fn depend_on_caller(&self) -> bool {
        self.rules.iter().any(|rule| rule.callers.is_some())
    }

    /// Whether nothing has to be known of the caller.
    pub fn are_for_anybody(&self) -> bool {
        self.rules.iter().all(|rule| {
            rule.callers.is_none() && rule.own_organization.is_none() && rule.owner_of.is_none()
        })
    }

    /// The rule for a kind of caller, or for anybody where the kind is not known.
    pub fn for_caller(self, kind: Option<CallerKind>) -> Option<(Arc<Rule>, Bindings)> {
        let rule = self.rules.into_iter().find(|rule| match (&rule.callers, kind) {
            (None, _) => true,
            (Some(callers), Some(kind)) => callers.contains(&kind),
            (Some(_), None) => false,
        })?;
        Some((rule, self.bindings))
    }
}
