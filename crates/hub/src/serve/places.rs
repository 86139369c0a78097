//! Who is connected: how many there may be, and who has to go when one too many comes.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use tokio_util::sync::CancellationToken;

use crate::auth::network;

/// Connections at a time. At it the one that has been idle for longest is closed for a new one; if none is idle, the new
/// one is closed.
pub(super) const CONNECTIONS: usize = 1_024;

/// Connections of one address at a time, so that none can take all places. At it the address's own oldest idle one is
/// closed. Of proxies that are named, behind which all people have one address, this is not asked.
pub(super) const PER_ADDRESS: usize = 256;

/// The places of all connections.
#[derive(Debug, Default)]
pub(super) struct Places(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    all: HashMap<u64, Connection>,
    by_address: HashMap<IpAddr, usize>,
}

#[derive(Debug)]
struct Connection {
    address: IpAddr,
    activity: Arc<Activity>,
    close: CancellationToken,
}

/// What a connection is doing.
#[derive(Debug, Default)]
struct Activity {
    requests: AtomicUsize,
    /// Counts up with each request of any connection: the lower, the longer idle.
    last: AtomicU64,
}

/// Whether an address is that of a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shared {
    Yes,
    No,
}

/// A connection's place; it is free once the last clone is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Place(Arc<Held>);

#[derive(Debug)]
struct Held {
    places: Arc<Places>,
    number: u64,
    activity: Arc<Activity>,
    close: CancellationToken,
}

/// A request is being answered; the connection is not idle while it lives.
#[derive(Debug)]
pub(crate) struct Busy(Place);

impl Places {
    /// Reserves a place, for which an idle connection may have to go; `None` if all are busy. An address that is `shared` by
    /// many people may take all of them.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr, shared: Shared) -> Option<Place> {
        let address = network(address);
        let mut taken = self.lock();
        if shared == Shared::No && taken.by_address.get(&address).is_some_and(|&count| count >= PER_ADDRESS) {
            taken.close_oldest_idle(|connection| connection.address == address)?;
        } else if taken.all.len() >= CONNECTIONS {
            taken.close_oldest_idle(|_| true)?;
        }
        let number = taken.next;
        taken.next += 1;
        let activity = Arc::new(Activity::default());
        activity.last.store(number, Ordering::Relaxed);
        let close = CancellationToken::new();
        let connection = Connection { address, activity: Arc::clone(&activity), close: close.clone() };
        taken.all.insert(number, connection);
        *taken.by_address.entry(address).or_default() += 1;
        Some(Place(Arc::new(Held { places: Arc::clone(self), number, activity, close })))
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Frees the place at once; the connection itself ends as soon as it hears of it.
    fn close_oldest_idle(&mut self, of: impl Fn(&Connection) -> bool) -> Option<()> {
        let idle = |(_, connection): &(&u64, &Connection)| {
            of(connection) && connection.activity.requests.load(Ordering::Relaxed) == 0
        };
        let oldest = self
            .all
            .iter()
            .filter(idle)
            .min_by_key(|(_, connection)| connection.activity.last.load(Ordering::Relaxed));
        let number = *oldest?.0;
        if let Some(connection) = self.remove(number) {
            connection.close.cancel();
        }
        Some(())
    }

    fn remove(&mut self, number: u64) -> Option<Connection> {
        let connection = self.all.remove(&number)?;
        if let Some(count) = self.by_address.get_mut(&connection.address) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&connection.address);
            }
        }
        Some(connection)
    }
}

impl Place {
    /// Begins a request.
    pub(crate) fn busy(&self) -> Busy {
        self.0.activity.requests.fetch_add(1, Ordering::Relaxed);
        Busy(self.clone())
    }

    /// Waits until the connection is to be closed.
    pub(super) async fn closed(&self) {
        self.0.close.cancelled().await;
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let Held { places, activity, .. } = &*self.0.0;
        let now = {
            let mut taken = places.lock();
            taken.next += 1;
            taken.next
        };
        activity.last.store(now, Ordering::Relaxed);
        activity.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.places.lock().remove(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: usize) -> IpAddr {
        IpAddr::from(u32::try_from(number).unwrap().to_be_bytes())
    }

    fn is_closed(place: &Place) -> bool {
        place.0.close.is_cancelled()
    }

    #[test]
    fn the_oldest_idle_connection_goes_for_a_new_one() {
        let places = Arc::new(Places::default());
        let all: Vec<_> =
            (0..CONNECTIONS).map(|number| places.take(address(number), Shared::No).unwrap()).collect();
        let busy = all[0].busy();
        drop(all[1].busy());
        let new = places.take(address(9_999), Shared::No).unwrap();
        assert_eq!([0, 1, 2, 3].map(|number| is_closed(&all[number])), [false, false, true, false]);
        drop(busy);
        let others: Vec<_> = (3..CONNECTIONS)
            .map(|number| places.take(address(20_000 + number), Shared::No).unwrap())
            .collect();
        assert!(is_closed(&all[CONNECTIONS - 1]) && !is_closed(&all[0]) && !is_closed(&new));
        drop((all, new, others));
        assert!(places.lock().all.is_empty() && places.lock().by_address.is_empty());
    }

    #[test]
    fn one_address_cannot_take_the_places_of_others() {
        let places = Arc::new(Places::default());
        let other = places.take(address(1), Shared::No).unwrap();
        let flood: Vec<_> = (0..5_000).map(|_| places.take(address(2), Shared::No).unwrap()).collect();
        assert!(!is_closed(&other));
        assert_eq!(flood.iter().filter(|place| !is_closed(place)).count(), PER_ADDRESS);
        let proxied: Vec<_> = (0..500).map(|_| places.take(address(3), Shared::Yes).unwrap()).collect();
        assert_eq!(proxied.iter().filter(|place| is_closed(place)).count(), 0);
    }

    #[test]
    fn a_new_connection_is_refused_only_while_all_others_are_busy() {
        let places = Arc::new(Places::default());
        let all: Vec<_> =
            (0..PER_ADDRESS).map(|_| places.take(address(1), Shared::No).unwrap().busy()).collect();
        assert!(places.take(address(1), Shared::No).is_none());
        assert!(places.take(address(2), Shared::No).is_some());
        drop(all);
        assert!(places.take(address(1), Shared::No).is_some());
    }
}
