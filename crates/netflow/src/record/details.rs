//! What few readers want of a flow.

use std::{fmt, net::IpAddr};

/// What an exporter said of a flow beyond [`Flow`](super::Flow): decoded only for a [sink](super::FlowSink) that wants it.
///
/// `None` means that the exporter did not say it. Numbers in brackets are information elements, the first that a template has
/// is read. sFlow's are read from the sampled header and from the extended data of a switch (1001), router (1002) and NAT
/// (1007). The reverse direction of a biflow has source and destination, ingress and egress exchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowDetails<'a> {
    /// Source address after translation (225, 281).
    pub nat_source: Option<IpAddr>,
    /// Destination address after translation (226, 282).
    pub nat_destination: Option<IpAddr>,
    /// Source port after translation (227).
    pub nat_source_port: Option<u16>,
    /// Destination port after translation (228).
    pub nat_destination_port: Option<u16>,
    /// VLAN in which the packets came in (58, 243).
    pub input_vlan: Option<u16>,
    /// VLAN in which the packets went out (59, 254).
    pub output_vlan: Option<u16>,
    /// MAC address that the frames came from (56, 81).
    pub source_mac: Option<MacAddress>,
    /// MAC address that the frames went to (80, 57).
    pub destination_mac: Option<MacAddress>,
    /// Next router of the route that was taken (15, 62).
    pub next_hop: Option<IpAddr>,
    /// Next router by BGP (18, 63).
    pub bgp_next_hop: Option<IpAddr>,
    /// Bits of the source's prefix (9, 29).
    pub source_mask: Option<u8>,
    /// Bits of the destination's prefix (13, 30).
    pub destination_mask: Option<u8>,
    /// Routing table in which the packets came in (234).
    pub ingress_vrf: Option<u32>,
    /// Routing table in which the packets went out (235).
    pub egress_vrf: Option<u32>,
    /// Outermost label of MPLS, 20 bits (70).
    pub mpls_top_label: Option<u32>,
    /// What the router did with the packets (89): the status in the high two bits, the reason in the low six.
    pub forwarding_status: Option<u8>,
    /// What a firewall did (233): 1 created, 2 deleted, 3 denied, 4 alert, 5 updated.
    pub firewall_event: Option<u8>,
    /// What a translation of addresses did (230).
    pub nat_event: Option<u8>,
    /// Application that the exporter recognised (95).
    pub application: Option<ApplicationId>,
    /// Name of the interface by which the packets came in, by the exporter's options data (82, else 83).
    pub input_name: Option<&'a str>,
    /// Name of the interface by which the packets went out.
    pub output_name: Option<&'a str>,
    /// Name of the application, by the exporter's options data (96).
    pub application_name: Option<&'a str>,
    /// Name of the ingress routing table, by the record or the exporter's options data (236).
    pub ingress_vrf_name: Option<&'a str>,
}

/// A MAC address; `{}` writes it as `00:00:5e:00:53:01`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MacAddress(pub [u8; 6]);

impl MacAddress {
    /// Returns it as a number of 48 bits.
    pub fn to_number(self) -> u64 {
        let [a, b, c, d, e, f] = self.0;
        u64::from_be_bytes([0, 0, a, b, c, d, e, f])
    }

    /// Returns the address of a number of 48 bits; what is above them is left out.
    pub fn from_number(number: u64) -> Self {
        let [_, _, a, b, c, d, e, f] = number.to_be_bytes();
        Self([a, b, c, d, e, f])
    }

    /// Parses `00:00:5e:00:53:01`; hyphens will do, and dots as in `0000.5e00.5301`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: String = text.chars().filter(|character| !":-.".contains(*character)).collect();
        let separators = text.len() - digits.len();
        let whole = digits.len() == 12 && [0, 2, 5].contains(&separators);
        let all_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let number = u64::from_str_radix(&digits, 16).ok()?;
        (whole && all_hex).then(|| Self::from_number(number))
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, f] = self.0;
        write!(out, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
    }
}

/// An application as an exporter numbers it (RFC 6759): the engine that recognised it, and a number among that engine's;
/// `{}` writes it as `3:80`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ApplicationId {
    /// Classification engine: 1 IANA's protocols, 3 IANA's ports, 13 the exporter's own (NBAR, App-ID).
    pub engine: u8,
    /// Number among the engine's; of engine 20, whose numbers begin with a vendor's, both together.
    pub selector: u64,
}

impl ApplicationId {
    /// Bits of the selector in [`to_number`](Self::to_number).
    const SELECTOR_BITS: u32 = 56;

    /// Returns it as a number: the engine, up to 127, above 56 bits of the selector; `None` where it does not fit.
    pub fn to_number(self) -> Option<u64> {
        let fits = self.engine < 128 && self.selector >> Self::SELECTOR_BITS == 0;
        fits.then(|| u64::from(self.engine) << Self::SELECTOR_BITS | self.selector)
    }

    /// Returns the application of a number.
    pub fn from_number(number: u64) -> Self {
        let [engine, ..] = number.to_be_bytes();
        Self { engine, selector: number & ((1 << Self::SELECTOR_BITS) - 1) }
    }

    /// Parses `3:80`.
    pub fn parse(text: &str) -> Option<Self> {
        let (engine, selector) = text.split_once(':')?;
        Some(Self { engine: engine.parse().ok()?, selector: selector.parse().ok()? })
    }
}

impl fmt::Display for ApplicationId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.engine, self.selector)
    }
}

impl FlowDetails<'_> {
    /// Returns the same of the reverse direction.
    pub(crate) fn reversed(&self) -> Self {
        Self {
            nat_source: self.nat_destination,
            nat_destination: self.nat_source,
            nat_source_port: self.nat_destination_port,
            nat_destination_port: self.nat_source_port,
            input_vlan: self.output_vlan,
            output_vlan: self.input_vlan,
            source_mac: self.destination_mac,
            destination_mac: self.source_mac,
            source_mask: self.destination_mask,
            destination_mask: self.source_mask,
            ingress_vrf: self.egress_vrf,
            egress_vrf: self.ingress_vrf,
            input_name: self.output_name,
            output_name: self.input_name,
            // of the forward direction's packets alone
            next_hop: None,
            bgp_next_hop: None,
            mpls_top_label: None,
            ingress_vrf_name: None,
            ..*self
        }
    }
}
