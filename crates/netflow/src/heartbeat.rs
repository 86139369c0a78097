//! Whether the bot's own threads are at work.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use grafolean_time::Timestamp;

/// A thread that has not come round for so long stands still: each does every few seconds.
const STALE: Duration = Duration::from_secs(30);
/// For how long a panic is told as a fault, though its thread works on.
const PANIC_SHOWN: Duration = Duration::from_mins(5);
const NEVER: i64 = i64::MIN;

/// The signs of life of one thread; a clone is of the same.
#[derive(Clone, Debug)]
pub struct ThreadHeartbeat(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    name: String,
    beat: AtomicI64,
    panicked: AtomicI64,
    panics: AtomicU64,
}

impl ThreadHeartbeat {
    /// Creates the heartbeat of a thread that begins now.
    pub fn new(name: impl Into<String>, now: Timestamp) -> Self {
        let (beat, panicked) = (AtomicI64::new(now.micros()), AtomicI64::new(NEVER));
        Self(Arc::new(Shared { name: name.into(), beat, panicked, panics: AtomicU64::new(0) }))
    }

    /// Returns the name of its thread.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Notes that the thread has come round.
    pub fn beat(&self, now: Timestamp) {
        self.0.beat.store(now.micros(), Relaxed);
    }

    /// Returns how often the thread panicked.
    pub fn panics(&self) -> u64 {
        self.0.panics.load(Relaxed)
    }

    /// Does one round of the thread's work, and notes a panic in it: its thread is to go on. Returns what the work returned;
    /// `None` where it panicked.
    pub(crate) fn round<T>(&self, work: impl FnOnce() -> T, now: impl Fn() -> Timestamp) -> Option<T> {
        let done = catch_unwind(AssertUnwindSafe(work)).ok();
        if done.is_none() {
            self.0.panics.fetch_add(1, Relaxed);
            self.0.panicked.store(now().micros(), Relaxed);
        }
        self.beat(now());
        done
    }

    /// Checks that the thread is at work.
    ///
    /// # Errors
    /// Fails, in a sentence, where it stands still, or panicked a short time ago.
    pub fn check(&self, now: Timestamp) -> Result<(), String> {
        let name = &self.0.name;
        let still = now.since(Timestamp::from_micros(self.0.beat.load(Relaxed)));
        if still > STALE {
            return Err(format!("the thread {name} stands still for {} s", still.as_secs()));
        }
        let panicked = self.0.panicked.load(Relaxed);
        let ago = now.since(Timestamp::from_micros(panicked.max(0)));
        if panicked != NEVER && ago <= PANIC_SHOWN {
            return Err(format!(
                "the thread {name} panicked {} s ago, and works on: what it was doing is lost",
                ago.as_secs()
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    #[test]
    fn a_thread_that_stands_still_is_told_until_it_comes_round() {
        let heartbeat = ThreadHeartbeat::new("netflow-0", NOW);
        assert_eq!(heartbeat.check(NOW + STALE), Ok(()));
        let late = NOW + Duration::from_secs(31);
        assert_eq!(heartbeat.check(late).unwrap_err(), "the thread netflow-0 stands still for 31 s");
        heartbeat.beat(late);
        assert_eq!(heartbeat.check(late), Ok(()));
    }

    #[test]
    fn a_panic_is_told_for_some_minutes_and_the_thread_goes_on() {
        let heartbeat = ThreadHeartbeat::new("netflow-0", NOW);
        assert_eq!(heartbeat.round(|| 7, || NOW), Some(7));
        assert_eq!(heartbeat.round(|| -> u8 { panic!("as a bug would") }, || NOW), None);
        assert_eq!(heartbeat.panics(), 1);
        let told = heartbeat.check(NOW + Duration::from_secs(9)).unwrap_err();
        assert!(told.contains("netflow-0 panicked 9 s ago"), "{told}");
        let later = NOW + Duration::from_mins(6);
        heartbeat.beat(later);
        assert_eq!(heartbeat.check(later), Ok(()));
    }
}
