//! A template compiled: which octets of a record become what.

use super::definition::{Definition, Field, VARIABLE};
use super::details::DetailPlan;
use super::element::{Moment, ROWS, Running, Target, back_rows, counter, running, usable};
use crate::record::Counter;

/// Fields that a plan reads at most; the table of elements asks for fewer.
pub(super) const OPS_MAX: usize = 40;

/// One step of a plan: these octets become that.
#[derive(Clone, Copy, Debug)]
pub(super) struct Op {
    pub(super) target: Target,
    /// Octets before the field; in records of variable length the slot that the walk leaves the field in.
    pub(super) offset: u16,
    pub(super) width: u16,
}

/// One step of a plan whose field is a number: of the eight octets from its beginning those behind it are shifted out.
#[derive(Clone, Copy, Debug)]
pub(super) struct NumberOp {
    pub(super) target: Target,
    pub(super) offset: u16,
    pub(super) shift: u32,
}

impl NumberOp {
    fn of(op: &Op) -> Option<Self> {
        let fits = match op.target {
            Target::SourceV6 | Target::DestinationV6 => false,
            Target::SourceV4 | Target::DestinationV4 => op.width == 4,
            Target::First(Moment::Ntp) | Target::Last(Moment::Ntp) => op.width == 8,
            _ => (1..=8).contains(&op.width),
        };
        fits.then(|| Self { target: op.target, offset: op.offset, shift: 64 - 8 * u32::from(op.width) })
    }
}

/// How the records of one template are read.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(super) ops: Box<[Op]>,
    /// Of a plan that [overwrites](Self::overwrites): the same steps, those that read numbers, and the others, which come after
    /// them.
    pub(super) numbers: Box<[NumberOp]>,
    pub(super) others: Box<[Op]>,
    pub(super) counter: Counter,
    pub(super) shape: Shape,
    /// Whether a record may hold the way back as well.
    pub(super) both_ways: bool,
    /// Whether counts are since the flow began, so that each record holds those of the one before.
    pub(crate) running: Running,
    /// Whether each record writes all that another one wrote, whatever stands in it.
    pub(super) overwrites: bool,
    /// Whether times count from the exporter's start.
    pub(super) by_uptime: bool,
    /// What is read beside the flow for whoever wants it.
    pub(super) details: DetailPlan,
}

/// Whether all records of a template have one length.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    /// Each record has this many octets.
    Fixed(usize),
    /// Lengths vary, and each record is walked.
    Variable { walk: Box<[Stop]>, shortest: usize },
}

/// One field on the walk through a record of variable length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stop {
    pub(super) length: u16,
    pub(super) slot: Option<u8>,
}

impl Plan {
    /// Compiles a template of flows.
    pub(crate) fn new(definition: &Definition) -> Self {
        let fields = &definition.fields;
        let counter = counter(fields);
        let mut wanted: Vec<(Target, usize)> = ROWS
            .iter()
            .chain(back_rows(counter))
            .filter_map(|row| {
                row.choices.iter().find_map(|(element, target)| {
                    let fits = |field: &Field| element.matches(field) && usable(*target, field);
                    let at = if target.of_a_header() {
                        fields.iter().rposition(fits)
                    } else {
                        fields.iter().position(fits)
                    };
                    at.map(|at| (*target, at))
                })
            })
            .take(OPS_MAX)
            .collect();
        wanted.sort_by_key(|(target, _)| *target);
        let variable = fields.iter().any(|field| field.length == VARIABLE);
        let ops: Box<[Op]> = wanted
            .iter()
            .enumerate()
            .filter_map(|(slot, &(target, at))| {
                let offset =
                    if variable { slot_of(&wanted, at).unwrap_or(slot) } else { octets(fields.get(..at)?) };
                Some(Op { target, offset: u16::try_from(offset).ok()?, width: fields.get(at)?.length })
            })
            .collect();
        let running = running(fields);
        let is_plain = |(target, _): &(Target, usize)| target.is_plain();
        let is_told = |op: &&Op| op.width > 0;
        Self {
            numbers: ops.iter().filter(is_told).filter_map(NumberOp::of).collect(),
            others: ops.iter().filter(is_told).filter(|op| NumberOp::of(op).is_none()).copied().collect(),
            ops,
            overwrites: !variable && !running.any() && wanted.iter().all(is_plain),
            counter,
            shape: if variable { walk(fields, &wanted) } else { Shape::Fixed(octets(fields)) },
            both_ways: wanted.iter().any(|(target, _)| target.of_the_reverse()),
            running,
            by_uptime: wanted.iter().any(|(target, _)| target.by_uptime()),
            details: DetailPlan::new(fields),
        }
    }
}

fn octets(fields: &[Field]) -> usize {
    fields.iter().map(|field| usize::from(field.length)).sum()
}

/// The first op that wants a field owns the slot; start and end may share the time of one event.
fn slot_of(wanted: &[(Target, usize)], at: usize) -> Option<usize> {
    wanted.iter().position(|(_, field)| *field == at)
}

fn walk(fields: &[Field], wanted: &[(Target, usize)]) -> Shape {
    let stop = |(at, field): (usize, &Field)| Stop {
        length: field.length,
        slot: slot_of(wanted, at).and_then(|slot| u8::try_from(slot).ok()),
    };
    let shortest =
        fields.iter().map(|field| if field.length == VARIABLE { 1 } else { usize::from(field.length) }).sum();
    Shape::Variable { walk: fields.iter().enumerate().map(stop).collect(), shortest }
}
