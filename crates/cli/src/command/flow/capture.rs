//! Captures of a network, pcap and pcapng: their UDP datagrams, with the addresses and times that they had.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Read},
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use etherparse::{EtherType, IpNumber, NetSlice, SlicedPacket, TransportSlice, UdpSlice};
use grafolean_collector::time::Timestamp;
use grafolean_netflow::record::Datagram;
use pcap_parser::{Block, Linktype, PcapBlockOwned, PcapError, create_reader, traits::PcapReaderIterator};
use thiserror::Error;

use super::fragments::Fragments;

/// Octets that are read at once: a packet of any length that captures have, beside what others need.
const BUFFER_BYTES: usize = 1 << 20;
const MICROS_A_SECOND: i64 = 1_000_000;

/// Why a capture cannot be read.
#[derive(Debug, Error)]
pub(super) enum CaptureError {
    #[error("could not open {}", .0.display())]
    Open(PathBuf, #[source] io::Error),
    #[error("{} is neither pcap nor pcapng", .0.display())]
    Format(PathBuf),
    #[error("{} is damaged at octet {place}: {what}", path.display())]
    Damaged { path: PathBuf, place: usize, what: String },
    #[error("{} was captured on a link of type {link}, which is not known: expected Ethernet, Linux cooked, raw IP or loopback", path.display())]
    Link { path: PathBuf, link: i32 },
}

/// Packets that brought no datagram, by why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Skipped {
    /// Packets of anything but UDP, or to another port.
    pub(super) others: u64,
    /// Packets that were captured in part.
    pub(super) cut: u64,
    /// Packets that could not be read.
    pub(super) unreadable: u64,
    /// Fragments of datagrams whose others are missing.
    pub(super) fragments: u64,
}

/// A capture that is being read.
pub(super) struct Capture {
    path: PathBuf,
    ports: BTreeSet<u16>,
    interfaces: Vec<Interface>,
    fragments: Fragments,
    pub(super) skipped: Skipped,
}

/// Where packets were captured, and how their times are written.
#[derive(Clone, Copy, Debug)]
struct Interface {
    link: Linktype,
    /// Units of time a second.
    resolution: u64,
    /// Seconds that are added.
    offset: i64,
}

impl Capture {
    /// Reads datagrams to these ports, or to any where there is none.
    pub(super) fn of(path: &Path, ports: &[u16]) -> Self {
        Self {
            path: path.to_owned(),
            ports: ports.iter().copied().collect(),
            interfaces: Vec::new(),
            fragments: Fragments::default(),
            skipped: Skipped::default(),
        }
    }

    /// Hands on each datagram, in order, until `sink` wants no more.
    ///
    /// # Errors
    /// Fails where the file cannot be read on; what came before was handed on.
    pub(super) fn read(&mut self, mut sink: impl FnMut(&Datagram<'_>) -> bool) -> Result<(), CaptureError> {
        let source: Box<dyn Read + Send> = if self.path == Path::new("-") {
            Box::new(io::stdin())
        } else {
            let opened = File::open(&self.path);
            Box::new(opened.map_err(|error| CaptureError::Open(self.path.clone(), error))?)
        };
        let opened = create_reader(BUFFER_BYTES, source);
        let mut reader = opened.map_err(|_| CaptureError::Format(self.path.clone()))?;
        loop {
            let read = match reader.next() {
                Ok((octets, block)) => Some((octets, self.block(&block, &mut sink)?)),
                Err(PcapError::Eof) => break,
                Err(PcapError::Incomplete(_)) => None,
                Err(error) => {
                    let what = reason(&error);
                    return Err(self.damaged(&*reader, what));
                }
            };
            match read {
                Some((octets, goes_on)) => {
                    reader.consume(octets);
                    if !goes_on {
                        break;
                    }
                }
                None => {
                    let refilled = reader.refill().map_err(|error| reason(&error).to_owned());
                    refilled.map_err(|what| self.damaged(&*reader, &what))?;
                }
            }
        }
        self.skipped.fragments = self.fragments.left();
        Ok(())
    }

    fn damaged(&self, reader: &dyn PcapReaderIterator, what: &str) -> CaptureError {
        CaptureError::Damaged { path: self.path.clone(), place: reader.consumed(), what: what.to_owned() }
    }

    /// Reads one block. Returns whether more are wanted.
    fn block(
        &mut self,
        block: &PcapBlockOwned<'_>,
        sink: &mut impl FnMut(&Datagram<'_>) -> bool,
    ) -> Result<bool, CaptureError> {
        let (interface, ticks, data, length) = match block {
            PcapBlockOwned::LegacyHeader(header) => {
                let resolution = if header.is_nanosecond_precision() { 1_000_000_000 } else { 1_000_000 };
                self.interfaces = vec![Interface { link: header.network, resolution, offset: 0 }];
                return Ok(true);
            }
            PcapBlockOwned::Legacy(packet) => {
                let resolution = self.interfaces.first().map_or(1, |interface| interface.resolution);
                let ticks = u64::from(packet.ts_sec) * resolution + u64::from(packet.ts_usec);
                (0, ticks, packet.data, packet.origlen)
            }
            PcapBlockOwned::NG(Block::SectionHeader(_)) => {
                self.interfaces.clear();
                return Ok(true);
            }
            PcapBlockOwned::NG(Block::InterfaceDescription(description)) => {
                let resolution = description.ts_resolution().unwrap_or(1_000_000);
                let (link, offset) = (description.linktype, description.ts_offset());
                self.interfaces.push(Interface { link, resolution, offset });
                return Ok(true);
            }
            PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                let ticks = (u64::from(packet.ts_high) << 32) | u64::from(packet.ts_low);
                (packet.if_id, ticks, captured(packet.data, packet.caplen), packet.origlen)
            }
            // its time is not told
            PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
                (0, 0, captured(packet.data, packet.origlen), packet.origlen)
            }
            PcapBlockOwned::NG(_) => return Ok(true),
        };
        let interface = usize::try_from(interface).ok().and_then(|place| self.interfaces.get(place)).copied();
        let Some(interface) = interface else {
            self.skipped.unreadable += 1;
            return Ok(true);
        };
        let whole = usize::try_from(length).is_ok_and(|length| data.len() >= length);
        let received = interface.time(ticks);
        let packet = match sliced(interface.link, data) {
            Some(Ok(packet)) => packet,
            Some(Err(())) => {
                *(if whole { &mut self.skipped.unreadable } else { &mut self.skipped.cut }) += 1;
                return Ok(true);
            }
            None => return Err(CaptureError::Link { path: self.path.clone(), link: interface.link.0 }),
        };
        Ok(self.packet(&packet, received, sink))
    }

    /// Adds a packet. Returns whether more are wanted.
    fn packet(
        &mut self,
        packet: &SlicedPacket<'_>,
        received: Timestamp,
        sink: &mut impl FnMut(&Datagram<'_>) -> bool,
    ) -> bool {
        let source = match &packet.net {
            Some(NetSlice::Ipv4(ip)) => IpAddr::V4(ip.header().source_addr()),
            Some(NetSlice::Ipv6(ip)) => IpAddr::V6(ip.header().source_addr()),
            _ => {
                self.skipped.others += 1;
                return true;
            }
        };
        if packet.is_ip_payload_fragmented() {
            let Some((protocol, payload)) = self.fragments.add(packet, received) else { return true };
            if protocol != IpNumber::UDP {
                self.skipped.others += 1;
                return true;
            }
            return match UdpSlice::from_slice(&payload) {
                Ok(udp) => self.datagram(source, &udp, received, sink),
                Err(_) => {
                    self.skipped.unreadable += 1;
                    true
                }
            };
        }
        match &packet.transport {
            Some(TransportSlice::Udp(udp)) => self.datagram(source, udp, received, sink),
            _ => {
                self.skipped.others += 1;
                true
            }
        }
    }

    fn datagram(
        &mut self,
        source: IpAddr,
        udp: &UdpSlice<'_>,
        received: Timestamp,
        sink: &mut impl FnMut(&Datagram<'_>) -> bool,
    ) -> bool {
        if !self.ports.is_empty() && !self.ports.contains(&udp.destination_port()) {
            self.skipped.others += 1;
            return true;
        }
        let exporter = SocketAddr::new(source.to_canonical(), udp.source_port());
        sink(&Datagram { exporter, received, payload: udp.payload() })
    }
}

impl Interface {
    /// Returns the time of so many units of the interface's clock.
    fn time(&self, ticks: u64) -> Timestamp {
        let resolution = u128::from(self.resolution.max(1));
        let micros = u128::from(ticks) * 1_000_000 / resolution;
        let micros = i64::try_from(micros).unwrap_or(i64::MAX);
        Timestamp::from_micros(micros.saturating_add(self.offset.saturating_mul(MICROS_A_SECOND)))
    }
}

/// What follows a packet up to a whole number of 32 bits is not of it.
fn captured(data: &[u8], length: u32) -> &[u8] {
    usize::try_from(length).ok().and_then(|length| data.get(..length)).unwrap_or(data)
}

/// Reads the headers of a packet; `None` of a link that is not known.
fn sliced(link: Linktype, data: &[u8]) -> Option<Result<SlicedPacket<'_>, ()>> {
    let after = |length: usize| data.get(length..).unwrap_or_default();
    let read = match link {
        Linktype::ETHERNET => SlicedPacket::from_ethernet(data),
        Linktype::LINUX_SLL => SlicedPacket::from_linux_sll(data),
        Linktype::RAW | Linktype::IPV4 | Linktype::IPV6 => SlicedPacket::from_ip(data),
        // the family of addresses, in the order of octets of whoever captured it
        Linktype::NULL | Linktype::LOOP => SlicedPacket::from_ip(after(4)),
        // as some systems write raw IP
        Linktype(12 | 14) => SlicedPacket::from_ip(data),
        // Linux cooked, version 2: the protocol comes first
        Linktype::LINUX_SLL2 => {
            let protocol = data.get(..2).and_then(|octets| octets.try_into().ok()).map(u16::from_be_bytes);
            SlicedPacket::from_ether_type(EtherType(protocol.unwrap_or(0)), after(20))
        }
        _ => return None,
    };
    Some(read.map_err(|_| ()))
}

fn reason(error: &PcapError<&[u8]>) -> &'static str {
    match error {
        PcapError::UnexpectedEof | PcapError::Incomplete(_) => "it ends within a packet",
        PcapError::BufferTooSmall => "a packet is longer than any network's",
        PcapError::ReadError => "it could not be read on",
        PcapError::HeaderNotRecognized => "its header is not known",
        _ => "a block is not as it should be",
    }
}
