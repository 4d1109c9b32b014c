//! The grammar that `rewrite-rules/README.md` explains is the one that is read.

use super::read;
use crate::rules::{Options, Rules};

/// The tables of the grammar, each with its keys, as `document.rs` declares them.
fn grammar() -> Vec<(String, Vec<String>)> {
    let source = read("src/rules/document.rs");
    let mut tables = Vec::new();
    let mut comment = String::new();
    let mut renamed = None;
    for line in source.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("/// ") {
            if comment.is_empty() {
                comment = text.to_owned();
            }
        } else if let Some(attribute) = line.strip_prefix("#[serde(rename = \"") {
            renamed = attribute.split('"').next().map(str::to_owned);
        } else if line.starts_with("pub struct ") {
            // Without a name in backticks it is the file as a whole.
            let title = comment.split('`').nth(1).unwrap_or("A rule file").to_owned();
            tables.push((title, Vec::new()));
            comment.clear();
        } else if let Some((name, _)) =
            line.strip_prefix("pub ").and_then(|rest| rest.split_once(':'))
        {
            let name = renamed.take().unwrap_or_else(|| name.to_owned());
            tables.last_mut().unwrap().1.push(name);
            comment.clear();
        }
    }
    tables
}

/// The section of the README under the heading of a table.
fn section(readme: &str, title: &str) -> Option<String> {
    let headings = [format!("### `{title}`"), format!("### {title}")];
    let mut lines =
        readme.lines().skip_while(|line| !headings.iter().any(|heading| heading == line));
    lines.next()?;
    Some(lines.take_while(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n"))
}

#[test]
fn every_key_of_the_grammar_is_explained() {
    let readme = read("rewrite-rules/README.md");
    let tables = grammar();
    assert!(tables.len() > 15, "{tables:?}");
    let mut missing = Vec::new();
    for (table, keys) in &tables {
        let Some(section) = section(&readme, table) else {
            missing.push(format!("a section `{table}`"));
            continue;
        };
        let explained: Vec<&str> = section
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
            .collect();
        missing.extend(
            keys.iter()
                .filter(|key| !explained.contains(&key.as_str()))
                .map(|key| format!("`{key}` of `{table}`")),
        );
        let unknown: Vec<_> =
            explained.iter().filter(|key| !keys.iter().any(|known| known == *key)).collect();
        assert!(unknown.is_empty(), "the README explains {unknown:?} of `{table}`: no such keys");
    }
    assert!(missing.is_empty(), "rewrite-rules/README.md does not explain {missing:#?}");
}

#[test]
fn every_name_of_coded_lenses_and_flows_is_explained() {
    let readme = read("rewrite-rules/README.md");
    let source = read("src/rules/compile_lens.rs");
    let coded = source.split_once("const CODED").unwrap().1.split_once("];").unwrap().0;
    let lenses: Vec<&str> =
        coded.split("(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(lenses.len() > 5, "{lenses:?}");
    let flows = crate::rules::CodedFlow::ALL.map(|flow| format!("flow = \"{}\"", flow.name()));
    for name in lenses.iter().map(|lens| format!("| `{lens}` |")).chain(flows) {
        assert!(readme.contains(&name), "rewrite-rules/README.md does not explain {name}");
    }
}

/// The TOML examples of the README: what follows the fence, and the text.
fn examples() -> Vec<(String, String)> {
    let readme = read("rewrite-rules/README.md");
    let mut examples: Vec<(String, String)> = Vec::new();
    let mut is_open = false;
    for line in readme.lines() {
        match line.trim_start().strip_prefix("```") {
            Some(_) if is_open => is_open = false,
            Some(info) if info.starts_with("toml") => {
                is_open = true;
                examples.push((info["toml".len()..].trim().to_owned(), String::new()));
            }
            _ if is_open => {
                let text = &mut examples.last_mut().unwrap().1;
                text.push_str(line.trim_start());
                text.push('\n');
            }
            _ => {}
        }
    }
    examples
}

/// A whole rule out of a part of one.
fn whole(example: &str) -> String {
    let has = |start: &str| example.lines().any(|line| line.starts_with(start));
    let mut text = String::new();
    if !has("summary") {
        text.push_str("summary = \"s\"\nwhy = \"w\"\n");
    }
    text.push_str(example);
    if !has("[match]") {
        text.push_str("[match]\nmethod = \"PUT\"\npath = \"/api/example/{sync_id}/{id}\"\n");
    }
    if !has("[send]") && !has("[collect]") && !has("flow") {
        text.push_str("[send]\npath = \"/api/example/{id}\"\n");
    }
    text
}

#[test]
fn every_example_is_a_rule_or_a_part_of_one() {
    let examples = examples();
    assert!(examples.len() > 15, "{}", examples.len());
    for (kind, example) in &examples {
        if kind == "case" {
            let case: toml::Table = toml::from_str(example).unwrap();
            assert!(case.contains_key("request") && case.contains_key("upstream"), "{example}");
            continue;
        }
        let text = whole(example);
        let compiled =
            Rules::compile(&[("example.toml".to_owned(), text.clone())], Options::default());
        if let Err(found) = compiled {
            panic!("{text}\n{}", found.iter().map(ToString::to_string).collect::<String>());
        }
    }
}
