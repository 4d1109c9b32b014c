//! What is embedded and is not as it lies in the repository: which fixture cases there are, both
//! contracts, packed, and the list of the legacy operations. Builds the program again when the rules,
//! the cases or the contracts change.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::{env, io};

use flate2::Compression;
use flate2::write::DeflateEncoder;

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=fixtures");
    println!("cargo::rerun-if-changed=rewrite-rules");
    // Relocations of a position-independent program, packed: 8 bytes for 64 of them and not 24 for
    // each. The dynamic loader of glibc 2.36 understands that, and so does what is linked statically.
    if env::var("TARGET").is_ok_and(|target| target == "x86_64-unknown-linux-gnu") {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
    let mut cases = Vec::new();
    collect(Path::new("fixtures"), "", &mut cases)?;
    cases.sort();
    let mut source = "&[\n".to_owned();
    for case in cases {
        // Writing to a String cannot fail.
        let _ = writeln!(source, "    {case:?},");
    }
    source.push(']');
    let folder = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo sets OUT_DIR"))?;
    let folder = Path::new(&folder);
    fs::write(folder.join("cases.rs"), source)?;
    for version in ["2024-02-08", "2025-09-18"] {
        let document = fs::read(format!("fixtures/contract/{version}.openapi.json"))?;
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::best());
        packed.write_all(&document)?;
        fs::write(folder.join(format!("{version}.json.deflate")), packed.finish()?)?;
    }
    let document = fs::read("fixtures/contract/2024-02-08.openapi.json")?;
    fs::write(folder.join("operations.rs"), operations(&serde_json::from_slice(&document)?))
}

/// Method, path template and id of every operation, sorted by path.
fn operations(document: &serde_json::Value) -> String {
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            if let Some(id) = operation["operationId"].as_str() {
                all.push((path.as_str(), method.to_uppercase(), id));
            }
        }
    }
    all.sort();
    let mut source = "&[\n".to_owned();
    for (path, method, id) in all {
        let _ = writeln!(source, "    ({method:?}, {path:?}, {id:?}),");
    }
    source.push(']');
    source
}

/// The cases of a folder, as paths below `fixtures` without extension.
fn collect(folder: &Path, below: &str, cases: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if path.is_dir() {
            collect(&path, &format!("{below}{name}/"), cases)?;
        } else if let Some(stem) = name.strip_suffix(".toml") {
            cases.push(format!("{below}{stem}"));
        }
    }
    Ok(())
}
