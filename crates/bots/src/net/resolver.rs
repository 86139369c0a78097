//! Names to addresses, again and again: a device keeps its name when its address changes, and its last good address
//! while the servers that know the name are away.

use std::{
    collections::HashMap,
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use prometheus_client::{metrics::counter::Counter, registry::Registry};
use thiserror::Error;
use tokio::{
    sync::{Semaphore, watch},
    time::{Instant, timeout},
};
use tracing::{info, warn};

use super::machine::ask_the_machine;

/// How long an address is used before its name is looked up again: the machine's resolver does not tell the record's
/// own time to live.
const FRESH: Duration = Duration::from_secs(60);

/// How long the last good address of a name is used while lookups fail: RFC 8767, section 5.6, suggests one to three
/// days.
const MAX_STALE: Duration = Duration::from_hours(72);

/// How soon a lookup that failed is tried again where there is a last good address to go by. RFC 8767, section 5,
/// allows no less than 30 s to a resolver; this one asks a resolver that is near, and is back sooner.
const RETRY: Duration = Duration::from_secs(10);

/// How long a run with a last good address waits for a lookup (RFC 8767, section 5: 1.8 s). The lookup goes on.
const STALE_TIMEOUT: Duration = Duration::from_millis(1_800);

/// More names than any one collector asks; a further one pushes out the one whose address is the oldest.
const MAX_NAMES: usize = 65_536;

/// Lookups at a time, each on a thread of its own for as long as the machine's resolver takes. Others wait their turn.
const MAX_LOOKUPS: usize = 32;

/// Failures are logged as often as this, with their number.
const LOG_INTERVAL: Duration = Duration::from_mins(1);

/// Looks a name up.
type Ask = Box<dyn Fn(&Name) -> Result<SocketAddr, Unresolved> + Send + Sync>;

/// Looks names up and keeps their last good addresses; clones share them.
#[derive(Clone)]
pub struct Resolver(Arc<Shared>);

struct Shared {
    names: Mutex<HashMap<Name, Entry>>,
    failures: Mutex<FailureLog>,
    lookups: Arc<Semaphore>,
    /// The machine's resolver; a test has its own.
    ask: Ask,
    metrics: ResolverMetrics,
}

/// Which kind of address is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressFamily {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// A name, and which of its addresses is meant; `None` means the first, as the machine prefers them.
type Name = (String, Option<AddressFamily>);

/// An address of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// The address, with port 0.
    pub address: SocketAddr,
    /// Why this is the last good one, and not what a lookup gave within the last minute.
    pub stale: Option<Unresolved>,
}

/// Why a name has no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unresolved {
    /// The servers say that there is no such name, or that it has no address of the wanted kind.
    #[error("there is no such name, or it has no address of this kind")]
    NoSuchName,
    /// No server that knows the name answered.
    #[error("no name server answered")]
    NoAnswer,
    /// The lookup takes too long.
    #[error("the name servers take too long")]
    TooSlow,
    /// The machine's resolver failed.
    #[error("the machine's resolver failed")]
    Failed,
}

impl Unresolved {
    /// Whether this is an answer: the last good address is then no longer one.
    const fn is_answer(self) -> bool {
        matches!(self, Self::NoSuchName)
    }
}

#[derive(Default)]
struct Entry {
    /// What the last lookup that succeeded gave, and when.
    good: Option<(SocketAddr, Instant)>,
    /// Why the lookup after it failed.
    failed: Option<Unresolved>,
    /// Until then nobody is asked.
    ask_after: Option<Instant>,
    /// The lookup under way; its outcome is sent once.
    lookup: Option<watch::Receiver<Option<Result<SocketAddr, Unresolved>>>>,
}

/// What resolvers count; clones count together.
#[derive(Clone, Debug, Default)]
pub struct ResolverMetrics {
    /// Lookups that failed.
    pub lookups_failed: Counter,
    /// Times that a last good address was used since a lookup failed or took too long.
    pub stale_addresses_used: Counter,
}

impl ResolverMetrics {
    /// Adds them to a registry, under `grafolean_names_...`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("grafolean_names_failed", "Lookups that failed", self.lookups_failed.clone());
        registry.register(
            "grafolean_names_stale",
            "Times that the last good address of a name was used since its lookup failed",
            self.stale_addresses_used.clone(),
        );
    }
}

impl Default for Resolver {
    fn default() -> Self {
        Self::new(ResolverMetrics::default())
    }
}

impl Resolver {
    /// Creates one that asks the machine's resolver.
    pub fn new(metrics: ResolverMetrics) -> Self {
        Self::asking(ask_the_machine, metrics)
    }

    fn asking(
        ask: impl Fn(&Name) -> Result<SocketAddr, Unresolved> + Send + Sync + 'static,
        metrics: ResolverMetrics,
    ) -> Self {
        Self(Arc::new(Shared {
            names: Mutex::default(),
            failures: Mutex::default(),
            lookups: Arc::new(Semaphore::new(MAX_LOOKUPS)),
            ask: Box::new(ask),
            metrics,
        }))
    }

    /// Returns an address of a name, waiting for a lookup no longer than `limit` (its turn among others included).
    ///
    /// A name whose servers are away keeps its last good address for three days (RFC 8767); one that they say does not
    /// exist loses it at once. A failure is remembered by nobody: the next call asks again.
    ///
    /// # Errors
    /// Why there is no address, and no last good one either.
    pub async fn resolve(
        &self,
        name: &str,
        family: Option<AddressFamily>,
        limit: Duration,
    ) -> Result<Resolution, Unresolved> {
        let name = (name.to_owned(), family);
        let (good, mut lookup) = match self.look(&name) {
            Cached::Known(found) => return Ok(self.count(found)),
            Cached::Asked { good, lookup } => (good, lookup),
        };
        let limit = if good.is_some() { limit.min(STALE_TIMEOUT) } else { limit };
        let answer = match timeout(limit, lookup.wait_for(Option::is_some)).await {
            Ok(Ok(answer)) => answer.unwrap_or(Err(Unresolved::Failed)),
            Ok(Err(_)) => Err(Unresolved::Failed),
            Err(_) => Err(Unresolved::TooSlow),
        };
        match (answer, good) {
            (Ok(address), _) => Ok(Resolution { address, stale: None }),
            (Err(reason), Some(address)) if !reason.is_answer() => {
                Ok(self.count(Resolution { address, stale: Some(reason) }))
            }
            (Err(reason), _) => Err(reason),
        }
    }

    fn count(&self, found: Resolution) -> Resolution {
        if found.stale.is_some() {
            self.0.metrics.stale_addresses_used.inc();
        }
        found
    }

    fn look(&self, name: &Name) -> Cached {
        let now = Instant::now();
        let mut names = self.0.names();
        make_room(&mut names, name);
        let entry = names.entry(name.clone()).or_default();
        let good = entry.good.filter(|(_, since)| now.duration_since(*since) < MAX_STALE);
        if let (Some((address, _)), Some(ask_after)) = (good, entry.ask_after)
            && now < ask_after
        {
            return Cached::Known(Resolution { address, stale: entry.failed });
        }
        let lookup = entry.lookup.get_or_insert_with(|| self.begin(name.clone())).clone();
        Cached::Asked { good: good.map(|(address, _)| address), lookup }
    }

    /// Begins a lookup, which ends whether or not anybody waits for it.
    fn begin(&self, name: Name) -> watch::Receiver<Option<Result<SocketAddr, Unresolved>>> {
        let (answer, receiver) = watch::channel(None);
        let shared = Arc::clone(&self.0);
        tokio::spawn(async move {
            let turn = Arc::clone(&shared.lookups).acquire_owned().await;
            let asked = Arc::clone(&shared);
            let asked_name = name.clone();
            let found = tokio::task::spawn_blocking(move || {
                let _turn = turn;
                (asked.ask)(&asked_name)
            });
            let found = found.await.unwrap_or(Err(Unresolved::Failed));
            shared.note(&name, found, Instant::now());
            answer.send_replace(Some(found));
        });
        receiver
    }
}

/// What is known of a name.
enum Cached {
    Known(Resolution),
    Asked { good: Option<SocketAddr>, lookup: watch::Receiver<Option<Result<SocketAddr, Unresolved>>> },
}

impl Shared {
    fn names(&self) -> MutexGuard<'_, HashMap<Name, Entry>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, name: &Name, found: Result<SocketAddr, Unresolved>, now: Instant) {
        let mut names = self.names();
        let good = names.get(name).and_then(|entry| entry.good);
        let good = good.filter(|(_, since)| now.duration_since(*since) < MAX_STALE);
        let entry = match (found, good) {
            (Ok(address), _) => {
                Entry { good: Some((address, now)), ask_after: Some(now + FRESH), ..Entry::default() }
            }
            (Err(reason), Some(_)) if !reason.is_answer() => {
                Entry { good, failed: Some(reason), ask_after: Some(now + RETRY), lookup: None }
            }
            (Err(_), _) => {
                names.remove(name);
                drop(names);
                return self.log(name, found, None, now);
            }
        };
        names.insert(name.clone(), entry);
        drop(names);
        self.log(name, found, good.map(|(address, _)| address), now);
    }

    /// An outage of name servers is every name's: a line a minute has to do.
    fn log(
        &self,
        (name, _): &Name,
        found: Result<SocketAddr, Unresolved>,
        last_good: Option<SocketAddr>,
        now: Instant,
    ) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        match found {
            Ok(_) => {
                if let Some(failed) = failures.over(name) {
                    info!(name, failed, "names resolve again");
                }
            }
            Err(reason) => {
                self.metrics.lookups_failed.inc();
                if let Some(failed) = failures.due(name, now) {
                    let last_good = last_good.map(|address| address.ip().to_string());
                    let last_good = last_good.as_deref().unwrap_or("none: nothing is sent");
                    warn!(name, %reason, failed, last_good, "a name does not resolve");
                }
            }
        }
    }
}

/// What was logged of failures.
#[derive(Default)]
struct FailureLog {
    /// The name of the last line, and when it was written.
    logged: Option<(String, Instant)>,
    /// Since that line.
    failed: u64,
}

impl FailureLog {
    /// Counts a failure; returns how many there were since the last line if one is due.
    fn due(&mut self, name: &str, now: Instant) -> Option<u64> {
        self.failed += 1;
        let due = self.logged.as_ref().is_none_or(|(_, at)| now.duration_since(*at) >= LOG_INTERVAL);
        due.then(|| {
            self.logged = Some((name.to_owned(), now));
            std::mem::take(&mut self.failed)
        })
    }

    /// Returns how many failures were not logged if the name that was named resolves again.
    fn over(&mut self, name: &str) -> Option<u64> {
        self.logged.take_if(|(logged, _)| logged == name).map(|_| std::mem::take(&mut self.failed))
    }
}

fn make_room(names: &mut HashMap<Name, Entry>, wanted: &Name) {
    if names.len() < MAX_NAMES || names.contains_key(wanted) {
        return;
    }
    let oldest = names.iter().min_by_key(|(_, entry)| entry.good.map(|(_, since)| since));
    if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
        names.remove(&oldest);
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Resolver").field("names", &self.0.names().len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);
    const NAME: &str = "router.example.org";

    /// A resolver whose answer a test sets.
    fn scripted() -> (Resolver, Arc<Mutex<Result<SocketAddr, Unresolved>>>) {
        let answer = Arc::new(Mutex::new(Ok(address(1))));
        let given = Arc::clone(&answer);
        let resolver = Resolver::asking(move |_| *given.lock().unwrap(), ResolverMetrics::default());
        (resolver, answer)
    }

    fn address(last: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], 0))
    }

    fn fresh(address: SocketAddr) -> Result<Resolution, Unresolved> {
        Ok(Resolution { address, stale: None })
    }

    async fn resolve(resolver: &Resolver) -> Result<Resolution, Unresolved> {
        resolver.resolve(NAME, None, PATIENCE).await
    }

    #[tokio::test(start_paused = true)]
    async fn while_servers_are_away_the_last_good_address_counts_and_says_so() {
        let (resolver, answer) = scripted();
        assert_eq!(resolve(&resolver).await, fresh(address(1)));
        *answer.lock().unwrap() = Err(Unresolved::NoAnswer);
        assert_eq!(resolve(&resolver).await, fresh(address(1)), "not asked within a minute");
        tokio::time::advance(FRESH).await;
        let stale = Ok(Resolution { address: address(1), stale: Some(Unresolved::NoAnswer) });
        assert_eq!(resolve(&resolver).await, stale);
        assert_eq!(resolve(&resolver).await, stale, "nor within ten seconds of a failure");
        *answer.lock().unwrap() = Ok(address(2));
        tokio::time::advance(RETRY).await;
        assert_eq!(resolve(&resolver).await, fresh(address(2)));
        assert_eq!(resolver.0.metrics.stale_addresses_used.get(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_last_good_address_is_good_for_three_days() {
        let (resolver, answer) = scripted();
        resolve(&resolver).await.unwrap();
        *answer.lock().unwrap() = Err(Unresolved::NoAnswer);
        tokio::time::advance(MAX_STALE - RETRY).await;
        assert!(resolve(&resolver).await.is_ok());
        tokio::time::advance(RETRY).await;
        assert_eq!(resolve(&resolver).await, Err(Unresolved::NoAnswer));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_remembered_by_nobody() {
        let (resolver, answer) = scripted();
        for failure in [Unresolved::NoAnswer, Unresolved::NoSuchName, Unresolved::Failed] {
            *answer.lock().unwrap() = Err(failure);
            assert_eq!(resolve(&resolver).await, Err(failure));
        }
        *answer.lock().unwrap() = Ok(address(3));
        assert_eq!(resolve(&resolver).await, fresh(address(3)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_is_gone_by_its_servers_word_loses_its_address() {
        let (resolver, answer) = scripted();
        resolve(&resolver).await.unwrap();
        *answer.lock().unwrap() = Err(Unresolved::NoSuchName);
        tokio::time::advance(FRESH).await;
        assert_eq!(resolve(&resolver).await, Err(Unresolved::NoSuchName));
        *answer.lock().unwrap() = Err(Unresolved::NoAnswer);
        assert_eq!(resolve(&resolver).await, Err(Unresolved::NoAnswer), "it is not taken up again");
    }

    #[tokio::test]
    async fn many_who_ask_at_once_are_one_lookup_and_a_slow_one_does_not_hold_up_who_has_an_address() {
        let asked = Arc::new(Mutex::new(0));
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let (count, wait) = (Arc::clone(&asked), Mutex::new(wait));
        let answering = move |_: &Name| {
            *count.lock().unwrap() += 1;
            wait.lock().unwrap().recv().unwrap();
            Ok(address(1))
        };
        let resolver = Resolver::asking(answering, ResolverMetrics::default());
        assert_eq!(resolver.resolve(NAME, None, Duration::from_millis(10)).await, Err(Unresolved::TooSlow));
        let many: Vec<_> = (0..10)
            .map(|_| {
                let resolver = resolver.clone();
                tokio::spawn(async move { resolve(&resolver).await })
            })
            .collect();
        go.send(()).unwrap();
        for one in many {
            assert_eq!(one.await.unwrap(), fresh(address(1)));
        }
        assert_eq!(*asked.lock().unwrap(), 1);
        resolver.0.names().values_mut().for_each(|entry| entry.ask_after = None);
        let stale = Ok(Resolution { address: address(1), stale: Some(Unresolved::TooSlow) });
        assert_eq!(resolver.resolve(NAME, None, Duration::from_millis(10)).await, stale);
        go.send(()).unwrap();
    }

    #[tokio::test]
    async fn the_machine_knows_localhost_and_no_name_that_cannot_be_one() {
        let resolver = Resolver::default();
        let local = resolver.resolve("localhost", Some(AddressFamily::V4), PATIENCE).await;
        assert_eq!(local, fresh("127.0.0.1:0".parse().unwrap()));
        // Which no file and no server says.
        let below = resolver.resolve("Agent.localhost.", Some(AddressFamily::V6), PATIENCE).await;
        assert_eq!(below, fresh("[::1]:0".parse().unwrap()));
        assert!(resolver.resolve(&"a".repeat(64), None, PATIENCE).await.is_err());
    }

    #[test]
    fn the_oldest_name_makes_room() {
        let now = Instant::now();
        let name = |number: usize| (number.to_string(), None);
        let at = |number| now + Duration::from_micros(u64::try_from(number).unwrap());
        let entry = |number| Entry { good: Some((address(1), at(number))), ..Entry::default() };
        let mut names: HashMap<_, _> = (0..MAX_NAMES).map(|number| (name(number), entry(number))).collect();
        make_room(&mut names, &name(5));
        assert_eq!(names.len(), MAX_NAMES);
        make_room(&mut names, &name(MAX_NAMES));
        assert!(names.len() == MAX_NAMES - 1 && !names.contains_key(&name(0)));
    }
}
