//! Real inputs to start from: the rule files and everything that the fixtures say.

use std::path::{Path, PathBuf};

/// Texts of all TOML files below a folder of the repository, with their paths below it.
pub fn files(folder: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "toml") {
                let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
                found.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no files in {folder}");
    found
}

/// Every text under these keys, at any depth, in any fixture.
pub fn fixtures(keys: &[&str]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for (name, text) in files("fixtures") {
        let table: toml::Table = text.parse().unwrap_or_else(|error| panic!("{name}: {error}"));
        collect(&toml::Value::Table(table), keys, &mut found);
    }
    found.sort();
    found.dedup();
    found
}

fn collect(value: &toml::Value, keys: &[&str], found: &mut Vec<Vec<u8>>) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                match value.as_str().filter(|_| keys.contains(&key.as_str())) {
                    Some(text) => found.push(text.trim().as_bytes().to_vec()),
                    None => collect(value, keys, found),
                }
            }
        }
        toml::Value::Array(items) => items.iter().for_each(|item| collect(item, keys, found)),
        _ => {}
    }
}
