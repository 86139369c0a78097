//! Where addresses belong: networks of one's own by name, autonomous systems and countries by databases.
//!
//! [`Networks`] is a file of prefixes and names, a [`Database`] one of the MaxMind DB format, whoever made it.
//! [`WatchedPlaces`] reads them, and reads anew what changed. Lookups are made for each address of a minute, never for each
//! flow.

mod database;
mod files;
mod networks;

use std::{net::IpAddr, sync::Arc};

pub use database::{Contents, Country, Database, DatabaseError, System};
pub use files::{PlaceFiles, PlacesError, WatchedPlaces};
pub use networks::{NAME_OCTETS, NETWORKS_MAX, NetworkName, Networks, NetworksError};

/// Whose word counts about the autonomous system of an address. Where it has none, the other's does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prefer {
    /// The exporter's own fields.
    #[default]
    Exporter,
    /// The database.
    Database,
}

/// Which lists are reported beside the usual ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lists {
    /// `topas`.
    pub systems: bool,
    /// `topcountry`.
    pub countries: bool,
    /// `topnet`.
    pub networks: bool,
}

/// All that is known of where addresses belong; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Networks of one's own.
    pub networks: Arc<Networks>,
    /// Autonomous systems.
    pub systems: Option<Arc<Database>>,
    /// Countries.
    pub countries: Option<Arc<Database>>,
    /// Whose word counts.
    pub prefer: Prefer,
    /// What is reported.
    pub lists: Lists,
}

impl Places {
    /// Returns the number of an address's autonomous system, of what the exporter told and what the database has.
    pub fn system_of(&self, address: IpAddr, told: Option<u32>) -> Option<u32> {
        let by_database = || self.systems.as_ref()?.system_number(address);
        match self.prefer {
            Prefer::Exporter => told.or_else(by_database),
            Prefer::Database => by_database().or(told),
        }
    }

    /// Returns the autonomous system of an address, by the database.
    pub fn system(&self, address: IpAddr) -> Option<System> {
        self.systems.as_ref()?.system(address)
    }

    /// Returns the country of an address, by the database.
    pub fn country(&self, address: IpAddr) -> Option<Country> {
        self.countries.as_ref()?.country(address)
    }

    /// Whether any list is reported.
    pub fn any(&self) -> bool {
        self.lists != Lists::default()
    }
}
