//! ARCHITECTURE.md tells the truth: each invariant names the test or lint that holds it, each path exists.

use std::{fs, process::Command};

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
    assert!((10..=22).contains(&invariants.len()), "{} invariants", invariants.len());
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
    assert!(example.lines().count() <= 45, "{} lines", example.lines().count());
    for page in ["README.md", "crates/collector/README.md"] {
        assert!(read(page).contains(example.trim()), "{page} shows another bot than the example");
    }
}

#[test]
fn the_tests_in_the_guide_are_those_that_run() {
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let tests = read("crates/collector/tests/testing_a_bot.rs");
    assert!(read("docs/testing-a-bot.md").contains(tests.trim()), "docs/testing-a-bot.md shows other tests");
}

/// What `cargo publish` would send, as far as that shows without a registry; `just package-crates` builds it, too.
#[test]
fn a_crate_that_others_build_on_is_packaged_whole_and_without_tests() {
    for name in ["time", "datagram", "collector", "netflow"] {
        let manifest = fs::read_to_string(root().join(format!("crates/{name}/Cargo.toml"))).unwrap();
        for field in
            ["description", "license", "homepage", "documentation", "readme", "keywords", "categories"]
        {
            assert!(manifest.contains(&format!("\n{field}")), "crates/{name}/Cargo.toml has no {field}");
        }
        let package = format!("grafolean-{name}");
        let list = ["package", "--list", "--offline", "--allow-dirty", "--quiet", "--package", &package];
        let listed = Command::new(env!("CARGO")).args(list).current_dir(root()).output().unwrap();
        let (files, told) =
            (String::from_utf8(listed.stdout).unwrap(), String::from_utf8_lossy(&listed.stderr));
        assert!(listed.status.success(), "{package}: {told}");
        for file in ["README.md", "LICENSE-MIT", "LICENSE-APACHE", "src/lib.rs"] {
            assert!(files.lines().any(|line| line == file), "{package} lacks {file}");
        }
        let outside = files.lines().find(|line| line.starts_with("tests/") || line.starts_with("benches/"));
        assert_eq!(outside, None, "{package}: it needs what is not in it");
    }
}
