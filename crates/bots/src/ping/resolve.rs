//! Names to addresses, again and again: a device keeps its name when its address changes.

use std::{
    collections::HashMap,
    net::{SocketAddr, ToSocketAddrs},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};

use super::{codec::Family, target::Target};

/// How long an answer is used, good or bad: the system's resolver does not tell the record's own time to live.
const KEEP: Duration = Duration::from_secs(60);

/// More names than any one collector pings; when they are reached the cache is emptied, and all are asked again.
const MOST_NAMES: usize = 65_536;

/// Lookups at a time, each on a thread of its own for as long as the system's resolver takes. Others wait their turn.
const MOST_LOOKUPS: usize = 32;

/// How long a run waits for a name, its turn included. Then the name counts as one that does not resolve.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Looks names up, remembers them for a while.
pub(super) struct Resolver {
    known: Mutex<HashMap<Name, (Instant, Option<SocketAddr>)>>,
    lookups: Arc<Semaphore>,
}

type Name = (String, Option<Family>);

impl Resolver {
    pub(super) fn new() -> Self {
        Self { known: Mutex::default(), lookups: Arc::new(Semaphore::new(MOST_LOOKUPS)) }
    }

    /// Gives a target's address, with port 0; None if its name does not resolve.
    pub(super) async fn resolve(&self, target: &Target) -> Option<SocketAddr> {
        match target {
            Target::Address(address) => Some((*address, 0).into()),
            Target::Name(name, family) => {
                let name = (name.clone(), *family);
                if let Some(known) = self.known(&name) {
                    return known;
                }
                let found = timeout(PATIENCE, self.look_up(name.clone())).await.unwrap_or_default();
                self.remember(name, found);
                found
            }
        }
    }

    fn known(&self, name: &Name) -> Option<Option<SocketAddr>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(name).filter(|(asked, _)| asked.elapsed() < KEEP).map(|(_, found)| *found)
    }

    fn remember(&self, name: Name, found: Option<SocketAddr>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_NAMES {
            known.clear();
        }
        known.insert(name, (Instant::now(), found));
    }

    async fn look_up(&self, (name, family): Name) -> Option<SocketAddr> {
        let turn = Arc::clone(&self.lookups).acquire_owned().await.ok()?;
        // The turn is given back when the resolver is done, even if nobody waits for it any more.
        let lookup = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            (name.as_str(), 0).to_socket_addrs().map(|found| choose(found.collect(), family))
        });
        lookup.await.ok()?.ok()?
    }
}

/// The first address of the family that is wanted; without a wish the first of all, as the system prefers them.
fn choose(found: Vec<SocketAddr>, family: Option<Family>) -> Option<SocketAddr> {
    found.into_iter().find(|address| family.is_none_or(|family| Family::of(&address.ip()) == family))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str, family: Option<Family>) -> Target {
        Target::Name(text.into(), family)
    }

    #[tokio::test]
    async fn localhost_resolves_and_a_name_that_cannot_be_one_does_not() {
        let resolver = Resolver::new();
        let local = resolver.resolve(&name("localhost", Some(Family::V4))).await;
        assert_eq!(local, Some("127.0.0.1:0".parse().unwrap()));
        let too_long = "a".repeat(64);
        assert_eq!(resolver.resolve(&name(&too_long, None)).await, None);
        let address = Target::Address("2001:db8::1".parse().unwrap());
        assert_eq!(resolver.resolve(&address).await, Some("[2001:db8::1]:0".parse().unwrap()));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_asked_for_again_when_it_is_old() {
        let resolver = Resolver::new();
        let key = ("device".to_owned(), None);
        let found = Some("192.0.2.1:0".parse().unwrap());
        resolver.remember(key.clone(), found);
        tokio::time::advance(KEEP - Duration::from_secs(1)).await;
        assert_eq!(resolver.known(&key), Some(found));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(resolver.known(&key), None);
    }

    #[tokio::test]
    async fn the_cache_is_emptied_before_it_grows_without_end() {
        let resolver = Resolver::new();
        for number in 0..=MOST_NAMES {
            resolver.remember((number.to_string(), None), None);
        }
        assert_eq!(resolver.known.lock().unwrap().len(), 1);
    }

    #[test]
    fn of_a_names_addresses_the_first_of_the_wanted_kind_counts() {
        let found: Vec<SocketAddr> = vec!["[::1]:0".parse().unwrap(), "127.0.0.1:0".parse().unwrap()];
        assert_eq!(choose(found.clone(), None), found.first().copied());
        assert_eq!(choose(found.clone(), Some(Family::V4)), found.last().copied());
        assert_eq!(choose(vec![], None), None);
    }
}
