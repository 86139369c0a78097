//! Pages of the documentation that are made of tables in the code.
#![allow(clippy::unwrap_used)]

use std::{env, fs, path::Path};

/// Holds a page below `docs` equal to what the code makes of it; with `UPDATE=1` writes it anew.
pub(crate) fn hold_equal(name: &str, page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    if env::var_os("UPDATE").is_some() {
        fs::write(&path, page).unwrap();
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    assert!(stored == page, "docs/{name} is not what the code says: write it anew with UPDATE=1");
}
