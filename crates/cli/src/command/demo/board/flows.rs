//! The flows of the demo's exporter: what came, and the bytes of the newest minute.

use grafolean_collector::{model::EntityId, time::Timestamp};
use grafolean_netflow::metrics::NetflowMetrics;

use super::{Stored, ago, bytes, time_of_day};

/// The exporter, and its newest minute.
#[derive(Debug)]
pub(super) struct Flows {
    entity: EntityId,
    metrics: NetflowMetrics,
    minute: Option<Minute>,
}

#[derive(Clone, Copy, Debug)]
struct Minute {
    end: Timestamp,
    ingress: f64,
    egress: f64,
    coverage: Option<f64>,
}

impl Flows {
    /// Shows the flows of this entity; the bot counts in `metrics`.
    pub(super) fn of(entity: EntityId, metrics: NetflowMetrics) -> Self {
        Self { entity, metrics, minute: None }
    }

    /// Adds the newest values; returns a line if a minute has ended.
    pub(super) fn update(&mut self, stored: &[Stored<'_>]) -> Option<String> {
        let entity = self.entity;
        let newest = |path: String| stored.iter().find(|(known, ..)| *known == path);
        let (_, end, ingress) = newest(format!("netflow.1min.ingress.entity.{entity}"))?;
        if self.minute.is_some_and(|minute| minute.end >= *end) {
            return None;
        }
        let of_same =
            |path: String| newest(path).filter(|(_, time, _)| time == end).map(|(.., value)| *value);
        let egress = of_same(format!("netflow.1min.egress.entity.{entity}")).unwrap_or(0.0);
        let coverage = of_same(format!("netflow.coverage.entity.{entity}"));
        let minute = Minute { end: *end, ingress: *ingress, egress, coverage };
        self.minute = Some(minute);
        let time = time_of_day(minute.end);
        Some(format!("{time}  {:<28} {:<16} {}", "flow generator", "invented flows", minute.words()))
    }

    /// Draws two lines.
    pub(super) fn table(&self, now: Timestamp) -> String {
        let received = self.metrics.flows.get();
        let minute = match self.minute {
            Some(minute) => format!("{}, ended {}", minute.words(), ago(Some(minute.end), now)),
            None => "the first minute is told 5 s after it ends".to_owned(),
        };
        format!("flow generator (invented flows): {received} flows received\n{minute}")
    }
}

impl Minute {
    fn words(&self) -> String {
        let coverage =
            self.coverage.map_or(String::new(), |share| format!(", {:.1} % of what was sent", share * 100.0));
        format!("a minute: {} in, {} out{coverage}", bytes(self.ingress), bytes(self.egress))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_is_told_once_with_what_belongs_to_it() {
        let mut flows = Flows::of(EntityId::new(7), NetflowMetrics::default());
        assert!(flows.table(Timestamp::default()).contains("0 flows received"));
        let at = Timestamp::from_seconds;
        let stored = [
            ("netflow.1min.ingress.entity.7", at(120), 3_000_000.0),
            ("netflow.1min.egress.entity.7", at(120), 1_000.0),
            ("netflow.coverage.entity.7", at(60), 0.5),
            ("netflow.1min.ingress", at(180), 1.0),
        ];
        let line = flows.update(&stored).unwrap();
        assert!(line.starts_with("00:02:00Z") && line.ends_with("a minute: 3.0 MB in, 1.0 kB out"), "{line}");
        assert_eq!(flows.update(&stored), None);
        let later =
            [("netflow.1min.ingress.entity.7", at(180), 1.0), ("netflow.coverage.entity.7", at(180), 0.97)];
        assert!(flows.update(&later).unwrap().ends_with("1 B in, 0 B out, 97.0 % of what was sent"));
    }
}
