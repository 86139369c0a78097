//! What the archive counts.

use prometheus_client::{metrics::counter::Counter, metrics::gauge::Gauge, registry::Registry};

/// Counters of one archive; clones count together.
#[derive(Clone, Debug, Default)]
pub struct ArchiveMetrics {
    /// Flows that are in a file.
    pub flows: Counter,
    /// Flows dropped as the disk could not follow.
    pub dropped: Counter,
    /// Flows dropped as they could not be written.
    pub unwritten: Counter,
    /// Failures to write, rename or delete.
    pub errors: Counter,
    /// Files written.
    pub files: Counter,
    /// Files deleted as they were too old.
    pub files_aged: Counter,
    /// Files deleted to stay within the size.
    pub files_displaced: Counter,
    /// Files deleted before they could be copied.
    pub files_uncopied: Counter,
    /// Octets of all files.
    pub bytes: Gauge,
    /// Batches that wait for the disk; at [`super::BATCHES`] flows are dropped.
    pub waiting: Gauge,
}

impl ArchiveMetrics {
    /// Registers them.
    pub fn register(&self, registry: &mut Registry) {
        for (name, help, counter) in [
            ("flows", "Raw flows kept", &self.flows),
            ("dropped_flows", "Raw flows dropped as the disk could not follow", &self.dropped),
            ("unwritten_flows", "Raw flows dropped as they could not be written", &self.unwritten),
            ("errors", "Failures to write, rename or delete files of raw flows", &self.errors),
            ("files", "Files of raw flows written", &self.files),
            ("aged_files", "Files of raw flows deleted as they were too old", &self.files_aged),
            (
                "uncopied_files_lost",
                "Files of raw flows deleted before they could be copied",
                &self.files_uncopied,
            ),
            ("displaced_files", "Files of raw flows deleted to stay within the size", &self.files_displaced),
        ] {
            registry.register(format!("grafolean_netflow_archive_{name}"), help, counter.clone());
        }
        registry.register(
            "grafolean_netflow_archive_waiting_batches",
            "Batches of raw flows that wait for the disk",
            self.waiting.clone(),
        );
        registry.register(
            "grafolean_netflow_archive_bytes",
            "Octets of all files of raw flows",
            self.bytes.clone(),
        );
    }
}
