//! NetFlow v5: a header of 24 octets and at most 30 records of 48.

use std::net::{IpAddr, Ipv4Addr};

use grafolean_time::Timestamp;

use super::{element::Moment, error::DecodeError, moment::Exported, reader::Reader};
use crate::record::{Factor, Flow, FlowDetails};

const RECORD: usize = 48;
/// The low 14 bits of the header's last field are the interval, the high two the mode. Exporters fill the interval
/// without the mode, so the interval alone counts.
const INTERVAL_BITS: u16 = 0x3FFF;

/// A datagram of NetFlow v5.
///
/// ```text
/// 0                16               32
/// | version 5      | record count   |
/// | uptime in ms                    |
/// | seconds since 1970              |
/// | and nanoseconds                 |
/// | sequence: flows                 |
/// | engine type, id| mode, interval |
/// ```
#[derive(Clone, Copy, Debug)]
pub(crate) struct Export<'a> {
    pub(crate) exported: Exported,
    pub(crate) sequence: u32,
    pub(crate) engine: u16,
    pub(crate) sampling: Option<Factor>,
    /// Records that the header announces.
    pub(crate) count: u16,
    records: &'a [u8],
}

impl<'a> Export<'a> {
    /// Reads the header, whose version has been looked at.
    pub(crate) fn read(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload);
        let fault = DecodeError::Truncated { what: "the header of NetFlow v5", length: payload.len() };
        let header = (|| {
            let _version = reader.u16()?;
            let count = reader.u16()?;
            let uptime_ms = reader.u32()?;
            let (seconds, nanoseconds) = (reader.u32()?, reader.u32()?);
            let at = i64::from(seconds) * 1_000_000 + i64::from(nanoseconds / 1_000);
            let exported = Exported { at: Timestamp::from_micros(at), uptime_ms: Some(uptime_ms) };
            let (sequence, engine) = (reader.u32()?, reader.u16()?);
            let interval = u32::from(reader.u16()? & INTERVAL_BITS);
            let sampling = (interval > 0).then(|| Factor::one_in(interval));
            Some(Self { exported, sequence, engine, sampling, count, records: reader.rest() })
        })();
        header.ok_or(fault)
    }

    /// Returns the flows that are whole with their records, at most as many as announced.
    pub(crate) fn flows(&self) -> impl Iterator<Item = (Flow, &'a [u8; RECORD])> {
        let (exported, sampling) = (self.exported, self.sampling);
        let records = self.records.chunks_exact(RECORD).take(usize::from(self.count));
        records
            .filter_map(move |record| record.first_chunk())
            .map(move |record| (flow(record, exported, sampling), record))
    }
}

/// Returns what a record says beyond its flow: the next router, and the bits of both prefixes.
pub(crate) fn details(record: &[u8; RECORD]) -> FlowDetails<'static> {
    FlowDetails {
        next_hop: record.get(8..).and_then(<[u8]>::first_chunk).map(|octets: &[u8; 4]| IpAddr::from(*octets)),
        source_mask: record.get(44).copied(),
        destination_mask: record.get(45).copied(),
        ..FlowDetails::default()
    }
}

/// ```text
/// source, destination, next hop (4 each) | input, output (2 each) | packets, octets, first, last (4 each) |
/// source port, destination port (2 each) | pad | TCP flags | protocol | TOS | AS and masks, padding (8)
/// ```
fn flow(record: &[u8; RECORD], exported: Exported, sampling: Option<Factor>) -> Flow {
    let octets = |at: usize| record.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
    let number = |at| u32::from_be_bytes(octets(at));
    let half = |at: usize| {
        record.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |pair| u16::from_be_bytes(*pair))
    };
    Flow {
        source: Some(IpAddr::V4(Ipv4Addr::from_octets(octets(0)))),
        destination: Some(IpAddr::V4(Ipv4Addr::from_octets(octets(4)))),
        source_port: Some(half(32)),
        destination_port: Some(half(34)),
        protocol: record.get(38).copied(),
        tcp_flags: record.get(37).copied().map(u16::from),
        tos: record.get(39).copied(),
        source_as: Some(u32::from(half(40))),
        destination_as: Some(u32::from(half(42))),
        bytes: Some(u64::from(number(20))),
        packets: Some(u64::from(number(16))),
        input: Some(u32::from(half(12))),
        output: Some(u32::from(half(14))),
        first: exported.moment(Moment::Uptime, &octets(24)),
        last: exported.moment(Moment::Uptime, &octets(28)),
        sampling,
        ..Flow::default()
    }
}
