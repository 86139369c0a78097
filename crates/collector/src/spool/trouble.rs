//! A disk that refuses writes.

use std::time::Duration;

use crate::time::Timestamp;

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

#[cfg(test)]
mod tests {
    use super::*;

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
