//! Failures that repeat: one line in the log a minute, with their number.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use grafolean_collector::time::Timestamp;

/// How often the same failure is logged.
const LINE_EVERY: Duration = Duration::from_secs(60);

/// Different failures that are remembered; one more, and all are forgotten, so that each is logged once more.
const REMEMBERED: usize = 256;

/// Counts failures by what they say.
#[derive(Debug, Default)]
pub(crate) struct Repeats(Mutex<HashMap<String, Repeat>>);

#[derive(Debug)]
struct Repeat {
    logged: Timestamp,
    unlogged: u64,
}

impl Repeats {
    /// Counts a failure; returns how many there were since the last line if a line is due, this one included.
    pub(crate) fn count(&self, failure: &str, now: Timestamp) -> Option<u64> {
        let mut repeats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(repeat) = repeats.get_mut(failure) {
            repeat.unlogged += 1;
            // A clock that was set back must not silence it for long.
            if repeat.logged <= now && now.since(repeat.logged) < LINE_EVERY {
                return None;
            }
            repeat.logged = now;
            return Some(std::mem::take(&mut repeat.unlogged));
        }
        if repeats.len() >= REMEMBERED {
            repeats.clear();
        }
        repeats.insert(failure.to_owned(), Repeat { logged: now, unlogged: 0 });
        Some(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_that_repeats_is_one_line_a_minute_with_a_count() {
        let repeats = Repeats::default();
        let at = |second: u64| Timestamp::from_seconds(1_000) + Duration::from_secs(second);
        assert_eq!(repeats.count("the disk is full", at(0)), Some(1));
        for second in 1..60 {
            assert_eq!(repeats.count("the disk is full", at(second)), None);
        }
        assert_eq!(repeats.count("the disk is away", at(59)), Some(1), "another failure");
        assert_eq!(repeats.count("the disk is full", at(60)), Some(60));
        assert_eq!(repeats.count("the disk is full", at(30)), Some(1), "the clock was set back");
    }

    #[test]
    fn failures_without_end_take_no_memory_without_end() {
        let repeats = Repeats::default();
        for number in 0..10_000 {
            repeats.count(&number.to_string(), Timestamp::default());
        }
        assert!(repeats.0.lock().unwrap().len() <= REMEMBERED);
    }
}
