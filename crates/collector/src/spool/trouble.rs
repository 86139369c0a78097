//! A disk that refuses writes, and what a limit drops.

use std::time::Duration;

use tokio::time::Instant;

use super::statistics::Depth;
use crate::{throttle::REMINDER, time::Timestamp};

/// The first pause before writing is tried again; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// A disk that was cleared is noticed within this time, whatever else happens.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Why nothing is written, and when it is tried again.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    pub(super) reason: String,
    pub(super) since: Timestamp,
    last_try: Timestamp,
    pause: Duration,
}

impl Trouble {
    pub(super) fn begin(reason: String, now: Timestamp) -> Self {
        Self { reason, since: now, last_try: now, pause: FIRST_PAUSE }
    }

    /// Notes one more failure.
    pub(super) fn goes_on(&mut self, reason: String, now: Timestamp) {
        self.reason = reason;
        self.last_try = now;
        self.pause = self.pause.saturating_mul(2).min(LONGEST_PAUSE);
    }

    /// A clock that went backwards must not stretch the pause.
    pub(super) fn may_try(&self, now: Timestamp) -> bool {
        now < self.last_try || now.since(self.last_try) >= self.pause
    }
}

/// What a limit dropped since it was last logged: it is at once, then once in [`REMINDER`].
#[derive(Debug, Default)]
pub(super) struct DropLog {
    dropped: Depth,
    last_line: Option<Instant>,
}

impl DropLog {
    pub(super) fn dropped(&mut self, depth: Depth) {
        self.dropped += depth;
    }

    /// Returns what is to be logged.
    pub(super) fn due(&mut self, now: Instant) -> Option<Depth> {
        let is_quiet = self.last_line.is_none_or(|line| now.saturating_duration_since(line) >= REMINDER);
        if self.dropped.reports == 0 || !is_quiet {
            return None;
        }
        self.last_line = Some(now);
        Some(std::mem::take(&mut self.dropped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_logged_at_once_and_then_once_a_minute_with_their_sum() {
        let (start, mut log) = (Instant::now(), DropLog::default());
        let mut lines = Vec::new();
        for second in 0..=200 {
            if second < 150 {
                log.dropped(Depth { reports: 1, values: 10, bytes: 100 });
            }
            lines.extend(log.due(start + Duration::from_secs(second)).map(|sum| (second, sum.values)));
        }
        assert_eq!(lines, [(0, 10), (60, 600), (120, 600), (180, 290)]);
    }

    #[test]
    fn the_pause_doubles_up_to_its_limit() {
        let mut now = Timestamp::from_seconds(1_000);
        let mut trouble = Trouble::begin("full".to_owned(), now);
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            assert!(!trouble.may_try(now + Duration::from_millis(seconds * 1_000 - 1)));
            now = now + Duration::from_secs(seconds);
            assert!(trouble.may_try(now));
            trouble.goes_on("full".to_owned(), now);
        }
        assert!(trouble.may_try(Timestamp::from_seconds(1)));
    }
}
