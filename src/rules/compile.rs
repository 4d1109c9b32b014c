//! From a rule file to a rule, with every mistake found on the way.

use std::ops::Range;
use std::sync::Arc;

use http::{HeaderValue, Method};
use toml::Spanned;

use super::document::{CollectDocument, Document, FollowDocument, SendDocument};
use super::finding::{Finding, Findings};
use super::path::Path;
use super::template::Template;
use super::{
    Accept, AlsoRead, CallerKind, Calls, CodedFlow, Collect, Follow, Options, Pages, Rule, Single,
};

/// Compiles one rule file.
pub(super) fn compile(file: &str, source: &str, options: &Options) -> Result<Rule, Vec<Finding>> {
    let mut findings = Findings::new(file, source);
    let document: Document = match toml::from_str(source) {
        Ok(document) => document,
        Err(error) => {
            findings.add(
                "",
                error.span().unwrap_or(0..0),
                error.message(),
                Some("rewrite-rules/README.md lists every key"),
            );
            return Err(findings.into_vec());
        }
    };
    let rule = Compiler { findings: &mut findings, options }.rule(file, document);
    match rule {
        Some(rule) if findings.is_empty() => Ok(rule),
        _ => Err(findings.into_vec()),
    }
}

/// Rules that match the same request.
pub(super) fn overlaps(rules: &[Arc<Rule>]) -> Vec<Finding> {
    let mut found = Vec::new();
    let shapes: Vec<String> = rules.iter().map(|rule| shape(&rule.path)).collect();
    for (index, (rule, own)) in rules.iter().zip(&shapes).enumerate() {
        let clash = rules.iter().zip(&shapes).take(index).find(|(other, others)| {
            let same_shape = other.method == rule.method && *others == own;
            let shared = |callers: &Vec<CallerKind>| {
                other
                    .callers
                    .as_ref()
                    .is_none_or(|others| callers.iter().any(|kind| others.contains(kind)))
            };
            same_shape && rule.callers.as_ref().is_none_or(shared)
        });
        if let Some((other, _)) = clash {
            found.push(Finding {
                file: format!("{}.toml", rule.id),
                line: 1,
                field: "match".to_owned(),
                message: format!("matches the same requests as {}.toml", other.id),
                hint: Some(
                    "give the two rules different `match.callers`, or make them one".to_owned(),
                ),
            });
        }
    }
    found
}

fn shape(path: &Template) -> String {
    let variables: Vec<&str> = path.variables().collect();
    variables
        .iter()
        .fold(path.source().to_owned(), |shape, name| shape.replace(&format!("{{{name}}}"), "{}"))
}

pub(super) struct Compiler<'f, 's, 'o> {
    pub(super) findings: &'f mut Findings<'s>,
    pub(super) options: &'o Options,
}

impl Compiler<'_, '_, '_> {
    fn rule(&mut self, file: &str, document: Document) -> Option<Rule> {
        for (name, text) in [("summary", &document.summary), ("why", &document.why)] {
            if text.get_ref().trim().is_empty() {
                self.findings.add(
                    name,
                    text.span(),
                    "is empty",
                    Some("say it in a sentence: callers and colleagues read it"),
                );
            }
        }
        let method = self.method("match.method", &document.matches.method);
        let path = self.template("match.path", &document.matches.path, &[]);
        let callers = document.matches.callers.as_ref().map(|callers| self.callers(callers));
        let mut bound: Vec<String> = path
            .iter()
            .flat_map(|path| path.variables().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        for (field, name) in
            [("own_organization", &document.own_organization), ("owner_of", &document.owner_of)]
        {
            if let Some(name) = name.as_ref().filter(|name| !bound.contains(name.get_ref())) {
                let message = format!("`{}` is not a variable of match.path", name.get_ref());
                self.findings.add(
                    field,
                    name.span(),
                    message,
                    Some("name one of the variables in match.path, without braces"),
                );
            }
        }
        if document.owner_of.is_some() {
            bound.push("owner".to_owned());
        }
        let needs = document.needs.as_ref().and_then(|needs| self.need(needs));
        let calls = self.calls(&document, &bound, method.as_ref(), path.as_ref());
        let resource = document.response.resource.as_ref();
        let resource = match resource {
            Some(resource) => self.path("response.resource", resource),
            None => Path::parse("$").ok(),
        };
        let addresses = document
            .response
            .addresses
            .iter()
            .filter_map(|path| self.path("response.addresses", path))
            .collect();
        let mut lenses = Vec::new();
        let mut envelope_lenses = Vec::new();
        for lens in document.lens {
            let is_envelope = lens.get_ref().wrap.is_some();
            if let Some(lens) = self.lens(lens) {
                if is_envelope { envelope_lenses.push(lens) } else { lenses.push(lens) }
            }
        }
        let id = file.trim_end_matches(".toml").replace('\\', "/");
        Some(Rule {
            header: HeaderValue::from_str(&id).ok(),
            id,
            summary: document.summary.into_inner(),
            why: document.why.into_inner().trim().to_owned(),
            closes: document.closes.into_iter().map(Spanned::into_inner).collect(),
            method: method?,
            path: path?,
            except: document.matches.except,
            callers,
            needs,
            own_organization: document.own_organization.map(Spanned::into_inner),
            owner_of: document.owner_of.map(Spanned::into_inner),
            accept: document
                .accept
                .into_iter()
                .map(|accept| Accept {
                    field: accept.field.into_inner(),
                    values: accept.values,
                    instead: accept.instead,
                })
                .collect(),
            drop_query: document.query.drop,
            calls: calls?,
            resource: resource?,
            addresses,
            renamed: document.errors.rename.into_iter().collect(),
            lenses,
            envelope_lenses,
        })
    }

    fn calls(
        &mut self,
        document: &Document,
        bound: &[String],
        method: Option<&Method>,
        path: Option<&Template>,
    ) -> Option<Calls> {
        self.misplaced(document);
        match (&document.send, &document.collect, &document.flow) {
            (Some(send), None, None) => self.single(document, send, bound, method),
            (None, Some(collect), None) => self.collect(document, collect, bound, path),
            (None, None, Some(flow)) => self.coded_flow(flow),
            _ => {
                let span = document.matches.path.span();
                let hint = "[send] makes one request, [collect] walks a list, `flow` names one that is written in Rust";
                self.findings.add(
                    "",
                    span,
                    "the rule needs exactly one of [send], [collect] and `flow`",
                    Some(hint),
                );
                None
            }
        }
    }

    /// Sections that only have a meaning beside another one.
    fn misplaced(&mut self, document: &Document) {
        let accept = document.accept.first().map(|accept| accept.field.span());
        let read = document.read.as_ref().map(|read| read.path.span());
        let also_read = document.also_read.first().map(|also| also.path.span());
        let follow = document.follow.as_ref().map(|follow| follow.path.span());
        let complete = document.complete.as_ref().map(|complete| complete.path.span());
        for (section, span, needed, is_there) in [
            ("accept", accept, "[send]", document.send.is_some()),
            ("read", read, "[send]", document.send.is_some()),
            ("also_read", also_read, "[read]", document.read.is_some()),
            ("follow", follow, "[send]", document.send.is_some()),
            ("complete", complete, "[collect]", document.collect.is_some()),
        ] {
            if let Some(span) = span.filter(|_| !is_there) {
                let hint = format!("add {needed}, or take [{section}] out");
                self.findings.add(section, span, format!("needs {needed}"), Some(&hint));
            }
        }
    }

    fn coded_flow(&mut self, name: &Spanned<String>) -> Option<Calls> {
        let found = CodedFlow::ALL.into_iter().find(|flow| flow.name() == name.get_ref());
        if found.is_none() {
            let hint = format!("known: {}", CodedFlow::ALL.map(CodedFlow::name).join(", "));
            self.findings.add(
                "flow",
                name.span(),
                format!("no flow is called `{}`", name.get_ref()),
                Some(&hint),
            );
        }
        found.map(Calls::Coded)
    }

    fn single(
        &mut self,
        document: &Document,
        send: &SendDocument,
        bound: &[String],
        method: Option<&Method>,
    ) -> Option<Calls> {
        let read = document.read.as_ref().map(|read| {
            (self.template("read.path", &read.path, bound), self.path("read.take", &read.take))
        });
        let own_method = send.method.as_ref().map(|method| self.method("send.method", method));
        let path = self.template("send.path", &send.path, bound);
        let follow = document.follow.as_ref().map(|follow| self.follow(follow, bound));
        let mut also_read = Vec::new();
        for also in &document.also_read {
            let path = self.template("also_read.path", &also.path, bound);
            let take = self.path("also_read.take", &also.take);
            also_read.push(AlsoRead {
                path: path?,
                take: take?,
                name: also.name.clone(),
                when: also.when.clone(),
                each: also.each.clone(),
            });
        }
        Some(Calls::Single(Box::new(Single {
            also_read,
            read: read.map(|(path, take)| Some((path?, take?))).unwrap_or_default(),
            method: own_method.unwrap_or_else(|| method.cloned())?,
            path: path?,
            body: send.body,
            idempotency_key: send.idempotency_key,
            follow: follow.unwrap_or_default(),
        })))
    }

    fn follow(&mut self, follow: &FollowDocument, bound: &[String]) -> Option<Follow> {
        let path = self.template("follow.path", &follow.path, bound);
        let settled = follow.settled.as_ref().map(|settled| {
            (settled.status, self.path("follow.settled.at", &settled.at), settled.values.clone())
        });
        let fallback = serde_json::to_value(follow.fallback.get_ref());
        if let Err(error) = &fallback {
            self.findings.add(
                "follow.fallback",
                follow.fallback.span(),
                format!("has no form in JSON: {error}"),
                None,
            );
        }
        Some(Follow {
            path: path?,
            settled: settled.and_then(|(status, path, values)| Some((status, path?, values))),
            fallback: fallback.ok()?,
            synthesized: follow.synthesized.clone(),
        })
    }

    fn collect(
        &mut self,
        document: &Document,
        collect: &CollectDocument,
        bound: &[String],
        path: Option<&Template>,
    ) -> Option<Calls> {
        let items = self.path("collect.items", &collect.items);
        let key = items.as_ref().and_then(Path::as_key).map(str::to_owned);
        if items.is_some() && key.is_none() {
            self.findings.add(
                "collect.items",
                collect.items.span(),
                "must be a member of the page",
                Some("write it like `$.data`"),
            );
        }
        let pages = match &collect.pages {
            Some(pages) => {
                let next = self.path("collect.pages.next", &pages.next)?;
                let size = (pages.size.query.clone(), pages.size.value);
                Some(Pages { next, token: pages.token.clone(), size })
            }
            None => None,
        };
        let unique = collect.unique.as_ref().map(|unique| self.path("collect.unique", unique));
        let complete = document.complete.as_ref().map(|complete| {
            let path = self.template("complete.path", &complete.path, bound);
            (path, self.path("complete.take", &complete.take))
        });
        Some(Calls::Collect(Box::new(Collect {
            path: path?.clone(),
            items: key?,
            pages,
            drop: collect.drop.clone(),
            unique: unique.unwrap_or_default(),
            complete: complete.map(|(path, take)| Some((path?, take?))).unwrap_or_default(),
        })))
    }

    fn callers(&mut self, callers: &Spanned<Vec<String>>) -> Vec<CallerKind> {
        let mut kinds = Vec::new();
        for name in callers.get_ref() {
            match CallerKind::parse(name) {
                Some(kind) => kinds.push(kind),
                None => self.findings.add(
                    "match.callers",
                    callers.span(),
                    format!("`{name}` is no kind of caller"),
                    Some("`user`, `organization` or `partner`"),
                ),
            }
        }
        kinds
    }

    fn method(&mut self, field: &str, text: &Spanned<String>) -> Option<Method> {
        const KNOWN: [Method; 5] =
            [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
        let found = KNOWN.into_iter().find(|method| method.as_str() == text.get_ref());
        if found.is_none() {
            self.findings.add(
                field,
                text.span(),
                format!("`{}` is not a method", text.get_ref()),
                Some("GET, POST, PUT, PATCH or DELETE, in capitals"),
            );
        }
        found
    }

    /// A template whose variables are all among `bound`; with `bound` empty, any.
    fn template(
        &mut self,
        field: &str,
        text: &Spanned<String>,
        bound: &[String],
    ) -> Option<Template> {
        let template = self.parsed(field, text.span(), Template::parse(text.get_ref()))?;
        let binds = field == "match.path";
        let unbound = template
            .variables()
            .find(|name| !binds && !name.starts_with('$') && !bound.iter().any(|own| own == name));
        if let Some(name) = unbound {
            let hint = format!(
                "match.path binds: {}",
                if bound.is_empty() { "nothing".to_owned() } else { bound.join(", ") }
            );
            self.findings.add(
                field,
                text.span(),
                format!("nothing binds the variable `{{{name}}}`"),
                Some(&hint),
            );
            return None;
        }
        Some(template)
    }

    pub(super) fn path(&mut self, field: &str, text: &Spanned<String>) -> Option<Path> {
        self.parsed(field, text.span(), Path::parse(text.get_ref()))
    }

    fn parsed<T>(
        &mut self,
        field: &str,
        span: Range<usize>,
        result: Result<T, String>,
    ) -> Option<T> {
        result.map_err(|why| self.findings.add(field, span, why, None)).ok()
    }
}
