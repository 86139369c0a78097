//! ARCHITECTURE.md tells the truth: each invariant names the test or lint that holds it, each path exists.

use std::fs;

use crate::sources::{below, root};

const MOST_LINES: usize = 250;

fn architecture() -> String {
    fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap()
}

/// The words between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_invariant_names_a_test_or_lint_that_exists() {
    let everything: String = below("crates", &["rs", "py"]).into_iter().map(|source| source.text).collect();
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let text = architecture();
    let invariants: Vec<_> = text
        .split("\n\n")
        .flat_map(|part| part.split("\n- "))
        .filter(|part| part.contains("**Invariant"))
        .collect();
    assert!((10..=20).contains(&invariants.len()), "{} invariants", invariants.len());
    for invariant in invariants {
        let held = invariant.split("Held by").nth(1).unwrap_or_else(|| panic!("names no test: {invariant}"));
        for name in quoted(held) {
            let test =
                everything.contains(&format!("fn {name}(")) || everything.contains(&format!("def {name}("));
            let lint = manifest.contains(&format!("{} = ", name.trim_start_matches("clippy::")));
            assert!(test || lint, "no test or lint is called {name}: {invariant}");
        }
    }
}

#[test]
fn every_place_on_the_map_exists() {
    let text = architecture();
    assert!(text.lines().count() <= MOST_LINES, "{} lines", text.lines().count());
    for place in quoted(&text).filter(|name| name.starts_with("crates/") || name.starts_with("bench/")) {
        assert!(root().join(place).exists(), "ARCHITECTURE.md speaks of {place}, which is not there");
    }
}

#[test]
fn the_bot_on_the_front_page_is_the_one_that_is_tested() {
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let example = read("crates/collector/examples/my_protocol.rs");
    assert!(example.lines().count() <= 40, "{} lines", example.lines().count());
    assert!(read("README.md").contains(example.trim()), "README.md shows another bot than the example");
}
