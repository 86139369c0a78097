//! What the bot counts.

use prometheus_client::{metrics::counter::Counter, metrics::gauge::Gauge, registry::Registry};

use super::{archive::ArchiveMetrics, copies::CopyMetrics, exporter_metrics::ExporterMetrics};

/// Counters of one bot; clones count together.
#[derive(Clone, Debug, Default)]
pub struct NetflowMetrics {
    /// Datagrams received.
    pub datagrams: Counter,
    /// Datagrams that could not be read, or not wholly.
    pub datagrams_faulty: Counter,
    /// Datagrams that the kernel dropped since our buffer was full.
    pub kernel_drops: Counter,
    /// Times that reading a socket failed.
    pub receive_errors: Counter,
    /// Flows of exporters that an entity names.
    pub flows: Counter,
    /// Flows of exporters that nobody named: not counted in any value.
    pub flows_unnamed: Counter,
    /// Distinct flows in the open minutes.
    pub open_keys: Gauge,
    /// Bins of exporters whose lists are estimates, as they had too many distinct keys.
    pub bins_estimated: Counter,
    /// Times that state could not be kept on disk.
    pub keep_errors: Counter,
    /// Files of names, networks and databases that could not be read when they last changed.
    pub place_files_faulty: Gauge,
    /// What is counted of each exporter.
    pub exporters: ExporterMetrics,
    /// What the archive of raw flows counts.
    pub archive: ArchiveMetrics,
    /// What the copying of raw flows counts.
    pub copies: CopyMetrics,
}

impl NetflowMetrics {
    /// Registers them.
    pub fn register(&self, registry: &mut Registry) {
        for (name, help, counter) in [
            ("datagrams", "Datagrams received", &self.datagrams),
            ("faulty_datagrams", "Datagrams that could not be read wholly", &self.datagrams_faulty),
            ("kernel_drops", "Datagrams the kernel dropped as the buffer was full", &self.kernel_drops),
            ("receive_errors", "Failed reads of a socket", &self.receive_errors),
            ("flows", "Flows of exporters that an entity names", &self.flows),
            ("unnamed_flows", "Flows of exporters that no entity names", &self.flows_unnamed),
            ("estimated_bins", "Bins of exporters whose lists are estimates", &self.bins_estimated),
            ("keep_errors", "Failures to keep state on disk", &self.keep_errors),
        ] {
            registry.register(format!("grafolean_netflow_{name}"), help, counter.clone());
        }
        self.exporters.register(registry);
        self.archive.register(registry);
        self.copies.register(registry);
        registry.register(
            "grafolean_netflow_open_keys",
            "Distinct flows in the open minutes",
            self.open_keys.clone(),
        );
        registry.register(
            "grafolean_netflow_faulty_place_files",
            "Files of networks, autonomous systems or countries that could not be read when they last changed",
            self.place_files_faulty.clone(),
        );
    }
}
