//! `grafolean snmp traps` against net-snmp's tools.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr, missing_docs)]

mod world;

use std::{
    path::Path,
    process::{Command, Stdio},
};

use serde_json::json;
use world::grafolean;

#[test]
fn traps_and_informs_of_each_version_are_shown_and_informs_are_acknowledged() {
    if !Path::new("/usr/bin/snmpinform").exists() {
        eprintln!("skipped: no /usr/bin/snmpinform");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let told = folder.path().join("told");
    let mut listening = grafolean(folder.path());
    listening.args([
        "snmp",
        "traps",
        "--listen",
        "127.0.0.1:0",
        "--json",
        "--count",
        "5",
        "--community",
        "public",
    ]);
    listening.args(["-u", "ann", "-a", "SHA", "-A", "authpass12", "-x", "AES", "-X", "privpass12"]);
    listening.stdout(std::fs::File::create(&told).unwrap()).stderr(Stdio::piped());
    let mut listening = listening.spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(listening.stderr.take().unwrap()));
    let first = lines.next().unwrap().unwrap();
    let address = first.strip_prefix("listening for traps on ").unwrap().to_owned();
    let send = |program: &str, arguments: &[&str], objects: &[&str]| {
        let mut command = Command::new(format!("/usr/bin/{program}"));
        command.env("HOME", folder.path()).env("SNMP_PERSISTENT_DIR", folder.path());
        command.args(["-r", "1", "-t", "5"]).args(arguments).arg(&address).args(objects);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
    };
    let link_down = ["", "1.3.6.1.6.3.1.1.5.3", "1.3.6.1.2.1.2.2.1.1.3", "i", "3"];
    let ann = [
        "-v",
        "3",
        "-u",
        "ann",
        "-l",
        "authPriv",
        "-a",
        "SHA",
        "-A",
        "authpass12",
        "-x",
        "AES",
        "-X",
        "privpass12",
    ];
    send("snmptrap", &["-v", "2c", "-c", "wrong"], &link_down);
    let v1 = ["1.3.6.1.4.1.8072", "192.0.2.9", "6", "17", "100", "1.3.6.1.2.1.1.5.0", "s", "peer"];
    send("snmptrap", &["-v", "1", "-c", "public"], &v1);
    send("snmptrap", &["-v", "2c", "-c", "public"], &link_down);
    send("snmpinform", &["-v", "2c", "-c", "public"], &link_down);
    send("snmptrap", &[&ann[..], &["-e", "0x8000000001020304"]].concat(), &link_down);
    send("snmpinform", &ann, &link_down);
    assert!(listening.wait().unwrap().success());
    let last = lines.map(Result::unwrap).last().unwrap();
    assert!(last.contains("5 shown, 2 informs acknowledged; refused 1, floods 0"), "{last}");
    let told = std::fs::read_to_string(told).unwrap();
    let told: Vec<serde_json::Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let brief: Vec<_> =
        told.iter().map(|it| (it["version"].as_str().unwrap(), it["kind"].as_str().unwrap())).collect();
    assert_eq!(brief, [("v1", "trap"), ("v2c", "trap"), ("v2c", "inform"), ("v3", "trap"), ("v3", "inform")]);
    assert_eq!((&told[0]["oid"], &told[0]["agent"]), (&json!("1.3.6.1.4.1.8072.0.17"), &json!("192.0.2.9")));
    assert_eq!(told[0]["objects"][0]["value"], json!("peer"));
    for trap in &told[1..] {
        assert_eq!(trap["name"], json!("IF-MIB::linkDown"), "{trap}");
        assert_eq!((&trap["objects"][0]["value"], &trap["source"]), (&json!(3), &json!("127.0.0.1")));
    }
    assert_eq!(told[4]["user"], json!("ann"));
}
