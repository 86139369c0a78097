//! Values of what came: pure arithmetic over the result of a poll.

use std::{collections::HashMap, fmt};

use thiserror::Error;

use super::{discontinuity::Discontinuities, memory::SensorMemory};
use crate::snmp::{
    Column, CounterKind, Moment, Oid, Value, counted,
    counter::{Bounds, Continuity, NoRate, Reading, Uptime},
    oid::write_arcs,
    plan::{Dialect, Missing, PollResult, Row},
    settings::{Fetch, Sensor},
};

/// Octets a second that no port there is can carry: 10 Tbit/s, several times the fastest Ethernet.
const FASTEST_PORT: f64 = 1.25e12;

/// Octets of the shortest packet.
const SHORTEST_PACKET: f64 = 64.0;

/// What a sensor came to.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Path below the device's, and number.
    pub(super) values: Vec<(String, f64)>,
    /// Results that were asked for, as far as is known.
    pub(super) wanted: usize,
    /// Those whose objects all came.
    pub(super) complete: usize,
    /// What did not.
    pub(super) absent: Vec<Absent>,
    /// Values that came to nothing in a path.
    pub(super) empty_names: usize,
    /// Interfaces whose ifCounterDiscontinuityTime was found to say nothing.
    pub(super) followers: Vec<u32>,
}

/// A value that is not there.
#[derive(Debug)]
pub(super) struct Absent {
    /// `$1` is 1.
    pub(super) number: usize,
    /// Of which row; empty where there is none.
    pub(super) index: Box<[u32]>,
    pub(super) why: MissingReason,
    /// The path below the device's that has no value by it, where that is known.
    pub(super) path: Option<String>,
}

impl Absent {
    /// Whether nothing is wrong: a counter that just begins has no rate yet.
    pub(super) fn is_expected(&self) -> bool {
        matches!(&self.why, MissingReason::NoRate(why) if !why.is_withheld())
    }

    /// Whether it is a trouble. A table without rows is none: sensors are set up for devices of many kinds.
    pub(super) fn is_trouble(&self) -> bool {
        !self.is_expected() && !matches!(self.why, MissingReason::NoRows)
    }

    /// Whether it came, but as none that can be true.
    pub(super) fn is_withheld(&self) -> bool {
        matches!(&self.why, MissingReason::NoRate(_) | MissingReason::Unreadable(_)) && !self.is_expected()
    }

    /// What it is, whatever numbers are in it: two of the same are the same trouble.
    pub(super) fn identity(&self) -> String {
        format!("{} {:?} {}", self.number, self.index, self.why.label())
    }
}

impl fmt::Display for Absent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            0 => {}
            number => write!(out, "${number}")?,
        }
        if !self.index.is_empty() {
            out.write_str(" of row ")?;
            write_arcs(&self.index, out)?;
        }
        write!(out, ": {}", self.why)
    }
}

/// Why a value is not there.
#[derive(Debug, Error)]
pub(super) enum MissingReason {
    #[error(transparent)]
    Missing(#[from] Missing),
    #[error("it is {0}, no number")]
    NoNumber(&'static str),
    #[error("its octets are no {0} that can be read")]
    Unreadable(&'static str),
    #[error("it has no such row")]
    NoRow(Box<[u32]>),
    #[error("SNMPv1 cannot carry 64-bit counters (RFC 3584, section 4.2.2.1): SNMPv2c can")]
    Counter64,
    #[error("the device has no row below it")]
    NoRows,
    #[error(transparent)]
    NoRate(#[from] NoRate),
    #[error("the expression has no finite result{}", operands_in_words(.0))]
    NotFinite(Box<[f64]>),
}

impl MissingReason {
    /// Returns a short word from a small fixed set, under which it is counted.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Missing(missing) => missing.label(),
            Self::NoNumber(_) => "wrong_type",
            Self::Unreadable(_) => "unreadable",
            Self::NoRow(_) => "no_row",
            Self::Counter64 => "counter64_over_v1",
            Self::NoRows => "no_rows",
            Self::NoRate(why) => why.label(),
            Self::NotFinite(_) => "not_finite",
        }
    }
}

/// Writes the values that an expression was given.
fn operands_in_words(operands: &[f64]) -> String {
    let known = operands.iter().enumerate().filter(|(_, value)| !value.is_nan());
    let known: Vec<_> = known.map(|(place, value)| format!("${} = {value}", place + 1)).collect();
    if known.is_empty() { String::new() } else { format!(" of {}", known.join(", ")) }
}

/// What is known of the device beside the result of the poll.
pub(super) struct RunContext<'a> {
    pub(super) uptime: Option<Uptime>,
    /// Bits a second that interfaces can carry, by their index.
    pub(super) speeds: &'a HashMap<u32, u64>,
    /// How it is walked: v1 has no 64-bit counters.
    pub(super) dialect: Dialect,
}

/// Returns a sensor's values, and remembers its counters for the next time.
pub(super) fn measure(
    sensor: &Sensor,
    result: &PollResult,
    memory: &mut SensorMemory,
    circumstances: &RunContext<'_>,
) -> Outcome {
    let uptime = circumstances.uptime;
    let continuity = match (uptime, memory.uptime) {
        (Some(now), Some(before)) => now.continuity(&before),
        (None, None) => Continuity::Untold,
        _ => Continuity::Unsure,
    };
    let discontinuities = Discontinuities::of(sensor, result, memory, uptime);
    let speeds = circumstances.speeds;
    let dialect = circumstances.dialect;
    let evaluation =
        Evaluation { sensor, result, memory, speeds, uptime, dialect, continuity, discontinuities };
    let mut outcome = Outcome::default();
    let first_walk = sensor.fetches.iter().find_map(|fetch| match fetch {
        Fetch::Walk(root) => Some(root),
        Fetch::Get(_) => None,
    });
    match first_walk {
        None => evaluation.result(&[], &mut outcome),
        Some(root) => {
            let column = result.column(root);
            for row in column.map_or(&[][..], |column| &column.rows) {
                evaluation.result(&row.index, &mut outcome);
            }
            evaluation.count_empty_walk(root, &mut outcome);
        }
    }
    evaluation.count_cut_walks(&mut outcome);
    let is_whole = first_walk.is_none_or(|root| result.column(root).is_some_and(|column| column.end.is_ok()));
    let rows = outcome.wanted;
    let came: Vec<_> = (0..sensor.fetches.len()).map(|place| evaluation.readings(place)).collect();
    let discontinuities = evaluation.discontinuities;
    remember(sensor, result, memory, continuity, came);
    outcome.followers = discontinuities.remember(memory);
    if is_whole {
        memory.rows = rows;
    }
    // Without it nobody knows next time whether what is remembered was counted on.
    memory.uptime = uptime;
    outcome
}

/// All that one sensor's results are made of.
struct Evaluation<'a> {
    sensor: &'a Sensor,
    result: &'a PollResult,
    memory: &'a SensorMemory,
    speeds: &'a HashMap<u32, u64>,
    uptime: Option<Uptime>,
    dialect: Dialect,
    continuity: Continuity,
    discontinuities: Discontinuities,
}

impl Evaluation<'_> {
    /// Adds the result of one row, or what it lacks.
    fn result(&self, index: &[u32], outcome: &mut Outcome) {
        if self.sensor.skips_partial_rows && self.lacks_row(index) {
            return;
        }
        outcome.wanted += 1;
        let mut operands = vec![f64::NAN; self.sensor.fetches.len()];
        let (mut is_complete, mut is_measured) = (true, true);
        let met_before = outcome.absent.len();
        for (place, operand) in operands.iter_mut().enumerate() {
            let number = place + 1;
            if !self.sensor.expression.reads(number) {
                continue;
            }
            match self.operand(place, index) {
                Ok(value) => *operand = value,
                Err(why) => {
                    is_complete &= matches!(&why, MissingReason::NoRate(why) if !why.is_withheld());
                    is_measured = false;
                    outcome.absent.push(Absent { number, index: index.into(), why, path: None });
                }
            }
        }
        let text = |number: usize| {
            let place = number.checked_sub(1)?;
            let (Fetch::Get(oid) | Fetch::Walk(oid)) = self.sensor.fetches.get(place)?;
            Some(self.value(place, index).ok()?.value.text_of(oid).into_owned())
        };
        let Some(filled) = self.sensor.output_path.fill(index, text) else {
            let unnamed = (1..=operands.len()).filter(|number| self.sensor.output_path.names(*number));
            let lost = unnamed.filter_map(|number| Some((number, self.value(number - 1, index).err()?)));
            let lost = lost.map(|(number, why)| Absent { number, index: index.into(), why, path: None });
            outcome.absent.extend(lost);
            return;
        };
        outcome.complete += usize::from(is_complete);
        outcome.empty_names += filled.empty;
        for absent in outcome.absent.iter_mut().skip(met_before) {
            absent.path = Some(filled.path.clone());
        }
        if is_measured {
            match self.sensor.expression.evaluate(&operands) {
                Some(result) => outcome.values.push((filled.path, result)),
                None if self.sensor.expression.is_guarded() => {}
                None => outcome.absent.push(Absent {
                    number: 0,
                    index: index.into(),
                    why: MissingReason::NotFinite(operands.into()),
                    path: Some(filled.path),
                }),
            }
        }
    }

    /// Whether a column that came whole has no such row.
    fn lacks_row(&self, index: &[u32]) -> bool {
        let is_needed =
            |number: usize| self.sensor.expression.reads(number) || self.sensor.output_path.names(number);
        let mut fetches = (1..).zip(&self.sensor.fetches).filter(|(number, _)| is_needed(*number));
        fetches.any(|(_, fetch)| match fetch {
            Fetch::Walk(root) => self.result.column(root).is_some_and(|column| {
                column.end.is_ok() && column.row(index).is_none() && column.hole(index).is_none()
            }),
            Fetch::Get(_) => false,
        })
    }

    /// A table without rows may be what there is, and is said; over v1 one of 64-bit counters only cannot be told.
    fn count_empty_walk(&self, root: &Oid, outcome: &mut Outcome) {
        let is_empty = self.result.column(root).is_some_and(|it| it.rows.is_empty() && it.end.is_ok());
        if is_empty {
            let is_untold = self.dialect == Dialect::Next && has_64_bits(root.arcs());
            outcome.wanted += usize::from(is_untold);
            let why = if is_untold { MissingReason::Counter64 } else { MissingReason::NoRows };
            let place = self.sensor.fetches.iter().position(|fetch| *fetch == Fetch::Walk(root.clone()));
            let number = place.map_or(0, |place| place + 1);
            outcome.absent.push(Absent { number, index: [].into(), why, path: None });
        }
    }

    /// What a walk that was cut lacks is unknown; as many rows as there were last time, and at least one.
    fn count_cut_walks(&self, outcome: &mut Outcome) {
        let mut is_cut = false;
        for (place, fetch) in self.sensor.fetches.iter().enumerate() {
            let Fetch::Walk(root) = fetch else { continue };
            let end = self.result.column(root).map_or(Err(Missing::LeftOut), |column| column.end.clone());
            if let Err(missing) = end {
                is_cut = true;
                let (number, why) = (place + 1, missing.into());
                outcome.absent.push(Absent { number, index: [].into(), why, path: None });
            }
        }
        if is_cut {
            outcome.wanted =
                self.memory.rows.max(outcome.wanted + usize::from(outcome.complete == outcome.wanted));
        }
    }

    fn value(&self, place: usize, index: &[u32]) -> Result<Received<'_>, MissingReason> {
        self.came(place, index).map_err(|why| {
            let is_untold = self.dialect == Dialect::Next
                && has_64_bits(self.oid(place))
                && matches!(&why, MissingReason::NoRow(_) | MissingReason::Missing(Missing::Exception(_)));
            if is_untold { MissingReason::Counter64 } else { why }
        })
    }

    fn came(&self, place: usize, index: &[u32]) -> Result<Received<'_>, MissingReason> {
        match self.sensor.fetches.get(place) {
            Some(Fetch::Get(oid)) => {
                let (value, at) = self.result.value(oid)?;
                Ok(Received { value, at: *at, is_walked: false })
            }
            Some(Fetch::Walk(root)) => {
                let column = self.result.column(root);
                let row = column.and_then(|column| column.row(index));
                let Row { value, at, .. } = row.ok_or_else(|| {
                    let hole = column.and_then(|column| column.hole(index));
                    hole.map_or_else(|| MissingReason::NoRow(index.into()), |why| why.clone().into())
                })?;
                Ok(Received { value, at: *at, is_walked: true })
            }
            None => Err(Missing::LeftOut.into()),
        }
    }

    /// The number that an object stands for: a counter's is its rate.
    fn operand(&self, place: usize, index: &[u32]) -> Result<f64, MissingReason> {
        let Received { value, at, is_walked } = self.value(place, index)?;
        match self.reading(place, value, at) {
            Some(reading) => {
                let row = if is_walked { index } else { &[] };
                Ok(self.rate(place, row, &self.dated(place, row, reading))?)
            }
            None => value.number().ok_or(match value {
                Value::Unreadable(kind) => MissingReason::Unreadable(kind),
                value => MissingReason::NoNumber(value.kind()),
            }),
        }
    }

    /// The reading of a counter; none of what is to be taken as it stands.
    fn reading(&self, place: usize, value: &Value, at: Moment) -> Option<Reading> {
        if self.sensor.gauges.contains(&place) { None } else { Reading::of(value, at) }
    }

    /// A reading with the device's own time and the names of its row.
    fn dated(&self, place: usize, index: &[u32], reading: Reading) -> Reading {
        let ticks = self.uptime.map(|uptime| uptime.ticks_at(reading.at));
        Reading { ticks, name: self.name(place, index), ..reading }
    }

    /// A checksum of all that names a row: its interface's ifDescr and ifName, and texts that are part of the path. Another
    /// one says that the index belongs to another thing now (RFC 2863, section 3.1.5).
    fn name(&self, place: usize, index: &[u32]) -> u32 {
        let mut sum = crc32fast::Hasher::new();
        let mut is_named = false;
        let mut add = |value: &Value| {
            if let Value::Octets(octets) = value {
                sum.update(&u64::try_from(octets.len()).unwrap_or(0).to_be_bytes());
                sum.update(octets);
                is_named = true;
            }
        };
        if let Some(interface) = self.interface(place, index) {
            // Only what comes in each run of the sensor can be held against what it was.
            let is_read = |column: &Column| {
                *column == Column::Description
                    || self.sensor.fetches.iter().any(|it| it.oid().arcs() == column.arcs())
            };
            for column in [Column::Description, Column::Name].into_iter().filter(is_read) {
                self.interface_cell(column, interface).into_iter().for_each(&mut add);
            }
        }
        for other in 0..self.sensor.fetches.len() {
            if self.sensor.output_path.names(other + 1)
                && let Ok(came) = self.value(other, index)
            {
                add(came.value);
            }
        }
        if is_named { sum.finalize().max(1) } else { 0 }
    }

    fn interface_cell(&self, column: Column, interface: u32) -> Option<&Value> {
        let root = Oid::new(column.arcs()).ok()?;
        if let Some(row) = self.result.column(&root).and_then(|column| column.row(&[interface])) {
            return Some(&row.value);
        }
        let cell = Oid::new([column.arcs(), &[interface]].concat()).ok()?;
        self.result.value(&cell).ok().map(|(value, _)| value)
    }

    fn oid(&self, place: usize) -> &[u32] {
        match self.sensor.fetches.get(place) {
            Some(Fetch::Get(oid) | Fetch::Walk(oid)) => oid.arcs(),
            None => &[],
        }
    }

    fn interface(&self, place: usize, index: &[u32]) -> Option<u32> {
        counted(self.oid(place), index)?.interface
    }

    fn bounds(&self, place: usize, index: &[u32]) -> Bounds {
        let Some(counted) = counted(self.oid(place), index) else { return Bounds::default() };
        match counted.what {
            CounterKind::Octets => {
                let bits = counted.interface.and_then(|interface| self.speeds.get(&interface));
                let declared = bits.map(|bits| *bits as f64 / 8.0);
                Bounds { declared, possible: Some(FASTEST_PORT) }
            }
            CounterKind::Packets => Bounds { declared: None, possible: Some(FASTEST_PORT / SHORTEST_PACKET) },
        }
    }

    fn rate(&self, place: usize, index: &[u32], reading: &Reading) -> Result<f64, NoRate> {
        let before = self.before(place, index);
        let rate = reading.rate(before, self.continuity, self.bounds(place, index));
        let began =
            self.interface(place, index).is_some_and(|interface| self.discontinuities.began(interface));
        match rate {
            // What gives no rate anyway has its own reason.
            Err(why) if !why.is_withheld() => Err(why),
            _ if began => Err(NoRate::Discontinuity),
            rate => rate,
        }
    }

    fn before(&self, place: usize, index: &[u32]) -> Option<&Reading> {
        self.memory.counters.get(place)?.readings.get(index)
    }

    /// The counters that came at a place, as they are remembered.
    fn readings(&self, place: usize) -> Vec<(Box<[u32]>, Reading)> {
        let one = |index: &[u32], value: &Value, at| {
            let mut reading = self.dated(place, index, self.reading(place, value, at)?);
            let declared = self.bounds(place, index).declared;
            reading.exceeded = reading.exceeded(self.before(place, index), self.continuity, declared);
            Some((index.into(), reading))
        };
        match self.sensor.fetches.get(place) {
            Some(Fetch::Get(oid)) => {
                self.result.value(oid).ok().and_then(|(value, at)| one(&[], value, *at)).into_iter().collect()
            }
            Some(Fetch::Walk(root)) => {
                let rows = self.result.column(root).map_or(&[][..], |column| &column.rows);
                rows.iter().filter_map(|row| one(&row.index, &row.value, row.at)).collect()
            }
            None => Vec::new(),
        }
    }
}

struct Received<'a> {
    value: &'a Value,
    at: Moment,
    is_walked: bool,
}

/// Whether an object, or a column, is a counter of 64 bits of ifXTable or of the IP statistics (RFC 2863, RFC 4293).
fn has_64_bits(oid: &[u32]) -> bool {
    let Some(object) = oid.strip_prefix(&[1, 3, 6, 1, 2, 1]) else { return false };
    match object {
        [31, 1, 1, 1, 6..=13, ..] => true,
        [4, 31, 1 | 3, 1, column, ..] => {
            matches!(column, 4 | 6 | 13 | 19 | 21 | 24 | 31 | 33 | 35 | 37 | 39 | 41 | 43 | 45)
        }
        _ => false,
    }
}

/// Keeps the counters that came. Those of a table that came whole are all there are; of what did not come the last ones
/// are kept, while the device counts on.
fn remember(
    sensor: &Sensor,
    result: &PollResult,
    memory: &mut SensorMemory,
    continuity: Continuity,
    came: Vec<Vec<(Box<[u32]>, Reading)>>,
) {
    for ((fetch, counters), came) in sensor.fetches.iter().zip(&mut memory.counters).zip(came) {
        let is_whole = match fetch {
            Fetch::Walk(root) => result.column(root).is_some_and(|column| column.end.is_ok()),
            Fetch::Get(_) => false,
        };
        if is_whole || matches!(continuity, Continuity::Restarted | Continuity::Unsure) {
            counters.readings.clear();
        }
        counters.readings.extend(came);
    }
}

#[cfg(test)]
mod tests;
