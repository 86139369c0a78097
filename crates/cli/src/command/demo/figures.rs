//! The sum of a demo.

use std::fmt;

use grafolean_collector::health::Health;

/// What the bots' own metrics say, the same that Prometheus would read.
pub(super) struct Figures {
    devices: usize,
    runs: u64,
    flows: u64,
    collected: u64,
    delivered: u64,
    /// As counted in the hub.
    stored: u64,
}

impl Figures {
    /// Puts together what the bots counted and what the hub holds.
    pub(super) fn of(health: &Health, devices: usize, stored: u64) -> Self {
        let text = health.render();
        let sum = |name: &str| {
            let samples = text.lines().filter(|line| line.split(['{', ' ']).next() == Some(name));
            samples.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
        };
        Self {
            devices,
            stored,
            runs: sum("grafolean_runs_started_total"),
            flows: sum("grafolean_netflow_flows_total"),
            collected: sum("grafolean_spool_accepted_values_total"),
            delivered: sum("grafolean_delivery_delivered_values_total"),
        }
    }

    /// What was collected and is not in the hub.
    pub(super) const fn lost(&self) -> u64 {
        self.collected.saturating_sub(self.stored)
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { devices, runs, flows, collected, delivered, stored } = self;
        write!(out, "{devices} devices, {runs} runs, {flows} flows: ")?;
        write!(out, "{collected} values collected, {delivered} delivered, ")?;
        write!(out, "{stored} stored, {} lost", self.lost())
    }
}
