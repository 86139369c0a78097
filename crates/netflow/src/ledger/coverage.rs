//! How much of what was sent was seen.

use serde::{Deserialize, Serialize};

/// What is known of a stream's completeness.
///
/// Units are flows, data records or datagrams, as the exporter numbers them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Units that arrived and were decoded.
    pub seen: u64,
    /// Units known to be sent that did not arrive, or could not be decoded.
    pub lost: u64,
    /// Flows that were decoded.
    pub flows: u64,
    /// Flows among them whose sampling is not known: how much they stand for, nobody can say.
    pub unscaled: u64,
    /// Samples that an sFlow agent dropped itself.
    pub dropped: u64,
}

impl Coverage {
    /// Returns the share of units that were seen, times the share of flows whose scale is known, times the share of samples
    /// that the agent did not drop, from 0.0 to 1.0; `None` when nothing is known to have been sent.
    pub fn ratio(self) -> Option<f64> {
        let sent = self.seen + self.lost;
        let share = |part: u64, whole: u64| if whole == 0 { 1.0 } else { part as f64 / whole as f64 };
        let scaled = share(self.flows.saturating_sub(self.unscaled), self.flows);
        let kept = share(self.flows, self.flows + self.dropped);
        (sent > 0).then(|| share(self.seen, sent) * scaled * kept)
    }

    /// Adds another's.
    pub fn add(&mut self, other: Self) {
        self.seen += other.seen;
        self.lost += other.lost;
        self.flows += other.flows;
        self.unscaled += other.unscaled;
        self.dropped += other.dropped;
    }

    /// Returns what came since an earlier moment; what was given back meanwhile is none.
    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            seen: self.seen.saturating_sub(earlier.seen),
            lost: self.lost.saturating_sub(earlier.lost),
            flows: self.flows.saturating_sub(earlier.flows),
            unscaled: self.unscaled.saturating_sub(earlier.unscaled),
            dropped: self.dropped.saturating_sub(earlier.dropped),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_lost_dropped_or_stands_for_an_unknown_count_lowers_it() {
        assert_eq!(Coverage::default().ratio(), None);
        let whole = Coverage { seen: 10, flows: 20, ..Coverage::default() };
        assert_eq!(whole.ratio(), Some(1.0));
        assert_eq!(Coverage { lost: 10, ..whole }.ratio(), Some(0.5));
        assert_eq!(Coverage { unscaled: 5, ..whole }.ratio(), Some(0.75));
        assert_eq!(Coverage { dropped: 20, ..whole }.ratio(), Some(0.5));
        assert_eq!(Coverage { unscaled: 20, ..whole }.ratio(), Some(0.0));
    }
}
