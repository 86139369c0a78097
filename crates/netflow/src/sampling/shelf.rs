//! The books of all exporters, and what operators set by hand.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use grafolean_time::Timestamp;
use serde::{Deserialize, Serialize};

use super::Book;
use crate::{decode::Statement, record::Factor};

/// Domains whose sampling is remembered. Far more than one machine's exporters; beyond it the eighth that has been silent
/// longest is forgotten, so that forged sources push out each other.
pub const BOOKS_MAX: usize = 16_384;

/// An exporter's observation domain, whatever port it speaks from: a restart does not change its samplers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Domain {
    /// Address of the exporter.
    pub address: IpAddr,
    /// Observation domain.
    pub domain: u32,
}

/// What an operator set for an exporter: it wins over all that the exporter says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Override {
    /// Scale by this factor.
    Factor(Factor),
    /// Do not scale: counts are whole already.
    Off,
}

/// All books, by exporter and domain.
#[derive(Clone, Debug, Default)]
pub struct Shelf {
    books: HashMap<Domain, Entry>,
    overrides: HashMap<IpAddr, Override>,
}

#[derive(Clone, Debug)]
struct Entry {
    book: Arc<Book>,
    told: Timestamp,
}

impl Shelf {
    /// Replaces what operators set, by the exporter's address.
    pub fn set_overrides(&mut self, overrides: HashMap<IpAddr, Override>) {
        self.overrides = overrides;
    }

    /// Gives what an operator set for an exporter.
    pub fn set_by_hand(&self, address: IpAddr) -> Option<Factor> {
        self.overrides.get(&address).map(|set| match set {
            Override::Factor(factor) => *factor,
            Override::Off => Factor::NONE,
        })
    }

    /// Gives all that operators set.
    pub fn all_set_by_hand(&self) -> impl Iterator<Item = (IpAddr, Factor)> {
        self.overrides.keys().filter_map(|address| Some((*address, self.set_by_hand(*address)?)))
    }

    /// Gives the book of a domain, if it ever told its sampling.
    pub fn book(&self, domain: Domain) -> Option<Arc<Book>> {
        self.books.get(&domain).map(|entry| Arc::clone(&entry.book))
    }

    /// Takes in what an options record of a domain said.
    pub fn note(&mut self, domain: Domain, statement: &Statement, now: Timestamp) {
        if statement.factor.is_none() && statement.system_init.is_none() {
            return;
        }
        Arc::make_mut(&mut self.entry(domain, now).book).note(statement);
    }

    /// Gives all books with when each was last told of, for a snapshot or a listing.
    pub fn books(&self) -> impl Iterator<Item = (Domain, &Book, Timestamp)> {
        self.books.iter().map(|(domain, entry)| (*domain, entry.book.as_ref(), entry.told))
    }

    /// Puts a book back that was kept over a restart.
    pub fn restore(&mut self, domain: Domain, book: Book, told: Timestamp) {
        self.entry(domain, told).book = Arc::new(book);
    }

    fn entry(&mut self, domain: Domain, now: Timestamp) -> &mut Entry {
        if self.books.len() >= BOOKS_MAX && !self.books.contains_key(&domain) {
            self.forget_oldest();
        }
        let entry = self.books.entry(domain).or_insert_with(|| Entry { book: Arc::default(), told: now });
        entry.told = now;
        entry
    }

    fn forget_oldest(&mut self) {
        let mut times: Vec<_> = self.books.values().map(|entry| entry.told).collect();
        let (_, &mut limit, _) = times.select_nth_unstable(BOOKS_MAX / 8);
        let mut left = BOOKS_MAX / 8;
        self.books.retain(|_, entry| {
            let goes = left > 0 && entry.told <= limit;
            left -= usize::from(goes);
            !goes
        });
    }
}
