//! Tells the program how many fixture cases each rule has, and builds it again when the rules or
//! the cases change: both are embedded.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::{env, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=fixtures");
    println!("cargo::rerun-if-changed=rewrite-rules");
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
    fs::write(Path::new(&folder).join("cases.rs"), source)
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
