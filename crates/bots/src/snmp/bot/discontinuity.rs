//! ifCounterDiscontinuityTime: when an interface's counters last began anew (RFC 2863).

use std::collections::HashMap;

use super::memory::SensorMemory;
use crate::snmp::{
    Oid, Value, counted,
    counter::Uptime,
    interfaces::DISCONTINUITY,
    plan::PollResult,
    settings::{Fetch, Sensor},
};

/// After so many looks in a row at which it moved as sysUpTime did it says nothing: an agent tells its uptime there.
const MOST_FOLLOWED: u8 = 3;

/// How far apart, in hundredths of a second, two spans may be that are the same: the two are not read at once.
const SAME: u32 = 200;

/// What the interfaces that a sensor counts say, and what they said before.
#[derive(Debug, Default)]
pub(super) struct Discontinuities {
    /// By interface, of those that tell it: when it began, and how often in a row that moved as sysUpTime did.
    told: HashMap<u32, (u32, u8)>,
    /// Those that began anew since the last look.
    anew: Vec<u32>,
    newly_ignored: Vec<u32>,
}

impl Discontinuities {
    /// Reads what came, beside what is remembered.
    pub(super) fn of(
        sensor: &Sensor,
        result: &PollResult,
        memory: &SensorMemory,
        uptime: Option<Uptime>,
    ) -> Self {
        let passed = match (uptime, memory.uptime) {
            (Some(now), Some(before)) => Some(now.ticks.wrapping_sub(before.ticks)),
            _ => None,
        };
        let mut all = Self::default();
        for (interface, now) in read(sensor, result) {
            let before = memory.discontinuities.get(&interface).copied().unwrap_or(0);
            let followed = memory.followed.get(&interface).copied().unwrap_or(0);
            let follows = now > before
                && before > 0
                && passed.is_some_and(|passed| passed.abs_diff(now - before) <= SAME && passed > SAME);
            let looks = match (follows, now == before) {
                (true, _) => followed.saturating_add(1).min(MOST_FOLLOWED),
                // Between two looks in quick succession even a clock may stand.
                (false, true) if passed.is_none_or(|passed| passed <= SAME) => followed,
                (false, _) => 0,
            };
            if looks == MOST_FOLLOWED && followed < MOST_FOLLOWED {
                all.newly_ignored.push(interface);
            }
            if now != before && looks < MOST_FOLLOWED {
                all.anew.push(interface);
            }
            all.told.insert(interface, (now, looks));
        }
        all
    }

    /// Whether an interface's counters began anew since the last look.
    pub(super) fn began(&self, interface: u32) -> bool {
        self.anew.contains(&interface)
    }

    /// Keeps what came for the next look; what is 0 is left out. Returns the interfaces that say nothing, as was found just
    /// now.
    pub(super) fn remember(self, memory: &mut SensorMemory) -> Vec<u32> {
        for (interface, (began, followed)) in self.told {
            match began {
                0 => _ = memory.discontinuities.remove(&interface),
                began => _ = memory.discontinuities.insert(interface, began),
            }
            match followed {
                0 => _ = memory.followed.remove(&interface),
                followed => _ = memory.followed.insert(interface, followed),
            }
        }
        self.newly_ignored
    }
}

/// When the interfaces that a sensor counts began to, as far as they tell.
fn read(sensor: &Sensor, result: &PollResult) -> HashMap<u32, u32> {
    let ticks = |value: &Value| match value {
        Value::TimeTicks(ticks) => Some(*ticks),
        _ => None,
    };
    let mut found = HashMap::new();
    for fetch in &sensor.fetches {
        let (Fetch::Get(oid) | Fetch::Walk(oid)) = fetch;
        match counted(oid.arcs(), &[]).map(|counted| counted.interface) {
            Some(None) => {
                let column = Oid::new(DISCONTINUITY).ok().and_then(|root| result.column(&root));
                let rows = column.map_or(&[][..], |column| &column.rows);
                found.extend(rows.iter().filter_map(|row| Some((*row.index.first()?, ticks(&row.value)?))));
            }
            Some(Some(interface)) => {
                let oid = Oid::new([&DISCONTINUITY[..], &[interface]].concat());
                let value = oid.ok().and_then(|oid| ticks(&result.value(&oid).ok()?.0));
                found.extend(value.map(|ticks| (interface, ticks)));
            }
            None => {}
        }
    }
    found
}
