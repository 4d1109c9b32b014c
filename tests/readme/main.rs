//! The README is true: its tables are those of the program, and its commands work as they stand.

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
