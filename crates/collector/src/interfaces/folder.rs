//! Readings in files, for bots of another process on the same machine.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{DEVICES_MAX, DeviceKey, InterfaceBoard, InterfaceReading};

/// A folder with the latest reading of each device, in a file for each.
#[derive(Clone, Debug)]
pub struct ReadingFolder(PathBuf);

/// What a file holds.
#[derive(Serialize, Deserialize)]
struct Entry {
    device: DeviceKey,
    reading: InterfaceReading,
}

impl ReadingFolder {
    /// Returns the readings below the data folder of the SNMP bot.
    pub fn of_bot(folder: &Path) -> Self {
        Self(folder.join("interfaces"))
    }

    /// Writes the latest reading of a device, whole or not at all.
    ///
    /// # Errors
    /// Fails with what the disk refuses.
    pub fn write(&self, device: DeviceKey, reading: &InterfaceReading) -> io::Result<()> {
        fs::create_dir_all(&self.0)?;
        let path = self.0.join(format!("{}.{}.json", device.0, device.1));
        let beside = path.with_extension("new");
        fs::write(&beside, serde_json::to_vec(&Entry { device, reading: reading.clone() })?)?;
        fs::rename(beside, path)
    }

    /// Puts what lies in the folder on a board. A folder that is not there, and a file that cannot be read, are nothing.
    pub fn read_into(&self, board: &InterfaceBoard) {
        let Ok(files) = fs::read_dir(&self.0) else { return };
        let paths = files.flatten().map(|file| file.path());
        for path in paths.filter(|path| path.extension().is_some_and(|it| it == "json")).take(DEVICES_MAX) {
            let entry = fs::read(path).ok().and_then(|text| serde_json::from_slice::<Entry>(&text).ok());
            if let Some(Entry { device, reading }) = entry {
                board.put(device, reading);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        interfaces::InterfaceState,
        model::{AccountId, EntityId},
        time::Timestamp,
    };

    #[test]
    fn what_one_process_wrote_another_reads() {
        let folder = tempfile::tempdir().unwrap();
        let readings = ReadingFolder::of_bot(folder.path());
        let device = (AccountId::new(1), EntityId::new(7));
        let state = InterfaceState { name: Some("eth0".to_owned()), ..InterfaceState::default() };
        let reading = InterfaceReading {
            at: Timestamp::from_seconds(60),
            interfaces: [(3, state)].into(),
            ..InterfaceReading::default()
        };
        readings.write(device, &reading).unwrap();
        fs::write(folder.path().join("interfaces/9.9.json"), "half a f").unwrap();
        let board = InterfaceBoard::default();
        readings.read_into(&board);
        let read: Vec<_> = board.latest().into_iter().collect();
        assert_eq!(read.len(), 1);
        assert_eq!((read[0].0, &*read[0].1), (device, &reading));
    }
}
