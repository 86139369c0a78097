//! Keeps what repeats from flooding the log.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// One line a kind in this time: a thousand devices that fail alike are a line every ten seconds, with their number.
const PERIOD: Duration = Duration::from_secs(10);

/// Lets one line of each kind through in a while, and counts the rest. It holds one entry a kind, of which a program
/// has as many as it has words for them.
#[derive(Debug, Default)]
pub(super) struct LogGate {
    kinds: Mutex<HashMap<&'static str, Gate>>,
}

#[derive(Debug)]
struct Gate {
    opens: Instant,
    suppressed: u64,
}

impl LogGate {
    /// Gives the number of lines that were suppressed since the last one if a line may be written.
    pub(super) fn admit(&self, kind: &'static str) -> Option<u64> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_kind_is_logged_once_in_a_while_with_the_number_of_the_others() {
        let gate = LogGate::default();
        assert_eq!(gate.admit("socket"), Some(0));
        assert_eq!(gate.admit("socket"), None);
        assert_eq!(gate.admit("socket"), None);
        assert_eq!(gate.admit("deadline"), Some(0), "another kind has a gate of its own");
        tokio::time::advance(PERIOD).await;
        assert_eq!(gate.admit("socket"), Some(2));
    }
}
