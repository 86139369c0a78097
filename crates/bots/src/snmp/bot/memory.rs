//! What is kept of a device over runs and restarts: so a restart of the bot costs no rate.

use std::collections::{HashMap, VecDeque};

use grafolean_collector::model::SensorId;
use serde::{Deserialize, Serialize};

use crate::snmp::{
    Oid,
    counter::{Reading, Uptime},
    plan::Limits,
    settings::{Fetch, Sensor},
};

/// Values that were withheld, of which a device's last ones are kept.
const MOST_WITHHELD: usize = 20;

/// What a sensor lacked in its last run, as far as it is kept.
const MOST_MISSING: usize = 5;

/// What is kept of a device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// What it can take in one packet.
    pub limits: Limits,
    /// Bits a second that its interfaces can carry, as of the last sync.
    #[serde(default)]
    pub(super) speeds: HashMap<u32, u64>,
    /// What each sensor read last.
    pub(super) sensors: HashMap<i64, SensorMemory>,
    /// Values that came but were not stored, the last ones.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    withheld: VecDeque<RejectedValue>,
}

/// A value that came but was not stored, since it is none that can be true.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedValue {
    /// When its run was due, in seconds since 1970.
    pub due: i64,
    /// Whose it was.
    pub sensor: i64,
    /// Which object of the sensor, of which row, and why.
    pub what: String,
}

/// What a sensor read last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct SensorMemory {
    /// The device's uptime then.
    pub(super) uptime: Option<Uptime>,
    /// ifCounterDiscontinuityTime of the interfaces it counts, by their index; what is 0 is left out.
    #[serde(default)]
    pub(super) discontinuities: HashMap<u32, u32>,
    /// How many looks in a row, up to the last, it moved as sysUpTime did.
    #[serde(default)]
    pub(super) followed: HashMap<u32, u8>,
    /// How many results it had, and how many of them it should have had.
    #[serde(default)]
    pub(super) completeness: (usize, usize),
    /// What it lacked then, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    missing: Vec<String>,
    /// How many rows it had, when that was last known.
    pub(super) rows: usize,
    /// For each of its objects that is a counter.
    pub(super) counters: Vec<Counters>,
}

/// The last readings of one object, by row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Counters {
    oid: Oid,
    #[serde(with = "pairs")]
    pub(super) readings: HashMap<Box<[u32]>, Reading>,
}

impl Memory {
    /// Returns the rows of the longest table that a sensor reads, where one is known.
    pub fn rows(&self) -> Option<usize> {
        self.sensors.values().map(|sensor| sensor.rows).max().filter(|rows| *rows > 0)
    }

    /// Returns what each sensor lacked in its last run, and why.
    pub fn missing(&self) -> impl Iterator<Item = (i64, &str)> {
        self.sensors.iter().flat_map(|(id, sensor)| sensor.missing.iter().map(|line| (*id, line.as_str())))
    }

    /// Returns how many results the device's sensors had in their last runs, and how many they should have had. So a sensor
    /// with another interval, which is not part of a run, is part of what the run says of the device.
    pub(super) fn completeness(&self, sensors: impl Iterator<Item = SensorId>) -> (usize, usize) {
        let known = sensors.filter_map(|id| self.sensors.get(&id.number()));
        known.fold((0, 0), |(complete, wanted), sensor| {
            (complete + sensor.completeness.0, wanted + sensor.completeness.1)
        })
    }

    /// Returns the last values that came but were not stored, the oldest first.
    pub fn withheld(&self) -> impl Iterator<Item = &RejectedValue> {
        self.withheld.iter()
    }

    pub(super) fn note_withheld(&mut self, withheld: RejectedValue) {
        if self.withheld.len() >= MOST_WITHHELD {
            self.withheld.pop_front();
        }
        self.withheld.push_back(withheld);
    }

    /// Returns what a sensor read last; nothing if it reads something else than then.
    pub(super) fn of(&mut self, id: SensorId, sensor: &Sensor) -> &mut SensorMemory {
        let memory = self.sensors.entry(id.number()).or_default();
        let oids = || {
            sensor.fetches.iter().map(|fetch| match fetch {
                Fetch::Get(oid) | Fetch::Walk(oid) => oid,
            })
        };
        if !memory.counters.iter().map(|counters| &counters.oid).eq(oids()) {
            let counters = oids().map(|oid| Counters { oid: oid.clone(), readings: HashMap::new() });
            *memory = SensorMemory { counters: counters.collect(), ..SensorMemory::default() };
        }
        memory
    }

    /// Forgets sensors that the device has no more.
    pub(super) fn keep_only(&mut self, is_kept: impl Fn(SensorId) -> bool) {
        self.sensors.retain(|id, _| is_kept(SensorId::new(*id)));
    }
}

impl SensorMemory {
    /// Notes how complete the sensor's run was, and what it lacked.
    pub(super) fn note_run(&mut self, completeness: (usize, usize), missing: impl Iterator<Item = String>) {
        self.completeness = completeness;
        self.missing = missing.take(MOST_MISSING).collect();
    }
}

/// JSON has no maps whose keys are rows of numbers.
mod pairs {
    use std::collections::HashMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::Reading;

    pub(super) fn serialize<S: Serializer>(
        readings: &HashMap<Box<[u32]>, Reading>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(readings)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<HashMap<Box<[u32]>, Reading>, D::Error> {
        Ok(Vec::<(Box<[u32]>, Reading)>::deserialize(deserializer)?.into_iter().collect())
    }
}
