//! The devices that are pinged: each with the newest values.

use std::collections::BTreeMap;

use comfy_table::{CellAlignment, Table, presets};
use grafolean_collector::{model::EntityId, time::Timestamp};

use super::{Stored, ago, time_of_day};
use crate::command::demo::device::DemoDevice;

/// All devices that are pinged.
#[derive(Debug)]
pub(super) struct Pings {
    rows: Vec<Row>,
}

/// A device and the values of its newest run.
#[derive(Debug)]
struct Row {
    entity: EntityId,
    device: DemoDevice,
    newest: Option<Timestamp>,
    /// By the part of the path behind `entity.<id>.ping.`.
    values: BTreeMap<String, f64>,
    runs: u64,
}

impl Pings {
    /// Shows these devices, in this order.
    pub(super) fn of(devices: &[(EntityId, DemoDevice)]) -> Self {
        let row = |(entity, device): &(EntityId, DemoDevice)| Row {
            entity: *entity,
            device: device.clone(),
            newest: None,
            values: BTreeMap::new(),
            runs: 0,
        };
        Self { rows: devices.iter().map(row).collect() }
    }

    /// Adds the newest stored value of each series; returns a line for each device that has a new run.
    pub(super) fn update(&mut self, stored: &[Stored<'_>]) -> Vec<String> {
        let mut by_entity: BTreeMap<EntityId, Vec<Stored<'_>>> = BTreeMap::new();
        for (path, time, value) in stored {
            if let Some((entity, metric)) = split(path) {
                by_entity.entry(entity).or_default().push((metric, *time, *value));
            }
        }
        let rows = self.rows.iter_mut();
        rows.filter_map(|row| row.update(by_entity.get(&row.entity)?).then(|| row.line())).collect()
    }

    /// Draws the table.
    pub(super) fn table(&self, now: Timestamp) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(["device", "address", "answers", "rtt avg", "min", "max", "loss", "runs", "seen"]);
        for row in &self.rows {
            let seen = ago(row.newest, now);
            let [avg, min, max] = ["rtt.avg", "rtt.min", "rtt.max"].map(|metric| row.milliseconds(metric));
            let (answers, loss) = (row.answers(), row.percent("loss"));
            table.add_row([
                &row.device.name,
                &row.device.target,
                &answers,
                &avg,
                &min,
                &max,
                &loss,
                &row.runs.to_string(),
                &seen,
            ]);
        }
        for column in table.column_iter_mut().skip(2) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.to_string()
    }
}

impl Row {
    /// Keeps what belongs to the newest run; tells whether that is a new one.
    fn update(&mut self, stored: &[Stored<'_>]) -> bool {
        let newest = stored.iter().map(|(_, time, _)| *time).max();
        let is_new = newest > self.newest;
        if newest >= self.newest {
            self.newest = newest;
            let of_newest = stored.iter().filter(|(_, time, _)| Some(*time) == newest);
            self.values = of_newest.map(|(metric, _, value)| ((*metric).to_owned(), *value)).collect();
            self.runs += u64::from(is_new);
        }
        is_new
    }

    fn line(&self) -> String {
        let rtt = match self.values.get("rtt.avg") {
            Some(_) => format!(
                "rtt {} (min {}, max {})",
                self.milliseconds("rtt.avg"),
                self.milliseconds("rtt.min"),
                self.milliseconds("rtt.max")
            ),
            None => "no answer".to_owned(),
        };
        let time = self.newest.map(time_of_day).unwrap_or_default();
        format!(
            "{time}  {:<28} {:<16} {} answered  {rtt}",
            self.device.name,
            self.device.target,
            self.answers()
        )
    }

    /// Answered of sent, counted from the packets' own values.
    fn answers(&self) -> String {
        let packets =
            self.values.iter().filter(|(metric, _)| metric.starts_with('p') && metric.ends_with(".ok"));
        let (answered, sent) =
            packets.fold((0, 0), |(answered, sent), (_, ok)| (answered + u32::from(*ok > 0.5), sent + 1));
        if sent == 0 { "-".to_owned() } else { format!("{answered}/{sent}") }
    }

    fn milliseconds(&self, metric: &str) -> String {
        self.values.get(metric).map_or("-".to_owned(), |seconds| format!("{:.3} ms", seconds * 1e3))
    }

    fn percent(&self, metric: &str) -> String {
        self.values.get(metric).map_or("-".to_owned(), |share| format!("{:.0} %", share * 100.0))
    }
}

/// Parses `entity.<id>.ping.<metric>`.
fn split(path: &str) -> Option<(EntityId, &str)> {
    let (entity, metric) = path.strip_prefix("entity.")?.split_once(".ping.")?;
    Some((entity.parse().ok()?, metric))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_shows_its_newest_run_only() {
        let device = DemoDevice { name: "this machine".to_owned(), target: "127.0.0.1".to_owned() };
        let mut board = Pings::of(&[(EntityId::new(7), device)]);
        let at = Timestamp::from_seconds;
        let first = [
            ("entity.7.ping.p0.ok", at(100), 1.0),
            ("entity.7.ping.p1.ok", at(100), 0.0),
            ("entity.7.ping.rtt.avg", at(100), 0.000_25),
            ("entity.7.ping.loss", at(100), 0.5),
            ("entity.8.ping.p0.ok", at(100), 1.0),
        ];
        let lines = board.update(&first);
        assert_eq!(lines.len(), 1);
        assert!(
            lines[0].contains("127.0.0.1") && lines[0].contains("1/2 answered  rtt 0.250 ms"),
            "{lines:?}"
        );
        assert!(board.update(&first).is_empty(), "the same once more is no news");
        let silent = [("entity.7.ping.p0.ok", at(105), 0.0), ("entity.7.ping.rtt.avg", at(100), 0.000_25)];
        let lines = board.update(&silent);
        assert!(lines[0].contains("0/1 answered  no answer"), "{lines:?}");
        assert!(board.table(at(107)).contains("2 s ago"), "{}", board.table(at(107)));
    }
}
