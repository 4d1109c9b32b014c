//! The settings file: TOML, one key for each setting.

use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::TABLE;
use super::mistake::{Mistake, did_you_mean};
use super::source::{Given, Source, setting};
use super::webhook::{self, Webhook};

/// Reads the file that `config` names. Values are handed on as text, the way a flag would give
/// them, so that all sources are parsed by the same code. Webhooks, which no other source has, are
/// parsed here.
pub(super) fn read(
    config: &Given,
    variables: webhook::Variables<'_>,
    mistakes: &mut Vec<Mistake>,
) -> (Vec<Given>, Vec<Webhook>) {
    let path = PathBuf::from(&config.text);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            let message = format!("the file {} cannot be read: {error}", path.display());
            mistakes.push(Mistake::new(config.source.clone(), message));
            return (Vec::new(), Vec::new());
        }
    };
    let at = |offset: usize| Source::File { path: path.clone(), line: line(&text, offset) };
    let (table, errors) = DeTable::parse_recoverable(&text);
    let mut broken = Vec::new();
    for error in errors {
        // Only the message: toml's full report quotes the line, and lines may hold what is private.
        let source = at(error.span().map_or(0, |span| span.start));
        mistakes.push(Mistake::new(source.clone(), format!("not valid TOML: {}", error.message())));
        broken.push(source);
    }
    let (mut given, mut webhooks) = (Vec::new(), Vec::new());
    for (key, value) in table.get_ref() {
        let source = at(key.span().start);
        // What the parser made of a broken line is a guess.
        if broken.contains(&source) {
            continue;
        }
        if key.get_ref() == webhook::TABLES {
            webhooks = webhook::read(value, &at, variables, mistakes);
            continue;
        }
        match known(key.get_ref()).and_then(|name| Ok((name, text_of(name, value)?))) {
            Ok((name, text)) => given.push(Given { name, source, text }),
            Err((message, hint)) => {
                mistakes.push(Mistake { source, message, hint: Some(hint) });
            }
        }
    }
    (given, webhooks)
}

type Wrong = (String, String);

fn known(key: &str) -> Result<&'static str, Wrong> {
    if let Some(setting) = TABLE.iter().find(|setting| setting.name == key) {
        return Ok(setting.name);
    }
    let names = TABLE.iter().map(|setting| setting.name).chain([webhook::TABLES]);
    let hint = match did_you_mean(key, names) {
        Some(close) => format!("did you mean `{close}`?"),
        None => "`polytomic-shim serve --help` lists all settings".to_owned(),
    };
    Err((format!("unknown key `{key}`"), hint))
}

fn text_of(name: &str, value: &Spanned<DeValue<'_>>) -> Result<String, Wrong> {
    let is_list = setting(name).is_some_and(super::Setting::is_list);
    match value.get_ref() {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().to_owned()),
        DeValue::Boolean(truth) => Ok(truth.to_string()),
        DeValue::Array(items) if is_list => {
            let texts = items.iter().map(|item| item.get_ref().as_str());
            let texts: Option<Vec<&str>> = texts.collect();
            let wrong = || (format!("`{name}` has an item that is not a string"), quote_hint(name));
            texts.map(|texts| texts.join(",")).ok_or_else(wrong)
        }
        other => Err((format!("`{name}` cannot be a TOML {}", other.type_str()), quote_hint(name))),
    }
}

fn quote_hint(name: &str) -> String {
    let setting = setting(name);
    let default = setting.map(|setting| setting.default).filter(|default| !default.is_empty());
    match default {
        Some(default) => format!("write it as text, such as {name} = \"{default}\""),
        None => "write it as text in double quotes".to_owned(),
    }
}

fn line(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}
