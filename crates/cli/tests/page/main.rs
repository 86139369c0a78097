//! The page with the whole product behind it: hub, bots, a real agent, a real exporter, a real browser.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

/// Runs a script of this folder in a network of its own; `None` where what it needs is not installed, or not allowed.
fn driven(script: &str, more: &[&Path]) -> Option<Output> {
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
    let script = here.join("tests/page").join(script);
    let output = Command::new("unshare")
        .args(["--net", "sh", "-c", "ip link set lo up && exec \"$0\" \"$@\""])
        .args([python.as_path(), script.as_path(), Path::new(env!("CARGO_BIN_EXE_grafolean"))])
        .args(more)
        .output();
    Some(output.unwrap())
}

/// Has cargo build what the tests of the workspace do not, and returns the file that it names so.
fn built(what: &[&str], is_it: impl Fn(&Path) -> bool) -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--workspace", "--locked", "--message-format=json"])
        .args(what)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let messages = String::from_utf8(built.stdout).unwrap();
    let messages = messages.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let files = messages.flat_map(|message| message.get("filenames").and_then(Value::as_array).cloned());
    let mut files = files.flatten().filter_map(|file| file.as_str().map(PathBuf::from));
    files.find(|file| is_it(file)).unwrap()
}

fn passes(output: &Output) {
    let told = String::from_utf8_lossy(&output.stderr);
    println!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{told}");
}

#[test]
fn from_an_empty_folder_to_ones_own_device_with_ping_snmp_and_flows() {
    let Some(output) = driven("whole.py", &[]) else { return };
    passes(&output);
}

#[test]
fn bots_elsewhere_in_rust_and_python_declare_themselves_and_are_seen() {
    let name = |file: &Path| file.file_name().unwrap().to_string_lossy().into_owned();
    let example = built(&["--example", "my_protocol"], |file| name(file) == "my_protocol");
    let engine = built(&["--lib"], |file| name(file) == "lib_engine.so");
    let Some(output) = driven("elsewhere.py", &[&example, &engine]) else { return };
    passes(&output);
}

#[test]
fn twenty_devices_are_discovered_added_and_seen_with_processors_memory_and_interfaces() {
    let Some(output) = driven("discover.py", &[]) else { return };
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    println!("{}", String::from_utf8_lossy(&output.stdout));
}
