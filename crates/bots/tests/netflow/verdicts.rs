//! Where the oracles differ: which is right, and why.
#![allow(dead_code, reason = "each test crate uses its own part of it")]

/// What is held of a capture whose oracles differ.
#[derive(Clone, Copy)]
pub(crate) enum Verdict {
    /// This one is right.
    Agrees(&'static str),
    /// This one is right, and scales what it tells.
    Scaled(&'static str),
    /// None is: all flows, of both ways, and their unscaled bytes.
    Is { flows: usize, bytes: u64 },
}

use Verdict::{Agrees, Is, Scaled};

/// Capture, verdict, reason.
pub(crate) const VERDICTS: &[(&str, Verdict, &str)] = &[
    (
        "beats-pcap-ipfix-cisco-reversed",
        Agrees("beats"),
        "data comes before its template and may be kept (RFC 7011, section 8); tshark drops it",
    ),
    (
        "beats-pcap-netflow9-e10s-4-7byte-pad",
        Is { flows: 8, bytes: 17_982 },
        "two flows come before their template; neither oracle keeps them, though filebeat does in the capture above",
    ),
    (
        "pmacct-104-ipfixv10-ipv6-cisco-sampling-option",
        Scaled("pmacct"),
        "pmacct was told to renormalise, by the selector's 1 of 256",
    ),
    (
        "pmacct-502-ipfixv10-bgp-ipv6-cisco-srv6-lcomms",
        Agrees("pmacct"),
        "both headers of a tunnel are told, the inner one last; tshark mixes the two",
    ),
    (
        "pmacct-106-ipfixv10-huawei-vrf-name",
        Agrees("pmacct"),
        "both headers of a tunnel are told, the inner one last; tshark mixes the two",
    ),
    (
        "pmacct-500-ipfixv10-bgp-cisco-srv6",
        Agrees("pmacct"),
        "both headers of a tunnel are told, the inner one last; tshark mixes the two",
    ),
    (
        "akvorado-testdecodephysicalinterfaces",
        Is { flows: 8, bytes: 31_111 },
        "only physical interfaces are told (252, 253), which are better than none",
    ),
    (
        "gopacket-sflowtestpacket6",
        Is { flows: 0, bytes: 0 },
        "a sample that tells nothing of its packet is no flow",
    ),
    (
        "gopacket-sflowtestpacket7",
        Is { flows: 0, bytes: 0 },
        "a sample that tells nothing of its packet is no flow",
    ),
    (
        "vflow-ipfix-tpl-multi",
        Is { flows: 3, bytes: 68_800 },
        "data before its template in one message, which is also longer than it says; nfdump agrees",
    ),
    (
        "goipfix-global",
        Is { flows: 1, bytes: 0 },
        "the template was declared anew before the data came (RFC 7011, section 8.1); nfdump agrees",
    ),
    (
        "graylog-netflow-v9-1",
        Is { flows: 2, bytes: 582 },
        "data before its template in one datagram; nfdump agrees",
    ),
];

/// Captures of which nfdump's scaled bytes are not ours, and why.
pub(crate) const NOT_AS_NFDUMP: &[(&str, &str)] = &[(
    "akvorado-testdecode-data-sflow-ipv4-data-pcap",
    "nfdump takes the IP packet's length where a sample tells both, else the frame's; here it is always the frame's",
)];

/// Captures whose options data tells a sampling that nfdump does not find, and the interval.
pub(crate) const SAMPLED: &[(&str, u32)] = &[
    ("akvorado-testdecodesamplingrate", 2_048),
    ("akvorado-testdecodephysicalinterfaces", 1_000),
    ("pmacct-104-ipfixv10-ipv6-cisco-sampling-option", 256),
];
