//! Addresses to names by DNS, bounded: so many at a time, so many in all, for so long.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

/// Lookups at a time, each on a thread of its own for as long as the machine's resolver takes.
const LOOKUPS: usize = 16;
/// Addresses that are asked for; of more the first, in their order.
const MOST: usize = 1_000;
/// How long all of them may take. What comes later is not waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// What came of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Resolved {
    pub(super) names: BTreeMap<IpAddr, String>,
    /// Addresses that were not asked for, or of which nothing came in time.
    pub(super) unanswered: usize,
}

/// Asks the machine's resolver.
///
/// # Errors
/// Fails where no thread can be started.
pub(super) fn hosts(addresses: &BTreeSet<IpAddr>) -> io::Result<Resolved> {
    // What has no name is given back as it is written.
    let named = |name: &String| name.parse::<IpAddr>().is_err();
    resolved(addresses, move |address| dns_lookup::lookup_addr(&address).ok().filter(named), PATIENCE)
}

fn resolved(
    addresses: &BTreeSet<IpAddr>,
    look_up: impl Fn(IpAddr) -> Option<String> + Send + Sync + 'static,
    patience: Duration,
) -> io::Result<Resolved> {
    let waiting: VecDeque<_> = addresses.iter().take(MOST).copied().collect();
    let threads = LOOKUPS.min(waiting.len());
    let shared = Arc::new((Mutex::new(waiting), look_up));
    let (sender, answers) = mpsc::channel();
    for _ in 0..threads {
        let (shared, sender) = (Arc::clone(&shared), sender.clone());
        let next = move || {
            let address = shared.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()?;
            Some((address, (shared.1)(address)))
        };
        // One that waits for a server that is away ends with the process.
        thread::Builder::new().name("resolve".to_owned()).spawn(move || {
            while let Some(answer) = next()
                && sender.send(answer).is_ok()
            {}
        })?;
    }
    drop(sender);
    let until = Instant::now() + patience;
    let (mut names, mut answered) = (BTreeMap::new(), 0);
    while let Ok((address, name)) = answers.recv_timeout(until.saturating_duration_since(Instant::now())) {
        answered += 1;
        names.extend(name.map(|name| (address, name)));
    }
    Ok(Resolved { names, unanswered: addresses.len() - answered })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::*;

    fn addresses(count: u32) -> BTreeSet<IpAddr> {
        (0..count).map(|number| IpAddr::from(number.to_be_bytes())).collect()
    }

    #[test]
    fn no_more_are_asked_at_a_time_and_in_all_than_is_allowed() {
        static AT_ONCE: AtomicUsize = AtomicUsize::new(0);
        static MOST_AT_ONCE: AtomicUsize = AtomicUsize::new(0);
        let look_up = |address: IpAddr| {
            MOST_AT_ONCE.fetch_max(AT_ONCE.fetch_add(1, SeqCst) + 1, SeqCst);
            thread::yield_now();
            AT_ONCE.fetch_sub(1, SeqCst);
            address.is_ipv4().then(|| format!("host-{address}"))
        };
        let all = resolved(&addresses(1_200), look_up, Duration::from_secs(600)).unwrap();
        assert_eq!((all.names.len(), all.unanswered), (MOST, 200));
        assert!(MOST_AT_ONCE.load(SeqCst) <= LOOKUPS);
    }

    #[test]
    fn a_server_that_is_away_is_not_waited_for() {
        let (hold, held) = mpsc::channel::<()>();
        let held = Mutex::new(held);
        let look_up = move |address: IpAddr| {
            // the first addresses are those of a server that answers nothing as long as the test runs
            if address == IpAddr::from([0, 0, 0, 0]) {
                let _ = held.lock().map(|held| held.recv());
            }
            Some("found".to_owned())
        };
        let found = resolved(&addresses(3), look_up, Duration::from_millis(200)).unwrap();
        assert!(!found.names.contains_key(&IpAddr::from([0, 0, 0, 0])) && found.unanswered >= 1);
        drop(hold);
    }
}
