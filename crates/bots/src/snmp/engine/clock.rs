//! The clock that no one sets.

use std::{fs, sync::OnceLock};

use nix::time::{ClockId, clock_gettime};

use crate::snmp::Moment;

/// Returns the present moment: time since this machine started, which goes on while it sleeps and knows no steps.
pub(in super::super) fn now() -> Moment {
    let since_boot =
        clock_gettime(ClockId::CLOCK_BOOTTIME).map(std::time::Duration::from).unwrap_or_default();
    Moment::new(boot(), u64::try_from(since_boot.as_micros()).unwrap_or(u64::MAX))
}

/// Which start of this machine the clock counts from: two processes of one start can compare their moments. Where the
/// kernel does not tell, each process stands alone.
fn boot() -> u32 {
    static BOOT: OnceLock<u32> = OnceLock::new();
    *BOOT.get_or_init(|| match fs::read("/proc/sys/kernel/random/boot_id") {
        Ok(id) => crc32fast::hash(&id).max(1),
        Err(_) => std::process::id().max(1),
    })
}
