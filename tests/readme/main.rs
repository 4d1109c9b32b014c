//! The README is true: its tables are those of the program, and its commands work as they stand.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, helpers of tests included"
)]

mod blocks;
mod commands;
mod place;
mod tables;

use std::path::{Path, PathBuf};

/// The repository.
fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The README's file.
fn file() -> PathBuf {
    repository().join("README.md")
}

/// The README's text.
fn text() -> String {
    std::fs::read_to_string(file()).unwrap()
}
