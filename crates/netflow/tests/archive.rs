//! Raw flows on disk, written and asked for.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout, missing_docs)]

#[path = "fixture/archive.rs"]
mod archive;

use std::{fs, time::Duration};

use archive::{Kept, NOW, ask, ask_in, flows, list_in, origin, query};
use grafolean_collector::time::Timestamp;
use grafolean_netflow::{
    archive::{Archive, ArchiveMetrics, BATCH_RECORDS, Catalog, Settings, WINDOW},
    query::{By, Filter, FlowRow, Query},
    record::{ApplicationId, Flow, FlowDetails, MacAddress},
};
use parquet::{
    data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type},
    file::writer::SerializedFileWriter,
    schema::parser::parse_message_type,
};

/// Windows begin at whole multiples of their length.
const START: Timestamp = NOW;

fn catalog(settings: &Settings) -> Catalog {
    Catalog::read(&settings.folder).unwrap()
}

#[test]
fn what_is_fed_is_found_again_to_the_byte() {
    let kept = Kept::new();
    let flows = flows(10_000);
    kept.keep(&flows, |place| START + Duration::from_secs(place / 1_000 * 100));
    let found = catalog(&kept.settings);
    assert_eq!(found.files.len(), 4, "1,000 s in windows of {WINDOW:?}");
    assert!(found.pieces.is_empty());
    let answer = ask(&kept.settings, "any", &["src", "dst"]);
    let scaled = |of: fn(&Flow) -> u64| flows.iter().map(of).sum::<u64>();
    assert_eq!(answer.total.bytes, scaled(Flow::scaled_bytes));
    assert_eq!(answer.total.packets, scaled(Flow::scaled_packets));
    assert_eq!((answer.total.flows, answer.scanned.flows), (10_000, 10_000));
    let raw = ask_in(&kept.settings, &Query { unscaled: true, ..query("any", &[]) });
    assert_eq!(raw.total.bytes, flows.iter().filter_map(|flow| flow.bytes).sum::<u64>());
    assert_eq!(kept.metrics.flows.get(), 10_000);
    assert_eq!(kept.metrics.dropped.get() + kept.metrics.unwritten.get() + kept.metrics.errors.get(), 0);
}

#[test]
fn a_time_is_meant_to_the_microsecond() {
    let kept = Kept::new();
    kept.keep(&flows(1_000), |place| START + Duration::from_secs(place / 50 * 50));
    let at = |seconds| START + Duration::from_secs(seconds);
    for (from, to, count) in
        [(0, 1_000, 1_000), (100, 101, 50), (99, 100, 0), (250, 601, 400), (1_000, 2_000, 0), (50, 50, 0)]
    {
        let asked = Query { from: at(from), to: at(to), ..query("any", &["src"]) };
        assert_eq!(ask_in(&kept.settings, &asked).total.flows, count, "{from} to {to}");
    }
}

#[test]
fn what_a_kill_leaves_is_a_file_after_the_next_start_and_is_found_before_it() {
    let kept = Kept::new();
    let flows = flows(2_000);
    let archive = Archive::open(&kept.settings, kept.metrics.clone(), START).unwrap();
    let mut feed = archive.feed();
    for (place, flow) in (0_u64..).zip(&flows) {
        let now = START + Duration::from_millis(place * 20);
        feed.flow(&origin(now), flow);
        feed.pass(now);
    }
    // the writer is behind: what it has written when the copy is made is what a kill would have left
    while Catalog::read(&kept.settings.folder).unwrap().pieces.len() < 8 {
        assert_eq!(kept.metrics.errors.get(), 0);
        std::thread::yield_now();
    }
    let left = Kept::copy_of(&kept);
    drop(feed);
    drop(archive);
    fs::write(left.settings.folder.join("open/flows-20231114T221000Z.0000.0099.part"), b"PAR1half").unwrap();
    let pieces = catalog(&left.settings).pieces.len();
    let before = ask(&left.settings, "any", &["src"]);
    assert!(pieces >= 8 && before.total.flows >= 150 * 8, "{pieces} pieces, {:?}", before.total);
    drop(Archive::open(&left.settings, ArchiveMetrics::default(), NOW + Duration::from_secs(3_600)).unwrap());
    let after = ask(&left.settings, "any", &["src"]);
    assert_eq!((catalog(&left.settings).pieces.len(), catalog(&left.settings).files.len()), (0, 1));
    assert_eq!((after.total, after.groups), (before.total, before.groups));
    assert_eq!(fs::read_dir(left.settings.folder.join("open")).unwrap().count(), 0, "nothing else is left");
}

#[test]
fn a_damaged_piece_is_set_aside_and_the_others_are_kept() {
    let kept = Kept::new();
    kept.keep(&flows(100), |_| START);
    let whole = catalog(&kept.settings).files[0].path.clone();
    let open = kept.settings.folder.join("open");
    let piece = |number: u32| open.join(format!("flows-20231114T231500Z.0000.{number:04}.parquet"));
    fs::copy(&whole, piece(0)).unwrap();
    fs::write(piece(1), &fs::read(&whole).unwrap()[..500]).unwrap();
    fs::copy(&whole, piece(2)).unwrap();
    drop(Archive::open(&kept.settings, ArchiveMetrics::default(), START).unwrap());
    assert_eq!(ask(&kept.settings, "any", &[]).total.flows, 300);
    let aside = piece(1).with_extension("damaged");
    assert!(aside.exists(), "{}", aside.display());
}

#[test]
fn full_groups_take_the_place_of_their_parts() {
    let mut kept = Kept::new();
    kept.settings.group = 2 * BATCH_RECORDS;
    let flows = flows(7 * BATCH_RECORDS);
    // so slowly that parts are written before the group is full
    kept.keep(&flows, |place| START + Duration::from_millis(place * 4));
    let answer = ask(&kept.settings, "proto tcp", &["dport"]);
    let tcp: Vec<_> = flows.iter().filter(|flow| flow.protocol == Some(6)).collect();
    assert_eq!(answer.total.flows, tcp.len() as u64);
    assert_eq!(answer.total.bytes, tcp.iter().map(|flow| flow.scaled_bytes()).sum::<u64>());
    assert_eq!(catalog(&kept.settings).files.len(), 1);
}

#[test]
fn the_oldest_files_go_when_they_are_too_old_or_too_much() {
    let kept = Kept::with(Duration::from_secs(3_600), u64::MAX);
    let flows = flows(2_400);
    // two hours, 100 flows each five minutes
    kept.keep(&flows, |place| START + Duration::from_secs(place / 100 * 300));
    let files = catalog(&kept.settings).files;
    let oldest = files[0].start;
    // none ended an hour before the last one did
    assert!(files.len() == 12 || files.len() == 13, "{}", files.len());
    assert!((START + Duration::from_secs(23 * 300)).since(oldest + WINDOW) < Duration::from_secs(3_600));
    assert_eq!(kept.metrics.files_aged.get() + files.len() as u64, kept.metrics.files.get());
    let bytes: u64 = files.iter().map(|file| file.bytes).sum();
    let smaller = Settings { bytes: bytes / 2, age: Duration::MAX, ..kept.settings };
    let metrics = ArchiveMetrics::default();
    drop(Archive::open(&smaller, metrics.clone(), START + Duration::from_secs(7_200)).unwrap());
    let left = catalog(&smaller).files;
    assert!(left.iter().map(|file| file.bytes).sum::<u64>() <= bytes / 2);
    assert_eq!(metrics.files_displaced.get(), (files.len() - left.len()) as u64);
    assert_eq!(left.last().unwrap().path, files.last().unwrap().path, "the latest stay");
    let folders = fs::read_dir(&smaller.folder).unwrap().count();
    assert!(folders <= 3, "empty folders go: {folders}");
}

#[test]
fn a_file_that_cannot_be_deleted_keeps_none_of_the_others() {
    let kept = Kept::with(Duration::from_secs(1_000_000), u64::MAX);
    kept.keep(&flows(1_200), |place| START + Duration::from_secs(place / 100 * 300));
    let files = catalog(&kept.settings).files;
    let latest = files.len() - 1;
    assert!(latest >= 8, "{latest}");
    // a folder of the oldest file's name is nothing that can be deleted as a file
    fs::remove_file(&files[0].path).unwrap();
    fs::create_dir(&files[0].path).unwrap();
    fs::write(files[0].path.join("within"), b"").unwrap();
    let smaller = Settings { bytes: files[latest].bytes + files[latest - 1].bytes, ..kept.settings };
    let metrics = ArchiveMetrics::default();
    drop(Archive::open(&smaller, metrics.clone(), START + Duration::from_secs(7_200)).unwrap());
    assert_eq!(metrics.errors.get(), 1, "it is told");
    let left: Vec<_> = files.iter().filter(|file| file.path.is_file()).collect();
    assert!(left.len() <= 2 && left.iter().all(|file| file.start >= files[latest - 1].start), "{left:?}");
}

#[test]
fn files_and_pieces_of_earlier_versions_are_read_and_kept() {
    let kept = Kept::new();
    let open = kept.settings.folder.join("open");
    fs::create_dir_all(&open).unwrap();
    let name = "flows-20231114T221000Z";
    let hour = kept.settings.folder.join("date=2023-11-14/hour=22");
    fs::create_dir_all(&hour).unwrap();
    earlier(&hour.join(format!("{name}.parquet")));
    earlier(&open.join(format!("{name}-1.0000.parquet")));
    let counted = |filter: &str| ask(&kept.settings, filter, &[]).total.flows;
    assert_eq!((counted("forward"), counted("reverse and dst port 443"), counted("vlan 0-4095")), (4, 2, 0));
    // a start makes a file of the pieces, with the columns that they have
    kept.keep(&flows(100), |_| START + Duration::from_secs(600));
    assert!(catalog(&kept.settings).pieces.is_empty());
    assert_eq!((counted("any"), counted("reverse"), counted("forward")), (106, 2, 104));
    let ways = ask(&kept.settings, "any", &["way"]).groups;
    let names: Vec<_> = ways.iter().map(|group| group.key[0].as_deref()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

/// Writes three flows as versions before this one did: with fewer columns, and other words for a biflow's directions.
fn earlier(path: &std::path::Path) {
    let schema = "message flow { required int64 received (TIMESTAMP(MICROS,true)); optional int32 dst_port \
                  (INTEGER(16,false)); optional int64 bytes; required double sampling; required binary way (STRING); }";
    let schema = std::sync::Arc::new(parse_message_type(schema).unwrap());
    let mut writer =
        SerializedFileWriter::new(fs::File::create(path).unwrap(), schema, Default::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let words: Vec<ByteArray> = ["there", "back", "there"].map(ByteArray::from).to_vec();
    for place in 0..5 {
        let mut column = group.next_column().unwrap().unwrap();
        let told = [1, 1, 1];
        match place {
            0 => column.typed::<Int64Type>().write_batch(&[NOW.micros(); 3], None, None),
            1 => column.typed::<Int32Type>().write_batch(&[443; 3], Some(&told), None),
            2 => column.typed::<Int64Type>().write_batch(&[1, 2, 3], Some(&told), None),
            3 => column.typed::<DoubleType>().write_batch(&[1.0; 3], None, None),
            _ => column.typed::<ByteArrayType>().write_batch(&words, None, None),
        }
        .unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
}

#[test]
fn what_few_exporters_tell_is_kept_listed_and_looked_for() {
    let kept = Kept::new();
    let flows = flows(600);
    let details = |place: usize| {
        let octet = u8::try_from(place % 200).unwrap();
        if place.is_multiple_of(3) {
            return FlowDetails::default();
        }
        FlowDetails {
            nat_source: Some([203, 0, 113, octet].into()),
            nat_destination_port: Some(u16::from(octet)),
            input_vlan: Some(100 + u16::from(octet % 4)),
            output_vlan: Some(200),
            source_mac: Some(MacAddress([0, 0, 0x5E, 0, 0x53, octet])),
            next_hop: Some([192, 0, 2, octet].into()),
            source_mask: Some(24),
            egress_vrf: Some(7),
            mpls_top_label: Some(16 + u32::from(octet)),
            forwarding_status: Some(if octet < 100 { 64 } else { 130 }),
            firewall_event: Some(3),
            application: Some(ApplicationId { engine: 13, selector: 453 }),
            input_name: Some(if octet % 2 == 0 { "Gi0/1" } else { "Gi0/2" }),
            application_name: Some("youtube"),
            ..FlowDetails::default()
        }
    };
    let archive = Archive::open(&kept.settings, kept.metrics.clone(), START).unwrap();
    let mut feed = archive.feed();
    for (place, flow) in flows.iter().enumerate() {
        feed.detailed(&origin(START), flow, &details(place));
    }
    drop(feed);
    drop(archive);
    let listing = list_in(&kept.settings, &Query { top: 1_000, ..query("any", &[]) });
    assert_eq!(listing.flows.len(), flows.len());
    let key = |details: &FlowDetails<'static>| format!("{details:?}");
    let mut listed: Vec<_> = listing.flows.iter().map(|row| key(&row.details)).collect();
    let mut told: Vec<_> = (0..flows.len()).map(|place| key(&details(place))).collect();
    listed.sort_unstable();
    told.sort_unstable();
    assert_eq!(listed, told);
    type Of = fn(&FlowDetails<'static>) -> bool;
    let meanings: [(&str, Of); 18] = [
        ("nat host 203.0.113.7", |it| it.nat_source == Some([203, 0, 113, 7].into())),
        ("nat dst 203.0.113.7", |_| false),
        ("nat src net 203.0.113.0/25", |it| it.input_vlan.is_some() && it.nat_destination_port < Some(128)),
        ("nat dst port 22", |it| it.nat_destination_port == Some(22)),
        ("nat port ssh", |it| it.nat_destination_port == Some(22)),
        ("vlan 101", |it| it.input_vlan == Some(101)),
        ("in vlan 200", |_| false),
        ("out vlan 200", |it| it.output_vlan == Some(200)),
        ("mac 00-00-5E-00-53-09", |it| it.source_mac == Some(MacAddress([0, 0, 0x5E, 0, 0x53, 9]))),
        ("dst mac 0000.5e00.5309", |_| false),
        ("nexthop 192.0.2.0/24 and src mask 24", |it| it.next_hop.is_some()),
        ("vrf 7", |it| it.egress_vrf == Some(7)),
        ("mpls 20-30", |it| it.mpls_top_label.is_some_and(|label| (20..=30).contains(&label))),
        ("fwstatus 128-191", |it| it.forwarding_status == Some(130)),
        ("fwevent 3", |it| it.firewall_event == Some(3)),
        ("app 13:453 and app youtube", |it| it.application.is_some()),
        ("in ifname Gi0/1", |it| it.input_name == Some("Gi0/1")),
        ("ifname gi0/1", |_| false),
    ];
    for (filter, meaning) in meanings {
        let selected: Vec<_> = (0..flows.len()).map(details).collect();
        let meant = selected.iter().filter(|details| meaning(details)).count() as u64;
        assert_eq!(ask(&kept.settings, filter, &[]).total.flows, meant, "{filter}");
        let parsed = Filter::parse(filter).unwrap();
        let arriving = flows.iter().zip(&selected);
        let arriving =
            arriving.filter(|(flow, details)| parsed.selects(&FlowRow::of(&origin(START), flow, details)));
        assert_eq!(arriving.count() as u64, meant, "{filter}: of what arrives");
    }
    for (by, name, count) in
        [("inname", "Gi0/1", 200), ("app", "13:453", 400), ("vlan", "200", 400), ("invlan", "103", 100)]
    {
        let groups = ask(&kept.settings, "any", &[by]).groups;
        let group = groups.iter().find(|group| group.key[0].as_deref() == Some(name));
        assert_eq!(group.map(|group| group.sums.flows), Some(count), "{by}: {groups:?}");
    }
}

#[test]
fn a_disk_that_does_not_follow_costs_flows_that_are_counted_and_holds_up_nobody() {
    let kept = Kept::new();
    let archive = Archive::open(&kept.settings, kept.metrics.clone(), START).unwrap();
    // nothing can be written where the folder was
    fs::remove_dir_all(&kept.settings.folder).unwrap();
    fs::write(&kept.settings.folder, b"").unwrap();
    let mut feed = archive.feed();
    let flows = flows(50_000);
    for flow in &flows {
        feed.flow(&origin(START), flow);
    }
    drop(feed);
    drop(archive);
    let lost = kept.metrics.unwritten.get() + kept.metrics.dropped.get();
    assert_eq!((lost, kept.metrics.flows.get()), (50_000, 0));
    assert!(kept.metrics.errors.get() > 0);
}

#[test]
fn a_damaged_file_is_an_error_and_never_a_smaller_sum() {
    let kept = Kept::new();
    kept.keep(&flows(20_000), |_| START);
    let path = &catalog(&kept.settings).files[0].path;
    let whole = fs::read(path).unwrap();
    for length in [0, 3, 8, whole.len() / 2, whole.len() - 1] {
        fs::write(path, &whole[..length]).unwrap();
        let asked = grafolean_netflow::query::ask(
            &kept.settings.folder,
            &query("any", &["src"]),
            std::num::NonZeroUsize::MIN,
            &Default::default(),
        );
        let error = asked.unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains(&path.display().to_string()), "{cause}");
    }
}

#[test]
fn groups_are_the_greatest_first_by_what_is_asked() {
    let kept = Kept::new();
    let flows = flows(5_000);
    kept.keep(&flows, |_| START);
    let names = By::NAMES.into_iter().filter(|name| !By::parse(name).unwrap().is_either());
    for by in names.chain(["src/24", "dst/16", "5m", "90s"]) {
        let answer = ask(&kept.settings, "src net 10.0.0.0/8", &[by]);
        let sums: u64 = answer.groups.iter().map(|group| group.sums.bytes).sum();
        assert_eq!(sums, answer.total.bytes, "{by}");
        assert!(answer.groups.is_sorted_by(|a, b| a.sums.bytes >= b.sums.bytes), "{by}");
        assert_eq!(answer.groups.len(), answer.groups_in_all, "{by}");
    }
    let one = ask_in(&kept.settings, &Query { top: 1, ..query("any", &["src", "dst", "proto", "dport"]) });
    let all = ask(&kept.settings, "any", &["src", "dst", "proto", "dport"]);
    assert_eq!((one.groups.len(), one.groups_in_all), (1, all.groups.len()));
    assert_eq!(one.groups[0], all.groups[0]);
    let networks = ask(&kept.settings, "any", &["src/8"]);
    let names: Vec<_> = networks.groups.iter().filter_map(|group| group.key[0].as_deref()).collect();
    assert!(names.contains(&"10.0.0.0/8") && names.iter().any(|name| name.contains(':')), "{names:?}");
    assert!(By::parse("ports").unwrap_err().to_string().contains("sport, dport, port"));
    assert!(Filter::parse("").is_ok());
}
