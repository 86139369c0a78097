//! What a log line tells of a run that was not complete.

/// Troubles that a log line names; the counters have all.
const NAMED: usize = 5;

/// What is wrong with a sensor: a few lines, and of what kind they are, whatever numbers stand in them.
#[derive(Default)]
pub(super) struct SensorFaults {
    pub(super) lines: Vec<String>,
    pub(super) identity: String,
    pub(super) more: usize,
}

impl SensorFaults {
    /// Adds one.
    pub(super) fn add(&mut self, identity: &str, line: impl FnOnce() -> String) {
        if self.lines.len() < NAMED {
            self.lines.push(line());
            self.identity.push_str(identity);
            self.identity.push(';');
        } else {
            self.more += 1;
        }
    }
}

/// What is told of a device in one line, of all its sensors.
#[derive(Default)]
pub(super) struct DeviceLine {
    pub(super) lines: Vec<String>,
    pub(super) more: usize,
}

impl DeviceLine {
    /// Adds what is told of a sensor.
    pub(super) fn add(&mut self, troubles: SensorFaults) {
        let room = NAMED.saturating_sub(self.lines.len());
        self.more += troubles.more + troubles.lines.len().saturating_sub(room);
        self.lines.extend(troubles.lines.into_iter().take(room));
    }
}
