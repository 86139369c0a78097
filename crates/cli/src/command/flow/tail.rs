//! Flows as they arrive, a line each.

use std::{
    fmt::Display,
    io::{self, Write},
    net::IpAddr,
};

use grafolean_collector::time::Timestamp;
use grafolean_netflow::{
    intake::Intake,
    protocol_name::protocol_name,
    receive::{Batch, Listen, Receiver},
    record::{Flow, Origin, Protocol},
};
use serde::Serialize;
use tokio::{signal::ctrl_c, sync::mpsc};
use tracing::warn;

use crate::{arguments::FlowTail, failure::Outcome};

/// Batches that wait to be printed. A slow reader then holds up receiving, and the kernel counts what it drops.
const BATCHES: usize = 64;

/// A flow as one JSON object: raw, and null where nothing was said.
#[derive(Serialize)]
struct Line {
    exporter: IpAddr,
    src: Option<IpAddr>,
    dst: Option<IpAddr>,
    sport: Option<u16>,
    dport: Option<u16>,
    proto: Option<u8>,
    bytes: Option<u64>,
    packets: Option<u64>,
    #[serde(rename = "in")]
    input: Option<u32>,
    #[serde(rename = "out")]
    output: Option<u32>,
    dir: Option<u8>,
    sampling: f64,
    first: Option<f64>,
    last: Option<f64>,
    counter: &'static str,
    way: &'static str,
}

/// Prints flows until there were enough, or it is stopped.
pub(super) async fn run(tail: FlowTail) -> anyhow::Result<Outcome> {
    let receiver = Receiver::bind(&Listen::on([tail.listen]))?;
    for bound in receiver.sockets() {
        writeln!(io::stderr(), "listening on UDP {}", bound.address)?;
    }
    let (sender, mut batches) = mpsc::channel::<Vec<String>>(BATCHES);
    let running = receiver.start(|_| {
        let (mut intake, sender) = (Intake::default(), sender.clone());
        move |batch: &Batch<'_>| {
            let lines = read(&mut intake, batch, tail.json);
            if !lines.is_empty() {
                // an error means that nobody prints any more: the end is near
                drop(sender.blocking_send(lines));
            }
        }
    })?;
    let mut left = tail.count.unwrap_or(u64::MAX);
    let printed = loop {
        let lines = tokio::select! {
            biased;
            interrupted = ctrl_c() => break interrupted,
            lines = batches.recv() => lines.unwrap_or_default(),
        };
        let lines: Vec<_> = lines.into_iter().take(usize::try_from(left).unwrap_or(usize::MAX)).collect();
        left -= lines.len() as u64;
        let printed = io::stdout().lock().write_all(lines.concat().as_bytes());
        if printed.is_err() || left == 0 {
            break printed;
        }
    };
    drop(batches);
    running.stop();
    printed?;
    Ok(Outcome::Good)
}

/// Decodes a batch into lines, each with its end.
fn read(intake: &mut Intake, batch: &Batch<'_>, as_json: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let mut sink = |origin: &Origin, flow: &Flow| {
        let line = Line::of(origin, flow);
        lines.push(if as_json { line.json() } else { line.text(origin.received) });
    };
    for datagram in batch.datagrams {
        if let Err(error) = intake.take(datagram, &mut sink) {
            warn!(exporter = %datagram.exporter, %error, "a datagram could not be read wholly");
        }
    }
    if batch.kernel_drops > 0 {
        warn!(
            datagrams = batch.kernel_drops,
            "the kernel dropped datagrams: they come faster than they are read"
        );
    }
    intake.expire(batch.now);
    lines
}

impl Line {
    fn of(origin: &Origin, flow: &Flow) -> Self {
        let sampled = origin.stream.protocol == Protocol::Sflow5;
        Self {
            exporter: origin.stream.exporter.ip(),
            src: flow.source,
            dst: flow.destination,
            sport: flow.source_port,
            dport: flow.destination_port,
            proto: flow.protocol,
            bytes: flow.bytes,
            packets: flow.packets,
            input: flow.input,
            output: flow.output,
            // sFlow does not tell it: it follows from the source of the sample
            dir: flow.direction.filter(|_| !sampled).map(|direction| direction.number()),
            sampling: flow.factor.as_f64(),
            first: flow.first.map(Timestamp::as_seconds_f64),
            last: flow.last.map(Timestamp::as_seconds_f64),
            counter: flow.counter.name(),
            way: flow.biflow.name(),
        }
    }

    fn json(&self) -> String {
        // numbers and texts only: it cannot fail
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }

    fn text(&self, received: Timestamp) -> String {
        let end = |address: Option<IpAddr>, port: Option<u16>| match (address, port) {
            (Some(IpAddr::V6(address)), Some(port)) => format!("[{address}]:{port}"),
            (address, Some(port)) => format!("{}:{port}", told(address)),
            (address, None) => told(address),
        };
        let protocol = self.proto.map_or_else(|| "-".into(), protocol_name);
        let (source, destination) = (end(self.src, self.sport), end(self.dst, self.dport));
        let (bytes, packets) = (told(self.bytes), told(self.packets));
        let (input, output) = (told(self.input), told(self.output));
        let exporter = self.exporter;
        let scaled = if self.sampling > 1.0 { format!(" x {}", self.sampling) } else { String::new() };
        format!(
            "{received} {exporter} {protocol} {source} > {destination} {bytes} bytes {packets} packets{scaled} \
             if {input} > {output}\n"
        )
    }
}

fn told(value: Option<impl Display>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}
