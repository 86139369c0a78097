//! Files stay short and are named after what they hold.

use crate::sources::below;

const MOST_LINES: usize = 500;

#[test]
fn no_file_is_longer_than_500_lines() {
    let long: Vec<_> = below(".", &["rs", "js", "py", "css"])
        .into_iter()
        .map(|source| (source.text.lines().count(), source.path))
        .filter(|(lines, _)| *lines > MOST_LINES)
        .collect();
    assert!(long.is_empty(), "split these along an idea: {long:?}");
}

#[test]
fn every_file_is_named_by_a_noun_of_the_field() {
    let empty_names =
        ["utils", "util", "common", "helpers", "helper", "types", "manager", "handler", "handlers", "misc"];
    let nameless: Vec<_> = below(".", &["rs", "js", "py"])
        .into_iter()
        .map(|source| source.path)
        .filter(|path| path.split(['/', '.']).any(|part| empty_names.contains(&part)))
        .collect();
    assert!(nameless.is_empty(), "name these by what they hold: {nameless:?}");
}

#[test]
fn no_test_is_ignored_and_nothing_waits_to_be_written() {
    // Put together here so that this file does not find itself.
    let marks = [
        concat!("#[ig", "nore"),
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
    ];
    let found: Vec<_> = below(".", &["rs", "js", "py"])
        .into_iter()
        .filter(|source| marks.iter().any(|mark| source.text.contains(mark)))
        .map(|source| source.path)
        .collect();
    assert!(found.is_empty(), "{found:?}");
}
