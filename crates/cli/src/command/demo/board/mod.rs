//! What the demo shows: what the hub has stored last of everything that is measured. Pure.

mod flows;
mod machine;
mod pings;

use grafolean_collector::time::Timestamp;
use grafolean_netflow::metrics::NetflowMetrics;

use super::account::DemoAccount;
use flows::Flows;
use machine::Machine;
use pings::Pings;

/// A series' newest value: path, time, value.
pub(super) type Stored<'a> = (&'a str, Timestamp, f64);

/// All that is shown, one part for each protocol.
#[derive(Debug)]
pub(super) struct Board {
    pings: Pings,
    machine: Machine,
    flows: Flows,
}

impl Board {
    /// Shows the devices of an account.
    pub(super) fn of(filled: &DemoAccount, metrics: NetflowMetrics) -> Self {
        Self {
            pings: Pings::of(&filled.devices),
            machine: Machine::of(filled.machine),
            flows: Flows::of(filled.exporter, metrics),
        }
    }

    /// Adds the newest stored value of each series; returns a line for each device that has a new run.
    pub(super) fn update(&mut self, stored: &[Stored<'_>]) -> Vec<String> {
        let mut lines = self.pings.update(stored);
        lines.extend(self.machine.update(stored));
        lines.extend(self.flows.update(stored));
        lines
    }

    /// Draws the tables.
    pub(super) fn table(&self, now: Timestamp) -> String {
        [self.pings.table(now), self.machine.table(now), self.flows.table(now)].join("\n\n")
    }
}

/// Writes the time of the day, in UTC.
fn time_of_day(moment: Timestamp) -> String {
    let seconds = moment.seconds().rem_euclid(24 * 3600);
    format!("{:02}:{:02}:{:02}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Writes how long ago something was.
fn ago(moment: Option<Timestamp>, now: Timestamp) -> String {
    moment.map_or("-".to_owned(), |moment| format!("{} s ago", now.since(moment).as_secs()))
}

/// Writes bytes, or bytes a second, with a unit that suits.
fn bytes(count: f64) -> String {
    const UNITS: [&str; 4] = ["B", "kB", "MB", "GB"];
    let (mut count, mut units) = (count, UNITS.iter().copied());
    let mut unit = units.next().unwrap_or_default();
    while count >= 1_000.0
        && let Some(next) = units.next()
    {
        (count, unit) = (count / 1_000.0, next);
    }
    if unit == "B" { format!("{count:.0} {unit}") } else { format!("{count:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_a_unit_that_suits() {
        for (count, written) in
            [(0.0, "0 B"), (999.0, "999 B"), (1_500.0, "1.5 kB"), (2.5e9, "2.5 GB"), (7e13, "70000.0 GB")]
        {
            assert_eq!(bytes(count), written);
        }
    }
}
