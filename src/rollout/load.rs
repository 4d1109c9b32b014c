//! From a rollout file to a plan, with every mistake found on the way.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use toml::Spanned;

use super::callers::{FORMS, Pattern, glob};
use super::document::{Document, Number, RuleDocument, ToleranceDocument};
use super::plan::{BesideLimits, BreakerLimits, Part, Percent, Plan, Policy};
use super::tolerance::{self, Kind, Tolerance};
use super::view::Mode;
use crate::rules::{Finding, Findings, Rule, Rules, nearest};
use crate::settings::{self, RolloutSource, Settings};

/// The plan that the settings name, for these rules. Without one, every rule is translated.
///
/// # Errors
/// Every mistake in the file.
pub fn load(settings: &Settings, rules: &Rules) -> Result<Plan, Vec<Finding>> {
    match &settings.rollout {
        None => Ok(Plan::all(Mode::Translate)),
        Some(RolloutSource::Mode(mode)) => Ok(Plan::all(*mode)),
        Some(RolloutSource::File(path)) => {
            let text = read(path)?;
            let salted = settings.fingerprint_salt.is_some();
            parse(&path.display().to_string(), &text, rules, salted)
        }
    }
}

/// The text of a rollout file.
///
/// # Errors
/// It cannot be read, or is no text.
pub(super) fn read(path: &Path) -> Result<String, Vec<Finding>> {
    std::fs::read_to_string(path).map_err(|error| {
        vec![Finding {
            file: path.display().to_string(),
            line: 1,
            field: String::new(),
            message: format!("cannot be read: {error}"),
            hint: Some("`rollout` names a TOML file, or is legacy, shadow or translate".to_owned()),
        }]
    })
}

/// Reads a file's text. `salted` says whether fingerprints mean the same after a restart.
///
/// # Errors
/// Every mistake.
pub fn parse(file: &str, source: &str, rules: &Rules, salted: bool) -> Result<Plan, Vec<Finding>> {
    let mut findings = Findings::new(file, source);
    let document: Document = match toml::from_str(source) {
        Ok(document) => document,
        Err(error) => {
            let hint = "the README's section on staged rollout lists every key";
            findings.add("", error.span().unwrap_or(0..0), error.message(), Some(hint));
            return Err(findings.into_vec());
        }
    };
    let plan = Reader { findings: &mut findings, rules, salted }.plan(&document);
    if findings.is_empty() { Ok(plan) } else { Err(findings.into_vec()) }
}

struct Reader<'f, 's> {
    findings: &'f mut Findings<'s>,
    rules: &'f Rules,
    salted: bool,
}

impl Reader<'_, '_> {
    fn plan(&mut self, document: &Document) -> Plan {
        let part = Part {
            mode: document.default.as_ref().and_then(|mode| self.mode("default", mode)),
            share: self.percent("share", document.share.as_ref()),
            verify: self.percent("verify", document.verify.as_ref()),
            allow: self.patterns("allow", document.allow.as_ref()),
            deny: self.patterns("deny", document.deny.as_ref()),
        };
        let mut plan = Plan { default: Policy::default().with(&part), ..Plan::default() };
        self.rules_of(document, &mut plan);
        plan.breaker = self.breaker(document);
        plan.beside = self.beside(document);
        if document.built_in_tolerances.unwrap_or(true) {
            plan.tolerances.extend_from_slice(tolerance::built_in());
        }
        for tolerance in &document.tolerance {
            plan.tolerances.extend(self.tolerance(tolerance));
        }
        plan
    }

    /// Names first, patterns second: what is said of one rule beats what is said of many.
    fn rules_of(&mut self, document: &Document, plan: &mut Plan) {
        let (patterns, ids): (Vec<_>, Vec<_>) =
            document.rules.iter().partition(|(id, _)| id.get_ref().contains('*'));
        for (id, rule) in ids {
            let field = format!("rules.\"{}\"", id.get_ref());
            let part = self.part(&field, rule);
            match self.rules.iter().find(|known| known.id == *id.get_ref()).cloned() {
                Some(known) => {
                    self.twice(&field, rule, &known);
                    plan.named.insert(known.id.clone(), part);
                }
                None => self.unknown(&field, id),
            }
        }
        let mut taken: Vec<(String, String)> = Vec::new();
        for (pattern, rule) in patterns {
            let field = format!("rules.\"{}\"", pattern.get_ref());
            let part = self.part(&field, rule);
            let ids: Vec<String> = self.rules.iter().map(|rule| rule.id.clone()).collect();
            let meant: Vec<String> =
                ids.into_iter().filter(|id| glob(pattern.get_ref(), id)).collect();
            if meant.is_empty() {
                self.unknown(&field, pattern);
            }
            for id in meant {
                if let Some((_, other)) = taken.iter().find(|(known, _)| *known == id) {
                    let message = format!("means {id}, and so does \"{other}\"");
                    let hint = format!("give {id} a table of its own, or narrow one of the two");
                    self.findings.add(&field, pattern.span(), message, Some(&hint));
                    continue;
                }
                taken.push((id.clone(), pattern.get_ref().clone()));
                plan.named.entry(id).or_insert_with(|| part.clone());
            }
        }
    }

    /// What is said of a rule by its name has to be possible.
    fn twice(&mut self, field: &str, document: &RuleDocument, rule: &Rule) {
        if rule.only_reads() {
            return;
        }
        if let Some(mode) = &document.mode
            && mode.get_ref() == Mode::Shadow.text()
        {
            let message = "the rule writes, and what writes is never run twice";
            let hint = "write mode = \"legacy\" or mode = \"translate\"";
            self.findings.add(&format!("{field}.mode"), mode.span(), message, Some(hint));
        }
        if let Some(verify) = document.verify.as_ref().filter(|own| own.get_ref().value() > 0.0) {
            let message = "the rule writes, and what writes is never run twice";
            let hint = "leave `verify` out; the breaker still counts the rule's errors";
            self.findings.add(&format!("{field}.verify"), verify.span(), message, Some(hint));
        }
    }

    fn unknown(&mut self, field: &str, id: &Spanned<String>) {
        let known = self.rules.iter().map(|rule| rule.id.as_str());
        let hint = match nearest(id.get_ref(), known) {
            Some(close) => format!("did you mean \"{close}\"?"),
            None => "`polytomic-shim rules` lists all rules".to_owned(),
        };
        self.findings.add(field, id.span(), "no rule is called so", Some(&hint));
    }

    fn part(&mut self, field: &str, rule: &RuleDocument) -> Part {
        let named = |name: &str| format!("{field}.{name}");
        Part {
            mode: rule.mode.as_ref().and_then(|mode| self.mode(&named("mode"), mode)),
            share: self.percent(&named("share"), rule.share.as_ref()),
            verify: self.percent(&named("verify"), rule.verify.as_ref()),
            allow: self.patterns(&named("allow"), rule.allow.as_ref()),
            deny: self.patterns(&named("deny"), rule.deny.as_ref()),
        }
    }

    fn mode(&mut self, field: &str, text: &Spanned<String>) -> Option<Mode> {
        let mode = Mode::parse(text.get_ref());
        if mode.is_none() {
            let message = format!("`{}` is no mode", text.get_ref());
            let hint = "write \"legacy\", \"shadow\" or \"translate\"";
            self.findings.add(field, text.span(), message, Some(hint));
        }
        mode
    }

    fn percent(&mut self, field: &str, number: Option<&Spanned<Number>>) -> Option<Percent> {
        let number = number?;
        let percent = Percent::new(number.get_ref().value());
        if percent.is_none() {
            let message = format!("`{}` is no percentage", number.get_ref().value());
            let hint = "write a number from 0 to 100, such as 25 or 0.5";
            self.findings.add(field, number.span(), message, Some(hint));
        }
        percent
    }

    fn patterns(
        &mut self,
        field: &str,
        texts: Option<&Vec<Spanned<String>>>,
    ) -> Option<Vec<Pattern>> {
        let mut patterns = Vec::new();
        for text in texts? {
            let Some(pattern) = Pattern::parse(text.get_ref()) else {
                let message = format!("`{}` names no callers", text.get_ref());
                self.findings.add(field, text.span(), message, Some(FORMS));
                continue;
            };
            if matches!(pattern, Pattern::Caller(_)) && !self.salted {
                let message = "fingerprints change with every start";
                let hint = "set `fingerprint_salt`, or name the callers by organization, sdk or user_agent";
                self.findings.add(field, text.span(), message, Some(hint));
            }
            patterns.push(pattern);
        }
        Some(patterns)
    }

    fn breaker(&mut self, document: &Document) -> BreakerLimits {
        let (own, mut limits) = (&document.breaker, BreakerLimits::default());
        let window = self.duration("breaker.window", own.window.as_ref());
        limits.window = window.unwrap_or(limits.window);
        let minimum = self.count("breaker.minimum", own.minimum.as_ref());
        limits.minimum = minimum.unwrap_or(limits.minimum);
        for (field, number, limit) in [
            ("breaker.mismatches", own.mismatches.as_ref(), &mut limits.mismatches),
            ("breaker.errors", own.errors.as_ref(), &mut limits.errors),
        ] {
            if let Some(percent) = self.percent(field, number) {
                *limit = percent;
            }
        }
        limits
    }

    fn beside(&mut self, document: &Document) -> BesideLimits {
        let (own, mut limits) = (&document.beside, BesideLimits::default());
        if let Some(count) = self.count("beside.comparisons", own.comparisons.as_ref()) {
            limits.comparisons = count as usize;
        }
        if let Some(count) = self.count("beside.calls", own.calls.as_ref()) {
            limits.calls = count as usize;
        }
        if let Some(memory) = &own.memory {
            match settings::size(memory.get_ref()) {
                Ok(size) => limits.memory = size,
                Err((message, hint)) => {
                    self.findings.add("beside.memory", memory.span(), message, hint.as_deref());
                }
            }
        }
        let deadline = self.duration("beside.deadline", own.deadline.as_ref());
        limits.deadline = deadline.unwrap_or(limits.deadline);
        limits
    }

    fn count(&mut self, field: &str, number: Option<&Spanned<u32>>) -> Option<u32> {
        let number = number?;
        if (1..=1_000_000).contains(number.get_ref()) {
            return Some(*number.get_ref());
        }
        let message = format!("`{}` is not from 1 to 1000000", number.get_ref());
        self.findings.add(field, number.span(), message, Some("write a number such as 20"));
        None
    }

    fn duration(&mut self, field: &str, text: Option<&Spanned<String>>) -> Option<Duration> {
        let text = text?;
        match settings::duration(text.get_ref()) {
            Ok(duration) if !duration.is_zero() => return Some(duration),
            Ok(_) => {
                let hint = "write a duration such as 5m";
                self.findings.add(field, text.span(), "must be more than zero", Some(hint));
            }
            Err(message) => {
                let hint = "write a whole number with ms, s, m, h or d, such as 5m";
                self.findings.add(field, text.span(), message, Some(hint));
            }
        }
        None
    }

    fn tolerance(&mut self, document: &ToleranceDocument) -> Option<Tolerance> {
        let mut wrong = |field: &str, span: Range<usize>, message: String, hint: &str| {
            self.findings.add(&format!("tolerance.{field}"), span, message, Some(hint));
        };
        let kind = document.kind.as_ref();
        let parsed = kind.map_or(Some(Kind::Any), |kind| Kind::parse(kind.get_ref()));
        if let (Some(kind), None) = (kind, parsed) {
            let message = format!("`{}` is no kind of difference", kind.get_ref());
            wrong("kind", kind.span(), message, tolerance::KINDS);
        }
        if !document.pointer.get_ref().starts_with('/') {
            let hint = "begin with /, such as /data/*/updated_at; * is one part, ** any number";
            wrong("pointer", document.pointer.span(), "is no JSON pointer".to_owned(), hint);
        }
        if document.reason.get_ref().trim().is_empty() {
            let hint = "say in a sentence why the difference is right";
            wrong("reason", document.reason.span(), "is empty".to_owned(), hint);
        }
        let rule = &document.rule;
        if !self.rules.iter().any(|known| glob(rule.get_ref(), &known.id)) {
            self.unknown("tolerance.rule", rule);
        }
        Some(Tolerance {
            rule: rule.get_ref().clone(),
            pointer: document.pointer.get_ref().clone(),
            kind: parsed?,
            own_errors: document.own_errors,
            reason: document.reason.get_ref().clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Plan, String> {
        parse("rollout.toml", text, &Rules::embedded().unwrap(), false).map_err(|findings| {
            findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        })
    }

    #[test]
    fn names_beat_patterns_and_patterns_the_default() {
        let plan = parsed(
            r#"
            default = "legacy"
            verify = 0.5
            [rules."bulk_sync/*"]
            mode = "shadow"
            [rules."bulk_sync/list"]
            mode = "translate"
            share = 12.5
            allow = ["sdk:polytomic/1.18.*"]
            "#,
        )
        .unwrap();
        let list = plan.widest("bulk_sync/list");
        assert_eq!((list.mode, list.share.number(), list.allow.len()), (Mode::Translate, 12.5, 1));
        assert_eq!(list.verify.number(), 0.5);
        assert_eq!(plan.widest("bulk_sync/schemas/list").mode, Mode::Shadow);
        assert_eq!(plan.widest("users/list").mode, Mode::Legacy);
    }

    #[test]
    fn every_mistake_is_reported_with_its_place() {
        let report = parsed(
            r#"default = "shade"
share = 101
allow = ["acme", "caller:3f9a"]
[breaker]
window = "soon"
minimum = 0
[beside]
memory = "much"
[[tolerance]]
rule = "bulk_sync/lst"
pointer = "data"
kind = "nothing"
reason = " "
[rules."bulk_sync/create"]
mode = "shadow"
verify = 1
[rules."bulk_sync/lisst"]
[rules."bulk_sync/*"]
[rules."*/list"]
[rules."nothing/*"]
"#,
        )
        .unwrap_err();
        for expected in [
            "rollout.toml:1: default: `shade` is no mode\n  hint: write \"legacy\"",
            "rollout.toml:2: share: `101` is no percentage\n  hint: write a number from 0 to 100",
            "rollout.toml:3: allow: `acme` names no callers\n  hint: write \"caller:",
            "rollout.toml:3: allow: fingerprints change with every start\n  hint: set `fingerprint_salt`",
            "rollout.toml:5: breaker.window: `soon` is not a duration",
            "rollout.toml:6: breaker.minimum: `0` is not from 1",
            "rollout.toml:8: beside.memory: `much` is not a size",
            "rollout.toml:10: tolerance.rule: no rule is called so\n  hint: did you mean \"bulk_sync/list\"?",
            "rollout.toml:11: tolerance.pointer: is no JSON pointer",
            "rollout.toml:12: tolerance.kind: `nothing` is no kind",
            "rollout.toml:13: tolerance.reason: is empty",
            "rollout.toml:15: rules.\"bulk_sync/create\".mode: the rule writes",
            "rollout.toml:16: rules.\"bulk_sync/create\".verify: the rule writes",
            "rollout.toml:17: rules.\"bulk_sync/lisst\": no rule is called so\n  hint: did you mean",
            "and so does",
            "rollout.toml:20: rules.\"nothing/*\": no rule is called so",
        ] {
            assert!(report.contains(expected), "{expected}\nis not in\n{report}");
        }
        let unknown = parsed("defualt = \"legacy\"").unwrap_err();
        assert!(unknown.contains("rollout.toml:1: unknown field `defualt`"), "{unknown}");
    }
}
