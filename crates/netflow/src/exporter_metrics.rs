//! What is counted of each exporter.

use std::{
    collections::BTreeSet,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use crate::ledger::ExporterSums;

/// Exporters that have a label of their own: those that entities name first, then those of most flows. The others are one
/// more, `other`, so that forged senders cannot fill whoever scrapes.
pub const LABELS_MAX: usize = 256;
const OTHER: &str = "other";

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EncodeLabelSet)]
struct Label {
    exporter: String,
}

/// Metrics with a label for each exporter; clones count together.
#[derive(Clone, Debug, Default)]
pub struct ExporterMetrics {
    flows: Family<Label, Counter>,
    undecodable: Family<Label, Counter>,
    unscaled: Family<Label, Counter>,
    lost: Family<Label, Gauge>,
    sampling: Family<Label, Gauge<f64, AtomicU64>>,
    labels: Arc<Mutex<BTreeSet<Label>>>,
}

impl ExporterMetrics {
    /// Registers them.
    pub(super) fn register(&self, registry: &mut Registry) {
        let name = |name: &str| format!("grafolean_netflow_exporter_{name}");
        registry.register(name("flows"), "Flows decoded of an exporter", self.flows.clone());
        registry.register(
            name("undecodable_datagrams"),
            "Datagrams of an exporter that could not be read wholly",
            self.undecodable.clone(),
        );
        registry.register(
            name("unscaled_flows"),
            "Flows of an exporter whose sampling is not known",
            self.unscaled.clone(),
        );
        registry.register(
            name("lost"),
            "What an exporter sent and did not arrive, in the units that it numbers",
            self.lost.clone(),
        );
        registry.register(
            name("sampling"),
            "Packets of which one was sampled, of an exporter's latest flow",
            self.sampling.clone(),
        );
    }

    /// Updates the sums of all exporters, of which some are named by entities.
    pub(super) fn update(&self, sums: Vec<(IpAddr, ExporterSums)>, is_named: impl Fn(&IpAddr) -> bool) {
        let mut sums: Vec<_> =
            sums.into_iter().map(|(address, sums)| (!is_named(&address), address, sums)).collect();
        sums.sort_by_key(|(unnamed, address, sums)| (*unnamed, std::cmp::Reverse(sums.flows), *address));
        let others = sums.split_off(sums.len().min(LABELS_MAX));
        let mut labelled: Vec<_> = sums
            .into_iter()
            .map(|(_, address, sums)| (Label { exporter: address.to_string() }, sums))
            .collect();
        if !others.is_empty() {
            let mut other = ExporterSums::default();
            others.into_iter().for_each(|(_, _, sums)| other.add(sums));
            labelled.push((Label { exporter: OTHER.to_owned() }, other));
        }
        self.keep_labels(labelled.iter().map(|(label, _)| label.clone()).collect());
        for (label, sums) in labelled {
            let count = |counter: &Family<Label, Counter>, sum: u64| {
                let counter = counter.get_or_create(&label);
                counter.inc_by(sum.saturating_sub(counter.get()));
            };
            count(&self.flows, sums.flows);
            count(&self.undecodable, sums.undecodable);
            count(&self.unscaled, sums.unscaled);
            self.lost.get_or_create(&label).set(i64::try_from(sums.lost).unwrap_or(i64::MAX));
            self.sampling.get_or_create(&label).set(sums.factor.as_f64());
        }
    }

    /// Forgets all where the labels are others than before; each begins with its sum again.
    fn keep_labels(&self, labels: BTreeSet<Label>) {
        let mut known = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.is_subset(&labels) {
            self.flows.clear();
            self.undecodable.clear();
            self.unscaled.clear();
            self.lost.clear();
            self.sampling.clear();
        }
        *known = labels;
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;
    use crate::record::Factor;

    fn written(metrics: &ExporterMetrics) -> String {
        let (mut registry, mut text) = (Registry::default(), String::new());
        metrics.register(&mut registry);
        encode(&mut text, &registry).unwrap();
        text
    }

    fn sums(flows: u64) -> ExporterSums {
        ExporterSums { flows, lost: 3, undecodable: 2, unscaled: 1, factor: Factor::one_in(100) }
    }

    #[test]
    fn each_exporter_has_its_own_counts() {
        let metrics = ExporterMetrics::default();
        for flows in [10, 25] {
            metrics.update(vec![(IpAddr::from([192, 0, 2, 1]), sums(flows))], |_| true);
        }
        let text = written(&metrics);
        for line in [
            "grafolean_netflow_exporter_flows_total{exporter=\"192.0.2.1\"} 25",
            "grafolean_netflow_exporter_undecodable_datagrams_total{exporter=\"192.0.2.1\"} 2",
            "grafolean_netflow_exporter_unscaled_flows_total{exporter=\"192.0.2.1\"} 1",
            "grafolean_netflow_exporter_lost{exporter=\"192.0.2.1\"} 3",
            "grafolean_netflow_exporter_sampling{exporter=\"192.0.2.1\"} 100.0",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
    }

    #[test]
    fn forged_senders_have_one_label_together_and_named_ones_keep_theirs() {
        let metrics = ExporterMetrics::default();
        let named = IpAddr::from([192, 0, 2, 1]);
        let mut all: Vec<_> =
            (0..1_000_u32).map(|n| (IpAddr::from((0x0A00_0000 + n).to_be_bytes()), sums(50))).collect();
        all.push((named, sums(1)));
        metrics.update(all, |address| *address == named);
        let text = written(&metrics);
        assert_eq!(text.matches("exporter_flows_total{").count(), LABELS_MAX + 1);
        assert!(text.contains("exporter_flows_total{exporter=\"192.0.2.1\"} 1\n"));
        assert!(text.contains("exporter_flows_total{exporter=\"other\"} 37250\n"), "{text}");
    }
}
