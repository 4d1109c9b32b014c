//! From a `[[webhook]]` table to a webhook, with every mistake found on the way.

use std::path::Path;

use http::HeaderName;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Address, Algorithm, Encoding, KEYS, Webhook};
use crate::secret::Secret;
use crate::settings::mistake::{Mistake, Problem, did_you_mean};
use crate::settings::origin;
use crate::settings::source::Source;
use crate::settings::values;

/// Where an environment variable is looked up.
pub(in crate::settings) type Variables<'v> = &'v dyn Fn(&str) -> Option<String>;

/// Reads all tables. `at` gives the line of a byte of the file.
pub(in crate::settings) fn read(
    value: &Spanned<DeValue<'_>>,
    at: &dyn Fn(usize) -> Source,
    variables: Variables<'_>,
    mistakes: &mut Vec<Mistake>,
) -> Vec<Webhook> {
    let tables: Option<Vec<&DeTable<'_>>> = match value.get_ref() {
        DeValue::Array(items) => items.iter().map(|item| item.get_ref().as_table()).collect(),
        _ => None,
    };
    let (DeValue::Array(items), Some(tables)) = (value.get_ref(), tables) else {
        let mistake = Mistake::new(at(value.span().start), "`webhook` is not a list of tables");
        mistakes.push(mistake.hint("begin each webhook with a line [[webhook]]"));
        return Vec::new();
    };
    let mut webhooks: Vec<Webhook> = Vec::new();
    for (item, table) in items.iter().zip(tables) {
        let mut reader = Reader { table, begin: at(item.span().start), at, variables, mistakes };
        let Some(webhook) = reader.webhook() else { continue };
        if webhooks.iter().any(|earlier| earlier.name == webhook.name) {
            let message = format!("another webhook is called `{}` too", webhook.name);
            let mistake = Mistake::new(reader.source("name"), message);
            mistakes.push(mistake.hint("give each webhook a name of its own"));
            continue;
        }
        webhooks.push(webhook);
    }
    webhooks
}

/// One table.
struct Reader<'r, 't> {
    table: &'r DeTable<'t>,
    begin: Source,
    at: &'r dyn Fn(usize) -> Source,
    variables: Variables<'r>,
    mistakes: &'r mut Vec<Mistake>,
}

impl Reader<'_, '_> {
    /// Every key is read before a missing one ends this, so that no mistake hides another.
    fn webhook(&mut self) -> Option<Webhook> {
        let before = self.mistakes.len();
        self.unknown_keys();
        let name = self.required("name", name);
        let forward = self.required("forward", parse_address);
        let secret = self.secret("secret");
        if secret.is_none() && self.mistakes.len() == before {
            let mistake = Mistake::new(self.begin.clone(), "a webhook has no secret");
            self.mistakes.push(mistake.hint(
                "set `secret_file` or `secret_env` to where the secret is that it was registered with",
            ));
        }
        let signing_secret = self.secret("signing_secret");
        let authorization = self.secret("api_key").and_then(|key| self.authorization(&key));
        let algorithm = self.or_default("algorithm", algorithm);
        let encoding = self.optional("encoding", encoding);
        let prefix = self.optional("prefix", prefix);
        let header = self.or_default("header", header);
        let timeout = self.or_default("timeout", values::duration);
        let logs_timeout = self.or_default("logs_timeout", values::duration);
        if self.mistakes.len() > before {
            return None;
        }
        let secret = secret?;
        Some(Webhook {
            name: name?,
            forward: forward?,
            signing_secret: signing_secret.unwrap_or_else(|| secret.clone()),
            secret,
            authorization,
            algorithm: algorithm?,
            encoding,
            prefix,
            header: header?,
            timeout: timeout?,
            logs_timeout: logs_timeout?,
        })
    }

    fn unknown_keys(&mut self) {
        for (key, _) in self.table {
            let name = key.get_ref().as_ref();
            if KEYS.iter().any(|(known, ..)| *known == name) {
                continue;
            }
            let source = (self.at)(key.span().start);
            let mistake = match name {
                "secret" | "signing_secret" | "api_key" => {
                    Mistake::new(source, format!("`{name}` stands in the settings file itself"))
                        .hint(format!(
                            "put it into a file or the environment, and say where: `{name}_file` or `{name}_env`"
                        ))
                }
                _ => {
                    let known = KEYS.iter().map(|(known, ..)| *known);
                    let hint = match did_you_mean(name, known.clone()) {
                        Some(close) => format!("did you mean `{close}`?"),
                        None => format!("a webhook has {}", known.collect::<Vec<_>>().join(", ")),
                    };
                    Mistake::new(source, format!("unknown key `{name}` of a webhook")).hint(hint)
                }
            };
            self.mistakes.push(mistake);
        }
    }

    /// Where a key stands, or else its table.
    fn source(&self, name: &str) -> Source {
        let found = self.table.iter().find(|(key, _)| key.get_ref() == name);
        found.map_or_else(|| self.begin.clone(), |(key, _)| (self.at)(key.span().start))
    }

    fn text(&mut self, name: &str) -> Option<String> {
        let (_, value) = self.table.iter().find(|(key, _)| key.get_ref() == name)?;
        if let Some(text) = value.get_ref().as_str() {
            return Some(text.to_owned());
        }
        let message = format!("`{name}` is not a text");
        let mistake = Mistake::new(self.source(name), message);
        self.mistakes.push(mistake.hint("write it in double quotes"));
        None
    }

    fn optional<T>(&mut self, name: &str, parse: fn(&str) -> Result<T, Problem>) -> Option<T> {
        let text = self.text(name)?;
        parse(&text).map_err(|problem| self.mistakes.push(problem.at(self.source(name)))).ok()
    }

    fn required<T>(&mut self, name: &str, parse: fn(&str) -> Result<T, Problem>) -> Option<T> {
        if !self.table.iter().any(|(key, _)| key.get_ref() == name) {
            let mistake = Mistake::new(self.begin.clone(), format!("a webhook has no `{name}`"));
            let about = KEYS.iter().find(|(known, ..)| *known == name).map(|(.., about)| *about);
            self.mistakes.push(mistake.hint(about.unwrap_or_default()));
            return None;
        }
        self.optional(name, parse)
    }

    fn or_default<T>(&mut self, name: &str, parse: fn(&str) -> Result<T, Problem>) -> Option<T> {
        if self.table.iter().any(|(key, _)| key.get_ref() == name) {
            return self.optional(name, parse);
        }
        let default =
            KEYS.iter().find(|(known, ..)| *known == name).map(|(_, default, _)| *default);
        parse(default.unwrap_or_default()).ok()
    }

    /// The value that `NAME_file` or `NAME_env` says where to find. It is in no message.
    fn secret(&mut self, name: &str) -> Option<Secret<Vec<u8>>> {
        let (file_key, variable_key) = (format!("{name}_file"), format!("{name}_env"));
        let (file, variable) = (self.text(&file_key), self.text(&variable_key));
        let (value, key) = match (file, variable) {
            (None, None) => return None,
            (Some(_), Some(_)) => {
                let message = format!("`{file_key}` and `{variable_key}` are both set");
                let mistake = Mistake::new(self.source(&variable_key), message);
                self.mistakes.push(mistake.hint("keep one of them"));
                return None;
            }
            (Some(file), None) => (from_file(&file), file_key),
            (None, Some(variable)) => (from_environment(&variable, self.variables), variable_key),
        };
        let source = self.source(&key);
        value.map_err(|problem| self.mistakes.push(problem.at(source))).ok()
    }

    fn authorization(&mut self, key: &Secret<Vec<u8>>) -> Option<Secret<String>> {
        let text = std::str::from_utf8(key.expose()).ok();
        let text = text.filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()));
        if text.is_none() {
            let source = ["api_key_file", "api_key_env"]
                .into_iter()
                .find(|name| self.table.iter().any(|(key, _)| key.get_ref() == name))
                .map_or_else(|| self.begin.clone(), |name| self.source(name));
            let mistake = Mistake::new(source, "the API key has characters that no key has");
            self.mistakes.push(mistake.hint("it should hold the key alone, on one line"));
        }
        text.map(|text| Secret::new(format!("Bearer {text}")))
    }
}

fn from_file(file: &str) -> Result<Secret<Vec<u8>>, Problem> {
    let hint = "name a file that holds the secret and nothing else";
    let mut bytes = std::fs::read(Path::new(file)).map_err(|error| {
        Problem::new(format!("the file `{file}` cannot be read: {error}"), hint)
    })?;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    if bytes.is_empty() {
        return Err(Problem::new(format!("the file `{file}` is empty"), hint));
    }
    Ok(Secret::new(bytes))
}

fn from_environment(name: &str, variables: Variables<'_>) -> Result<Secret<Vec<u8>>, Problem> {
    let value = variables(name).filter(|value| !value.is_empty());
    value.map(|value| Secret::new(value.into_bytes())).ok_or_else(|| {
        let message = format!("the environment variable `{name}` is not set");
        Problem::new(message, "set it for the process of the shim, or use a file")
    })
}

fn name(text: &str) -> Result<String, Problem> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if (1..=64).contains(&text.len()) && text.bytes().all(fits) {
        return Ok(text.to_owned());
    }
    let hint = "write 1 to 64 letters, digits, `-` and `_`, such as orders";
    Err(Problem::new("`name` cannot be part of a path", hint))
}

/// An address. The value is not repeated in messages: a password may stand in it.
pub(super) fn parse_address(text: &str) -> Result<Address, Problem> {
    const HINT: &str = "write a whole address, such as https://receiver.example.com/polytomic";
    let after_scheme = text.find("://").map_or(0, |at| at + 3);
    let end = text.get(after_scheme..).unwrap_or_default().find(['/', '?']);
    let (origin, target) = text.split_at(end.map_or(text.len(), |end| after_scheme + end));
    let wrong = |message: String| Problem::new(message, HINT);
    if target.contains('#') {
        return Err(wrong("`forward` has a fragment (`#`)".to_owned()));
    }
    let origin =
        origin::parse(origin).map_err(|problem| wrong(format!("`forward` {}", problem.message)))?;
    let target = match target.chars().next() {
        None => "/".to_owned(),
        Some('?') => format!("/{target}"),
        Some(_) => target.to_owned(),
    };
    let target =
        target.parse().map_err(|_| wrong("`forward` has a path that is none".to_owned()))?;
    Ok(Address { origin, target, written: text.to_owned() })
}

fn algorithm(text: &str) -> Result<Algorithm, Problem> {
    let all = [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512];
    values::one_of(text, &all.map(|algorithm| (algorithm.text(), algorithm)))
}

fn encoding(text: &str) -> Result<Encoding, Problem> {
    values::one_of(text, &[("hex", Encoding::Hex), ("base64", Encoding::Base64)])
}

fn prefix(text: &str) -> Result<String, Problem> {
    if text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    let hint = "write at most 32 visible characters, such as sha256=";
    Err(Problem::new("`prefix` cannot stand in a header", hint))
}

fn header(text: &str) -> Result<HeaderName, Problem> {
    text.parse().map_err(|_| {
        Problem::new("`header` is not the name of a header", "write it like Polytomic-Signature")
    })
}
