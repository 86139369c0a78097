//! Datagrams that a network cut in pieces, put together.

use std::{collections::HashMap, net::IpAddr, time::Duration};

use etherparse::{IpFragOffset, IpNumber, Ipv6ExtensionSlice, NetSlice, SlicedPacket, defrag::IpDefragBuf};
use grafolean_collector::time::Timestamp;

/// How long fragments wait for the others (RFC 1122, section 3.3.2, wants 60 to 120 seconds).
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Datagrams under way, of 64 kB each at the most. Beyond it the one that waited longest is dropped, and its fragments are
/// counted.
const DATAGRAMS_MAX: usize = 1_024;

/// What the fragments of one datagram have in common (RFC 791, section 3.2; RFC 8200, section 4.5).
type Datagram = (IpAddr, IpAddr, u32, IpNumber);

/// Fragments that wait for others of their datagram.
#[derive(Default)]
pub(super) struct Fragments {
    waiting: HashMap<Datagram, Waiting>,
    dropped: u64,
}

struct Waiting {
    payload: IpDefragBuf,
    fragments: u64,
    latest: Timestamp,
}

/// One fragment.
struct Fragment<'a> {
    of: Datagram,
    offset: IpFragOffset,
    more: bool,
    payload: &'a [u8],
}

impl Fragments {
    /// Adds the fragment that a packet is. Returns the protocol and payload of the datagram that it completes.
    pub(super) fn add(&mut self, packet: &SlicedPacket<'_>, now: Timestamp) -> Option<(IpNumber, Vec<u8>)> {
        let fragment = Fragment::of(packet)?;
        self.make_room(now);
        let empty = || Waiting {
            payload: IpDefragBuf::new(fragment.of.3, Vec::new(), Vec::new()),
            fragments: 0,
            latest: now,
        };
        let waiting = self.waiting.entry(fragment.of).or_insert_with(empty);
        waiting.fragments += 1;
        waiting.latest = now;
        if waiting.payload.add(fragment.offset, fragment.more, fragment.payload).is_err() {
            let fragments = self.waiting.remove(&fragment.of).map_or(0, |waiting| waiting.fragments);
            self.dropped += fragments;
            return None;
        }
        if !waiting.payload.is_complete() {
            return None;
        }
        let whole = self.waiting.remove(&fragment.of)?;
        Some((fragment.of.3, whole.payload.take_bufs().0))
    }

    /// Returns the fragments that made no datagram.
    pub(super) fn left(&self) -> u64 {
        self.dropped + self.waiting.values().map(|waiting| waiting.fragments).sum::<u64>()
    }

    fn make_room(&mut self, now: Timestamp) {
        let dropped = &mut self.dropped;
        self.waiting.retain(|_, waiting| {
            let stays = now.since(waiting.latest) < WAIT_MAX;
            *dropped += if stays { 0 } else { waiting.fragments };
            stays
        });
        if self.waiting.len() >= DATAGRAMS_MAX {
            let oldest = self.waiting.iter().min_by_key(|(_, waiting)| waiting.latest).map(|(of, _)| *of);
            let oldest = oldest.and_then(|of| self.waiting.remove(&of));
            self.dropped += oldest.map_or(0, |waiting| waiting.fragments);
        }
    }
}

impl<'a> Fragment<'a> {
    fn of(packet: &SlicedPacket<'a>) -> Option<Self> {
        match packet.net.as_ref()? {
            NetSlice::Ipv4(ip) => {
                let (header, payload) = (ip.header(), ip.payload());
                let ends = (IpAddr::V4(header.source_addr()), IpAddr::V4(header.destination_addr()));
                let of = (ends.0, ends.1, u32::from(header.identification()), payload.ip_number);
                let (offset, more) = (header.fragments_offset(), header.more_fragments());
                Some(Self { of, offset, more, payload: payload.payload })
            }
            NetSlice::Ipv6(ip) => {
                let fragment = ip.extensions().clone().into_iter().find_map(|extension| match extension {
                    Ipv6ExtensionSlice::Fragment(fragment) => Some(fragment.to_header()),
                    _ => None,
                })?;
                let (header, payload) = (ip.header(), ip.payload());
                let ends = (IpAddr::V6(header.source_addr()), IpAddr::V6(header.destination_addr()));
                let of = (ends.0, ends.1, fragment.identification, payload.ip_number);
                let (offset, more) = (fragment.fragment_offset, fragment.more_fragments);
                Some(Self { of, offset, more, payload: payload.payload })
            }
            NetSlice::Arp(_) => None,
        }
    }
}
