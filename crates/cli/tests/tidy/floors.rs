//! Imports form floors: nothing below knows what is above.

use std::{collections::BTreeSet, fs};

use crate::sources::{below, root};

/// The dependencies a crate's manifest names outside of its tests.
fn dependencies(folder: &str) -> BTreeSet<String> {
    let manifest = fs::read_to_string(root().join("crates").join(folder).join("Cargo.toml")).unwrap();
    manifest
        .split("\n[")
        .find_map(|section| section.strip_prefix("dependencies]"))
        .unwrap_or_else(|| panic!("crates/{folder}/Cargo.toml has no [dependencies]"))
        .lines()
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn crates_import_only_downwards() {
    for (folder, never) in [
        ("time", &["grafolean-collector", "tokio", "reqwest", "rusqlite"][..]),
        ("datagram", &["grafolean-collector", "grafolean-bots", "tokio", "reqwest", "rusqlite"]),
        (
            "cluster",
            &[
                "grafolean-collector",
                "grafolean-bots",
                "grafolean-netflow",
                "grafolean-hub",
                "grafolean",
                "rusqlite",
            ],
        ),
        ("netflow", &["grafolean-bots", "grafolean-hub", "grafolean", "axum", "reqwest", "rusqlite"]),
        (
            "collector",
            &[
                "grafolean-bots",
                "grafolean-netflow",
                "grafolean-hub",
                "grafolean",
                "axum",
                "tower",
                "tower-http",
                "nix",
                "socket2",
            ],
        ),
        ("bots", &["grafolean-netflow", "parquet", "grafolean-hub", "grafolean", "axum", "reqwest"]),
        ("hub", &["grafolean-bots", "grafolean-netflow", "grafolean", "nix", "socket2"]),
        (
            "python",
            &["grafolean-bots", "grafolean-netflow", "grafolean-hub", "grafolean", "axum", "nix", "socket2"],
        ),
    ] {
        let names = dependencies(folder);
        let upwards: Vec<_> = never.iter().filter(|name| names.contains(**name)).collect();
        assert!(upwards.is_empty(), "crates/{folder} must not depend on {upwards:?}");
    }
}

#[test]
fn the_decoders_alone_stand_on_three_small_crates() {
    let manifest = fs::read_to_string(root().join("crates/netflow/Cargo.toml")).unwrap();
    let optional = |name: &String| {
        let line = manifest.lines().find(|line| line.starts_with(&format!("{name} =")));
        line.is_some_and(|line| line.contains("optional = true"))
    };
    let always: Vec<_> = dependencies("netflow").into_iter().filter(|name| !optional(name)).collect();
    assert_eq!(always, ["grafolean-time", "serde", "thiserror"]);
}

#[test]
fn one_bot_never_imports_another() {
    let bots = ["ping", "snmp", "tcp"];
    // What they share knows none of them.
    for folder in bots.into_iter().chain(["net"]) {
        for source in below(&format!("crates/bots/src/{folder}"), &["rs"]) {
            for other in bots.iter().filter(|other| **other != folder) {
                assert!(
                    !source.text.contains(&format!("crate::{other}")),
                    "{} imports the {other} bot",
                    source.path
                );
            }
        }
    }
}

#[test]
fn inside_the_collector_nothing_below_knows_what_is_above() {
    // Each part with the parts it may import; what is not listed here may import any of them.
    let floors: [(&str, &[&str]); 20] = [
        ("time", &[]),
        ("throttle", &[]),
        ("private", &[]),
        ("vault", &["private"]),
        ("sandbox", &[]),
        ("model", &["time"]),
        ("cause", &["model"]),
        ("report", &["model", "time"]),
        ("details", &["model"]),
        ("bot", &["cause", "model", "report", "time"]),
        ("interfaces", &["model", "time"]),
        ("protocol", &["bot", "health", "model", "report", "settings", "status"]),
        ("sink", &["model", "report"]),
        ("backend", &["cause", "error_chain", "model", "report", "throttle", "time"]),
        ("settings", &["backend", "model", "time"]),
        ("schedule", &["bot", "cause", "model", "time"]),
        ("spool", &["model", "private", "report", "sink", "throttle", "time"]),
        ("deliver", &["backend", "cause", "model", "report", "spool", "throttle", "time"]),
        (
            "status",
            &[
                "backend", "bot", "cause", "deliver", "model", "report", "schedule", "spool", "throttle",
                "time",
            ],
        ),
        (
            "remote_write",
            &["backend", "model", "protocol", "report", "settings", "spool", "throttle", "time"],
        ),
    ];
    hold("crates/collector/src/", &floors);
}

#[test]
fn inside_the_hub_nothing_below_knows_what_is_above() {
    let floors: [(&str, &[&str]); 8] = [
        ("open_file", &[]),
        ("repeats", &[]),
        ("statuses", &[]),
        ("answer", &[]),
        ("rights", &["answer"]),
        ("points", &["answer", "open_file", "repeats"]),
        ("store", &["answer", "open_file", "repeats", "rights"]),
        ("auth", &["answer", "open_file", "rights", "store"]),
    ];
    hold("crates/hub/src/", &floors);
}

#[test]
fn inside_the_cluster_nothing_below_knows_what_is_above() {
    let floors: [(&str, &[&str]); 8] = [
        ("slot", &[]),
        ("rendezvous", &["slot"]),
        ("sealed", &[]),
        ("lease", &["rendezvous", "sealed"]),
        ("membership", &["lease", "rendezvous", "slot"]),
        ("probe", &["lease", "membership", "slot"]),
        ("store", &["lease", "membership", "simulation"]),
        ("simulation", &["lease", "membership", "slot", "store"]),
    ];
    hold("crates/cluster/src/", &floors);
}

#[test]
fn inside_netflow_nothing_below_knows_what_is_above() {
    // What is not listed here may import any of them.
    let floors: [(&str, &[&str]); 15] = [
        ("record", &[]),
        ("places", &[]),
        ("protocol_name", &[]),
        ("names", &["record"]),
        ("decode", &["names", "record"]),
        ("generate", &["record"]),
        ("template", &["decode", "record"]),
        ("sampling", &["decode", "record"]),
        ("totals", &["decode", "record"]),
        ("ledger", &["decode", "record"]),
        ("decoder", &["decode", "ledger", "names", "record", "sampling", "template", "totals"]),
        ("aggregate", &["places", "protocol_name", "record"]),
        ("reconcile", &["aggregate", "decode", "ledger", "record"]),
        ("heartbeat", &[]),
        ("receive", &["decode", "heartbeat", "record"]),
    ];
    hold("crates/netflow/src/", &floors);
}

/// Each part imports nothing but itself and the parts it may.
fn hold(folder: &str, floors: &[(&str, &[&str])]) {
    for (part, allowed) in floors {
        for source in below(folder.trim_end_matches('/'), &["rs"]) {
            let below_source = source.path.trim_start_matches(folder);
            if below_source != format!("{part}.rs") && !below_source.starts_with(&format!("{part}/")) {
                continue;
            }
            for imported in imports(source.product()) {
                let fine = imported == *part || allowed.contains(&imported.as_str());
                assert!(fine, "{} imports crate::{imported}; {part} may import {allowed:?}", source.path);
            }
        }
    }
}

/// The first segment of every `crate::` path that is no macro-like upper-case name.
fn imports(text: &str) -> BTreeSet<String> {
    let mut parts = BTreeSet::new();
    for (place, _) in text.match_indices("crate::") {
        let rest = &text[place + "crate::".len()..];
        let group = rest.strip_prefix('{').map_or(rest.split(';').next(), |inside| inside.split("};").next());
        let group = group.unwrap_or("");
        if rest.starts_with('{') {
            parts.extend(top_level_names(group));
        } else {
            parts.insert(
                group.split(|c: char| !c.is_ascii_lowercase() && c != '_').next().unwrap_or("").to_owned(),
            );
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// The names of `{a::{b, c}, d::e}` at its outermost level: `a` and `d`.
fn top_level_names(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut names = vec![String::new()];
    for character in group.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(String::new()),
            _ if depth == 0 => names.last_mut().unwrap().push(character),
            _ => {}
        }
    }
    names.iter().map(|name| name.trim().split("::").next().unwrap_or("").to_owned()).collect()
}

#[test]
fn only_shells_read_a_clock() {
    // The run loop, the engines, the binary: all else takes `now` as an argument.
    let shells = [
        "crates/collector/src/time.rs",
        "crates/collector/src/health/",
        "crates/bots/src/ping/engine/",
        "crates/bots/src/snmp/engine/",
        "crates/cli/src/",
        "crates/hub/src/clock.rs",
        "crates/torture/src/",
    ];
    for source in below("crates", &["rs"]).into_iter().filter(|source| source.path.contains("/src/")) {
        if shells.iter().any(|shell| source.path.starts_with(shell)) {
            continue;
        }
        for reading in ["SystemTime::now", "std::time::Instant", "Utc::now"] {
            assert!(!source.product().contains(reading), "{} reads a clock by {reading}", source.path);
        }
    }
}

#[test]
fn every_dependency_says_what_it_is_for() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let section = manifest.split("[workspace.dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    for line in section.lines().filter(|line| line.contains(" = ") && !line.contains("path = ")) {
        assert!(line.contains(" # "), "Cargo.toml: say what for: {line}");
    }
}
