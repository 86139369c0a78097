//! NetFlow v1, v5 and v7, whose records are the same throughout: a header, then records of 48 or 52 octets.

use std::net::IpAddr;

use grafolean_time::Timestamp;

use super::{element::Moment, error::DecodeError, moment::Exported, reader::Reader};
use crate::record::{Factor, Flow, FlowDetails, Protocol};

/// The low 14 bits of v5's last field are the interval, the high two the mode. Exporters fill the interval without the mode,
/// so the interval alone counts.
const INTERVAL_BITS: u16 = 0x3FFF;

/// A datagram of one of them.
///
/// ```text
/// 0                16               32
/// | version        | record count   |
/// | uptime in ms                    |
/// | seconds since 1970              |
/// | and nanoseconds                 |     v1 ends here
/// | sequence: flows                 |
/// | engine type, id| mode, interval |     reserved in v7
/// ```
#[derive(Clone, Copy, Debug)]
pub(crate) struct Export<'a> {
    pub(crate) protocol: Protocol,
    pub(crate) exported: Exported,
    /// v1 has none.
    pub(crate) sequence: Option<u32>,
    pub(crate) engine: u16,
    pub(crate) sampling: Option<Factor>,
    /// Records that the header announces.
    pub(crate) count: u16,
    records: &'a [u8],
}

/// One record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    protocol: Protocol,
    octets: &'a [u8],
}

impl<'a> Export<'a> {
    /// Reads the header, whose version has been looked at.
    pub(crate) fn read(protocol: Protocol, payload: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload);
        let what = match protocol {
            Protocol::Netflow1 => "the header of NetFlow v1",
            Protocol::Netflow7 => "the header of NetFlow v7",
            _ => "the header of NetFlow v5",
        };
        let header = (|| {
            let _version = reader.u16()?;
            let count = reader.u16()?;
            let uptime_ms = reader.u32()?;
            let (seconds, nanoseconds) = (reader.u32()?, reader.u32()?);
            let at = i64::from(seconds) * 1_000_000 + i64::from(nanoseconds / 1_000);
            let exported = Exported { at: Timestamp::from_micros(at), uptime_ms: Some(uptime_ms) };
            let numbered = protocol != Protocol::Netflow1;
            let sequence = if numbered { Some(reader.u32()?) } else { None };
            let (mut engine, mut interval) = (0, 0);
            if numbered {
                let (first, second) = (reader.u16()?, reader.u16()?);
                if protocol == Protocol::Netflow5 {
                    (engine, interval) = (first, u32::from(second & INTERVAL_BITS));
                }
            }
            let sampling = (interval > 0).then(|| Factor::one_in(interval));
            Some(Self { protocol, exported, sequence, engine, sampling, count, records: reader.rest() })
        })();
        header.ok_or(DecodeError::Truncated { what, length: payload.len() })
    }

    /// Returns the records that are whole, at most as many as announced.
    pub(crate) fn records(&self) -> impl Iterator<Item = Record<'a>> {
        let protocol = self.protocol;
        let length = if protocol == Protocol::Netflow5 { 48 } else { 52 };
        let records = self.records.chunks_exact(length).take(usize::from(self.count));
        records.map(move |octets| Record { protocol, octets })
    }

    /// Reads a record's flow.
    pub(crate) fn flow(&self, record: Record<'_>) -> Flow {
        let has_systems = self.protocol != Protocol::Netflow1;
        // v1 has its flags behind the protocol, where v5 and v7 have the source's system
        let flags = record.octet(if has_systems { 37 } else { 40 });
        Flow {
            source: Some(record.address(0)),
            destination: Some(record.address(4)),
            source_port: Some(record.half(32)),
            destination_port: Some(record.half(34)),
            protocol: Some(record.octet(38)),
            tcp_flags: Some(u16::from(flags)),
            tos: Some(record.octet(39)),
            source_as: has_systems.then(|| u32::from(record.half(40))),
            destination_as: has_systems.then(|| u32::from(record.half(42))),
            bytes: Some(u64::from(record.word(20))),
            packets: Some(u64::from(record.word(16))),
            input: Some(u32::from(record.half(12))),
            output: Some(u32::from(record.half(14))),
            first: self.exported.moment(Moment::Uptime, &record.word(24).to_be_bytes()),
            last: self.exported.moment(Moment::Uptime, &record.word(28).to_be_bytes()),
            sampling: self.sampling,
            ..Flow::default()
        }
    }
}

/// ```text
/// source, destination, next hop (4 each) | input, output (2 each) | packets, octets, first, last (4 each) |
/// source port, destination port (2 each) | pad | TCP flags | protocol | TOS | AS and masks, padding (8)      v5
/// ... | what is invalid | TCP flags | protocol | TOS | AS and masks (6) | flags (2) | router (4)             v7
/// ... | pad (2) | protocol | TOS | TCP flags | padding (11)                                                  v1
/// ```
impl Record<'_> {
    /// Reads what it says beyond its flow: the next router, and the bits of both prefixes.
    pub(crate) fn details(&self) -> FlowDetails<'static> {
        let has_masks = self.protocol != Protocol::Netflow1;
        FlowDetails {
            next_hop: Some(self.address(8)),
            source_mask: has_masks.then(|| self.octet(44)),
            destination_mask: has_masks.then(|| self.octet(45)),
            ..FlowDetails::default()
        }
    }

    fn octets<const N: usize>(&self, at: usize) -> [u8; N] {
        self.octets.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; N])
    }

    fn address(&self, at: usize) -> IpAddr {
        IpAddr::from(self.octets::<4>(at))
    }

    fn word(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.octets(at))
    }

    fn half(&self, at: usize) -> u16 {
        u16::from_be_bytes(self.octets(at))
    }

    fn octet(&self, at: usize) -> u8 {
        u8::from_be_bytes(self.octets(at))
    }
}
