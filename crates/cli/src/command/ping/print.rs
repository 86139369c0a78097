//! What `grafolean ping` prints: lines like those of `ping`, or JSON lines.

use std::{
    io::{self, Write},
    net::IpAddr,
};

use grafolean_bots::ping::engine::Packet;
use serde::Serialize;

use super::{
    EventKind,
    tally::{Summary, Tally},
};

/// How to print.
pub(super) struct Printer {
    pub(super) as_json: bool,
    /// Whether lines have to say which host they are about.
    pub(super) several: bool,
}

/// One packet as JSON.
#[derive(Serialize)]
struct PacketLine<'a> {
    host: &'a str,
    addr: Option<IpAddr>,
    seq: u16,
    ok: bool,
    /// In seconds.
    rtt: Option<f64>,
    reason: Option<String>,
}

impl Printer {
    /// Prints what happens, as it happens; `tally` is the state before it.
    pub(super) fn event(&self, out: &mut impl Write, tally: &Tally, event: &EventKind) -> io::Result<()> {
        match event {
            EventKind::Packet(sequence, packet) if self.as_json => packet_json(out, tally, *sequence, packet),
            EventKind::Packet(sequence, packet) => self.packet(out, tally, *sequence, packet),
            EventKind::Resolved(address) if !self.as_json => writeln!(out, "PING {} ({address})", tally.host),
            EventKind::Failed(reason) if !self.as_json => writeln!(out, "{}: {reason}", tally.host),
            EventKind::Resolved(_) | EventKind::Done(_) | EventKind::Failed(_) => Ok(()),
        }
    }

    fn packet(&self, out: &mut impl Write, tally: &Tally, sequence: u16, packet: &Packet) -> io::Result<()> {
        let address = tally.address.map(|address| address.to_string()).unwrap_or_default();
        if self.several {
            write!(out, "{} ", tally.host)?;
        }
        match packet.rtt {
            Some(rtt) => {
                let hops = packet.ttl.map(|ttl| format!(" ttl={ttl}")).unwrap_or_default();
                writeln!(out, "{address}: seq={sequence}{hops} time={:.3} ms", rtt.as_secs_f64() * 1e3)
            }
            None => writeln!(out, "{address}: seq={sequence} no answer: {}", reason(packet)),
        }
    }

    /// Prints the figures of a host.
    pub(super) fn summary(&self, out: &mut impl Write, tally: &Tally) -> io::Result<()> {
        let summary = tally.summary();
        if self.as_json {
            return json_line(out, &summary);
        }
        if summary.error.is_some() {
            return Ok(());
        }
        let Summary { host, sent, received, loss, duplicates, late, .. } = summary;
        writeln!(out, "\n--- {host} ---")?;
        write!(out, "{sent} packets sent, {received} answered")?;
        if let Some(loss) = loss {
            write!(out, ", {:.1} % lost", loss * 100.0)?;
        }
        for (count, word) in [(duplicates, "duplicates"), (late, "late")] {
            if count > 0 {
                write!(out, ", {count} {word}")?;
            }
        }
        writeln!(out)?;
        let ms = |time: Option<f64>| format!("{:.3}", time.unwrap_or_default() * 1e3);
        if received > 0 {
            let Summary { rtt_min, rtt_avg, rtt_max, rtt_stddev, jitter, rtt_p50, rtt_p90, rtt_p99, .. } =
                summary;
            let (min, avg, max, stddev) = (ms(rtt_min), ms(rtt_avg), ms(rtt_max), ms(rtt_stddev));
            writeln!(
                out,
                "rtt min/avg/max/stddev = {min}/{avg}/{max}/{stddev} ms, jitter {} ms",
                ms(jitter)
            )?;
            if rtt_p50.is_some() {
                let (p50, p90, p99) = (ms(rtt_p50), ms(rtt_p90), ms(rtt_p99));
                writeln!(out, "rtt p50/p90/p99 = {p50}/{p90}/{p99} ms")?;
            }
        }
        Ok(())
    }
}

fn packet_json(out: &mut impl Write, tally: &Tally, sequence: u16, packet: &Packet) -> io::Result<()> {
    let rtt = packet.rtt.map(|rtt| rtt.as_secs_f64());
    let reason = rtt.is_none().then(|| reason(packet));
    let (host, addr) = (tally.host.as_str(), tally.address);
    json_line(out, &PacketLine { host, addr, seq: sequence, ok: rtt.is_some(), rtt, reason })
}

fn json_line(out: &mut impl Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    writeln!(out)
}

fn reason(packet: &Packet) -> String {
    packet.reason.map_or_else(|| "timeout".to_owned(), |reason| reason.to_string())
}
