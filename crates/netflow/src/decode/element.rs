//! The information elements that are read, and which one is taken where several mean the same.
//!
//! For each thing wanted the first element of its row that a template has is taken; the others of the row are passed
//! over, also where a record has a zero in it: what is summed must mean the same from record to record. A field of no octets
//! is as if it were not there. Numbers are those of IANA's registry, which NetFlow v9's field types agree with.
//! An element that a template has twice is taken where it first stands, but for what belongs to a packet's header: exporters
//! that look into tunnels tell the outer header first (RFC 7011, section 8), and the innermost one's ends are those that
//! speak with each other.
//!
//! | wanted | taken from, in this order | remark |
//! | --- | --- | --- |
//! | bytes | 1, 85, 23, 171, 231, 352, 353 | delta, total, counted on leaving, initiator's, with frame headers |
//! | packets | 2, 86, 24, 172, 298 | in the same sense |
//! | bytes of the way back | reverse 1, 85, 23, 171, 352, 353 (RFC 5103); 232 where bytes is 231 | a second flow, ends changed |
//! | packets of the way back | reverse 2, 86, 24, 172; 299 where bytes is 231 | |
//! | source, destination | 8 and 27, 12 and 28 | of both families the one that is not all zero, IPv4 where both are or neither is; 225-228 and 281, 282 (after translation) and prefixes (44, 45, 169, 170) are never taken; IPv4 mapped into IPv6 is kept so |
//! | ports | 7, 180, 182; 11, 181, 183 | 227, 228 (after translation) are never taken, nor is a port made of ICMP's type and code (32, 139, 176-179) |
//! | protocol | 4 | |
//! | TCP flags, type of service | 6; 5 | |
//! | autonomous systems | 16, 129; 17, 128 | origin or peer as exported, before the adjacent ones |
//! | interfaces | 10, 252; 14, 253 | logical before physical |
//! | direction | 61 | 239 (RFC 5103) tells who began, not which side of an interface it is |
//! | start | 156, 154, 152, 150, 158, 22, then 323, 324, 325, 322 | the finest first; 22 needs an uptime; an event is its own start |
//! | end | 157, 155, 153, 151, 159, 21, then 323, 324, 325, 322 | |
//! | duration | 162, 161 | where the start or the end is missing |
//! | system start | 160 | what 21 and 22 count from, in IPFIX |
//! | reverse start, end, flags, type of service | the same of RFC 5103's reverse elements | the forward direction's times where there are none |
//! | sampler | 48, 302; 301 | a sampler or selector; a sequence of selectors |
//! | sampling | 34, 50, then 305 with 306, 307 with 308, 310 with 309, 311 | not believed where 35, 49 or 304 names no algorithm of IANA's registry |
//! | a packet | 315, 104 as a frame; 313, 317 from its IP header on | gives what no other element does, of one packet; its bytes are 312, 224, else its IP header's length |

use super::definition::{Field, Space, VARIABLE};
use crate::record::Counter;

/// Private enterprise number of reverse elements, RFC 5103.
const REVERSE: u32 = 29_305;

/// What a field's octets are made into. The order is that of execution: a later one builds on what an earlier set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    SystemInit,
    SourceV4,
    DestinationV4,
    SourceV6,
    DestinationV6,
    SourcePort,
    DestinationPort,
    Protocol,
    TcpFlags,
    Tos,
    SourceAs,
    DestinationAs,
    Bytes,
    Packets,
    BytesBack,
    PacketsBack,
    TcpFlagsBack,
    TosBack,
    Input,
    Output,
    Direction,
    First(Moment),
    Last(Moment),
    Duration(Moment),
    FirstBack(Moment),
    LastBack(Moment),
    Sampler,
    Sequence,
    LineCard,
    Algorithm(Registry),
    OneIn,
    PacketInterval,
    PacketSpace,
    SampleSize,
    Population,
    Probability,
    PacketBytes,
    SectionOctets,
    SectionOffset,
    FrameType,
    Section(SectionKind),
}

/// Where a sampling's algorithm has its number from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Registry {
    /// samplingAlgorithm (35) and samplerMode (49).
    Sampling,
    /// selectorAlgorithm (304).
    Selector,
}

/// With what the section of a packet that a record brings begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SectionKind {
    /// A frame of the link (315, 104).
    Frame,
    /// An IP header (313, 317).
    Ip,
}

impl Target {
    /// Whether this is told by a packet's header, of which there are several in a tunnel.
    pub(super) const fn of_a_header(self) -> bool {
        matches!(
            self,
            Self::SourceV4
                | Self::DestinationV4
                | Self::SourceV6
                | Self::DestinationV6
                | Self::SourcePort
                | Self::DestinationPort
                | Self::Protocol
        )
    }

    /// Whether this is a moment that counts from the exporter's start.
    pub(super) const fn by_uptime(self) -> bool {
        matches!(self, Self::First(Moment::Uptime) | Self::Last(Moment::Uptime))
    }

    /// Whether this writes one field of a flow, and the same one whatever the record says, or the ends of a flow.
    pub(super) const fn is_plain(self) -> bool {
        matches!(
            self,
            Self::SourceV4
                | Self::DestinationV4
                | Self::SourceV6
                | Self::DestinationV6
                | Self::SourcePort
                | Self::DestinationPort
                | Self::Protocol
                | Self::TcpFlags
                | Self::Tos
                | Self::SourceAs
                | Self::DestinationAs
                | Self::Bytes
                | Self::Packets
                | Self::Input
                | Self::Output
                | Self::Direction
                | Self::First(_)
                | Self::Last(_)
                | Self::Sampler
        )
    }

    /// Whether this is told of the reverse direction.
    pub(super) const fn of_the_reverse(self) -> bool {
        matches!(self, Self::BytesBack | Self::PacketsBack)
    }
}

/// How a moment is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Moment {
    /// Milliseconds of the exporter's uptime, wrapping at 2^32.
    Uptime,
    Seconds,
    Milliseconds,
    /// Plain microseconds (a duration).
    Microseconds,
    /// Seconds since 1900 and a binary fraction, RFC 7011 sections 6.1.9 and 6.1.10.
    Ntp,
    /// Microseconds before the message was exported.
    BeforeExport,
}

/// The elements from which one thing wanted may be taken, best first.
pub(super) struct Row {
    pub(super) choices: &'static [(Element, Target)],
}

/// An element's number, in IANA's registry or among the reverse ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    Iana(u16),
    Reverse(u16),
}

impl Element {
    pub(super) fn matches(self, field: &Field) -> bool {
        match self {
            Self::Iana(number) => field.space == Space::Iana && field.element == number,
            Self::Reverse(number) => field.space == Space::Enterprise(REVERSE) && field.element == number,
        }
    }
}

use Element::{Iana, Reverse};

/// Rows that hold for every template. The bytes of the way back depend on the bytes taken: see [`back_rows`].
pub(super) const ROWS: &[Row] = &[
    row(&[(Iana(160), Target::SystemInit)]),
    row(&[(Iana(8), Target::SourceV4)]),
    row(&[(Iana(12), Target::DestinationV4)]),
    row(&[(Iana(27), Target::SourceV6)]),
    row(&[(Iana(28), Target::DestinationV6)]),
    row(&[(Iana(7), Target::SourcePort), (Iana(180), Target::SourcePort), (Iana(182), Target::SourcePort)]),
    row(&[
        (Iana(11), Target::DestinationPort),
        (Iana(181), Target::DestinationPort),
        (Iana(183), Target::DestinationPort),
    ]),
    row(&[(Iana(4), Target::Protocol)]),
    row(&[(Iana(6), Target::TcpFlags)]),
    row(&[(Iana(5), Target::Tos)]),
    row(&[(Iana(16), Target::SourceAs), (Iana(129), Target::SourceAs)]),
    row(&[(Iana(17), Target::DestinationAs), (Iana(128), Target::DestinationAs)]),
    BYTES,
    row(&[
        (Iana(2), Target::Packets),
        (Iana(86), Target::Packets),
        (Iana(24), Target::Packets),
        (Iana(172), Target::Packets),
        (Iana(298), Target::Packets),
    ]),
    row(&[(Iana(10), Target::Input), (Iana(252), Target::Input)]),
    row(&[(Iana(14), Target::Output), (Iana(253), Target::Output)]),
    row(&[(Iana(61), Target::Direction)]),
    row(&[
        (Iana(156), Target::First(Moment::Ntp)),
        (Iana(154), Target::First(Moment::Ntp)),
        (Iana(152), Target::First(Moment::Milliseconds)),
        (Iana(150), Target::First(Moment::Seconds)),
        (Iana(158), Target::First(Moment::BeforeExport)),
        (Iana(22), Target::First(Moment::Uptime)),
        (Iana(323), Target::First(Moment::Milliseconds)),
        (Iana(324), Target::First(Moment::Ntp)),
        (Iana(325), Target::First(Moment::Ntp)),
        (Iana(322), Target::First(Moment::Seconds)),
    ]),
    row(&[
        (Iana(157), Target::Last(Moment::Ntp)),
        (Iana(155), Target::Last(Moment::Ntp)),
        (Iana(153), Target::Last(Moment::Milliseconds)),
        (Iana(151), Target::Last(Moment::Seconds)),
        (Iana(159), Target::Last(Moment::BeforeExport)),
        (Iana(21), Target::Last(Moment::Uptime)),
        (Iana(323), Target::Last(Moment::Milliseconds)),
        (Iana(324), Target::Last(Moment::Ntp)),
        (Iana(325), Target::Last(Moment::Ntp)),
        (Iana(322), Target::Last(Moment::Seconds)),
    ]),
    row(&[
        (Iana(162), Target::Duration(Moment::Microseconds)),
        (Iana(161), Target::Duration(Moment::Milliseconds)),
    ]),
    row(&[(Iana(48), Target::Sampler), (Iana(302), Target::Sampler)]),
    row(&[(Iana(301), Target::Sequence)]),
    row(&[(Iana(141), Target::LineCard)]),
    row(&[
        (Iana(35), Target::Algorithm(Registry::Sampling)),
        (Iana(49), Target::Algorithm(Registry::Sampling)),
        (Iana(304), Target::Algorithm(Registry::Selector)),
    ]),
    row(&[(Iana(34), Target::OneIn), (Iana(50), Target::OneIn)]),
    row(&[(Iana(305), Target::PacketInterval), (Iana(307), Target::PacketInterval)]),
    row(&[(Iana(306), Target::PacketSpace), (Iana(308), Target::PacketSpace)]),
    row(&[(Iana(309), Target::SampleSize)]),
    row(&[(Iana(310), Target::Population)]),
    row(&[(Iana(311), Target::Probability)]),
    row(&[(Iana(312), Target::PacketBytes), (Iana(224), Target::PacketBytes)]),
    row(&[(Iana(410), Target::SectionOctets), (Iana(103), Target::SectionOctets)]),
    row(&[(Iana(408), Target::FrameType)]),
    row(&[(Iana(409), Target::SectionOffset), (Iana(102), Target::SectionOffset)]),
    row(&[
        (Iana(315), Target::Section(SectionKind::Frame)),
        (Iana(104), Target::Section(SectionKind::Frame)),
        (Iana(313), Target::Section(SectionKind::Ip)),
        (Iana(317), Target::Section(SectionKind::Ip)),
    ]),
];

const BYTES: Row = row(&[
    (Iana(1), Target::Bytes),
    (Iana(85), Target::Bytes),
    (Iana(23), Target::Bytes),
    (Iana(171), Target::Bytes),
    (Iana(231), Target::Bytes),
    (Iana(352), Target::Bytes),
    (Iana(353), Target::Bytes),
]);

const REVERSE_BACK: &[Row] = &[
    row(&[
        (Reverse(1), Target::BytesBack),
        (Reverse(85), Target::BytesBack),
        (Reverse(23), Target::BytesBack),
        (Reverse(171), Target::BytesBack),
        (Reverse(352), Target::BytesBack),
        (Reverse(353), Target::BytesBack),
    ]),
    row(&[
        (Reverse(2), Target::PacketsBack),
        (Reverse(86), Target::PacketsBack),
        (Reverse(24), Target::PacketsBack),
        (Reverse(172), Target::PacketsBack),
    ]),
    row(&[(Reverse(6), Target::TcpFlagsBack)]),
    row(&[(Reverse(5), Target::TosBack)]),
    row(&[
        (Reverse(156), Target::FirstBack(Moment::Ntp)),
        (Reverse(154), Target::FirstBack(Moment::Ntp)),
        (Reverse(152), Target::FirstBack(Moment::Milliseconds)),
        (Reverse(150), Target::FirstBack(Moment::Seconds)),
        (Reverse(158), Target::FirstBack(Moment::BeforeExport)),
        (Reverse(22), Target::FirstBack(Moment::Uptime)),
    ]),
    row(&[
        (Reverse(157), Target::LastBack(Moment::Ntp)),
        (Reverse(155), Target::LastBack(Moment::Ntp)),
        (Reverse(153), Target::LastBack(Moment::Milliseconds)),
        (Reverse(151), Target::LastBack(Moment::Seconds)),
        (Reverse(159), Target::LastBack(Moment::BeforeExport)),
        (Reverse(21), Target::LastBack(Moment::Uptime)),
    ]),
];

const RESPONDER_BACK: &[Row] =
    &[row(&[(Iana(232), Target::BytesBack)]), row(&[(Iana(299), Target::PacketsBack)])];

const fn row(choices: &'static [(Element, Target)]) -> Row {
    Row { choices }
}

/// Returns where the reverse direction is exported, given the counter that bytes is taken from.
pub(super) fn back_rows(counter: Counter) -> &'static [Row] {
    match counter {
        Counter::Initiator => RESPONDER_BACK,
        _ => REVERSE_BACK,
    }
}

/// Whether a field of this width can tell what is wanted. A field of no octets tells nothing, and an address of another width
/// than its family's is none; one whose width each record names is looked at there.
pub(super) fn usable(target: Target, field: &Field) -> bool {
    match target {
        Target::SourceV4 | Target::DestinationV4 => matches!(field.length, 4 | VARIABLE),
        Target::SourceV6 | Target::DestinationV6 => matches!(field.length, 16 | VARIABLE),
        _ => field.length > 0,
    }
}

/// Which counts of a template are since the flow began, so that each record of it holds those of the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Running {
    /// Whether its bytes are.
    pub bytes: bool,
    /// Whether its packets are.
    pub packets: bool,
}

impl Running {
    /// Whether any are.
    pub(crate) const fn any(self) -> bool {
        self.bytes || self.packets
    }
}

/// Returns which counts of a template with these fields are running totals.
pub(super) fn running(fields: &[Field]) -> Running {
    let first_of = |target: Target| {
        let row = ROWS.iter().find(|row| row.choices.iter().any(|(_, of)| *of == target))?;
        let tells = |(element, target): &&(Element, Target)| {
            fields.iter().any(|field| element.matches(field) && usable(*target, field))
        };
        row.choices.iter().find(tells).map(|(element, _)| *element)
    };
    let total = |element| matches!(element, Some(Iana(85 | 86 | 171 | 172 | 353)));
    Running { bytes: total(first_of(Target::Bytes)), packets: total(first_of(Target::Packets)) }
}

/// Returns which counter the bytes of a template with these fields are.
pub(super) fn counter(fields: &[Field]) -> Counter {
    let tells = |(element, target): &&(Element, Target)| {
        fields.iter().any(|field| element.matches(field) && usable(*target, field))
    };
    match BYTES.choices.iter().find(tells) {
        Some((Iana(85), _)) => Counter::Total,
        Some((Iana(23 | 171), _)) => Counter::Post,
        Some((Iana(231), _)) => Counter::Initiator,
        Some((Iana(352 | 353), _)) => Counter::Layer2,
        None if fields.iter().any(|field| Iana(312).matches(field) && field.length > 0) => Counter::Layer2,
        _ => Counter::Delta,
    }
}
