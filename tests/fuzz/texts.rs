//! Rule files and settings: whatever is written there, the answer is a list of findings.

use std::ffi::OsString;

use polytomic_shim::rules::{Options, Rules};
use polytomic_shim::settings::{self, Settings};

use crate::corpus;
use crate::driver::fuzz;

const RULE_WORDS: &[&str] = &[
    "[match]\n",
    "[send]\n",
    "[read]\n",
    "[collect]\n",
    "[[lens]]\n",
    "[complete]\n",
    "[follow]\n",
    "[collect.pages]\n",
    "path = \"/api/{id}\"\n",
    "take = \"$.data[*]\"\n",
    "\"$..a\"",
    "\"$[?@.a==1]\"",
    "\"{$.id}\"",
    "flow = \"event_logs\"\n",
    "code = \"bulk_schedule\"\n",
    "owner_of = \"id\"\n",
    "'''",
    "\"\"\"",
    "{ }",
    "[]",
    "= 1\n",
    "-1",
    "\u{e9}",
    "closes = [\"\"]\n",
];

#[test]
fn rule_files() {
    let inputs = corpus::files("rewrite-rules");
    let inputs = inputs.into_iter().map(|(_, text)| text.into_bytes()).collect();
    fuzz("rule_files", inputs, RULE_WORDS, |input| {
        let Ok(text) = std::str::from_utf8(input) else { return "no text".to_owned() };
        let file = ("some/rule.toml".to_owned(), text.to_owned());
        let Err(findings) = Rules::compile(&[file], Options::default()) else {
            return "a rule".to_owned();
        };
        assert!(!findings.is_empty());
        let lines = 1 + text.matches('\n').count();
        for finding in &findings {
            assert_eq!(finding.file, "some/rule.toml");
            assert!((1..=lines).contains(&finding.line), "line {} of {lines}", finding.line);
            assert!(!finding.message.is_empty());
            assert!(finding.to_string().starts_with("some/rule.toml:"));
        }
        findings.iter().map(|finding| format!("{} ", finding.field)).collect()
    });
}

const SETTING_WORDS: &[&str] = &[
    "listen = ",
    "admin = ",
    "upstream = ",
    "default_version = ",
    "caller_kind = ",
    "deadline = ",
    "max_request_body = ",
    "trusted_proxies = ",
    "public_url = ",
    "log_level = ",
    "\"127.0.0.1:0\"\n",
    "\"https://[::1]:9\"\n",
    "\"10.0.0.0/33\"\n",
    "\"99999999999999999999GiB\"\n",
    "\"-1s\"\n",
    "true\n",
    "[\"::/0\"]\n",
    "1e9\n",
    "\"2024-02-08\"\n",
    "'''",
    "\n",
];

/// Names of files are no subject: whatever is named there is read.
const OF_FILES: [&str; 2] = ["rules", "upstream_ca"];

#[test]
fn settings_text() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.toml");
    let defaults: String = settings::TABLE
        .iter()
        .filter(|setting| !setting.default.is_empty())
        .map(|setting| format!("{} = \"{}\"\n", setting.name, setting.default))
        .collect();
    let mut inputs = vec![defaults.into_bytes()];
    inputs.extend(
        settings::TABLE
            .iter()
            .map(|setting| format!("{} = \"{}\"", setting.name, setting.default).into_bytes()),
    );
    fuzz("settings_text", inputs, SETTING_WORDS, |input| {
        let text = String::from_utf8_lossy(input);
        if OF_FILES.iter().any(|name| text.contains(name)) {
            return "files".to_owned();
        }
        std::fs::write(&file, input).unwrap();
        let config = vec![("config", file.clone().into_os_string())];
        let mut said = outcome(Settings::load(config, std::iter::empty()));
        // The same text as the value of one flag and of one variable.
        if let Some((name, value)) = text.split_once('=')
            && let Some(setting) =
                settings::TABLE.iter().find(|setting| setting.name == name.trim())
        {
            let value = OsString::from(value.trim().trim_matches('"'));
            said +=
                &outcome(Settings::load(vec![(setting.name, value.clone())], std::iter::empty()));
            let variable = (OsString::from(setting.variable()), value);
            said += &outcome(Settings::load(Vec::new(), std::iter::once(variable)));
        }
        said
    });
}

fn outcome(result: Result<Settings, settings::Mistakes>) -> String {
    match result {
        Ok(_) => "settings".to_owned(),
        Err(mistakes) => {
            assert!(!mistakes.0.is_empty() && !mistakes.to_string().is_empty());
            // Kinds of mistakes, not the values that they quote.
            let text = mistakes.to_string();
            text.chars().filter(char::is_ascii_alphabetic).take(60).collect()
        }
    }
}
