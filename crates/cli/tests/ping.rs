//! `grafolean ping` on loopback.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr, missing_docs)]

mod world;

use serde_json::json;
use world::{Run, grafolean, json_lines, may_ping, text};

#[test]
fn each_packet_and_each_host_is_a_json_object() {
    if !may_ping() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = grafolean(folder.path())
        .args(["ping", "--json", "--count", "2", "--interval", "10ms", "127.0.0.1", "127.255.255.255"])
        .finished();
    assert_eq!(output.status.code(), Some(1), "one of the hosts does not answer: {output:?}");
    let lines = json_lines(&output);
    let (packets, hosts): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line.get("seq").is_some());
    let mut answered: Vec<_> = packets.iter().filter(|line| line["host"] == "127.0.0.1").collect();
    answered.sort_by_key(|line| line["seq"].as_u64());
    assert_eq!(answered.len(), 2);
    for (seq, line) in answered.iter().enumerate() {
        let rtt = line["rtt"].as_f64().unwrap();
        assert!(rtt > 0.0 && rtt < 1.0, "seconds: {line}");
        let expected = json!({"host": "127.0.0.1", "addr": "127.0.0.1", "seq": seq, "ok": true, "rtt": rtt, "reason": null});
        assert_eq!(***line, expected);
    }
    let silent = packets.iter().find(|line| line["host"] == "127.255.255.255").unwrap();
    assert_eq!((&silent["ok"], &silent["rtt"]), (&json!(false), &json!(null)));
    assert_eq!(silent["reason"], "not-permitted", "the kernel refuses its broadcast address");
    assert_eq!(hosts.len(), 2);
    let summary = hosts.iter().find(|line| line["host"] == "127.0.0.1").unwrap();
    assert_eq!(
        (&summary["sent"], &summary["received"], &summary["loss"]),
        (&json!(2), &json!(2), &json!(0.0))
    );
    assert!(summary["rtt_min"].as_f64() <= summary["rtt_avg"].as_f64());
    assert_eq!(hosts[1]["rtt_avg"], json!(null));
}

#[test]
fn hosts_that_all_answer_are_exit_code_0_and_a_host_that_is_none_is_2() {
    if !may_ping() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| grafolean(folder.path()).arg("ping").args(arguments).finished();
    let good = run(&["-c", "1", "127.0.0.1", "127.9.9.9"]);
    assert_eq!(good.status.code(), Some(0), "{good:?}");
    assert!(text(&good.stdout).contains("127.9.9.9 127.9.9.9: seq=0 ttl=64 time="), "{}", text(&good.stdout));
    assert!(text(&good.stdout).contains("1 packets sent, 1 answered, 0.0 % lost"), "{}", text(&good.stdout));
    let no_family = run(&["-6", "-c", "1", "127.0.0.1"]);
    assert_eq!(no_family.status.code(), Some(2));
    assert!(text(&no_family.stdout).contains("127.0.0.1 has no IPv6 address"), "{no_family:?}");
    for wrong in [
        &["--count", "0", "127.0.0.1"][..],
        &["--timeout", "soon", "127.0.0.1"],
        &["--size", "9", "127.0.0.1"],
        &[],
    ] {
        assert_eq!(run(wrong).status.code(), Some(2), "{wrong:?}");
    }
}
