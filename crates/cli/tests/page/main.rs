//! The page with the whole product behind it: hub, bots, a real agent, a real exporter, a real browser.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// Runs a script of this folder in a network of its own; `None` where what it needs is not installed, or not allowed.
fn driven(script: &str) -> Option<Output> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = here.join("../../target/browser/bin/python");
    let there = |program: &str| {
        ["/usr/sbin", "/usr/bin"].iter().any(|folder| PathBuf::from(folder).join(program).exists())
    };
    let network =
        Command::new("unshare").args(["--net", "true"]).status().is_ok_and(|status| status.success());
    if !python.exists() || !["chromium", "snmpd", "softflowd"].into_iter().all(there) || !network {
        println!(
            "skipped: needs a network namespace, Chromium, Playwright, snmpd and softflowd; ./test installs them"
        );
        return None;
    }
    let command = "ip link set lo up && exec \"$0\" \"$1\" \"$2\"";
    let script = here.join("tests/page").join(script);
    let output = Command::new("unshare")
        .args(["--net", "sh", "-c", command])
        .args([python.as_path(), script.as_path(), Path::new(env!("CARGO_BIN_EXE_grafolean"))])
        .output();
    Some(output.unwrap())
}

#[test]
fn from_an_empty_folder_to_ones_own_device_with_ping_snmp_and_flows() {
    let Some(output) = driven("whole.py") else { return };
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    println!("{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn twenty_devices_are_discovered_added_and_seen_with_processors_memory_and_interfaces() {
    let Some(output) = driven("discover.py") else { return };
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    println!("{}", String::from_utf8_lossy(&output.stdout));
}
