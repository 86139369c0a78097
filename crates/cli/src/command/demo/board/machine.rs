//! This machine as its SNMP agent tells of it: uptime, load, and the traffic of its interfaces.

use std::collections::BTreeMap;

use comfy_table::{CellAlignment, Table, presets};
use grafolean_collector::{model::EntityId, time::Timestamp};

use super::{Stored, ago, bytes, time_of_day};

/// Interfaces that are shown, those with the most traffic.
const MOST_INTERFACES: usize = 5;

/// The machine, and its newest values.
#[derive(Debug)]
pub(super) struct Machine {
    prefix: String,
    newest: Option<Timestamp>,
    uptime_days: Option<f64>,
    load: Option<f64>,
    /// Bytes a second in and out, by the name that the path has: index and description.
    interfaces: BTreeMap<String, [f64; 2]>,
}

impl Machine {
    /// Shows this entity.
    pub(super) fn of(entity: EntityId) -> Self {
        let prefix = format!("entity.{entity}.snmp.");
        Self { prefix, newest: None, uptime_days: None, load: None, interfaces: BTreeMap::new() }
    }

    /// Adds the newest values; returns a line if there is a new run.
    pub(super) fn update(&mut self, stored: &[Stored<'_>]) -> Option<String> {
        let own = stored.iter().filter_map(|(path, time, value)| {
            Some((path.strip_prefix(self.prefix.as_str())?, *time, *value))
        });
        let own: Vec<Stored<'_>> = own.collect();
        let newest = own.iter().map(|(_, time, _)| *time).max();
        if newest <= self.newest {
            return None;
        }
        self.newest = newest;
        self.interfaces.clear();
        for (metric, _, value) in own.into_iter().filter(|(_, time, _)| Some(*time) == newest) {
            match metric {
                "uptime.days" => self.uptime_days = Some(value),
                "load.1min" => self.load = Some(value),
                _ => self.take_traffic(metric, value),
            }
        }
        Some(self.line())
    }

    fn take_traffic(&mut self, metric: &str, rate: f64) {
        let (name, way) = match metric.strip_prefix("if.in-octets.") {
            Some(name) => (name, 0),
            None => match metric.strip_prefix("if.out-octets.") {
                Some(name) => (name, 1),
                None => return,
            },
        };
        if let Some(slot) = self.interfaces.entry(name.to_owned()).or_default().get_mut(way) {
            *slot = rate;
        }
    }

    /// The busiest interfaces, by their names.
    fn busiest(&self) -> Vec<(&str, &[f64; 2])> {
        let mut interfaces: Vec<_> = self.interfaces.iter().collect();
        interfaces.sort_by(|(_, a), (_, b)| b.iter().sum::<f64>().total_cmp(&a.iter().sum()));
        let named = interfaces
            .into_iter()
            .map(|(name, rates)| (name.split_once('.').map_or(&**name, |it| it.1), rates));
        named.take(MOST_INTERFACES).collect()
    }

    fn line(&self) -> String {
        let mut told = vec![self.words()];
        told.extend(self.busiest().iter().take(2).map(|(name, [received, sent])| {
            format!("{name} in {}/s out {}/s", bytes(*received), bytes(*sent))
        }));
        let time = self.newest.map(time_of_day).unwrap_or_default();
        format!("{time}  {:<28} {:<16} {}", "this machine over SNMP", "demo agent", told.join(", "))
    }

    fn words(&self) -> String {
        let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.2}"));
        format!("up {} days, load {}", number(self.uptime_days), number(self.load))
    }

    /// Draws a table of the interfaces.
    pub(super) fn table(&self, now: Timestamp) -> String {
        let seen = ago(self.newest, now);
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(["interface", "in", "out"]);
        for (name, rates) in self.busiest() {
            let [received, sent] = rates.map(|rate| format!("{}/s", bytes(rate)));
            table.add_row([name, &received, &sent]);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        format!("this machine over SNMP: {}, seen {seen}\n{table}", self.words())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_told_once_with_the_busiest_interfaces() {
        let mut machine = Machine::of(EntityId::new(7));
        let at = Timestamp::from_seconds(100);
        let run = [
            ("entity.7.snmp.uptime.days", at, 3.25),
            ("entity.7.snmp.load.1min", at, 0.5),
            ("entity.7.snmp.if.in-octets.1.lo", at, 1_500.0),
            ("entity.7.snmp.if.out-octets.1.lo", at, 1_500.0),
            ("entity.7.snmp.if.in-octets.2.eth0", at, 2_000_000.0),
            ("entity.7.snmp.completeness", at, 1.0),
            ("entity.8.snmp.load.1min", at, 9.0),
        ];
        let line = machine.update(&run).unwrap();
        let told = "up 3.25 days, load 0.50, eth0 in 2.0 MB/s out 0 B/s, lo in 1.5 kB/s out 1.5 kB/s";
        assert!(line.starts_with("00:01:40Z") && line.ends_with(told), "{line}");
        assert_eq!(machine.update(&run), None, "the same once more is no news");
        assert!(machine.table(Timestamp::from_seconds(103)).contains("seen 3 s ago"));
    }
}
