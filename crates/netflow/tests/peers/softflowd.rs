//! softflowd: NetFlow v5, v9 and IPFIX.

use crate::{Listener, Sums, decoded, is_there, nfdump, packets, sums, tool};

/// Reads "Per-protocol statistics" of its last words: `tcp (6):  58214  106 ...`, octets before packets.
fn own_statistics(told: &str) -> Sums {
    let (_, table) = told.split_once("Per-protocol statistics:").unwrap_or_else(|| panic!("{told}"));
    let row = |line: &str| {
        let (name, counts) = line.split_once("):")?;
        let protocol = name.rsplit_once('(')?.1.parse().ok()?;
        let mut counts = counts.split_whitespace().map_while(|count| count.parse().ok());
        let (octets, packets) = (counts.next()?, counts.next()?);
        Some((protocol, (packets, octets)))
    };
    table.lines().filter_map(row).collect()
}

#[test]
fn what_softflowd_counted_is_what_we_count_and_what_nfcapd_counts() {
    if !is_there("softflowd") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for file in packets::files(folder.path()) {
        for version in ["5", "9", "10"] {
            let ear = Listener::open();
            let mut softflowd = tool("softflowd");
            softflowd.arg("-r").arg(&file).args(["-n", &ear.address().to_string(), "-v", version]);
            softflowd.args(["-d", "-m", "100000", "-c", "none", "-p"]).arg(folder.path().join("pid"));
            let output = softflowd.output().unwrap();
            assert!(output.status.success(), "{output:?}");
            let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            let datagrams = ear.heard();
            let (flows, lost) = decoded(&datagrams);
            let (theirs, ours) = (own_statistics(&told), sums(&flows));
            // its numbers of IPFIX include their own datagram, which takes some datagrams to find out
            assert!(lost == 0 || (version == "10" && datagrams.len() < 10), "{lost} of {}", file.display());
            assert!(!theirs.is_empty(), "{told}");
            assert_eq!(ours, theirs, "{} by version {version}", file.display());
            if let Some(nfcapd) = nfdump::collected("nfcapd", &datagrams) {
                assert_eq!(ours, nfcapd, "{} by version {version}", file.display());
            }
        }
    }
}
