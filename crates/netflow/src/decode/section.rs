//! The beginning of a packet that a record brings: reports of PSAMP (RFC 5476), inline monitoring, NetFlow-lite.

use super::{
    element::SectionKind,
    frame::{self, Link},
    packet::{self, Ends},
    reader::Reader,
};
use crate::record::{Flow, FlowDetails};

/// What sFlow calls a header that begins with an Ethernet frame, and one of 802.11.
const ETHERNET: u32 = 1;
const WIRELESS: u32 = 15;
/// dataLinkFrameType (408) of a frame of 802.11 (RFC 7133, section 3.2.6).
const FRAME_OF_WIRELESS: u64 = 2;

/// A section as its elements tell it.
#[derive(Clone, Copy, Default)]
pub(super) struct Section<'a> {
    /// What it begins with, and its octets.
    pub(super) packet: Option<(SectionKind, &'a [u8])>,
    /// How many of the octets are the packet's, where the field is longer (410, 103).
    pub(super) octets: Option<usize>,
    /// Where in the packet it begins (409, 102): what begins behind the header says nothing of it.
    pub(super) offset: u64,
    /// What kind of frame it is (408); Ethernet where nothing is told.
    pub(super) frame_type: u64,
}

impl<'a> Section<'a> {
    /// Whether the record brings one.
    #[inline]
    pub(super) fn is_there(&self) -> bool {
        self.packet.is_some()
    }

    /// Fills in what a flow's record does not tell itself: its ends, one packet, and that packet's bytes, which are those that
    /// the record tells of the whole frame or packet, else what the IP header says.
    pub(super) fn fill(&self, flow: &mut Flow, packet_bytes: Option<u64>) {
        let ends = self.ends().unwrap_or_default();
        ends.fill(flow);
        if flow.packets.is_none() && flow.bytes.is_none() {
            flow.packets = Some(1);
            flow.bytes = packet_bytes.or(ends.length.map(u64::from));
        }
    }

    /// Adds what the frame tells beyond the flow.
    pub(super) fn extend(&self, details: &mut FlowDetails<'_>) {
        let Some((SectionKind::Frame, octets)) = self.octets() else { return };
        let Link { source_mac, destination_mac, vlan, mpls_top_label } =
            frame::link(self.link_protocol(), octets);
        details.source_mac = details.source_mac.or(source_mac);
        details.destination_mac = details.destination_mac.or(destination_mac);
        details.input_vlan = details.input_vlan.or(vlan);
        details.mpls_top_label = details.mpls_top_label.or(mpls_top_label);
    }

    fn link_protocol(&self) -> u32 {
        if self.frame_type == FRAME_OF_WIRELESS { WIRELESS } else { ETHERNET }
    }

    fn ends(&self) -> Option<Ends> {
        match self.octets()? {
            (SectionKind::Frame, octets) => frame::ends(self.link_protocol(), octets),
            (SectionKind::Ip, octets) => packet::ip(Reader::new(octets)),
        }
    }

    fn octets(&self) -> Option<(SectionKind, &'a [u8])> {
        let (kind, octets) = self.packet.filter(|_| self.offset == 0)?;
        let real = self.octets.filter(|octets| *octets > 0).unwrap_or(octets.len());
        Some((kind, octets.get(..real.min(octets.len()))?))
    }
}
