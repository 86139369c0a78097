//! The files of the project, as git would list them.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Folders that hold what others made or what a build leaves behind.
const SKIPPED: [&str; 5] = ["target", ".git", "vendor", "node_modules", ".venv"];

/// A source file: its path from the root of the project, and its text.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    /// What stands before the tests of a file: the part that is built into the product.
    pub(crate) fn product(&self) -> &str {
        self.text.split("#[cfg(test)]").next().unwrap_or("")
    }
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// All files with one of these endings below a folder of the project.
pub(crate) fn below(folder: &str, endings: &[&str]) -> Vec<Source> {
    let root = root();
    let mut found = Vec::new();
    collect(&root.join(folder), endings, &mut found);
    let mut sources: Vec<_> = found
        .into_iter()
        .map(|path| Source {
            path: path.strip_prefix(&root).unwrap().to_string_lossy().into_owned(),
            text: fs::read_to_string(&path).unwrap(),
        })
        .collect();
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

fn collect(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !SKIPPED.contains(&name.as_str()) {
            collect(&path, endings, found);
        } else if path.extension().is_some_and(|ending| endings.iter().any(|wanted| ending == *wanted)) {
            found.push(path);
        }
    }
}
