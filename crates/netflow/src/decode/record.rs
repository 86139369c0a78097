//! Records of a data set, read by their template's plan.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use grafolean_time::Timestamp;

use super::{
    definition::VARIABLE,
    element::Target,
    factor::{Algorithm, sampled},
    moment::{Exported, duration_micros},
    plan::{NumberOp, OPS_MAX, Op, Plan, Shape, Stop},
    reader::{low_u8, low_u16, low_u32, unsigned},
    section::Section,
};
use crate::record::{BiflowDirection, Direction, Factor, Flow, FlowDetails};

/// A record as it is being put together.
#[derive(Clone, Copy, Default)]
struct Draft<'a> {
    flow: Flow,
    reverse: Reverse,
    exported: Exported,
    keys: ScopeKeys,
    algorithm: Option<(Algorithm, u64)>,
    packet_bytes: Option<u64>,
    section: Section<'a>,
}

/// What a record says of the reverse direction (RFC 5103) alone.
#[derive(Clone, Copy, Default)]
struct Reverse {
    bytes: Option<u64>,
    packets: Option<u64>,
    tcp_flags: Option<u16>,
    tos: Option<u8>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

/// What a record names, beside what its flow holds, to which a sampling may be narrowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScopeKeys {
    /// Template of the record.
    pub template: u16,
    /// Selection sequence (301).
    pub sequence: Option<u64>,
    /// Line card (141).
    pub line_card: Option<u32>,
    /// The algorithm of a sampling that the record names and that is not believed.
    pub disbelieved: Option<u64>,
}

/// Whether the details of flows are read too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Flows,
    WithDetails,
}

/// Reads the records of a data set and hands each flow on, with its details where they are wanted. Returns the number of
/// records (one that describes both directions is two flows) and whether the set ended within a record of variable length.
pub(crate) fn read_flows<'a>(
    plan: &Plan,
    set: &'a [u8],
    exported: Exported,
    wanted: Wanted,
    mut each: impl FnMut(&mut Flow, &ScopeKeys, Option<&mut FlowDetails<'a>>),
) -> Records {
    let mut records = Records::default();
    let mut draft = Draft::new(plan, exported);
    let mut finish = |draft: &mut Draft<'a>, record: &'a [u8]| match wanted {
        Wanted::Flows => finish(plan, draft, |flow, keys, _| each(flow, keys, None)),
        Wanted::WithDetails => {
            let mut details = plan.details.read(record);
            draft.section.extend(&mut details);
            finish(plan, draft, |flow, keys, biflow| match biflow {
                BiflowDirection::Forward => each(flow, keys, Some(&mut details)),
                BiflowDirection::Reverse => each(flow, keys, Some(&mut details.reversed())),
            });
        }
    };
    match &plan.shape {
        Shape::Fixed(0) => records.cut = !set.is_empty(),
        Shape::Fixed(length) => {
            for (number, record) in set.chunks_exact(*length).enumerate() {
                let locate = |op: &Op| {
                    let (start, width) = (usize::from(op.offset), usize::from(op.width));
                    record.get(start..start + width)
                };
                draft.begin(plan, exported);
                // of the last record the octets that follow a number may be missing
                match set.get(number * length..(number + 1) * length + 8) {
                    Some(window) if plan.overwrites => draft.read_numbers(plan, window, locate),
                    _ => draft.read(plan, locate),
                }
                finish(&mut draft, record);
                records.count += 1;
            }
        }
        Shape::Variable { walk, shortest } => {
            let mut rest = set;
            while rest.len() >= (*shortest).max(1) {
                let mut slots: [&[u8]; OPS_MAX] = [&[]; OPS_MAX];
                let Some(after) = walk_record(walk, rest, &mut slots) else {
                    records.cut = rest.iter().any(|&octet| octet != 0);
                    break;
                };
                let locate = |op: &Op| slots.get(usize::from(op.offset)).copied();
                draft.begin(plan, exported);
                draft.read(plan, locate);
                finish(&mut draft, rest);
                records.count += 1;
                rest = after;
            }
        }
    }
    records
}

/// What became of a data set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Records {
    /// Records read.
    pub(crate) count: u32,
    /// Whether the set ended within a record.
    pub(crate) cut: bool,
}

/// Goes over one record's fields, leaving those that are wanted in their slots; `None` if it does not end in `rest`.
pub(super) fn walk_record<'a>(
    walk: &[Stop],
    mut rest: &'a [u8],
    slots: &mut [&'a [u8]; OPS_MAX],
) -> Option<&'a [u8]> {
    for stop in walk {
        let (value, after) = split_value(stop.length, rest)?;
        rest = after;
        if let Some(slot) = stop.slot.and_then(|slot| slots.get_mut(usize::from(slot))) {
            *slot = value;
        }
    }
    Some(rest)
}

/// Splits one value off, whose length the template says or the value itself.
///
/// ```text
/// | length < 255 | value ...             |
/// | 255 | length, 16 bits | value ...    |                    RFC 7011, section 7
/// ```
pub(super) fn split_value(length: u16, rest: &[u8]) -> Option<(&[u8], &[u8])> {
    if length != VARIABLE {
        return rest.split_at_checked(usize::from(length));
    }
    match rest {
        [255, high, low, after @ ..] => {
            after.split_at_checked(usize::from(u16::from_be_bytes([*high, *low])))
        }
        [255, ..] | [] => None,
        [short, after @ ..] => after.split_at_checked(usize::from(*short)),
    }
}

#[inline]
fn finish(plan: &Plan, draft: &mut Draft<'_>, mut each: impl FnMut(&mut Flow, &ScopeKeys, BiflowDirection)) {
    let Draft { flow, reverse, exported, keys, .. } = draft;
    if plan.by_uptime && exported.uptime_ms.is_none() {
        exported.anchor(flow);
    }
    let moved = |count: Option<u64>| count.is_some_and(|count| count > 0);
    if plan.both_ways && (moved(reverse.bytes) || moved(reverse.packets)) {
        let mut reversed = flow.reversed(reverse.bytes, reverse.packets);
        reversed.tcp_flags = reverse.tcp_flags;
        reversed.tos = reverse.tos.or(flow.tos);
        reversed.first = reverse.first.or(flow.first);
        reversed.last = reverse.last.or(flow.last);
        // a record whose forward direction has no packet describes the other alone
        if moved(flow.bytes) || moved(flow.packets) {
            each(flow, keys, BiflowDirection::Forward);
        }
        each(&mut reversed, keys, BiflowDirection::Reverse);
    } else {
        each(flow, keys, BiflowDirection::Forward);
    }
}

impl<'a> Draft<'a> {
    fn new(plan: &Plan, exported: Exported) -> Self {
        let mut draft = Self { exported, ..Self::default() };
        draft.flow.counter = plan.counter;
        draft
    }

    /// Begins a record. What each record of the set writes anew is left as the one before had it: clearing it would cost
    /// more than reading it.
    #[inline]
    fn begin(&mut self, plan: &Plan, exported: Exported) {
        if plan.overwrites {
            // Ends of IPv6 look at what is there; the factor is written by whoever takes the flow.
            (self.flow.source, self.flow.destination) = (None, None);
            self.flow.factor = Factor::NONE;
        } else {
            *self = Self::new(plan, exported);
        }
    }

    #[inline]
    fn read(&mut self, plan: &Plan, locate: impl Fn(&Op) -> Option<&'a [u8]>) {
        for op in &plan.ops {
            match locate(op) {
                Some(value) if !value.is_empty() => self.set(op.target, value),
                _ => {}
            }
        }
        if plan.overwrites {
            return;
        }
        if self.section.is_there() {
            self.section.fill(&mut self.flow, self.packet_bytes);
        }
        if let Some((algorithm, number)) = self.algorithm {
            self.judge(algorithm, number);
        }
    }

    /// Reads a record whose fields are numbers but for some: `window` is the record with eight octets that follow it, so that
    /// a number of any width is a part of the eight octets from its beginning.
    #[inline]
    fn read_numbers(&mut self, plan: &Plan, window: &[u8], locate: impl Fn(&Op) -> Option<&'a [u8]>) {
        for NumberOp { target, offset, shift } in &plan.numbers {
            let octets = window.get(usize::from(*offset)..).and_then(<[u8]>::first_chunk::<8>);
            if let Some(octets) = octets {
                self.set_number(*target, u64::from_be_bytes(*octets) >> shift);
            }
        }
        for op in &plan.others {
            if let Some(value) = locate(op) {
                self.set(op.target, value);
            }
        }
    }

    /// Writes a field that is a number of at most eight octets.
    #[inline]
    fn set_number(&mut self, target: Target, number: u64) {
        let flow = &mut self.flow;
        match target {
            Target::SourceV4 => flow.source = Some(IpAddr::V4(Ipv4Addr::from_bits(low_u32(number)))),
            Target::DestinationV4 => {
                flow.destination = Some(IpAddr::V4(Ipv4Addr::from_bits(low_u32(number))));
            }
            Target::SourcePort => flow.source_port = Some(low_u16(number)),
            Target::DestinationPort => flow.destination_port = Some(low_u16(number)),
            Target::Protocol => flow.protocol = Some(low_u8(number)),
            Target::TcpFlags => flow.tcp_flags = Some(low_u16(number)),
            Target::Tos => flow.tos = Some(low_u8(number)),
            Target::SourceAs => flow.source_as = Some(low_u32(number)),
            Target::DestinationAs => flow.destination_as = Some(low_u32(number)),
            Target::Bytes => flow.bytes = Some(number),
            Target::Packets => flow.packets = Some(number),
            Target::Input => flow.input = Some(low_u32(number)),
            Target::Output => flow.output = Some(low_u32(number)),
            Target::Direction => flow.direction = Some(Direction::from_number(low_u8(number))),
            Target::First(moment) => flow.first = self.exported.moment_of(moment, number),
            Target::Last(moment) => flow.last = self.exported.moment_of(moment, number),
            Target::Sampler => flow.sampler = Some(number),
            // the others are no plain numbers: the plan has them apart
            _ => {}
        }
    }

    #[inline]
    fn set(&mut self, target: Target, value: &'a [u8]) {
        let flow = &mut self.flow;
        match target {
            Target::SourceV4 => flow.source = v4(value),
            Target::DestinationV4 => flow.destination = v4(value),
            Target::SourceV6 => flow.source = either(flow.source, value),
            Target::DestinationV6 => {
                flow.destination = either(flow.destination, value);
                flow.source = of_one_family(flow.source, flow.destination);
            }
            Target::SourcePort => flow.source_port = Some(low_u16(unsigned(value))),
            Target::DestinationPort => flow.destination_port = Some(low_u16(unsigned(value))),
            Target::Protocol => flow.protocol = Some(low_u8(unsigned(value))),
            Target::TcpFlags => flow.tcp_flags = Some(low_u16(unsigned(value))),
            Target::Tos => flow.tos = Some(low_u8(unsigned(value))),
            Target::SourceAs => flow.source_as = Some(low_u32(unsigned(value))),
            Target::DestinationAs => flow.destination_as = Some(low_u32(unsigned(value))),
            Target::Bytes => flow.bytes = Some(unsigned(value)),
            Target::Packets => flow.packets = Some(unsigned(value)),
            Target::BytesBack => self.reverse.bytes = Some(unsigned(value)),
            Target::PacketsBack => self.reverse.packets = Some(unsigned(value)),
            Target::TcpFlagsBack => self.reverse.tcp_flags = Some(low_u16(unsigned(value))),
            Target::TosBack => self.reverse.tos = Some(low_u8(unsigned(value))),
            Target::FirstBack(moment) => self.reverse.first = self.exported.moment(moment, value),
            Target::LastBack(moment) => self.reverse.last = self.exported.moment(moment, value),
            Target::Input => flow.input = Some(low_u32(unsigned(value))),
            Target::Output => flow.output = Some(low_u32(unsigned(value))),
            Target::Direction => flow.direction = Some(Direction::from_number(low_u8(unsigned(value)))),
            Target::SystemInit => self.exported.started(unsigned(value)),
            Target::First(moment) => flow.first = self.exported.moment(moment, value),
            Target::Last(moment) => flow.last = self.exported.moment(moment, value),
            Target::Duration(moment) => fill_by_duration(flow, duration_micros(moment, unsigned(value))),
            Target::Sampler => flow.sampler = Some(unsigned(value)),
            Target::Sequence => self.keys.sequence = Some(unsigned(value)),
            Target::LineCard => self.keys.line_card = Some(low_u32(unsigned(value))),
            Target::Algorithm(registry) => {
                let number = unsigned(value);
                self.algorithm = Some((Algorithm::of(registry, number), number));
            }
            Target::PacketBytes => self.packet_bytes = Some(unsigned(value)),
            Target::SectionOctets => self.section.octets = usize::try_from(unsigned(value)).ok(),
            Target::SectionOffset => self.section.offset = unsigned(value),
            Target::FrameType => self.section.frame_type = unsigned(value),
            Target::Section(kind) => self.section.packet = Some((kind, value)),
            sampling => flow.sampling = sampled(flow.sampling, sampling, value),
        }
    }

    /// Drops a sampling whose algorithm is none.
    fn judge(&mut self, algorithm: Algorithm, number: u64) {
        let scales = self.flow.sampling.is_some_and(|factor| !factor.is_none());
        match algorithm {
            Algorithm::Samples => {}
            Algorithm::Filters => self.flow.sampling = Some(Factor::NONE),
            Algorithm::Unknown => {
                self.keys.disbelieved = scales.then_some(number);
                self.flow.sampling = None;
            }
        }
    }
}

#[inline]
fn v4(value: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(value).ok().map(|octets| IpAddr::V4(Ipv4Addr::from_octets(octets)))
}

/// A template may have room for both families; the one that is not all zero is meant.
#[inline]
fn either(v4: Option<IpAddr>, value: &[u8]) -> Option<IpAddr> {
    let v6 = <[u8; 16]>::try_from(value).ok().map(Ipv6Addr::from_octets);
    match (v4, v6) {
        (Some(v4), Some(v6)) if v6.is_unspecified() || !v4.is_unspecified() => Some(v4),
        (_, Some(v6)) => Some(IpAddr::V6(v6)),
        (v4, None) => v4,
    }
}

/// A source that is all zero in both families is of its destination's.
#[inline]
fn of_one_family(source: Option<IpAddr>, destination: Option<IpAddr>) -> Option<IpAddr> {
    match (source, destination) {
        (Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), Some(IpAddr::V6(_))) => {
            Some(IpAddr::V6(Ipv6Addr::UNSPECIFIED))
        }
        (source, _) => source,
    }
}

fn fill_by_duration(flow: &mut Flow, micros: i64) {
    let shifted = |moment: Timestamp, by: i64| Timestamp::from_micros(moment.micros().saturating_add(by));
    match (flow.first, flow.last) {
        (Some(first), None) => flow.last = Some(shifted(first, micros)),
        (None, Some(last)) => flow.first = Some(shifted(last, micros.saturating_neg())),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode::{
        Definition,
        definition::{Field, Space},
    };

    /// Elements of every kind of target, with the lengths that exporters give them and some that they should not.
    fn field() -> impl Strategy<Value = Field> {
        let elements = prop::sample::select(vec![
            1_u16, 2, 4, 5, 6, 7, 8, 10, 11, 12, 14, 16, 17, 21, 22, 23, 27, 28, 34, 35, 48, 49, 50, 61, 85,
            86, 128, 129, 141, 150, 151, 152, 153, 154, 155, 156, 157, 160, 161, 162, 231, 232, 298, 299,
            301, 302, 304, 305, 306, 309, 310, 312, 315, 323, 408,
        ]);
        let lengths = prop::sample::select(vec![0_u16, 1, 2, 4, 4, 8, 8, 16, 3, 20]);
        let spaces =
            prop::sample::select(vec![Space::Iana, Space::Iana, Space::Iana, Space::Enterprise(29_305)]);
        (elements, lengths, spaces).prop_map(|(element, length, space)| Field { space, element, length })
    }

    fn flows(plan: &Plan, set: &[u8], exported: Exported) -> Vec<(Flow, ScopeKeys)> {
        let mut flows = Vec::new();
        let records = read_flows(plan, set, exported, Wanted::Flows, |flow, keys, _| {
            flows.push((*flow, *keys));
            // whoever takes a flow may change it
            (flow.factor, flow.bytes, flow.first) = (Factor::one_in(7), None, None);
        });
        assert!(!records.cut);
        flows
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn a_record_is_read_as_if_it_were_the_only_one(
            fields in prop::collection::vec(field(), 1..24),
            octets in prop::collection::vec(prop_oneof![Just(0_u8), any::<u8>()], 0..1_200),
            uptime_ms in prop::option::of(any::<u32>()),
        ) {
            let plan = Plan::new(&Definition { id: 256, scopes: None, fields });
            let Shape::Fixed(length @ 1..) = plan.shape else { return Ok(()) };
            let set = &octets[..octets.len() / length * length];
            let exported = Exported { at: Timestamp::from_seconds(1_700_000_000), uptime_ms };
            let one_by_one = set.chunks_exact(length).flat_map(|record| flows(&plan, record, exported));
            prop_assert_eq!(flows(&plan, set, exported), one_by_one.collect::<Vec<_>>());
        }
    }
}
