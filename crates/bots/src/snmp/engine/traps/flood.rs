//! What one source may send.

use std::{collections::HashMap, net::IpAddr, time::Duration};

use tokio::time::Instant;

/// Notifications of one source that count in a second, in the long run. A switch whose links all flap tells some hundreds.
pub const RATE: u32 = 1_000;

/// How many of them may come at once.
pub const BURST: u32 = 10_000;

/// Sources that are remembered; at it those that are quiet are forgotten, and where none is, new ones share one bound.
const REMEMBERED: usize = 65_536;

/// Bounds what each source may send, so that none keeps the others' from being heard.
#[derive(Debug, Default)]
pub(super) struct FloodGuard {
    sources: HashMap<IpAddr, Bucket>,
    others: Bucket,
    /// When quiet sources were looked for last: that costs a look at all of them.
    swept: Option<Instant>,
}

/// How often quiet sources are looked for at the most.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Option<Instant>,
}

impl Default for Bucket {
    fn default() -> Self {
        Self { left: f64::from(BURST), at: None }
    }
}

impl FloodGuard {
    /// Whether one more of a source counts.
    pub(super) fn admits(&mut self, source: IpAddr, now: Instant) -> bool {
        let is_new = self.sources.len() >= REMEMBERED && !self.sources.contains_key(&source);
        let is_time = self.swept.is_none_or(|at| now.saturating_duration_since(at) >= SWEEP_EVERY);
        if is_new && is_time {
            self.swept = Some(now);
            let quiet = Duration::from_secs(u64::from(BURST / RATE));
            self.sources.retain(|_, bucket| bucket.at.is_some_and(|at| now.duration_since(at) < quiet));
        }
        let is_full = is_new && self.sources.len() >= REMEMBERED;
        let bucket = if is_full { &mut self.others } else { self.sources.entry(source).or_default() };
        bucket.take(now)
    }
}

impl Bucket {
    fn take(&mut self, now: Instant) -> bool {
        let passed = self.at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        self.left = (self.left + passed.as_secs_f64() * f64::from(RATE)).min(f64::from(BURST));
        self.at = Some(now);
        if self.left < 1.0 {
            return false;
        }
        self.left -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_source_is_bounded_and_the_others_are_heard() {
        let mut guard = FloodGuard::default();
        let (loud, quiet) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let now = Instant::now();
        let heard = (0..50_000).filter(|_| guard.admits(loud, now)).count();
        assert_eq!(heard, BURST as usize);
        assert!(guard.admits(quiet, now));
        let later = now + Duration::from_secs(2);
        let heard = (0..50_000).filter(|_| guard.admits(loud, later)).count();
        assert_eq!(heard, 2 * RATE as usize);
        for number in 0..200_000_u32 {
            guard.admits(IpAddr::from(number.to_be_bytes()), later);
        }
        assert!(guard.sources.len() <= REMEMBERED);
    }
}
