//! Wrong passwords: who guesses has to wait longer and longer, and nobody else has.
//!
//! What has to wait is a pair of an address and a name, and an address that tried many names. A person at another address
//! is never kept out by someone's guesses, and one who has logged in from an address is not kept out by guesses of other
//! names from there.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use grafolean_collector::time::Timestamp;

/// Wrong passwords of one name from one address that cost no time: people mistype.
const FREE_FOR_NAME: u32 = 5;

/// Wrong passwords from one address, whatever the name, that cost no time: several people may have one address.
const FREE_FOR_ADDRESS: u32 = 20;

/// The wait after the first guess that is not free; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How long after the last wrong password all is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(3_600);

/// Addresses and names that are remembered, a few hundred kilobytes; at it those that failed longest ago go.
const REMEMBERED: usize = 4_096;

/// The longest name that is remembered as it is.
const NAME_BYTES: usize = 64;

/// Counts wrong passwords.
#[derive(Debug, Default)]
pub(crate) struct Guesses(Mutex<HashMap<Guesser, Guessed>>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Guesser {
    Address(IpAddr),
    Name(IpAddr, String),
}

#[derive(Clone, Copy, Debug)]
struct Guessed {
    wrong: u32,
    last: Timestamp,
    /// This name has logged in from this address.
    known: bool,
}

impl Guesses {
    /// Returns how long this name has to wait at this address until it may try again.
    pub(crate) fn wait(&self, address: IpAddr, name: &str, now: Timestamp) -> Duration {
        let guesses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = |guesser: &Guesser, free: u32| {
            guesses.get(guesser).map_or(Duration::ZERO, |guessed| guessed.wait(free, now))
        };
        let pair = Guesser::of(address, name);
        if guesses.get(&pair).is_some_and(|guessed| guessed.known) {
            return left(&pair, FREE_FOR_NAME);
        }
        let of_address = left(&Guesser::Address(network(address)), FREE_FOR_ADDRESS);
        left(&pair, FREE_FOR_NAME).max(of_address)
    }

    /// Counts a password as wrong, before it is known: so that guesses at the same moment are counted, too.
    pub(crate) fn wrong(&self, address: IpAddr, name: &str, now: Timestamp) {
        let mut guesses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for guesser in [Guesser::Address(network(address)), Guesser::of(address, name)] {
            if guesses.len() >= REMEMBERED && !guesses.contains_key(&guesser) {
                forget_oldest(&mut guesses);
            }
            let guessed = guesses.entry(guesser).or_insert(Guessed { wrong: 0, last: now, known: false });
            if now.since(guessed.last) >= FORGOTTEN {
                guessed.wrong = 0;
            }
            guessed.wrong = guessed.wrong.saturating_add(1);
            guessed.last = now;
        }
    }

    /// Withdraws the last wrong guess, and forgets those of the name before it.
    pub(crate) fn right(&self, address: IpAddr, name: &str, now: Timestamp) {
        let mut guesses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if guesses.len() >= REMEMBERED {
            forget_oldest(&mut guesses);
        }
        guesses.insert(Guesser::of(address, name), Guessed { wrong: 0, last: now, known: true });
        // It was counted as wrong before it was known to be right.
        if let Some(guessed) = guesses.get_mut(&Guesser::Address(network(address))) {
            guessed.wrong = guessed.wrong.saturating_sub(1);
        }
    }
}

impl Guesser {
    fn of(address: IpAddr, name: &str) -> Self {
        let name = name.chars().take(NAME_BYTES / 4).collect();
        Self::Name(network(address), name)
    }
}

impl Guessed {
    /// What is left of the wait after the last wrong password. A clock that was set back makes it no longer.
    fn wait(&self, free: u32, now: Timestamp) -> Duration {
        let Some(beyond) = self.wrong.checked_sub(free).filter(|&beyond| beyond > 0) else {
            return Duration::ZERO;
        };
        let doubled = FIRST_WAIT.saturating_mul(1 << (beyond - 1).min(10));
        if now < self.last {
            return Duration::ZERO;
        }
        doubled.min(LONGEST_WAIT).saturating_sub(now.since(self.last))
    }
}

/// Half of them, so that this is seldom done.
fn forget_oldest(guesses: &mut HashMap<Guesser, Guessed>) {
    let mut times: Vec<_> = guesses.values().map(|guessed| guessed.last).collect();
    times.sort_unstable();
    let Some(&middle) = times.get(times.len() / 2) else { return };
    guesses.retain(|_, guessed| guessed.last > middle);
}

/// Who has one address of version 6 has all of its network of 64 bits.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            if v6.is_loopback() { IpAddr::V6(v6) } else { IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)) }
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn address(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn the_wait_doubles_up_to_a_minute() {
        let guesses = Guesses::default();
        let mut waits = Vec::new();
        for _ in 0..13 {
            waits.push(guesses.wait(address(1), "admin", NOW).as_secs());
            guesses.wrong(address(1), "admin", NOW);
        }
        assert_eq!(waits, [0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60]);
        assert_eq!(guesses.wait(address(1), "admin", NOW + seconds(59)), seconds(1));
        assert_eq!(guesses.wait(address(1), "admin", NOW + seconds(60)), Duration::ZERO);
        guesses.right(address(1), "admin", NOW);
        assert_eq!(guesses.wait(address(1), "admin", NOW), Duration::ZERO);
    }

    #[test]
    fn nobody_is_kept_out_by_someone_elses_guesses() {
        let guesses = Guesses::default();
        guesses.right(address(1), "eve", NOW);
        for guess in 0..1_000 {
            guesses.wrong(address(1), "admin", NOW);
            guesses.wrong(address(1), &guess.to_string(), NOW);
        }
        assert_eq!(guesses.wait(address(2), "admin", NOW), Duration::ZERO, "from elsewhere");
        assert_eq!(guesses.wait(address(1), "eve", NOW), Duration::ZERO, "who has logged in from there");
        for _ in 0..100 {
            guesses.wrong(address(3), "bob", NOW);
            guesses.right(address(3), "bob", NOW);
        }
        assert_eq!(guesses.wait(address(3), "carol", NOW), Duration::ZERO, "where others log in");
        assert_eq!(guesses.wait(address(1), "another", NOW), LONGEST_WAIT, "a name never seen from there");
    }

    #[test]
    fn guesses_without_end_take_no_memory_without_end() {
        let guesses = Guesses::default();
        for number in 0..20_000_u32 {
            guesses.wrong(address(number), "admin", NOW + seconds(number.into()));
        }
        assert!(guesses.0.lock().unwrap().len() <= REMEMBERED + 2);
        let name = "x".repeat(100_000);
        guesses.wrong(address(7), &name, NOW);
        let longest = guesses
            .0
            .lock()
            .unwrap()
            .keys()
            .map(|guesser| match guesser {
                Guesser::Name(_, name) => name.len(),
                Guesser::Address(_) => 0,
            })
            .max();
        assert!(longest <= Some(NAME_BYTES));
    }

    #[test]
    fn a_network_of_version_6_is_one_address() {
        let network = |text: &str| network(text.parse().unwrap());
        assert_eq!(network("2001:db8:1:2:3::1"), network("2001:db8:1:2:4::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
    }
}
