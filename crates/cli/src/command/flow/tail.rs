//! Flows as they arrive, or of a capture, a line each.

use std::{
    fmt::{Display, Write as _},
    io::{self, Write},
    net::IpAddr,
    path::Path,
    sync::Arc,
};

use grafolean_collector::time::Timestamp;
use grafolean_netflow::{
    decoder::Decoder,
    protocol_name::protocol_name,
    query::{Filter, FlowRow},
    receive::{Batch, Listen, Receiver},
    record::{Datagram, Flow, FlowDetails, FlowSink, Origin},
};
use tokio::{signal::ctrl_c, sync::mpsc};
use tracing::warn;

use super::{
    capture::{Capture, Skipped},
    columns::{COLUMNS, Column, Counts, named, object},
    named::Names,
};
use crate::{arguments::FlowTail, config::Config, failure::Outcome};

/// Batches that wait to be printed. A slow reader then holds up receiving, and the kernel counts what it drops.
const BATCHES: usize = 64;
/// What the text line of a flow holds without naming it.
const IN_EACH_LINE: [&str; 12] = [
    "exporter", "src", "dst", "sport", "dport", "proto", "bytes", "packets", "in", "out", "sampling",
    "received",
];
/// What says in each line the same of nearly every flow, or follows from others.
const LEFT_OUT: [&str; 9] = ["first", "last", "counter", "way", "format", "domain", "tos", "pps", "bpp"];

/// Which flows are printed, and how.
#[derive(Clone)]
struct Printed {
    filter: Filter,
    columns: Vec<Column>,
    json: bool,
    names: Arc<Names>,
}

/// Prints flows until there were enough, or it is stopped.
pub(super) async fn run(tail: FlowTail, config: &Config) -> anyhow::Result<Outcome> {
    let printed = Printed {
        filter: tail.filter.clone(),
        columns: named(&tail.columns)?,
        json: tail.json,
        names: Arc::new(Names::open(config, None)?),
    };
    let left = tail.count.unwrap_or(u64::MAX);
    match &tail.read {
        Some(path) => of_capture(path, &tail.port, &printed, left),
        None => live(&tail, printed, left).await,
    }
}

async fn live(tail: &FlowTail, printed: Printed, mut left: u64) -> anyhow::Result<Outcome> {
    let receiver = Receiver::bind(&Listen::on([tail.listen]))?;
    for bound in receiver.sockets() {
        writeln!(io::stderr(), "listening on UDP {}", bound.address)?;
    }
    let (sender, mut batches) = mpsc::channel::<Vec<String>>(BATCHES);
    let running = receiver.start(|_| {
        let (mut decoder, sender, printed) = (Decoder::default(), sender.clone(), printed.clone());
        move |batch: &Batch<'_>| {
            let lines = printed.of_batch(&mut decoder, batch);
            if !lines.is_empty() {
                // an error means that nobody prints any more: the end is near
                drop(sender.blocking_send(lines));
            }
        }
    })?;
    let ended = loop {
        let lines = tokio::select! {
            biased;
            interrupted = ctrl_c() => break interrupted,
            lines = batches.recv() => lines.unwrap_or_default(),
        };
        let written = write_first(&lines, &mut left);
        if written.is_err() || left == 0 {
            break written;
        }
    };
    drop(batches);
    running.stop();
    ended?;
    Ok(Outcome::Good)
}

fn of_capture(path: &Path, ports: &[u16], printed: &Printed, mut left: u64) -> anyhow::Result<Outcome> {
    let mut capture = Capture::of(path, ports);
    let (mut decoder, mut written) = (Decoder::default(), Ok(()));
    capture.read(|datagram| {
        let mut lines = Vec::new();
        printed.of_datagram(&mut decoder, datagram, &mut lines);
        decoder.expire(datagram.received);
        written = write_first(&lines, &mut left);
        written.is_ok() && left > 0
    })?;
    written?;
    let Skipped { others, cut, unreadable, fragments } = capture.skipped;
    if cut + unreadable + fragments > 0 {
        warn!(cut, unreadable, fragments, others, "packets of the capture brought no datagram");
    }
    Ok(Outcome::Good)
}

/// Prints lines, as many as are left to be printed.
fn write_first(lines: &[String], left: &mut u64) -> io::Result<()> {
    let lines = lines.get(..usize::try_from(*left).unwrap_or(usize::MAX)).unwrap_or(lines);
    *left -= lines.len() as u64;
    io::stdout().lock().write_all(lines.concat().as_bytes())
}

/// Where the flows of a datagram go.
struct Lines<'a> {
    printed: &'a Printed,
    lines: &'a mut Vec<String>,
}

impl FlowSink for Lines<'_> {
    fn flow(&mut self, origin: &Origin, flow: &Flow) {
        self.detailed(origin, flow, &FlowDetails::default());
    }

    fn wants_details(&self) -> bool {
        true
    }

    fn detailed(&mut self, origin: &Origin, flow: &Flow, details: &FlowDetails<'_>) {
        let row = FlowRow::of(origin, flow, details);
        if self.printed.filter.selects(&row) {
            self.lines.push(self.printed.line(&row));
        }
    }
}

impl Printed {
    /// Decodes a batch into lines, each with its end.
    fn of_batch(&self, decoder: &mut Decoder, batch: &Batch<'_>) -> Vec<String> {
        let mut lines = Vec::new();
        for datagram in batch.datagrams {
            self.of_datagram(decoder, datagram, &mut lines);
        }
        if batch.kernel_drops > 0 {
            warn!(
                datagrams = batch.kernel_drops,
                "the kernel dropped datagrams: they come faster than they are read"
            );
        }
        decoder.expire(batch.now);
        lines
    }

    fn of_datagram(&self, decoder: &mut Decoder, datagram: &Datagram<'_>, lines: &mut Vec<String>) {
        let mut sink = Lines { printed: self, lines };
        if let Err(error) = decoder.take(datagram, &mut sink) {
            if error.loses_data() {
                warn!(exporter = %datagram.exporter, %error, "a datagram could not be read wholly");
            } else {
                warn!(exporter = %datagram.exporter, %error, "its flows are shown as they were exported");
            }
        }
    }

    fn line(&self, row: &FlowRow) -> String {
        if self.json {
            return format!("{}\n", object(row, Counts::Exported, &self.columns));
        }
        if self.columns.is_empty() {
            return text(row, &self.names);
        }
        let cells = self.columns.iter().map(|column| column.of(row, Counts::Exported).for_people());
        cells.collect::<Vec<_>>().join(" ") + "\n"
    }
}

/// Writes the line of a flow: who told it and what it is, then by name what else it tells.
fn text(row: &FlowRow, names: &Names) -> String {
    let flow = &row.flow;
    let end = |address: Option<IpAddr>, port: Option<u16>| match (address, port) {
        (Some(IpAddr::V6(address)), Some(port)) => format!("[{address}]:{port}"),
        (address, Some(port)) => format!("{}:{port}", or_dash(address)),
        (address, None) => or_dash(address),
    };
    let received: Timestamp = row.received;
    let protocol = flow.protocol.map_or_else(|| "-".into(), protocol_name);
    let source = end(flow.source, flow.source_port);
    let destination = end(flow.destination, flow.destination_port);
    let (bytes, packets) = (or_dash(flow.bytes), or_dash(flow.packets));
    let (input, output) = (or_dash(flow.input), or_dash(flow.output));
    let scaled = if row.sampling > 1.0 { format!(" x {}", row.sampling) } else { String::new() };
    let mut line = format!(
        "{received} {} {protocol} {source} > {destination} {bytes} bytes {packets} packets{scaled} if {input} > {output}",
        or_dash(row.exporter)
    );
    let named = |column: &&Column| !IN_EACH_LINE.contains(&column.name) && !LEFT_OUT.contains(&column.name);
    for column in COLUMNS.iter().filter(named) {
        let cell = column.of(row, Counts::Exported);
        if cell.is_told() {
            // to a string nothing fails
            let _ = write!(line, " {} {}", column.name, cell.for_people());
        }
    }
    let service = |port: Option<u16>| names.of("port", &port?.to_string(), None);
    let network = |address: Option<IpAddr>| names.of("ip", &address?.to_string(), None);
    for (word, name) in [
        ("service", service(flow.destination_port).or_else(|| service(flow.source_port))),
        ("srcnet", network(flow.source)),
        ("dstnet", network(flow.destination)),
        ("srcorg", names.organization(flow.source, flow.source_as)),
        ("dstorg", names.organization(flow.destination, flow.destination_as)),
    ] {
        if let Some(name) = name {
            let _ = write!(line, " {word} {name:?}");
        }
    }
    line + "\n"
}

fn or_dash(value: Option<impl Display>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}
