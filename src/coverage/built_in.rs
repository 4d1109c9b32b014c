//! Differences that code closes which is no rule.

/// A behaviour of the shim that does not hang on a rule.
#[derive(Debug)]
pub struct BuiltIn {
    /// The function that does it.
    pub code: &'static str,
    /// The differences that it answers for.
    pub closes: &'static [&'static str],
    /// The tests that prove it: file and function.
    pub tests: &'static [(&'static str, &'static str)],
}

/// Every such behaviour.
pub const BUILT_IN: &[BuiltIn] = &[BuiltIn {
    code: "flow::error_answer",
    closes: &["* error 401 changed"],
    tests: &[
        ("src/flow/answer.rs", "a_401_takes_the_legacy_form"),
        ("tests/integration/unauthorized.rs", "every_route_answers_401_in_the_legacy_form"),
    ],
}];
