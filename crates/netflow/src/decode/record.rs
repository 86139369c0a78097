//! Records of a data set, read by their template's plan.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use grafolean_time::Timestamp;

use super::{
    definition::VARIABLE,
    element::Target,
    moment::{Exported, duration_micros},
    plan::{OPS_MAX, Op, Plan, Shape, Stop},
    reader::{low_u8, low_u16, low_u32, unsigned},
};
use crate::record::{BiflowDirection, Direction, Factor, Flow, FlowDetails};

/// A record as it is being put together.
#[derive(Clone, Copy, Default)]
struct Draft {
    flow: Flow,
    bytes_back: Option<u64>,
    packets_back: Option<u64>,
    exported: Exported,
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
    mut each: impl FnMut(&mut Flow, Option<&mut FlowDetails<'a>>),
) -> Records {
    let mut records = Records::default();
    let mut finish = |draft: &Draft, record: &'a [u8]| match wanted {
        Wanted::Flows => finish(plan, draft, |flow, _| each(flow, None)),
        Wanted::WithDetails => {
            let mut details = plan.details.read(record);
            finish(plan, draft, |flow, biflow| match biflow {
                BiflowDirection::Forward => each(flow, Some(&mut details)),
                BiflowDirection::Reverse => each(flow, Some(&mut details.reversed())),
            });
        }
    };
    match &plan.shape {
        Shape::Fixed(0) => records.cut = !set.is_empty(),
        Shape::Fixed(length) => {
            for record in set.chunks_exact(*length) {
                let locate = |op: &Op| {
                    let (start, width) = (usize::from(op.offset), usize::from(op.width));
                    record.get(start..start + width)
                };
                finish(&draft(plan, exported, locate), record);
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
                finish(&draft(plan, exported, locate), rest);
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
fn draft<'a>(plan: &Plan, exported: Exported, locate: impl Fn(&Op) -> Option<&'a [u8]>) -> Draft {
    let mut draft = Draft { exported, ..Draft::default() };
    draft.flow.counter = plan.counter;
    for op in &plan.ops {
        match locate(op) {
            Some(value) if !value.is_empty() => draft.set(op.target, value),
            _ => {}
        }
    }
    draft
}

#[inline]
fn finish(plan: &Plan, draft: &Draft, mut each: impl FnMut(&mut Flow, BiflowDirection)) {
    let mut flow = draft.flow;
    if plan.by_uptime && draft.exported.uptime_ms.is_none() {
        draft.exported.anchor(&mut flow);
    }
    let moved = |count: Option<u64>| count.is_some_and(|count| count > 0);
    if plan.both_ways && (moved(draft.bytes_back) || moved(draft.packets_back)) {
        let mut reverse = flow.reversed(draft.bytes_back, draft.packets_back);
        each(&mut flow, BiflowDirection::Forward);
        each(&mut reverse, BiflowDirection::Reverse);
    } else {
        each(&mut flow, BiflowDirection::Forward);
    }
}

impl Draft {
    #[inline]
    fn set(&mut self, target: Target, value: &[u8]) {
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
            Target::BytesBack => self.bytes_back = Some(unsigned(value)),
            Target::PacketsBack => self.packets_back = Some(unsigned(value)),
            Target::Input => flow.input = Some(low_u32(unsigned(value))),
            Target::Output => flow.output = Some(low_u32(unsigned(value))),
            Target::Direction => flow.direction = Some(Direction::from_number(low_u8(unsigned(value)))),
            Target::SystemInit => self.exported.started(unsigned(value)),
            Target::First(moment) => flow.first = self.exported.moment(moment, value),
            Target::Last(moment) => flow.last = self.exported.moment(moment, value),
            Target::Duration(moment) => fill_by_duration(flow, duration_micros(moment, unsigned(value))),
            Target::Sampler => flow.sampler = Some(unsigned(value)),
            sampling => flow.sampling = sampled(flow.sampling, sampling, value),
        }
    }
}

/// Builds on what an earlier element said of the sampling. 305 and 306 are packets taken and passed over in turn, 309
/// and 310 packets taken of how many.
pub(super) fn sampled(so_far: Option<Factor>, target: Target, value: &[u8]) -> Option<Factor> {
    let number = low_u32(unsigned(value).min(u64::from(u32::MAX)));
    match target {
        Target::OneIn if number > 0 => Some(Factor::one_in(number)),
        // a later pair gives way to a plain interval
        _ if so_far.is_some_and(|factor| !factor.is_none()) => so_far,
        Target::PacketInterval | Target::SampleSize if number > 0 => Some(Factor::of(number, number)),
        Target::PacketSpace => {
            so_far.map(|factor| Factor::of(factor.sampled(), factor.population().saturating_add(number)))
        }
        Target::Population => Some(Factor::of(so_far.map_or(1, Factor::sampled), number)),
        Target::Probability => probability(value).map(Factor::from_probability),
        _ => so_far,
    }
}

fn probability(value: &[u8]) -> Option<f64> {
    match value.len() {
        4 => value.first_chunk().map(|octets| f64::from(f32::from_be_bytes(*octets))),
        _ => value.first_chunk().map(|octets| f64::from_be_bytes(*octets)),
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
