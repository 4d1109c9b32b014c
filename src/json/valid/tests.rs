use proptest::prelude::*;

use super::super::{MAX_DEPTH, judged};
use super::*;

#[test]
fn agrees_with_serde_json_on_the_edges() {
    let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let objects = |depth: usize| "{\"a\":".repeat(depth) + "1" + &"}".repeat(depth);
    let mut texts: Vec<String> = [
        "",
        " ",
        "{}",
        "[]",
        " { } ",
        "[ ]",
        "{,}",
        "[,]",
        "[1,]",
        "{\"a\":1,}",
        "{\"a\"}",
        "{\"a\" 1}",
        "{1:2}",
        "{\"a\": 1}",
        "{\"a\": \"b\", \"c\":\t\"d\"}",
        "{ \"a\" :\n1 , \"b\" : \"c\" }",
        "{\"\\u0061\": \"b\",\"c\":\"\\n\",\"d\":\"e\"}",
        "{\"a\":\"b\",\"c\"}",
        "{\"a\":\"b\",c\":1}",
        "{\"a\":\"b\";\"c\":1}",
        "[1 2]",
        "[1}",
        "{\"a\":1]",
        "}",
        "]",
        "[",
        "{",
        "{\"a\":",
        "\"",
        "\"a",
        "\"\\\"",
        "nul",
        "nulll",
        "true",
        "tru",
        "false",
        "null",
        "-",
        "-0",
        "0",
        "00",
        "01",
        "1.",
        ".1",
        "1.0",
        "-1.5e10",
        "1e",
        "1e+",
        "1E-7",
        "1e5.0",
        "+1",
        "0x1",
        "NaN",
        "\"\\u00e9\"",
        "\"\\u12\"",
        "\"\\uD83D\\uDE00\"",
        "\"\\uD83D\"",
        "\"\\uDE00\"",
        "\"\\uD83D\\u0041\"",
        "\"\\uD83Dx\"",
        "\"\\x\"",
        "\"\u{1}\"",
        "\"\t\"",
        "\"\u{7f}\"",
        "\"é\"",
        "1 1",
        "{} {}",
        "[1]x",
        "\u{feff}1",
        "\u{a0}1",
        "\u{c}1",
        "[\"a\",{\"b\":[]}]",
        "\"0123456789abcdef\\u0041\"",
        "\"0123456\u{1f}\"",
        "\"01234567\\\\\"",
        "[[],{},[{}],{\"a\":{}}]",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.extend([
        deep(MAX_DEPTH),
        deep(MAX_DEPTH + 1),
        objects(MAX_DEPTH),
        objects(MAX_DEPTH + 1),
    ]);
    for text in texts {
        assert_eq!(is_json(&text), judged(text.as_bytes()).is_ok(), "{text}");
    }
}

proptest! {
    #[test]
    fn agrees_with_serde_json(text in r#"([\[\]{},: \n]|"|a|\\|\\u|D8|0|1|-|\.|e|true|null|"a":|é){0,24}"#) {
        prop_assert_eq!(is_json(&text), judged(text.as_bytes()).is_ok(), "{}", text);
    }
}
