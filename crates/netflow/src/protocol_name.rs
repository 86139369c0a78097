//! Names of IP protocols.

use std::borrow::Cow;

/// IANA's keywords of IP protocols, from 0 on; where it has none, the entry is empty.
///
/// Source: Protocol Numbers, <https://www.iana.org/assignments/protocol-numbers>. Number 124 is written as Grafolean's
/// stored series have it.
#[rustfmt::skip]
const NAMES: [&str; 147] = [
    "HOPOPT", "ICMP", "IGMP", "GGP", "IPv4", "ST", "TCP", "CBT", "EGP", "IGP", "BBN-RCC-MON", "NVP-II",
    "PUP", "ARGUS", "EMCON", "XNET", "CHAOS", "UDP", "MUX", "DCN-MEAS", "HMP", "PRM", "XNS-IDP", "TRUNK-1",
    "TRUNK-2", "LEAF-1", "LEAF-2", "RDP", "IRTP", "ISO-TP4", "NETBLT", "MFE-NSP", "MERIT-INP", "DCCP",
    "3PC", "IDPR", "XTP", "DDP", "IDPR-CMTP", "TP++", "IL", "IPv6", "SDRP", "IPv6-Route", "IPv6-Frag",
    "IDRP", "RSVP", "GRE", "DSR", "BNA", "ESP", "AH", "I-NLSP", "SWIPE", "NARP", "MOBILE", "TLSP", "SKIP",
    "IPv6-ICMP", "IPv6-NoNxt", "IPv6-Opts", "", "CFTP", "", "SAT-EXPAK", "KRYPTOLAN", "RVD", "IPPC", "",
    "SAT-MON", "VISA", "IPCV", "CPNX", "CPHB", "WSN", "PVP", "BR-SAT-MON", "SUN-ND", "WB-MON", "WB-EXPAK",
    "ISO-IP", "VMTP", "SECURE-VMTP", "VINES", "TTP", "NSFNET-IGP", "DGP", "TCF", "EIGRP", "OSPFIGP",
    "Sprite-RPC", "LARP", "MTP", "AX.25", "IPIP", "MICP", "SCC-SP", "ETHERIP", "ENCAP", "", "GMTP", "IFMP",
    "PNNI", "PIM", "ARIS", "SCPS", "QNX", "A/N", "IPComp", "SNP", "Compaq-Peer", "IPX-in-IP", "VRRP", "PGM",
    "", "L2TP", "DDX", "IATP", "STP", "SRP", "UTI", "SMP", "SM", "PTP", "IS-IS over IPv4", "FIRE", "CRTP",
    "CRUDP", "SSCOPMCE", "IPLT", "SPS", "PIPE", "SCTP", "FC", "RSVP-E2E-IGNORE", "Mobility Header",
    "UDPLite", "MPLS-in-IP", "manet", "HIP", "Shim6", "WESP", "ROHC", "Ethernet", "AGGFRAG", "NSH", "Homa",
];

/// Returns the name of an IP protocol as IANA has it, `proto<n>` where it has none.
pub fn protocol_name(number: u8) -> Cow<'static, str> {
    if number == 255 {
        return Cow::Borrowed("Reserved");
    }
    match NAMES.get(usize::from(number)) {
        Some(name) if !name.is_empty() => Cow::Borrowed(name),
        _ => Cow::Owned(format!("proto{number}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_at_their_numbers() {
        for (number, name) in [
            (0, "HOPOPT"),
            (1, "ICMP"),
            (6, "TCP"),
            (17, "UDP"),
            (39, "TP++"),
            (47, "GRE"),
            (50, "ESP"),
            (58, "IPv6-ICMP"),
            (61, "proto61"),
            (89, "OSPFIGP"),
            (107, "A/N"),
            (112, "VRRP"),
            (124, "IS-IS over IPv4"),
            (132, "SCTP"),
            (142, "ROHC"),
            (253, "proto253"),
        ] {
            assert_eq!(protocol_name(number), name);
        }
    }
}
