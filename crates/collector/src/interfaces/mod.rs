//! What is known of devices' interfaces: names and octet counters, read by one bot, used by others.
//!
//! The SNMP bot puts an [`InterfaceReading`] of each flow exporter on the [`InterfaceBoard`] at each full minute; the flow bot
//! names interfaces by it and holds its flows against the counters. Bots of one process share the board of their
//! process. Bots of two processes on one machine share it through files of the data folder, a
//! [`ReadingFolder`]: one small file for each device, replaced as a whole.

mod folder;
mod reading;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::model::{AccountId, EntityId};

pub use folder::ReadingFolder;
pub use reading::{InterfaceReading, InterfaceState, Octets};

/// Devices on the board: flow exporters that are also asked over SNMP. Of one more nothing is kept.
pub const DEVICES_MAX: usize = 4_096;
/// Readings kept of each device: as many minutes as a flow bot that is held up looks back, and one to begin from.
pub const READINGS_KEPT: usize = 8;

/// A device on the board: as the backend knows it.
pub type DeviceKey = (AccountId, EntityId);

/// The latest readings of devices' interfaces; clones share them.
#[derive(Clone, Debug, Default)]
pub struct InterfaceBoard(Arc<Mutex<HashMap<DeviceKey, Readings>>>);

/// The readings of one device, the oldest first.
type Readings = VecDeque<Arc<InterfaceReading>>;

impl InterfaceBoard {
    /// Puts a reading on the board; one that is no later than the device's latest changes nothing.
    pub fn put(&self, device: DeviceKey, reading: InterfaceReading) {
        let mut devices = self.devices();
        if devices.len() >= DEVICES_MAX && !devices.contains_key(&device) {
            return;
        }
        let readings = devices.entry(device).or_default();
        if readings.back().is_some_and(|latest| latest.at >= reading.at) {
            return;
        }
        readings.push_back(Arc::new(reading));
        if readings.len() > READINGS_KEPT {
            readings.pop_front();
        }
    }

    /// Returns the readings of a device, the oldest first: of this entity, else of the one that is asked at one of these
    /// addresses.
    pub fn readings(&self, device: DeviceKey, addresses: &[IpAddr]) -> Vec<Arc<InterfaceReading>> {
        let devices = self.devices();
        let of_device = devices.get(&device);
        let asked_there = |readings: &&Readings| {
            readings.back().and_then(|latest| latest.address).is_some_and(|at| addresses.contains(&at))
        };
        let of_account = devices.iter().filter(|((account, _), _)| *account == device.0);
        let found = of_device.or_else(|| of_account.map(|(_, readings)| readings).find(asked_there));
        found.into_iter().flatten().cloned().collect()
    }

    /// Returns the latest reading of each device.
    pub fn latest(&self) -> BTreeMap<DeviceKey, Arc<InterfaceReading>> {
        let devices = self.devices();
        let latest = devices.iter().filter_map(|(key, readings)| Some((*key, Arc::clone(readings.back()?))));
        latest.collect()
    }

    /// A thread that panicked while it held the lock left whole readings.
    fn devices(&self) -> MutexGuard<'_, HashMap<DeviceKey, Readings>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    const ROUTER: DeviceKey = (AccountId::new(1), EntityId::new(7));

    fn reading(second: i64) -> InterfaceReading {
        let address = Some(IpAddr::from([192, 0, 2, 1]));
        InterfaceReading { at: Timestamp::from_seconds(second), address, ..InterfaceReading::default() }
    }

    fn seconds(board: &InterfaceBoard, device: DeviceKey, address: [u8; 4]) -> Vec<i64> {
        board.readings(device, &[address.into()]).iter().map(|reading| reading.at.seconds()).collect()
    }

    #[test]
    fn the_latest_readings_are_kept_in_order_and_none_twice() {
        let board = InterfaceBoard::default();
        for second in [60, 120, 120, 90] {
            board.put(ROUTER, reading(second));
        }
        assert_eq!(seconds(&board, ROUTER, [0; 4]), [60, 120]);
        (3..20).for_each(|minute| board.put(ROUTER, reading(minute * 60)));
        assert_eq!(board.readings(ROUTER, &[]).len(), READINGS_KEPT);
        assert_eq!(board.latest()[&ROUTER].at.seconds(), 19 * 60);
    }

    #[test]
    fn another_entity_of_the_account_is_found_by_the_address_it_is_asked_at() {
        let board = InterfaceBoard::default();
        board.put(ROUTER, reading(60));
        assert_eq!(seconds(&board, (ROUTER.0, EntityId::new(8)), [192, 0, 2, 1]), [60]);
        assert!(seconds(&board, (ROUTER.0, EntityId::new(8)), [192, 0, 2, 2]).is_empty());
        assert!(seconds(&board, (AccountId::new(2), EntityId::new(8)), [192, 0, 2, 1]).is_empty());
    }

    #[test]
    fn devices_are_bounded() {
        let board = InterfaceBoard::default();
        for entity in 0..i64::try_from(DEVICES_MAX).unwrap() + 10 {
            board.put((AccountId::new(1), EntityId::new(entity)), reading(60));
        }
        assert_eq!(board.latest().len(), DEVICES_MAX);
    }
}
