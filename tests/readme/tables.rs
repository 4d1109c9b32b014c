//! The generated parts of the README, between `<!-- generated: NAME -->` and `<!-- end: NAME -->`.

use std::fmt::Write as _;
use std::process::Command;

use polytomic_shim::failure::Key;
use polytomic_shim::rules::{CallerKind, Rules};

/// How the README is brought up to date.
const UPDATE: &str = "README_UPDATE=1 cargo test --test readme";

#[test]
fn generated_tables_are_those_of_the_program() {
    let webhooks = polytomic_shim::settings::webhook::markdown();
    let tables = [
        ("rules", rules()),
        ("errors", errors()),
        ("settings", settings()),
        ("webhooks", webhooks),
    ];
    let before = crate::text();
    let mut after = before.clone();
    for (name, table) in &tables {
        after = replaced(&after, name, table);
    }
    if std::env::var_os("README_UPDATE").is_some() && after != before {
        std::fs::write(crate::file(), &after).unwrap();
        return;
    }
    for (name, table) in &tables {
        let shown = between(&before, name);
        assert_eq!(
            shown,
            format!("\n{table}\n"),
            "the table of {name} is out of date; run: {UPDATE}"
        );
    }
}

/// Every rule by its id: what it is for, and what it does.
fn rules() -> String {
    let rules = Rules::embedded().unwrap();
    let mut rules: Vec<_> = rules.iter().collect();
    rules.sort_by(|left, right| left.id.cmp(&right.id));
    let mut table = String::from("| rule | legacy operation | callers | what happens |\n");
    table.push_str("| --- | --- | --- | --- |\n");
    for rule in rules {
        let callers = match &rule.callers {
            Some(kinds) => {
                kinds.iter().map(|kind| CallerKind::text(*kind)).collect::<Vec<_>>().join(", ")
            }
            None => "all".to_owned(),
        };
        let operation = format!("`{} {}`", rule.method, rule.path.source());
        writeln!(table, "| `{}` | {operation} | {callers} | {} |", rule.id, cell(&rule.summary))
            .unwrap();
    }
    table
}

/// Every key of the shim's own errors.
fn errors() -> String {
    let mut table = String::from("| key | status | when |\n| --- | --- | --- |\n");
    for key in Key::ALL {
        let (name, status) = (key.text(), key.status().as_u16());
        writeln!(table, "| `{name}` | {status} | {} |", cell(key.meaning())).unwrap();
    }
    table
}

/// What `settings --format markdown` prints.
fn settings() -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_polytomic-shim"))
        .args(["settings", "--format", "markdown"])
        .output()
        .unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// A text as a cell of a table.
fn cell(text: &str) -> String {
    text.trim().replace('|', "\\|")
}

fn markers(name: &str) -> (String, String) {
    (format!("<!-- generated: {name} -->\n"), format!("<!-- end: {name} -->"))
}

/// What stands between the markers of a name.
fn between<'t>(text: &'t str, name: &str) -> &'t str {
    let (start, end) = markers(name);
    let (_, rest) = text.split_once(&start).unwrap_or_else(|| panic!("no {start} in the README"));
    let (inside, _) = rest.split_once(&end).unwrap_or_else(|| panic!("no {end} in the README"));
    inside
}

fn replaced(text: &str, name: &str, table: &str) -> String {
    let (start, end) = markers(name);
    let marked = |inside: &str| format!("{start}{inside}{end}");
    text.replace(&marked(between(text, name)), &marked(&format!("\n{table}\n")))
}
