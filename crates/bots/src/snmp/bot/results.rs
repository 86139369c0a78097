//! Values of what came: pure arithmetic over a harvest.

use std::collections::HashMap;

use thiserror::Error;

use super::memory::SensorMemory;
use crate::snmp::{
    Oid, Value, What, counted,
    counter::{Continuity, MOST_EXCEEDED, NoRate, Reading, Uptime},
    interfaces::DISCONTINUITY,
    plan::{Harvest, Missing, Row},
    settings::{Fetch, Sensor},
};

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
}

/// A value that is not there.
#[derive(Debug)]
pub(super) struct Absent {
    /// `$1` is 1.
    pub(super) number: usize,
    pub(super) why: Why,
}

/// Why a value is not there.
#[derive(Debug, Error)]
pub(super) enum Why {
    #[error(transparent)]
    Missing(#[from] Missing),
    #[error("it is {0}, no number")]
    NoNumber(&'static str),
    #[error("it has no row {0:?}")]
    NoRow(Box<[u32]>),
    #[error(transparent)]
    NoRate(#[from] NoRate),
    #[error("the expression has no finite result")]
    NotFinite,
}

/// What is known of the device beside the harvest.
pub(super) struct Circumstances<'a> {
    pub(super) uptime: Option<Uptime>,
    /// Bits a second that interfaces can carry, by their index.
    pub(super) speeds: &'a HashMap<u32, u64>,
}

/// Makes a sensor's values, and remembers its counters for the next time.
pub(super) fn measure(
    sensor: &Sensor,
    harvest: &Harvest,
    memory: &mut SensorMemory,
    circumstances: &Circumstances<'_>,
) -> Outcome {
    let continuity = match (circumstances.uptime, memory.uptime) {
        (Some(now), Some(before)) => now.continuity(&before),
        _ => Continuity::Unknown,
    };
    let discontinuities = discontinuities(sensor, harvest);
    let bench = Bench { sensor, harvest, memory, speeds: circumstances.speeds, continuity, discontinuities };
    let mut outcome = Outcome::default();
    let first_walk = sensor.fetches.iter().find_map(|fetch| match fetch {
        Fetch::Walk(root) => Some(root),
        Fetch::Get(_) => None,
    });
    match first_walk {
        None => bench.result(&[], &mut outcome),
        Some(root) => {
            let column = harvest.column(root);
            for row in column.map_or(&[][..], |column| &column.rows) {
                bench.result(&row.index, &mut outcome);
            }
        }
    }
    bench.count_cut_walks(&mut outcome);
    let is_whole =
        first_walk.is_none_or(|root| harvest.column(root).is_some_and(|column| column.end.is_ok()));
    let rows = outcome.wanted;
    let came: Vec<_> = (0..sensor.fetches.len()).map(|place| bench.readings(place)).collect();
    let discontinuities = bench.discontinuities;
    remember(sensor, harvest, memory, came);
    memory.discontinuities.extend(discontinuities.iter().filter(|(_, ticks)| **ticks > 0));
    memory.discontinuities.retain(|interface, _| discontinuities.get(interface) != Some(&0));
    if is_whole {
        memory.rows = rows;
    }
    if circumstances.uptime.is_some() {
        memory.uptime = circumstances.uptime;
    }
    outcome
}

/// All that one sensor's results are made of.
struct Bench<'a> {
    sensor: &'a Sensor,
    harvest: &'a Harvest,
    memory: &'a SensorMemory,
    speeds: &'a HashMap<u32, u64>,
    continuity: Continuity,
    /// When interfaces began to count, by their index, of those that tell it.
    discontinuities: HashMap<u32, u32>,
}

impl Bench<'_> {
    /// Adds the result of one row, or what it lacks.
    fn result(&self, index: &[u32], outcome: &mut Outcome) {
        outcome.wanted += 1;
        let mut operands = vec![f64::NAN; self.sensor.fetches.len()];
        let mut is_complete = true;
        let mut is_measured = true;
        for (place, operand) in operands.iter_mut().enumerate() {
            let number = place + 1;
            if !self.sensor.expression.reads(number) {
                continue;
            }
            match self.operand(place, index) {
                Ok(value) => *operand = value,
                Err(why) => {
                    is_complete &= matches!(why, Why::NoRate(_));
                    is_measured = false;
                    outcome.absent.push(Absent { number, why });
                }
            }
        }
        let text =
            |number: usize| Some(self.value(number.checked_sub(1)?, index).ok()?.value.text().into_owned());
        let Some(filled) = self.sensor.output_path.fill(index, text) else {
            let unnamed = (1..=operands.len()).filter(|number| self.sensor.output_path.names(*number));
            let lost = unnamed.filter_map(|number| Some((number, self.value(number - 1, index).err()?)));
            outcome.absent.extend(lost.map(|(number, why)| Absent { number, why }));
            return;
        };
        outcome.complete += usize::from(is_complete);
        outcome.empty_names += filled.empty;
        if is_measured {
            match self.sensor.expression.evaluate(&operands) {
                Some(result) => outcome.values.push((filled.path, result)),
                None => outcome.absent.push(Absent { number: 0, why: Why::NotFinite }),
            }
        }
    }

    /// What a walk that was cut lacks is unknown; as many rows as there were last time, and at least one.
    fn count_cut_walks(&self, outcome: &mut Outcome) {
        let mut is_cut = false;
        for (place, fetch) in self.sensor.fetches.iter().enumerate() {
            let Fetch::Walk(root) = fetch else { continue };
            let end = self.harvest.column(root).map_or(Err(Missing::LeftOut), |column| column.end.clone());
            if let Err(missing) = end {
                is_cut = true;
                outcome.absent.push(Absent { number: place + 1, why: missing.into() });
            }
        }
        if is_cut {
            outcome.wanted =
                self.memory.rows.max(outcome.wanted + usize::from(outcome.complete == outcome.wanted));
        }
    }

    fn value(&self, place: usize, index: &[u32]) -> Result<Came<'_>, Why> {
        match self.sensor.fetches.get(place) {
            Some(Fetch::Get(oid)) => {
                let (value, at) = self.harvest.value(oid)?;
                Ok(Came { value, at: *at, is_walked: false })
            }
            Some(Fetch::Walk(root)) => {
                let row = self.harvest.column(root).and_then(|column| column.row(index));
                let Row { value, at, .. } = row.ok_or_else(|| Why::NoRow(index.into()))?;
                Ok(Came { value, at: *at, is_walked: true })
            }
            None => Err(Missing::LeftOut.into()),
        }
    }

    /// The number that an object stands for: a counter's is its rate.
    fn operand(&self, place: usize, index: &[u32]) -> Result<f64, Why> {
        let Came { value, at, is_walked } = self.value(place, index)?;
        match Reading::of(value, at) {
            Some(reading) => Ok(self.rate(place, if is_walked { index } else { &[] }, &reading)?),
            None => value.number().ok_or(Why::NoNumber(value.kind())),
        }
    }

    fn rate(&self, place: usize, index: &[u32], reading: &Reading) -> Result<f64, NoRate> {
        let oid = match self.sensor.fetches.get(place) {
            Some(Fetch::Get(oid) | Fetch::Walk(oid)) => oid.arcs(),
            None => &[],
        };
        let counted = counted(oid, index);
        let interface = counted.and_then(|counted| counted.interface);
        let before = self.before(place, index);
        if before.is_some()
            && let Some(interface) = interface
            && let Some(began) = self.discontinuities.get(&interface)
            && self.memory.discontinuities.get(&interface).copied().unwrap_or(0) != *began
        {
            return Err(NoRate::Discontinuity);
        }
        let is_octets = counted.is_some_and(|counted| counted.what == What::Octets);
        let speed = interface.filter(|_| is_octets).and_then(|interface| self.speeds.get(&interface));
        reading.rate(before, self.continuity, speed.map(|bits| *bits as f64 / 8.0))
    }

    fn before(&self, place: usize, index: &[u32]) -> Option<&Reading> {
        self.memory.counters.get(place)?.readings.get(index)
    }

    /// The counters that came at a place, as they are remembered.
    fn readings(&self, place: usize) -> Vec<(Box<[u32]>, Reading)> {
        let one = |index: &[u32], value: &Value, at| {
            let mut reading = Reading::of(value, at)?;
            let before = self.before(place, index).map_or(0, |before| before.exceeded);
            reading.exceeded = match self.rate(place, index, &reading) {
                Err(NoRate::Implausible { .. }) => before.saturating_add(1),
                _ if before >= MOST_EXCEEDED => before,
                _ => 0,
            };
            Some((index.into(), reading))
        };
        match self.sensor.fetches.get(place) {
            Some(Fetch::Get(oid)) => self
                .harvest
                .value(oid)
                .ok()
                .and_then(|(value, at)| one(&[], value, *at))
                .into_iter()
                .collect(),
            Some(Fetch::Walk(root)) => {
                let rows = self.harvest.column(root).map_or(&[][..], |column| &column.rows);
                rows.iter().filter_map(|row| one(&row.index, &row.value, row.at)).collect()
            }
            None => Vec::new(),
        }
    }
}

struct Came<'a> {
    value: &'a Value,
    at: grafolean_collector::time::Timestamp,
    is_walked: bool,
}

/// When the interfaces that a sensor counts began to, as far as they tell.
fn discontinuities(sensor: &Sensor, harvest: &Harvest) -> HashMap<u32, u32> {
    let ticks = |value: &Value| match value {
        Value::TimeTicks(ticks) => Some(*ticks),
        _ => None,
    };
    let mut found = HashMap::new();
    for fetch in &sensor.fetches {
        let (Fetch::Get(oid) | Fetch::Walk(oid)) = fetch;
        match counted(oid.arcs(), &[]).map(|counted| counted.interface) {
            Some(None) => {
                let column = Oid::new(DISCONTINUITY).ok().and_then(|root| harvest.column(&root));
                let rows = column.map_or(&[][..], |column| &column.rows);
                found.extend(rows.iter().filter_map(|row| Some((*row.index.first()?, ticks(&row.value)?))));
            }
            Some(Some(interface)) => {
                let oid = Oid::new([&DISCONTINUITY[..], &[interface]].concat());
                let value = oid.ok().and_then(|oid| ticks(&harvest.value(&oid).ok()?.0));
                found.extend(value.map(|ticks| (interface, ticks)));
            }
            None => {}
        }
    }
    found
}

/// Keeps the counters that came. Those of a table that came whole are all there are; of what did not come the last ones
/// are kept.
fn remember(
    sensor: &Sensor,
    harvest: &Harvest,
    memory: &mut SensorMemory,
    came: Vec<Vec<(Box<[u32]>, Reading)>>,
) {
    for ((fetch, counters), came) in sensor.fetches.iter().zip(&mut memory.counters).zip(came) {
        if let Fetch::Walk(root) = fetch
            && harvest.column(root).is_some_and(|column| column.end.is_ok())
        {
            counters.readings.clear();
        }
        counters.readings.extend(came);
    }
}

#[cfg(test)]
mod tests;
