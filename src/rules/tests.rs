//! The embedded rules, and what is said about mistaken ones.

use super::*;

#[test]
fn the_embedded_rules_compile() {
    let rules = Rules::embedded().unwrap_or_else(|findings| {
        panic!("{}", findings.iter().map(|finding| format!("{finding}\n")).collect::<String>())
    });
    assert!(rules.iter().count() >= 15);
}

fn findings(text: &str) -> Vec<String> {
    let result = Rules::compile(&[("x/y.toml".to_owned(), text.to_owned())], Options::default());
    result
        .map(|_| Vec::new())
        .unwrap_or_else(|found| found.iter().map(ToString::to_string).collect())
}

const GOOD: &str = "summary = \"s\"\nwhy = \"w\"\n[match]\nmethod = \"GET\"\npath = \"/a/{id}\"\n[send]\npath = \"/b/{id}\"\n";

#[test]
fn mistakes_name_line_field_and_remedy() {
    assert_eq!(findings(GOOD), Vec::<String>::new());
    for (from, to, expected) in [
        ("\"GET\"", "\"get\"", "x/y.toml:4: match.method: `get` is not a method\n  hint: GET"),
        (
            "/b/{id}",
            "/b/{di}",
            "x/y.toml:7: send.path: nothing binds the variable `{di}`\n  hint: match.path binds: id",
        ),
        ("[send]", "[sned]", "x/y.toml:6: unknown field `sned`"),
        ("why = \"w\"", "why = \" \"", "x/y.toml:2: why: is empty"),
        (
            "[send]",
            "[response]\nresource = \"data[\"\n[send]",
            "x/y.toml:7: response.resource: is not a JSONPath",
        ),
        (
            "[send]",
            "[[lens]]\ncode = \"bulk_shedule\"\n[send]",
            "x/y.toml:7: lens.code: no lens is called `bulk_shedule`\n  hint: did you mean `bulk_schedule`?",
        ),
        ("[send]", "[[lens]]\n[send]", "lens: has 0 kinds of lens"),
        (
            "[send]",
            "[complete]\npath = \"/a\"\ntake = \"$\"\n[send]",
            "x/y.toml:7: complete: needs [collect]",
        ),
        (
            "[send]",
            "[[also_read]]\npath = \"/a\"\ntake = \"$\"\nname = \"n\"\nwhen = \"w\"\n[send]",
            "x/y.toml:7: also_read: needs [read]\n  hint: add [read]",
        ),
        (
            "[match]",
            "own_organization = \"org\"\n[match]",
            "x/y.toml:3: own_organization: `org` is not a variable",
        ),
    ] {
        let found = findings(&GOOD.replacen(from, to, 1));
        assert!(found.iter().any(|text| text.contains(expected)), "{to}: {found:?}");
    }
}

#[test]
fn two_rules_for_one_request_are_a_mistake() {
    let files = [
        ("a.toml".to_owned(), GOOD.to_owned()),
        ("b.toml".to_owned(), GOOD.replace("{id}", "{other}")),
    ];
    let found = Rules::compile(&files, Options::default()).unwrap_err();
    assert!(found.iter().any(|finding| finding.message.contains("same requests as")), "{found:?}");
}

#[test]
fn each_operation_of_the_legacy_contract_meets_its_own_rule_or_none() {
    let rules = Rules::embedded().unwrap();
    let contract = crate::contract::Contract::of(crate::contract::Version::Legacy);
    for operation in contract.operations() {
        let path = operation
            .template
            .split('/')
            .map(|part| if part.starts_with('{') { "x-1" } else { part })
            .collect::<Vec<_>>()
            .join("/");
        for rule in rules.candidates(&operation.method.parse().unwrap(), &path).rules {
            assert_eq!(
                shape(rule.path.source()),
                shape(&operation.template),
                "{} catches {}",
                rule.id,
                operation.id
            );
        }
    }
}

fn shape(path: &str) -> String {
    path.split('/')
        .map(|part| if part.starts_with('{') { "{}" } else { part })
        .collect::<Vec<_>>()
        .join("/")
}

#[test]
fn what_has_to_be_known_of_the_caller_is_asked_for() {
    for (more, for_anybody) in [
        ("", true),
        ("own_organization = \"id\"\n", false),
        ("owner_of = \"id\"\n", false),
        ("[match]\ncallers = [\"organization\"]\n", false),
    ] {
        let text = match more.starts_with('[') {
            true => GOOD.replace("[match]\n", more),
            false => GOOD.replace("[match]\n", &format!("{more}[match]\n")),
        };
        let rules = Rules::compile(&[("x/y.toml".to_owned(), text)], Options::default()).unwrap();
        let candidates = rules.candidates(&Method::GET, "/a/1");
        assert!(!candidates.is_empty(), "{more}");
        assert_eq!(candidates.are_for_anybody(), for_anybody, "{more}");
    }
}
