//! pmacctd: NetFlow v9 and IPFIX of its plugin nfprobe, sFlow of sfprobe, both with sampling.

use std::{fs, path::Path};

use grafolean_netflow::{protocol_name::protocol_name, record::Factor};

use crate::{Listener, Sums, decoded, is_there, nfdump, packets, sums, tool};

/// What pmacctd exported of a file, and what it counted itself.
struct Exported {
    datagrams: Vec<Vec<u8>>,
    /// None where it says that it cut off a plugin before that had read everything.
    counted: Option<Sums>,
}

fn export(file: &Path, folder: &Path, plugin: &str, settings: &str) -> Exported {
    let (ear, own) = (Listener::open(), folder.join("own.csv"));
    let settings = format!(
        "daemonize: false\npcap_savefile: {}\nplugins: {plugin}[out], print[own]\n{plugin}_receiver[out]: {}\n{settings}\n\
         plugin_pipe_size: 33554432\nplugin_buffer_size: 32768\naggregate[own]: proto\nprint_output[own]: csv\n\
         print_output_file[own]: {}\nprint_refresh_time[own]: 3600\n",
        file.display(),
        ear.address(),
        own.display()
    );
    let written = folder.join("pmacctd.conf");
    fs::write(&written, settings).unwrap();
    let output = tool("pmacctd").arg("-f").arg(&written).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let is_whole = !told.contains("connection lost") && !told.contains("missing data");
    if !is_whole {
        println!("skipped: pmacctd's own statistics, as it cut off a plugin: {told}");
    }
    let counted = is_whole.then(|| own_statistics(&fs::read_to_string(own).unwrap()));
    Exported { datagrams: ear.heard(), counted }
}

/// Adds up lines as `tcp,116,59706`, packets before bytes.
fn own_statistics(table: &str) -> Sums {
    let mut sums = Sums::new();
    for line in table.lines().filter(|line| !line.starts_with("PROTOCOL")) {
        let mut columns = line.split(',');
        let name = columns.next().unwrap();
        let protocol = (0..=255).find(|number| protocol_name(*number).eq_ignore_ascii_case(name)).unwrap();
        let [packets, bytes] = [(); 2].map(|()| columns.next().unwrap().parse::<u64>().unwrap());
        let sum = sums.entry(protocol).or_default();
        *sum = (sum.0 + packets, sum.1 + bytes);
    }
    sums
}

/// Flows that end at once are exported within seconds.
fn nfprobe(version: &str) -> String {
    format!(
        "aggregate[out]: src_host, dst_host, src_port, dst_port, proto, tos\nnfprobe_version[out]: {version}\n\
         nfprobe_timeouts[out]: tcp=1:udp=1:icmp=1:general=1:maxlife=2:expint=1"
    )
}

#[test]
fn what_nfprobe_counted_is_what_we_count() {
    if !is_there("pmacctd") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (file, truth) = packets::generated(folder.path());
    for version in ["9", "10"] {
        let exported = export(&file, folder.path(), "nfprobe", &nfprobe(version));
        let ours = sums(&decoded(&exported.datagrams).0);
        if let Some(counted) = exported.counted {
            assert_eq!((&ours, &counted), (&truth, &truth), "version {version}");
        }
        if let Some(nfcapd) = nfdump::collected("nfcapd", &exported.datagrams) {
            assert_eq!(ours, nfcapd, "version {version}");
        }
    }
}

#[test]
fn what_nfprobe_sampled_is_scaled_and_otherwise_as_nfcapd_has_it() {
    if !is_there("pmacctd") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (file, _) = packets::generated(folder.path());
    let exported = export(&file, folder.path(), "nfprobe", &format!("{}\nsampling_rate: 10", nfprobe("9")));
    let (flows, _) = decoded(&exported.datagrams);
    assert!(flows.iter().all(|flow| flow.factor == Factor::one_in(10)), "{flows:?}");
    if let Some(nfcapd) = nfdump::collected("nfcapd", &exported.datagrams) {
        // Debian's nfcapd leaves nfprobe's sampling out
        let scaled =
            nfcapd.into_iter().map(|(protocol, (packets, bytes))| (protocol, (packets * 10, bytes * 10)));
        assert_eq!(sums(&flows), scaled.collect());
    }
}

#[test]
fn what_sfprobe_sampled_is_what_sfcapd_has_of_it_and_none_is_missing() {
    if !is_there("pmacctd") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (file, _) = packets::generated(folder.path());
    for rate in [1, 10] {
        let exported = export(&file, folder.path(), "sfprobe", &format!("sampling_rate: {rate}"));
        let (flows, lost) = decoded(&exported.datagrams);
        assert_eq!(lost, 0, "by the numbers of datagrams and of samples");
        assert!(flows.iter().all(|flow| flow.factor == Factor::one_in(rate)), "{flows:?}");
        if let Some(sfcapd) = nfdump::collected("sfcapd", &exported.datagrams) {
            let packets = |sums: Sums| {
                sums.into_iter().map(|(protocol, (packets, _))| (protocol, packets)).collect::<Vec<_>>()
            };
            assert_eq!(packets(sums(&flows)), packets(sfcapd), "one in {rate}");
        }
    }
}
