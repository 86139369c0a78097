//! Whether the process is well, for people, Prometheus and systemd.
//!
//! [`Health`] holds the metrics of all parts and the checks by which they tell that they work; [`Service`] tells
//! systemd, [`Endpoint`] whoever asks over HTTP.

mod endpoint;
mod progress;
mod service;

use std::fmt;

use prometheus_client::{
    encoding::text,
    metrics::{gauge::Gauge, info::Info},
    registry::{Registry, Unit},
};

use crate::{
    interfaces::InterfaceBoard,
    status::{BotStatus, StatusBoard},
    time::Timestamp,
};

pub use endpoint::{Endpoint, statuses_at};
pub use progress::Progress;
pub use service::{Heartbeats, Service};

/// The content type of [`Health::render`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The metrics of all parts, and the checks by which they tell that they work.
pub struct Health {
    registry: Registry,
    checks: Vec<Check>,
    interfaces: InterfaceBoard,
    boards: Vec<StatusBoard>,
    notes: Vec<Check>,
}

type Check = Box<dyn Fn() -> Result<(), String> + Send + Sync>;

impl Health {
    /// Begins with what is known of every process: its version and since when it runs.
    pub fn new(version: &str, started: Timestamp) -> Self {
        let mut registry = Registry::default();
        let build = Info::new([("version", version.to_owned())]);
        registry.register("grafolean_build", "What is running", build);
        let since = Gauge::<i64>::default();
        since.set(started.seconds());
        registry.register_with_unit(
            "process_start_time",
            "When it was started, since 1970",
            Unit::Seconds,
            since,
        );
        let (interfaces, notes) = (InterfaceBoard::default(), Vec::new());
        Self { registry, checks: Vec::new(), notes, boards: Vec::new(), interfaces }
    }

    /// Returns the place where the parts of one bot register their metrics; all of them bear its protocol.
    pub fn registry_of(&mut self, protocol: &str) -> &mut Registry {
        self.registry.sub_registry_with_label(("protocol".into(), protocol.to_owned().into()))
    }

    /// Returns what the bots of the process tell each other of devices' interfaces.
    pub const fn interfaces(&self) -> &InterfaceBoard {
        &self.interfaces
    }

    /// Asks a part from now on whether it works; if not, it says what is wrong in a sentence, and `/healthz` fails.
    pub fn watch(&mut self, check: impl Fn() -> Result<(), String> + Send + Sync + 'static) {
        self.checks.push(Box::new(check));
    }

    /// Shows what a bot knows of itself from now on.
    pub fn tell(&mut self, board: StatusBoard) {
        self.boards.push(board);
    }

    /// Returns what each bot of the process knows of itself.
    pub fn statuses(&self) -> Vec<BotStatus> {
        self.boards.iter().map(StatusBoard::status).collect()
    }

    /// Asks from now on whether something is left to people that no restart mends, as a bot for which nothing is set up:
    /// `/healthz` says so and does not fail, lest a liveness probe restarts it for ever.
    pub fn note(&mut self, check: impl Fn() -> Result<(), String> + Send + Sync + 'static) {
        self.notes.push(Box::new(check));
    }

    /// Returns all metrics as [`CONTENT_TYPE`].
    pub fn render(&self) -> String {
        let mut metrics = String::new();
        // A String takes everything that is written to it.
        let _: fmt::Result = text::encode(&mut metrics, &self.registry);
        metrics
    }

    /// Returns what people have to mend, a sentence each.
    pub fn notes(&self) -> Vec<String> {
        self.notes.iter().filter_map(|check| check().err()).collect()
    }

    /// Returns what is wrong, if anything is.
    pub fn healthy(&self) -> Result<(), Vec<String>> {
        let wrong: Vec<String> = self.checks.iter().filter_map(|check| check().err()).collect();
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Health").field("checks", &self.checks.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, atomic::AtomicBool, atomic::Ordering},
        time::Duration,
    };

    use super::*;
    use crate::run::{Heartbeat, RunMetrics};

    #[test]
    fn the_metrics_of_all_parts_are_rendered_with_their_protocol() {
        let mut health = Health::new("1.2.3", Timestamp::from_seconds(1_700_000_000));
        RunMetrics::default().register(health.registry_of("ping"));
        let text = health.render();
        for line in [
            "grafolean_build_info{version=\"1.2.3\"} 1",
            "process_start_time_seconds 1700000000",
            "grafolean_runs_started_total{protocol=\"ping\"} 0",
            "grafolean_run_lateness_seconds_count{protocol=\"ping\"} 0",
            "# EOF",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_as_long_as_it_is() {
        let disk_is_full = Arc::new(AtomicBool::new(true));
        let mut health = Health::new("1", Timestamp::default());
        health.watch(|| Ok(()));
        let full = disk_is_full.clone();
        health.watch(
            move || if full.load(Ordering::Relaxed) { Err("the disk is full".to_owned()) } else { Ok(()) },
        );
        assert_eq!(health.healthy(), Err(vec!["the disk is full".to_owned()]));
        disk_is_full.store(false, Ordering::Relaxed);
        assert_eq!(health.healthy(), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_stands_still_is_told_with_its_age() {
        let heartbeat = Heartbeat::default();
        let mut health = Health::new("1", Timestamp::default());
        let watched = heartbeat.clone();
        health.watch(move || watched.fresh());
        assert_eq!(health.healthy(), Ok(()));
        tokio::time::advance(Duration::from_secs(31)).await;
        assert_eq!(health.healthy(), Err(vec!["no job was looked at for 31 s".to_owned()]));
    }
}
