//! Keeps what repeats from flooding the log.
//!
//! [`LogThrottle`] lets one line of each kind through in a while and counts the rest; `OutageLog` makes of an outage
//! a line at its start, one a minute, and one at its end.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// One line a kind in this time: a thousand devices that fail alike are a line every ten seconds, with their number.
const PERIOD: Duration = Duration::from_secs(10);

/// How often an outage that goes on is logged again.
pub(crate) const REMINDER: Duration = Duration::from_mins(1);

/// Lets one line of each kind through in a while, and counts the rest. It holds one entry a kind, of which a program
/// has as many as it has words for them.
#[derive(Debug, Default)]
pub struct LogThrottle {
    kinds: Mutex<HashMap<&'static str, Gate>>,
}

#[derive(Debug)]
struct Gate {
    opens: Instant,
    suppressed: u64,
}

impl LogThrottle {
    /// Returns the number of lines that were suppressed since the last one if a line may be written.
    pub fn admit(&self, kind: &'static str) -> Option<u64> {
        let now = Instant::now();
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let gate = kinds.entry(kind).or_insert(Gate { opens: now, suppressed: 0 });
        if now < gate.opens {
            gate.suppressed += 1;
            return None;
        }
        gate.opens = now + PERIOD;
        Some(std::mem::take(&mut gate.suppressed))
    }
}

/// When an outage began and was last logged. One that begins within [`REMINDER`] of the last line is logged when that
/// has passed, so that what fails and recovers every second is not two lines a second.
#[derive(Debug, Default)]
pub(crate) struct OutageLog {
    outage: Option<Outage>,
    last_line: Option<Instant>,
    /// The kinds of failure that were logged since it was quiet.
    kinds: Vec<&'static str>,
}

#[derive(Debug)]
struct Outage {
    began: Instant,
    failures: u64,
    is_logged: bool,
}

/// How long an outage lasts, or lasted, and how many attempts failed in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OutageSpan {
    pub(crate) lasted: Duration,
    pub(crate) failures: u64,
}

impl OutageLog {
    /// Notes a failure; returns what to log, at the first one of its kind and then once in [`REMINDER`].
    pub(crate) fn failed(&mut self, kind: &'static str, now: Instant) -> Option<OutageSpan> {
        let is_quiet = self.last_line.is_none_or(|line| now.saturating_duration_since(line) >= REMINDER);
        if is_quiet && self.outage.is_none() {
            self.kinds.clear();
        }
        let outage = self.outage.get_or_insert(Outage { began: now, failures: 0, is_logged: false });
        outage.failures += 1;
        let is_new = !self.kinds.contains(&kind);
        if !is_new && !is_quiet {
            return None;
        }
        if is_new {
            self.kinds.push(kind);
        }
        self.last_line = Some(now);
        outage.is_logged = true;
        Some(outage.span(now))
    }

    /// Ends the outage; returns what to log if its beginning was.
    pub(crate) fn ended(&mut self, now: Instant) -> Option<OutageSpan> {
        self.outage.take().filter(|outage| outage.is_logged).map(|outage| outage.span(now))
    }
}

impl Outage {
    fn span(&self, now: Instant) -> OutageSpan {
        OutageSpan { lasted: now.saturating_duration_since(self.began), failures: self.failures }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_kind_is_logged_once_in_a_while_with_the_number_of_the_others() {
        let throttle = LogThrottle::default();
        assert_eq!(throttle.admit("socket"), Some(0));
        assert_eq!(throttle.admit("socket"), None);
        assert_eq!(throttle.admit("socket"), None);
        assert_eq!(throttle.admit("deadline"), Some(0), "another kind has a gate of its own");
        tokio::time::advance(PERIOD).await;
        assert_eq!(throttle.admit("socket"), Some(2));
    }

    #[test]
    fn an_outage_is_a_line_at_its_start_one_a_minute_and_one_at_its_end() {
        let start = Instant::now();
        let mut log = OutageLog::default();
        assert_eq!(log.ended(start), None, "nothing to end");
        let lines: Vec<u64> = (0..=130)
            .filter_map(|second| Some((second, log.failed("away", start + Duration::from_secs(second))?)))
            .map(|(second, span)| {
                assert_eq!(span, OutageSpan { lasted: Duration::from_secs(second), failures: second + 1 });
                second
            })
            .collect();
        assert_eq!(lines, [0, 60, 120]);
        assert!(log.failed("failing", start + Duration::from_secs(131)).is_some(), "another kind");
        let end = log.ended(start + Duration::from_secs(140)).unwrap();
        assert_eq!((end.lasted.as_secs(), end.failures), (140, 132));
        assert!(log.ended(start).is_none());
    }

    #[test]
    fn what_fails_and_recovers_every_second_is_two_lines_a_minute() {
        let start = Instant::now();
        let (mut log, mut lines) = (OutageLog::default(), 0);
        for second in 0..300 {
            let now = start + Duration::from_secs(second);
            lines += usize::from(log.failed("away", now).is_some());
            lines += usize::from(log.ended(now).is_some());
        }
        assert_eq!(lines, 10);
    }
}
