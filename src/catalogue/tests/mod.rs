mod grammar;
mod laws;

use std::path::{Path, PathBuf};

use super::*;

fn rules() -> Rules {
    Rules::embedded().unwrap()
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(file(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn found(rule: &str) -> Entry {
    entries(&rules()).into_iter().find(|entry| entry.rule == rule).unwrap()
}

#[test]
fn the_catalogue_in_the_readme_is_fresh() {
    const README: &str = "rewrite-rules/README.md";
    let text = read(README);
    let (before, rest) = text.split_once(BEGIN).expect("the comment before the catalogue");
    let (shown, after) = rest.split_once(END).expect("the comment after the catalogue");
    let fresh = format!("\n{}\n", markdown(&rules()));
    if shown == fresh {
        return;
    }
    if std::env::var_os("UPDATE_CATALOGUE").is_some() {
        std::fs::write(file(README), format!("{before}{BEGIN}{fresh}{END}{after}")).unwrap();
        return;
    }
    let line = shown.lines().zip(fresh.lines()).find(|(shown, fresh)| shown != fresh);
    panic!(
        "the catalogue in {README} is out of date; run `UPDATE_CATALOGUE=1 cargo test --lib catalogue`\nfirst difference: {line:#?}"
    );
}

#[test]
fn flows_and_costs_are_told() {
    for (rule, flow, calls) in [
        ("bulk_sync/get", vec!["send"], "1"),
        ("bulk_sync/list", vec!["collect"], "pages"),
        ("model_sync/list", vec!["collect", "complete"], "pages + items"),
        ("model_sync/executions/update", vec!["send", "follow"], "2"),
        ("users/update", vec!["read first", "send"], "2 + look-up"),
    ] {
        let entry = found(rule);
        assert_eq!((entry.flow, entry.amplification.as_str()), (flow, calls), "{rule}");
    }
    let calls = found("model_sync/executions/update").calls;
    assert_eq!(
        calls,
        [
            "POST /api/syncs/{sync_id}/executions/{id}/cancel (with an Idempotency-Key, without a body)",
            "GET /api/syncs/{sync_id}/executions/{id} (which answers)",
        ]
    );
}

#[test]
fn cases_are_those_of_the_folder() {
    for entry in entries(&rules()) {
        let files = std::fs::read_dir(file("fixtures").join(&entry.rule)).unwrap();
        let cases = files.filter(|file| {
            file.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "toml")
        });
        assert_eq!(entry.cases, cases.count(), "{}", entry.rule);
        assert!(entry.cases > 0, "{}", entry.rule);
    }
}

#[test]
fn every_lens_of_a_rule_has_a_row_of_laws() {
    let unlisted: Vec<&str> = entries(&rules())
        .iter()
        .flat_map(|entry| &entry.lenses)
        .map(|lens| lens.name)
        .filter(|name| LAWS.iter().all(|laws| laws.lens != *name))
        .collect();
    assert!(
        unlisted.is_empty(),
        "src/catalogue/laws.rs has no row for {unlisted:?}: say which test proves which law"
    );
}

#[test]
fn every_law_names_a_test_of_its_lens() {
    for laws in LAWS {
        let kind: String = laws
            .lens
            .split('_')
            .flat_map(|word| {
                word[..1].to_uppercase().chars().chain(word[1..].chars()).collect::<Vec<_>>()
            })
            .collect();
        for (law, path, test) in laws.proven {
            let text = read(path);
            let body = text
                .split_once(&format!("fn {test}("))
                .unwrap_or_else(|| panic!("{path} has no test {test}"))
                .1;
            let body = body.split("#[test]").next().unwrap();
            assert!(body.contains(&kind), "{path}: {test} does not name {kind}");
            let asserts = match *law {
                "GetPut" => "assert_get_put",
                "PutGet" => "assert_put_get",
                other => panic!("{}: no law is called {other}", laws.lens),
            };
            assert!(
                body.contains(asserts) || body.contains("assert_eq!"),
                "{path}: {test} asserts no {law}"
            );
        }
    }
}

#[test]
fn json_is_for_tools() {
    let tree: serde_json::Value = serde_json::from_str(&json(&rules()).unwrap()).unwrap();
    let rule =
        tree.as_array().unwrap().iter().find(|rule| rule["rule"] == "bulk_sync/get").unwrap();
    assert_eq!(rule["path"], "/api/bulk/syncs/{id}");
    assert_eq!(rule["lenses"][0]["name"], "bulk_schedule");
    assert!(
        rule["closes"]
            .as_array()
            .unwrap()
            .iter()
            .any(|id| id == "bulk_sync.get response /data/schedule removed")
    );
}

#[test]
fn the_table_is_aligned_and_grows_with_long() {
    let (short, long) = (table(&rules(), false), table(&rules(), true));
    assert!(short.lines().count() < long.lines().count());
    let column = |text: &str| text.find("closes").unwrap();
    let line = short.lines().find(|line| line.starts_with("users/get ")).unwrap();
    assert_eq!(&line[column(&short)..=column(&short)], "1");
    assert!(long.contains("    closes    users.get behaviour partner-scoped"));
}

#[test]
fn examples_show_what_a_rule_changes() {
    let text = markdown(&rules());
    for part in [
        "legacy request    {\"resync\":true}\nupstream request  {\"resync_mode\":\"rebuild\"}",
        "upstream request  {\"history_enabled\":true}",
        "Closes:\n\n- `events.list behaviour record logs`",
    ] {
        assert!(text.contains(part), "{part}");
    }
}
