//! Tests of devices that are about to be set up: what does them, and how often somebody may ask for one.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use grafolean_collector::{
    model::UserId,
    protocol::{DeviceTester, OpenError, OpenTester},
    time::Timestamp,
};
use tokio::sync::Semaphore;

/// Tests that a person may ask for in a row: as many as somebody types who sets up a rack of devices.
const BURST: u32 = 20;

/// The time after which one more is theirs: without it, the hub would scan networks for whoever has an account.
const REFILL: Duration = Duration::from_secs(2);

/// People that are remembered; at it those whose tests are all theirs again go.
const REMEMBERED: usize = 4_096;

/// Tests under way; further ones wait for their turn within their deadline.
pub(crate) const AT_ONCE: usize = 16;

/// What tests devices, by the name of the protocol, opened when it is first needed.
pub(crate) struct DeviceTests {
    by_protocol: BTreeMap<String, (OpenTester, OnceLock<Arc<dyn DeviceTester>>)>,
    asked: Mutex<HashMap<UserId, Asked>>,
    pub(crate) places: Semaphore,
}

/// How much somebody asked for.
#[derive(Clone, Copy)]
struct Asked {
    /// Tests that are still theirs.
    left: u32,
    since: Timestamp,
}

impl DeviceTests {
    pub(crate) fn new(testers: Vec<(String, OpenTester)>) -> Self {
        let closed = |(name, open)| (name, (open, OnceLock::new()));
        Self {
            by_protocol: testers.into_iter().map(closed).collect(),
            asked: Mutex::default(),
            places: Semaphore::new(AT_ONCE),
        }
    }

    /// Returns what tests devices of a protocol; nothing if it cannot be tested by this hub. Blocks while it is opened.
    pub(crate) fn tester(&self, protocol: &str) -> Option<Result<Arc<dyn DeviceTester>, OpenError>> {
        let (open, opened) = self.by_protocol.get(protocol)?;
        if let Some(tester) = opened.get() {
            return Some(Ok(Arc::clone(tester)));
        }
        Some(open().map(|tester| Arc::clone(opened.get_or_init(|| tester))))
    }

    /// Whether it can be tested by this hub.
    pub(crate) fn knows(&self, protocol: &str) -> bool {
        self.by_protocol.contains_key(protocol)
    }

    /// Takes one of the tests that are somebody's.
    ///
    /// # Errors
    /// If they have none left: after how long they have one again.
    pub(crate) fn take(&self, user: UserId, now: Timestamp) -> Result<(), Duration> {
        let mut all = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= REMEMBERED && !all.contains_key(&user) {
            all.retain(|_, asked| asked.refilled(now).left < BURST);
        }
        let asked = all.entry(user).or_insert(Asked { left: BURST, since: now });
        *asked = asked.refilled(now);
        match asked.left.checked_sub(1) {
            Some(left) => {
                asked.left = left;
                Ok(())
            }
            None => Err(REFILL.saturating_sub(now.since(asked.since)).max(Duration::from_secs(1))),
        }
    }
}

impl Asked {
    /// Returns it with what came back since.
    fn refilled(self, now: Timestamp) -> Self {
        let Self { left, since } = self;
        if now < since || left >= BURST {
            return Self { left, since: now };
        }
        let came = now.since(since).as_secs() / REFILL.as_secs();
        let left = left.saturating_add(u32::try_from(came).unwrap_or(u32::MAX));
        if left >= BURST {
            Self { left: BURST, since: now }
        } else {
            Self { left, since: since + REFILL * u32::try_from(came).unwrap_or(0) }
        }
    }
}

impl fmt::Debug for DeviceTests {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.by_protocol.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_who_asked_often_waits_and_nobody_else_does() {
        let (tests, now) = (DeviceTests::new(Vec::new()), Timestamp::from_seconds(1_800_000_000));
        let (one, other) = (UserId::new(1), UserId::new(2));
        for _ in 0..BURST {
            assert_eq!(tests.take(one, now), Ok(()));
        }
        assert_eq!(tests.take(one, now), Err(REFILL));
        assert_eq!(tests.take(other, now), Ok(()));
        assert_eq!(tests.take(one, now + REFILL), Ok(()));
        assert!(tests.take(one, now + REFILL).is_err());
        for _ in 0..BURST {
            assert_eq!(tests.take(one, now + REFILL * 1_000), Ok(()));
        }
        assert!(tests.take(one, now + REFILL * 1_000).is_err());
    }
}
