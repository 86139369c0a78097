//! What series are called as metrics where a Prometheus asks a hub for them, a line each.

use std::fmt::Write;

use grafolean_collector::protocol::{Declaration, Metrics};

/// Returns the lines: name and labels, and the path that is read as it.
pub(super) fn lines(declarations: &[Declaration]) -> String {
    let metrics = Metrics::of(declarations);
    let mut lines = String::new();
    for metric in metrics.by_name() {
        let device = if metric.of_a_device {
            &["account", "entity", "entity_id", "address"][..]
        } else {
            &["account"]
        };
        let labels: Vec<&str> =
            device.iter().copied().chain(metric.labels.iter().map(String::as_str)).collect();
        let _ = writeln!(lines, "{}{{{}}} {}", metric.name, labels.join(","), metric.path());
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use grafolean_collector::protocol::Metrics;

    use crate::command::protocols::declarations;

    /// Two series under one name and with the same labels would be one for Prometheus.
    #[test]
    fn no_two_series_are_one_metric_with_the_same_labels() {
        let metrics = Metrics::of(&declarations());
        let mut known = HashMap::new();
        for metric in metrics.by_name() {
            let name = (metric.name.clone(), metric.of_a_device, metric.labels.clone());
            if let Some(other) = known.insert(name, metric.path().to_owned()) {
                panic!("{} is {other} and {}", metric.name, metric.path());
            }
        }
        assert!(known.len() > 20);
    }

    #[test]
    fn a_line_has_name_labels_and_path() {
        let lines = super::lines(&declarations());
        let line =
            "grafolean_ping_rtt_avg_seconds{account,entity,entity_id,address} entity.{entity}.ping.rtt.avg\n";
        assert!(lines.contains(line), "{lines}");
    }
}
