//! Raw flows from an exporter to `grafolean flow query`, `flow exporters`, and to DuckDB.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr, missing_docs)]

mod world;

use std::{
    collections::VecDeque,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use grafolean_collector::time::{Clock, SystemClock};
use grafolean_netflow::{
    archive::{Archive, ArchiveMetrics, COLUMNS, Settings},
    bot::{NetflowBot, Options},
    copies::{Copied, Copier, CopyMetrics, Target},
    generate::{Exporter, Families, Setup, Traffic},
    receive::Listen,
    record::{Flow, Origin, Protocol, Stream},
};
use serde_json::Value;
use tempfile::TempDir;
use world::{Run, grafolean, json_lines, text};

const SAMPLING: u32 = 10;
const FLOWS: u64 = 2_000;

/// A data folder in which a bot kept flows of both families that IPFIX told.
struct Kept {
    folder: TempDir,
    flows: Vec<Flow>,
}

impl Kept {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let netflow = folder.path().join("data/netflow");
        let archive = Settings::new(netflow.join("archive"), Duration::from_secs(3_600), 1 << 30);
        let listen = Listen::on([SocketAddr::from((Ipv4Addr::LOCALHOST, 0))]);
        let options = Options { folder: Some(netflow), archive: Some(archive), ..Options::on(listen) };
        let bot = NetflowBot::open(&options, &SystemClock).unwrap();
        let (mut traffic, now) = (Traffic::new(3, 100, Families::Mixed), SystemClock.now());
        let flows: Vec<Flow> = (0..FLOWS).map(|_| traffic.flow(now)).collect();
        let boot = now - Duration::from_secs(3_600);
        let mut exporter =
            Exporter::new(Setup { protocol: Protocol::Ipfix, domain: 7, sampling: SAMPLING, boot });
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (mut queue, mut datagram, mut sent) = (VecDeque::from(flows.clone()), Vec::new(), 0);
        while !queue.is_empty() {
            exporter.export(now, &mut queue, &mut datagram);
            socket.send_to(&datagram, bot.addresses()[0]).unwrap();
            sent += 1;
            world::until(|| bot.metrics().datagrams.get() == sent);
        }
        socket.send_to(b"what no exporter sends", bot.addresses()[0]).unwrap();
        world::until(|| bot.metrics().datagrams.get() == sent + 1);
        drop(bot);
        Self { folder, flows }
    }

    fn archive(&self) -> PathBuf {
        self.folder.path().join("data/netflow/archive")
    }

    fn run(&self, arguments: &[&str]) -> std::process::Output {
        grafolean(self.folder.path()).arg("flow").args(arguments).args(["--data", "data"]).finished()
    }

    fn bytes(&self, meant: impl Fn(&Flow) -> bool) -> u64 {
        self.flows.iter().filter(|flow| meant(flow)).filter_map(|flow| flow.bytes).sum()
    }
}

#[test]
fn what_an_exporter_told_is_added_up_and_so_is_the_exporter() {
    let kept = Kept::new();
    let of_443 = kept.bytes(|flow| flow.destination_port == Some(443));
    let ask = ["query", "--filter", "dst port 443", "--by", "src,dport", "--top", "1000"];
    let answer = kept.run(&[&ask[..], &["--json"]].concat());
    assert!(answer.status.success(), "{}", text(&answer.stderr));
    let answer = &json_lines(&answer)[0];
    assert_eq!(answer["total"]["bytes"], of_443 * u64::from(SAMPLING));
    assert_eq!(answer["scanned"]["flows"], FLOWS);
    let groups = answer["groups"].as_array().unwrap();
    assert!(groups.iter().all(|group| group["dport"] == 443 && group["src"].is_string()), "{groups:?}");
    let raw = kept.run(&[&ask[..], &["--raw", "--csv"]].concat());
    let raw = text(&raw.stdout);
    let lines: Vec<_> = raw.lines().collect();
    assert_eq!((lines[0], lines.len()), ("src,dport,bytes,packets,flows", groups.len() + 1));
    let sum: u64 =
        lines[1..].iter().map(|line| line.split(',').nth(2).unwrap().parse::<u64>().unwrap()).sum();
    assert_eq!(sum, of_443);
    let table = text(&kept.run(&["query", "--by", "proto", "--order", "flows"]).stdout);
    assert!(table.contains("TCP") && table.contains("2,000 flows in 2 groups"), "{table}");

    let told = json_lines(&kept.run(&["exporters", "--json"]));
    let stream = &told[0]["streams"][0];
    assert_eq!((&told[0]["exporter"], &stream["flows"]), (&Value::from("127.0.0.1"), &Value::from(FLOWS)));
    assert_eq!((told[0]["coverage"].as_f64(), stream["domain"].as_u64()), (Some(1.0), Some(7)));
    assert_eq!(told[0]["sampling"]["told"][0]["samplers"]["1"], f64::from(SAMPLING));
    assert_eq!(told[0]["templates"].as_array().unwrap().len(), 3);
    assert_eq!(told[0]["collector"], serde_json::json!({"kernel_drops": 0, "foreign_datagrams": 1}));
    let table = text(&kept.run(&["exporters", "127.0.0.1"]).stdout);
    assert!(
        table.contains("100.00 %") && table.contains("sampler 1: 10") && table.contains("8:4 12:4"),
        "{table}"
    );
}

#[test]
fn what_is_shown_has_names_where_they_are_known() {
    let kept = Kept::new();
    let networks = kept.folder.path().join("networks.txt");
    std::fs::write(&networks, "10.0.0.0/8 inside\n2001:db8::/32 documentation\n").unwrap();
    let of = |arguments: &[&str]| {
        let run = kept.run(&[arguments, &["--flow-networks", "networks.txt"]].concat());
        assert!(run.status.success(), "{}", text(&run.stderr));
        run
    };
    let table = text(&of(&["query", "--by", "src,dport", "--filter", "dst port 443", "--top", "200"]).stdout);
    for named in ["(inside)", "(documentation)", "443 (https)"] {
        assert!(table.contains(named), "{table}");
    }
    let groups = json_lines(&of(&["query", "--by", "src", "--top", "200", "--json"]))[0]["groups"].clone();
    for group in groups.as_array().unwrap() {
        let expected =
            if group["src"].as_str().unwrap().starts_with("10.") { "inside" } else { "documentation" };
        assert_eq!(group["names"], serde_json::json!({"src": expected}));
    }
    let listed = json_lines(&of(&["query", "--list", "--top", "3", "--json"]))[0]["flows"].clone();
    assert!(listed.as_array().unwrap().iter().all(|flow| flow["names"]["src"].is_string()), "{listed}");
    // lines of comma-separated values are for programs
    let csv = text(&of(&["query", "--by", "src,dport", "--csv"]).stdout);
    assert!(!csv.contains('('), "{csv}");
    if std::fs::read_to_string("/etc/hosts").is_ok_and(|hosts| hosts.starts_with("127.0.0.1 localhost")) {
        let resolved = text(&of(&["query", "--by", "exporter", "--resolve"]).stdout);
        assert!(resolved.contains("127.0.0.1 (localhost)"), "{resolved}");
    }
    std::fs::write(&networks, "10.0.0.0/8 inside\n10.1.2.3/16 office\n").unwrap();
    let refused = kept.run(&["query", "--by", "src", "--flow-networks", "networks.txt"]);
    let said = text(&refused.stderr);
    assert!(
        !refused.status.success() && said.contains("networks.txt:2: ") && said.contains("10.1.0.0/16"),
        "{said}"
    );
}

#[test]
fn single_flows_are_listed_in_any_order_and_form() {
    let kept = Kept::new();
    let listed = kept.run(&["query", "--list", "--order", "bytes", "--top", "5", "--raw", "--json"]);
    assert!(listed.status.success(), "{}", text(&listed.stderr));
    let listed = &json_lines(&listed)[0];
    let mut bytes: Vec<u64> = kept.flows.iter().filter_map(|flow| flow.bytes).collect();
    bytes.sort_unstable_by_key(|bytes| std::cmp::Reverse(*bytes));
    let flows = listed["flows"].as_array().unwrap();
    let found: Vec<u64> = flows.iter().map(|flow| flow["bytes"].as_u64().unwrap()).collect();
    assert_eq!(found, bytes[..5]);
    assert_eq!((&listed["total"]["flows"], &listed["scaled"]), (&Value::from(FLOWS), &Value::from(false)));
    let first = &flows[0];
    let told = kept.flows.iter().find(|flow| flow.bytes == Some(bytes[0])).unwrap();
    assert_eq!(first["src"], told.source.unwrap().to_string());
    assert_eq!((&first["format"], &first["domain"]), (&Value::from("ipfix"), &Value::from(7)));
    assert_eq!(first["sampling"], f64::from(SAMPLING));

    let columns = ["--columns", "src,proto,flags,duration,bytes"];
    let csv = kept.run(&[&["query", "--flows", "--csv", "--top", "2000"][..], &columns].concat());
    let csv = text(&csv.stdout);
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!((lines[0], lines.len()), ("src,proto,flags,duration,bytes", 2_001));
    let sum: u64 =
        lines[1..].iter().map(|line| line.rsplit(',').next().unwrap().parse::<u64>().unwrap()).sum();
    assert_eq!(sum, kept.bytes(|_| true) * u64::from(SAMPLING), "scaled, unless --raw is given");
    let table = text(&kept.run(&["query", "--list", "--filter", "tcp", "--top", "3"]).stdout);
    assert!(
        table.contains("first") && table.contains("duration") && table.contains("3 are shown (--top)"),
        "{table}"
    );
    assert_eq!(table.lines().filter(|line| line.contains(" TCP ")).count(), 3, "{table}");
}

#[test]
fn groups_have_rates_and_spans_and_either_end() {
    let kept = Kept::new();
    let ask = ["query", "--from", "-2h", "--to", "now", "--time", "last", "--by", "ip", "--top", "1000"];
    let columns = ["--columns", "bytes,flows,bps,pps,duration,first,last", "--order", "bps"];
    let answer = kept.run(&[&ask[..], &columns, &["--json"]].concat());
    assert!(answer.status.success(), "{}", text(&answer.stderr));
    let answer = &json_lines(&answer)[0];
    let groups = answer["groups"].as_array().unwrap();
    let flows: u64 = groups.iter().map(|group| group["flows"].as_u64().unwrap()).sum();
    assert_eq!((flows, answer["total"]["flows"].as_u64()), (2 * FLOWS, Some(FLOWS)), "each of its ends");
    for group in groups.iter().filter(|group| !group["bps"].is_null()) {
        let (bytes, duration) = (group["bytes"].as_f64().unwrap(), group["duration"].as_f64().unwrap());
        let rate = group["bps"].as_f64().unwrap();
        assert!((rate - bytes * 8.0 / duration).abs() <= 1.0 + rate * 1e-9, "{group}");
        let between = group["last"].as_f64().unwrap() - group["first"].as_f64().unwrap();
        assert!((between - duration).abs() < 1e-5, "{group}");
    }
    let table = text(&kept.run(&[&ask[..], &columns].concat()).stdout);
    assert!(table.contains("groups add up to more than the total"), "{table}");
    let csv = text(&kept.run(&["query", "--by", "5m,flags", "--csv", "--from", "yesterday"]).stdout);
    assert!(csv.starts_with("5m,flags,bytes,packets,flows\n20"), "{csv}");
}

#[test]
fn what_the_kernel_dropped_is_told_though_nobody_knows_whose_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let netflow = folder.path().join("data/netflow");
    let listen = Listen { buffer_bytes: 4_096, ..Listen::on([SocketAddr::from((Ipv4Addr::LOCALHOST, 0))]) };
    let options = Options { folder: Some(netflow), ..Options::on(listen) };
    let bot = NetflowBot::open(&options, &SystemClock).unwrap();
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    while bot.metrics().kernel_drops.get() == 0 {
        for _ in 0..200 {
            socket.send_to(&[0; 1_000], bot.addresses()[0]).unwrap();
        }
    }
    let metrics = bot.metrics().clone();
    drop(bot);
    let told = grafolean(folder.path()).args(["flow", "exporters", "--data", "data"]).finished();
    let told = text(&told.stdout);
    assert!(told.contains(&format!("the kernel dropped {} datagrams", metrics.kernel_drops.get())), "{told}");
}

#[test]
fn what_is_wrong_with_a_question_is_told_with_what_would_be_right() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| grafolean(folder.path()).arg("flow").args(arguments).finished();
    for (arguments, told) in [
        (&["query", "--filter", "dst prot 443"][..], "wrong at character 5"),
        (&["query", "--by", "source"], "\"source\" is invalid: expected src, dst, ip"),
        (&["query", "--from", "2026-13-01"], "expected one as 2026-11-01"),
        (&["query", "--columns", "byte"], "\"byte\" is invalid for a total: expected bytes, packets"),
        (
            &["query", "--list", "--columns", "flows"],
            "\"flows\" is invalid for single flows: expected exporter, src",
        ),
        (&["query", "--list", "--by", "src"], "cannot be used with"),
        (&["tail", "--read", "capture", "--listen", "127.0.0.1:1"], "cannot be used with"),
        (&["tail", "--port", "2055"], "--read"),
        (&["tail", "--filter", "prot 443"], "did you mean \"proto\"?"),
        (&["query"], "--flow-archive"),
        (&["query", "--from", "20", "--to", "10"], "--from has to be before --to"),
        (&["query", "--json", "--csv"], "cannot be used with"),
        (&["exporters"], "run `grafolean bot netflow` first"),
    ] {
        let refused = run(arguments);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}");
        assert!(text(&refused.stderr).contains(told), "{arguments:?}: {}", text(&refused.stderr));
    }
}

#[test]
fn an_independent_reader_sees_every_column_of_every_flow() {
    let Some(python) = duckdb() else { return };
    let kept = Kept::new();
    let files = kept.archive().join("date=*/hour=*/*.parquet");
    let script = format!(
        "import duckdb, json\n\
         c = duckdb.connect()\n\
         q = lambda sql: c.execute(sql).fetchall()\n\
         f = \"read_parquet('{}')\"\n\
         print(json.dumps({{\n\
         'columns': [row[:2] for row in q('describe select * exclude (date, hour) from ' + f)],\n\
         'sums': q('select count(*), sum(bytes), sum(packets), cast(sum(bytes * sampling) as bigint) from ' + f)[0],\n\
         'ports': dict(q('select dst_port, sum(bytes)::bigint from ' + f + ' group by 1')),\n\
         'sources': dict(q('select src, sum(bytes)::bigint from ' + f + ' group by 1')),\n\
         'low': q('select count(*) from ' + f + \" where src like '10.%' and src_high = 0 and src_low >> 32 = 65535\")[0],\n\
         'time': q('select max(abs(epoch_us(received) - epoch_us(last))) < 3600000000 from ' + f)[0],\n\
         'words': q('select distinct format, counter, way, domain, exporter from ' + f),\n\
         }}, default=str))",
        files.display()
    );
    let told = Command::new(python).args(["-c", &script]).finished();
    assert!(told.status.success(), "{}", text(&told.stderr));
    let told = &json_lines(&told)[0];
    let names: Vec<_> =
        told["columns"].as_array().unwrap().iter().map(|column| column[0].as_str().unwrap()).collect();
    assert_eq!(names, COLUMNS.iter().map(|column| column.name).collect::<Vec<_>>());
    let packets: u64 = kept.flows.iter().filter_map(|flow| flow.packets).sum();
    let bytes = kept.bytes(|_| true);
    let sums: Vec<u64> = told["sums"]
        .as_array()
        .unwrap()
        .iter()
        .map(|sum| sum.as_u64().unwrap_or_else(|| sum.as_str().unwrap().parse().unwrap()))
        .collect();
    assert_eq!(sums, [FLOWS, bytes, packets, bytes * u64::from(SAMPLING)]);
    for (port, sum) in told["ports"].as_object().unwrap() {
        let port = port.parse().ok();
        assert_eq!(sum.as_u64(), Some(kept.bytes(|flow| flow.destination_port == port)), "{port:?}");
    }
    for (source, sum) in told["sources"].as_object().unwrap() {
        let source = source.parse().ok();
        assert_eq!(sum.as_u64(), Some(kept.bytes(|flow| flow.source == source)), "{source:?}");
    }
    let v4 = kept.flows.iter().filter(|flow| flow.source.unwrap().is_ipv4()).count();
    assert_eq!(told["low"][0], v4 as u64);
    assert_eq!(told["time"][0], true);
    assert_eq!(told["words"], serde_json::json!([["ipfix", "delta", "forward", 7, "127.0.0.1"]]));
}

#[test]
fn an_independent_reader_finds_gaps_and_pages_and_numbers_of_every_kind() {
    let Some(python) = duckdb() else { return };
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings::new(folder.path().join("archive"), Duration::from_secs(3_600), 1 << 30);
    let now = SystemClock.now();
    let stream = Stream {
        exporter: "[2001:db8::7]:9995".parse().unwrap(),
        protocol: Protocol::Netflow9,
        domain: 1,
        agent: None,
    };
    // more flows than two pages have, more distinct numbers than a dictionary
    let flows: Vec<Flow> = (0..45_000_u32)
        .map(|place| Flow {
            source: (place % 5 > 0).then(|| Ipv4Addr::from_bits(place % 20_000).into()),
            destination: Some(Ipv6Addr::from_bits(u128::MAX - 1 - (u128::from(place % 7) << 70)).into()),
            source_port: u16::try_from(place).ok().filter(|port| port % 3 > 0),
            bytes: Some(u64::from(place) * 1_000_003),
            packets: (place > 40_000).then_some(u64::from(place % 3)),
            ..Flow::default()
        })
        .collect();
    let archive = Archive::open(&settings, ArchiveMetrics::default(), now).unwrap();
    let mut feed = archive.feed();
    let origin = Origin { stream, received: now, exported: None };
    flows.iter().for_each(|flow| feed.flow(&origin, flow));
    drop(feed);
    drop(archive);
    let files = settings.folder.join("date=*/hour=*/*.parquet");
    let script = format!(
        "import duckdb, json\n\
         print(json.dumps(duckdb.sql(\"select count(*), count(src), count(distinct src), count(dst_port), count(src_port), \
         sum(src_port)::bigint, sum(bytes)::bigint, count(packets), sum(packets)::bigint, count(distinct dst_high), \
         count(*) filter (bytes > 44000000000), count(*) filter (packets = 2), min(exporter), \
         sum(src_low - 281470681743360)::bigint from read_parquet('{}')\").fetchall()[0]))",
        files.display()
    );
    let told = Command::new(python).args(["-c", &script]).finished();
    assert!(told.status.success(), "{}", text(&told.stderr));
    let count = |meant: fn(&Flow) -> bool| flows.iter().filter(|flow| meant(flow)).count() as u64;
    let sum = |of: fn(&Flow) -> Option<u64>| flows.iter().filter_map(of).sum::<u64>();
    let low = |flow: &Flow| match flow.source {
        Some(IpAddr::V4(address)) => Some(u64::from(address.to_bits())),
        _ => None,
    };
    let expected = serde_json::json!([
        45_000,
        count(|flow| flow.source.is_some()),
        16_000,
        0,
        count(|flow| flow.source_port.is_some()),
        sum(|flow| flow.source_port.map(u64::from)),
        sum(|flow| flow.bytes),
        count(|flow| flow.packets.is_some()),
        sum(|flow| flow.packets),
        7,
        count(|flow| flow.bytes > Some(44_000_000_000)),
        count(|flow| flow.packets == Some(2)),
        "2001:db8::7",
        sum(low),
    ]);
    assert_eq!(json_lines(&told)[0], expected);
}

#[test]
fn copies_in_a_folder_are_read_by_their_partitions() {
    let Some(python) = duckdb() else { return };
    let (kept, copies) = (Kept::new(), tempfile::tempdir().unwrap());
    let target = Target::open(&format!("file://{}", copies.path().display())).unwrap();
    let copied = Arc::new(Copied::open(&kept.archive(), &target.to_string()).unwrap());
    let metrics = CopyMetrics::default();
    let copier = Copier::start(&kept.archive(), target, copied, metrics.clone()).unwrap();
    world::until(|| metrics.files.get() > 0 && metrics.waiting.get() == 0);
    drop(copier);
    let script = format!(
        "import duckdb, json\n\
         q = \"select count(*), sum(bytes)::bigint, count(distinct (date, hour)), \
         year(min(date)) = year(min(received)) \
         from read_parquet('{}/*/*/*.parquet', hive_partitioning = true)\"\n\
         print(json.dumps(duckdb.sql(q).fetchall()[0], default=str))",
        copies.path().display()
    );
    let told = Command::new(python).args(["-c", &script]).finished();
    assert!(told.status.success(), "{}", text(&told.stderr));
    let told = &json_lines(&told)[0];
    assert_eq!((told[0].as_u64(), told[1].as_u64()), (Some(FLOWS), Some(kept.bytes(|_| true))));
    assert!(told[2].as_u64() >= Some(1) && told[3] == true, "{told}");
}

/// The Python that has DuckDB; none, which is told, where `./test` could not install it.
fn duckdb() -> Option<PathBuf> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/oracles/bin/python");
    if !python.exists() {
        eprintln!("skipped: no DuckDB in target/oracles, ./test installs it");
        return None;
    }
    Some(python)
}

#[test]
fn the_page_about_the_columns_tells_all_of_them() {
    let page =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/flow-archive.md"))
            .unwrap();
    for column in COLUMNS {
        let line = format!("| `{}` | {} | {} |", column.name, written(&column.declaration()), column.meaning);
        assert!(page.contains(&line), "docs/flow-archive.md lacks {line}");
    }
}

/// A type as people call it, from how the format declares it.
fn written(declaration: &str) -> String {
    let words: Vec<_> = declaration.trim_end_matches(';').split(' ').collect();
    let logical = words.get(3).map(|word| word.trim_matches(['(', ')']));
    let kind = match (words[1], logical) {
        (_, Some("TIMESTAMP(MICROS,true")) => "timestamp, UTC, microseconds".to_owned(),
        (_, Some("STRING")) => "text".to_owned(),
        (_, Some(integer)) => {
            format!("uint{}", integer.trim_start_matches("INTEGER(").split(',').next().unwrap())
        }
        (physical, None) => physical.to_owned(),
    };
    if words[0] == "optional" { format!("{kind}, null where not told") } else { kind }
}
