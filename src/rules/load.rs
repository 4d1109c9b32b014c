//! Rule files, from the binary or from a folder.

use std::path::Path;

use include_dir::{Dir, include_dir};

use super::Finding;

/// The list of differences that nothing closes, which stands beside the rules.
const WAIVERS: &str = "waivers.toml";

static EMBEDDED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/rewrite-rules");

/// Whether a file of a rules folder is a rule: every TOML file is, but for [`WAIVERS`].
fn is_rule(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "toml")
        && path.file_name().is_none_or(|name| name != WAIVERS)
}

/// Paths and texts of the rule files that are part of the binary.
pub(super) fn embedded() -> Vec<(String, String)> {
    let mut files = Vec::new();
    embedded_files(&EMBEDDED, &mut files);
    files
}

/// Paths and texts of the rule files below a folder, sorted.
pub(super) fn folder(folder: &Path) -> Result<Vec<(String, String)>, Finding> {
    let mut files = Vec::new();
    read_folder(folder, folder, &mut files)?;
    files.sort();
    Ok(files)
}

fn embedded_files(folder: &Dir<'_>, files: &mut Vec<(String, String)>) {
    for file in folder.files() {
        let path = file.path().to_string_lossy().into_owned();
        if let (true, Some(text)) = (is_rule(file.path()), file.contents_utf8()) {
            files.push((path, text.to_owned()));
        }
    }
    for inner in folder.dirs() {
        embedded_files(inner, files);
    }
}

fn read_folder(
    root: &Path,
    folder: &Path,
    files: &mut Vec<(String, String)>,
) -> Result<(), Finding> {
    let unreadable = |path: &Path, error: std::io::Error| Finding {
        file: path.display().to_string(),
        line: 1,
        field: String::new(),
        message: format!("cannot be read: {error}"),
        hint: None,
    };
    for entry in std::fs::read_dir(folder).map_err(|error| unreadable(folder, error))? {
        let path = entry.map_err(|error| unreadable(folder, error))?.path();
        if path.is_dir() {
            read_folder(root, &path, files)?;
        } else if is_rule(&path) {
            let text = std::fs::read_to_string(&path).map_err(|error| unreadable(&path, error))?;
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            files.push((name, text));
        }
    }
    Ok(())
}
