//! Reads the recordings and the oracles' findings beside them.
#![allow(dead_code, reason = "each test crate uses its own part of it")]

use std::{
    fs,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use grafolean_bots::netflow::{
    flow::{Counter, Flow, Way},
    intake::Intake,
    origin::{Datagram, Origin, Protocol},
};
use grafolean_collector::time::Timestamp;
use serde_json::Value;

/// A flow as the recordings' oracles write it: as exported, `None` where it was not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Normal {
    pub(crate) source: Option<IpAddr>,
    pub(crate) destination: Option<IpAddr>,
    pub(crate) source_port: Option<u64>,
    pub(crate) destination_port: Option<u64>,
    pub(crate) protocol: Option<u64>,
    pub(crate) bytes: Option<u64>,
    pub(crate) packets: Option<u64>,
    pub(crate) input: Option<u64>,
    pub(crate) output: Option<u64>,
    pub(crate) direction: Option<u64>,
}

pub(crate) struct Capture {
    pub(crate) id: String,
    pub(crate) nfdump_bytes: Option<u64>,
    folder: PathBuf,
    datagrams: Vec<(u32, Vec<u8>)>,
}

pub(crate) struct Decoded {
    pub(crate) flows: Vec<Flow>,
    pub(crate) normal: Vec<Normal>,
}

pub(crate) struct Oracle {
    pub(crate) name: String,
    pub(crate) flows: Vec<Normal>,
    /// It lists only some of the flows.
    pub(crate) partial: bool,
    /// It adds flows up.
    pub(crate) sums_only: bool,
}

fn shared() -> Option<PathBuf> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data"));
    if !folder.exists() {
        println!("skipped: no recordings at {}", folder.display());
        return None;
    }
    Some(folder.to_owned())
}

pub(crate) fn captures() -> Option<Vec<Capture>> {
    let folder = shared()?;
    let manifest = fs::read_to_string(folder.join("flows.manifest.jsonl")).unwrap();
    let capture = |line: &str| {
        let entry: Value = serde_json::from_str(line).unwrap();
        let folder = folder.join(entry["dir"].as_str().unwrap());
        Capture {
            id: entry["id"].as_str().unwrap().to_owned(),
            nfdump_bytes: entry["nfdump_bytes"].as_u64(),
            datagrams: split(&fs::read(folder.join("packets.bin")).unwrap()),
            folder,
        }
    };
    Some(manifest.lines().map(capture).collect())
}

pub(crate) fn hostile_files() -> Option<Vec<Vec<u8>>> {
    let folder = shared()?.join("hostile/flow-libnetflow9-corpus");
    Some(fs::read_dir(folder).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect())
}

fn split(mut packets: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let mut datagrams = Vec::new();
    while let Some((head, rest)) = packets.split_first_chunk::<8>() {
        let exporter = u32::from_be_bytes(*head.first_chunk().unwrap());
        let length = u32::from_be_bytes(*head.last_chunk().unwrap()) as usize;
        datagrams.push((exporter, rest[..length].to_vec()));
        packets = &rest[length..];
    }
    datagrams
}

pub(crate) fn datagram(exporter: u32, payload: &[u8]) -> Datagram<'_> {
    let address = IpAddr::from((0x7F00_0001 + exporter).to_be_bytes());
    Datagram {
        exporter: SocketAddr::new(address, 40_000),
        received: Timestamp::from_seconds(1_600_000_000),
        payload,
    }
}

impl Capture {
    /// Gives each datagram with the number of its exporter.
    pub(crate) fn datagrams(&self) -> &[(u32, Vec<u8>)] {
        &self.datagrams
    }

    pub(crate) fn payloads(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.datagrams.iter().map(|(_, payload)| payload)
    }

    pub(crate) fn decode(&self) -> Decoded {
        let mut intake = Intake::default();
        let mut decoded = Decoded { flows: Vec::new(), normal: Vec::new() };
        for (exporter, payload) in &self.datagrams {
            let _ = intake.take(&datagram(*exporter, payload), &mut |origin: &Origin, flow: &Flow| {
                decoded.flows.push(*flow);
                if flow.way == Way::There {
                    decoded.normal.push(normal(origin, flow));
                }
            });
        }
        decoded
    }

    pub(crate) fn oracles(&self) -> Vec<Oracle> {
        let lines = |name: &str| -> Option<Vec<Value>> {
            let text = fs::read_to_string(self.folder.join(name)).ok()?;
            Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
        };
        let mut oracles = Vec::new();
        for kind in ["beats", "logstash", "opennms", "telegraf", "pmacct"] {
            let Some(lines) = lines(&format!("golden-{kind}.norm.jsonl")) else { continue };
            let flows: Vec<Normal> = lines.iter().filter(|line| line["kind"].is_null()).map(golden).collect();
            oracles.push(Oracle {
                name: kind.to_owned(),
                flows,
                partial: kind == "logstash" || self.id == "beats-integration-mikrotik-lru",
                sums_only: kind == "pmacct",
            });
        }
        if let Some(packets) = lines("tshark.jsonl") {
            let records = packets.iter().flat_map(|packet| packet["flows"].as_array().unwrap());
            oracles.push(Oracle {
                name: "tshark".to_owned(),
                flows: records.filter_map(tshark).collect(),
                partial: false,
                sums_only: false,
            });
        }
        oracles
    }

    /// Whether nfdump multiplied by a sampling rate, and took the same counter.
    pub(crate) fn nfdump_scales(&self) -> bool {
        let flows = self.decode().flows;
        let exported: u64 = flows.iter().filter_map(|flow| flow.bytes).sum();
        self.nfdump_bytes.is_some_and(|bytes| bytes > exported && exported > 0)
            && flows.iter().all(|flow| flow.counter == Counter::Delta)
    }
}

fn normal(origin: &Origin, flow: &Flow) -> Normal {
    let delta = flow.counter == Counter::Delta;
    let sampled = origin.stream.protocol == Protocol::Sflow5;
    Normal {
        source: flow.source,
        destination: flow.destination,
        source_port: flow.source_port.map(u64::from),
        destination_port: flow.destination_port.map(u64::from),
        protocol: flow.protocol.map(u64::from),
        bytes: flow.bytes.filter(|_| delta),
        packets: flow.packets.filter(|_| delta && !sampled),
        input: flow.input.map(u64::from),
        output: flow.output.map(u64::from),
        direction: flow.direction.filter(|_| !sampled).map(|direction| u64::from(direction.number())),
    }
}

pub(crate) fn golden(line: &Value) -> Normal {
    let number = |name: &str| line[name].as_u64();
    let address = |name: &str| line[name].as_str().map(|text| text.parse().unwrap());
    Normal {
        source: address("src"),
        destination: address("dst"),
        source_port: number("sport"),
        destination_port: number("dport"),
        protocol: number("proto"),
        bytes: number("bytes"),
        packets: number("packets"),
        input: number("in"),
        output: number("out"),
        direction: number("dir"),
    }
}

fn tshark(record: &Value) -> Option<Normal> {
    if record["kind"] == "counter" || record["opt"] == true {
        return None;
    }
    let mut flow = golden(record);
    if record["kind"] == "flow" {
        flow.bytes = record["frame_length"].as_u64().or(record["eth_length"].as_u64());
        // "dropped" and "several" are no interface
        flow.output = flow.output.filter(|_| record["out_fmt"].as_u64().unwrap_or(0) == 0);
    }
    Some(flow)
}
