//! One reading of a device's interface counters, and what passed between two of them.

use std::{collections::BTreeMap, net::IpAddr};

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// A counter of 32 bits, as it wraps.
const NARROW: u64 = 1 << 32;

/// What a device told of its interfaces at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InterfaceReading {
    /// When, by this machine's clock.
    pub at: Timestamp,
    /// The address at which it was asked; `None` where that is a name.
    pub address: Option<IpAddr>,
    /// sysUpTime, in hundredths of a second.
    pub uptime: Option<u32>,
    /// Its interfaces, by SNMP index.
    pub interfaces: BTreeMap<u32, InterfaceState>,
}

/// What a device told of one interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceState {
    /// ifName, else ifDescr.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// ifAlias: what its operator calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// ifType (IANAifType-MIB).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<u32>,
    /// Octets that came in and went out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub octets: Option<Octets>,
    /// ifCounterDiscontinuityTime: when its counters last began anew.
    #[serde(default)]
    pub discontinuity: u32,
}

/// Octet counters of an interface, frames whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Octets {
    /// ifHCInOctets, else ifInOctets.
    pub ingress: u64,
    /// ifHCOutOctets, else ifOutOctets.
    pub egress: u64,
    /// Whether they have 64 bits; those of 32 bits wrap within a minute at 573 Mbit/s.
    pub is_wide: bool,
}

impl Octets {
    /// Returns what was counted since an earlier reading, in and out; `None` where a counter went back. One of 32 bits is
    /// taken to have wrapped once.
    pub fn since(self, earlier: Self) -> Option<[u64; 2]> {
        let difference = |now: u64, before: u64| match (now.checked_sub(before), self.is_wide) {
            (Some(difference), _) => Some(difference),
            (None, true) => None,
            (None, false) => (now + NARROW).checked_sub(before),
        };
        let is_same_kind = self.is_wide == earlier.is_wide;
        let (ingress, egress) =
            (difference(self.ingress, earlier.ingress)?, difference(self.egress, earlier.egress)?);
        is_same_kind.then_some([ingress, egress])
    }
}

impl InterfaceReading {
    /// Whether the device started anew since an earlier reading: its uptime is less than it was, and that is no wrap.
    pub fn is_restarted_since(&self, earlier: &Self) -> bool {
        /// Ten minutes before the wrap of 497 days.
        const NEAR_WRAP: u32 = u32::MAX - 60_000;
        matches!((self.uptime, earlier.uptime), (Some(now), Some(before)) if now < before && before < NEAR_WRAP)
    }

    /// Returns the octets that an interface carried since an earlier reading, in and out: `None` where it was not told both
    /// times, is another one now (its name changed), or began to count anew.
    pub fn carried_since(&self, earlier: &Self, interface: u32) -> Option<[u64; 2]> {
        if self.is_restarted_since(earlier) {
            return None;
        }
        let (now, before) = (self.interfaces.get(&interface)?, earlier.interfaces.get(&interface)?);
        if now.name != before.name || now.discontinuity != before.discontinuity {
            return None;
        }
        now.octets?.since(before.octets?)
    }
}

impl InterfaceState {
    /// Returns what people call it: its name, and its alias where it has one that says more.
    pub fn title(&self) -> Option<String> {
        match (&self.name, &self.alias) {
            (Some(name), Some(alias)) if alias != name => Some(format!("{name} ({alias})")),
            (Some(name), _) | (None, Some(name)) => Some(name.clone()),
            (None, None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(uptime: u32, name: &str, octets: Octets) -> InterfaceReading {
        let state =
            InterfaceState { name: Some(name.to_owned()), octets: Some(octets), ..InterfaceState::default() };
        let interfaces = BTreeMap::from([(3, state)]);
        InterfaceReading { uptime: Some(uptime), interfaces, ..InterfaceReading::default() }
    }

    const fn octets(ingress: u64, is_wide: bool) -> Octets {
        Octets { ingress, egress: 7, is_wide }
    }

    #[test]
    fn what_passed_is_the_difference_unless_something_began_anew() {
        let before = reading(1_000, "eth0", octets(100, true));
        for (now, passed) in [
            (reading(7_000, "eth0", octets(350, true)), Some([250, 0])),
            (reading(7_000, "eth0", octets(90, true)), None),
            (reading(500, "eth0", octets(350, true)), None),
            (reading(7_000, "eth1", octets(350, true)), None),
            (reading(7_000, "eth0", octets(350, false)), None),
        ] {
            assert_eq!(now.carried_since(&before, 3), passed, "{now:?}");
        }
        assert_eq!(before.carried_since(&before, 4), None);
    }

    #[test]
    fn a_counter_of_32_bits_wraps_and_so_does_an_uptime_of_497_days() {
        let before = reading(u32::MAX - 100, "eth0", octets((1 << 32) - 50, false));
        let now = reading(5_900, "eth0", octets(50, false));
        assert_eq!(now.carried_since(&before, 3), Some([100, 0]));
    }

    #[test]
    fn an_interface_is_called_by_its_name_and_what_its_operator_calls_it() {
        let state = |name: Option<&str>, alias: Option<&str>| InterfaceState {
            name: name.map(str::to_owned),
            alias: alias.map(str::to_owned),
            ..InterfaceState::default()
        };
        for (name, alias, title) in [
            (Some("ge-0/0/1"), Some("uplink"), Some("ge-0/0/1 (uplink)")),
            (Some("eth0"), Some("eth0"), Some("eth0")),
            (None, Some("uplink"), Some("uplink")),
            (None, None, None),
        ] {
            assert_eq!(state(name, alias).title().as_deref(), title);
        }
    }
}
