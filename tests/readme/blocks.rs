//! The fenced blocks of the README, and what the word after each fence says about them.

/// A fenced block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The line of its opening fence, counted from 1.
    pub line: usize,
    /// Its text, each line ended.
    pub text: String,
    /// What is done with it.
    pub use_: Use,
}

/// What is done with a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Use {
    /// `sh`: runs, and ends with success.
    Run,
    /// `sh server`: runs until the next such block, or until the end.
    Serve,
    /// `console`: each command runs, and prints what stands below it.
    Compare,
    /// `LANGUAGE FILE`: becomes that file.
    Write(String),
    /// Nothing, for one of the reasons in [`NOT_RUN`].
    Nothing(&'static str),
}

/// The kinds of block that are not run, and why.
pub const NOT_RUN: &[(&str, &str)] = &[
    ("text", "a picture, or what takes an id of a moment"),
    ("json", "the body of a request"),
    ("go", "takes a Go toolchain; the SDK's requests are covered by legacy-shaped ones elsewhere"),
    ("hcl", "takes Terraform and the vendor's provider, which come from a registry of their own"),
    ("ini", "takes systemd as the machine's first process"),
    ("yaml", "takes a cluster; tests/run manifests checks it against schemas and the program"),
];

/// All blocks in order. Panics on a fence that does not end, or whose words mean nothing.
pub fn parse(markdown: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = markdown.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let Some(words) = line.strip_prefix("```") else {
            assert!(!line.trim_start().starts_with("```"), "line {}: indented fence", index + 1);
            continue;
        };
        let mut text = String::new();
        loop {
            let (_, line) = lines.next().unwrap_or_else(|| panic!("line {}: no end", index + 1));
            if line == "```" {
                break;
            }
            text.push_str(line);
            text.push('\n');
        }
        blocks.push(Block { line: index + 1, text, use_: use_of(words, index + 1) });
    }
    blocks
}

fn use_of(words: &str, line: usize) -> Use {
    match words.split(' ').collect::<Vec<_>>()[..] {
        ["sh"] => Use::Run,
        ["sh", "server"] => Use::Serve,
        ["console"] => Use::Compare,
        ["toml", file] if !file.contains('/') => Use::Write(file.to_owned()),
        [kind] => {
            let found = NOT_RUN.iter().find(|(name, _)| *name == kind);
            let (name, _) = found.unwrap_or_else(|| panic!("line {line}: `{words}` is unknown"));
            Use::Nothing(name)
        }
        _ => panic!("line {line}: `{words}` is unknown"),
    }
}

/// A command of a `console` block and the lines that it prints.
#[derive(Debug, PartialEq, Eq)]
pub struct Shown<'t> {
    pub command: &'t str,
    pub output: Vec<&'t str>,
}

/// The commands of a `console` block.
pub fn shown(text: &str) -> Vec<Shown<'_>> {
    let mut found: Vec<Shown> = Vec::new();
    for line in text.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            found.push(Shown { command, output: Vec::new() });
        } else {
            found.last_mut().expect("a console block begins with `$ `").output.push(line);
        }
    }
    assert!(!found.is_empty(), "a console block without a command");
    found
}

/// Whether lines are as shown: `…` alone is any number of lines, within a line any text.
pub fn matches(shown: &[&str], lines: &[&str]) -> bool {
    match shown {
        [] => lines.is_empty(),
        ["…", rest @ ..] => (0..=lines.len()).any(|skipped| matches(rest, &lines[skipped..])),
        [first, rest @ ..] => lines
            .split_first()
            .is_some_and(|(line, others)| line_matches(first, line) && matches(rest, others)),
    }
}

fn line_matches(shown: &str, line: &str) -> bool {
    let Some((before, after)) = shown.split_once('…') else { return shown == line };
    let Some(rest) = line.strip_prefix(before) else { return false };
    (0..=rest.len())
        .filter(|at| rest.is_char_boundary(*at))
        .any(|at| line_matches(after, &rest[at..]))
}

#[test]
fn shown_output_is_compared_but_for_ellipses() {
    for (shown, lines, expected) in [
        (vec!["a", "b"], vec!["a", "b"], true),
        (vec!["a"], vec!["a", "b"], false),
        (vec!["a", "b"], vec!["a"], false),
        (vec!["…", "b", "…"], vec!["a", "a", "b"], true),
        (vec!["…", "b"], vec!["a", "b", "c"], false),
        (vec!["x: …, …;"], vec!["x: 1, 2;"], true),
        (vec!["x: …, …;"], vec!["x: 1; 2;"], false),
        (vec!["x…"], vec!["x"], true),
    ] {
        assert_eq!(matches(&shown, &lines), expected, "{shown:?} {lines:?}");
    }
}

#[test]
fn blocks_are_told_apart() {
    let blocks = parse("a\n```sh\nb\n```\n```toml x.toml\n```\n```go\nc\n\nd\n```\n");
    assert_eq!(
        blocks,
        [
            Block { line: 2, text: "b\n".to_owned(), use_: Use::Run },
            Block { line: 5, text: String::new(), use_: Use::Write("x.toml".to_owned()) },
            Block { line: 7, text: "c\n\nd\n".to_owned(), use_: Use::Nothing("go") },
        ]
    );
    let shown = shown("$ a\nb\nc\n$ d\n");
    assert_eq!((shown[0].command, &shown[0].output[..]), ("a", &["b", "c"][..]));
    assert_eq!((shown[1].command, &shown[1].output[..]), ("d", &[][..]));
}
