//! What is kept of a device over runs and restarts: so a restart of the bot costs no rate.

use std::collections::HashMap;

use grafolean_collector::model::SensorId;
use serde::{Deserialize, Serialize};

use crate::snmp::{
    Oid,
    counter::{Reading, Uptime},
    plan::Limits,
    settings::{Fetch, Sensor},
};

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
}

/// What a sensor read last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct SensorMemory {
    /// The device's uptime then.
    pub(super) uptime: Option<Uptime>,
    /// ifCounterDiscontinuityTime of the interfaces it counts, by their index; what is 0 is left out.
    #[serde(default)]
    pub(super) discontinuities: HashMap<u32, u32>,
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
    /// Gives the rows of the longest table that a sensor reads, where one is known.
    pub fn rows(&self) -> Option<usize> {
        self.sensors.values().map(|sensor| sensor.rows).max().filter(|rows| *rows > 0)
    }

    /// Gives what a sensor read last; nothing if it reads something else than then.
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
