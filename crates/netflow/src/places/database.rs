//! Files of the MaxMind DB format: GeoLite2, ip-location-db, IPinfo and their kin.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fmt,
    net::IpAddr,
    path::{Path, PathBuf},
};

use maxminddb::{MaxMindDbError, Reader, WithinOptions};
use serde::{Deserialize, de::IgnoredAny};
use thiserror::Error;

/// A database, read into memory: a file that is replaced or cut meanwhile changes nothing of it.
pub struct Database(Reader<Vec<u8>>);

/// What a database is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// Autonomous systems.
    Systems,
    /// Countries.
    Countries,
}

/// Why a database cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// It cannot be read, is of another format, or is damaged.
    #[error("{} is no sound database of the MaxMind DB format", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: MaxMindDbError,
    },
    /// It is a database of something else.
    #[error("{} is a database of {kind:?}, which says nothing of {wanted}", path.display())]
    Other {
        /// Which file.
        path: PathBuf,
        /// What it calls itself.
        kind: String,
        /// What it is to say.
        wanted: &'static str,
    },
}

/// An autonomous system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct System {
    /// Its number.
    pub number: u32,
    /// Whose it is, where the database says it.
    pub organization: Option<String>,
}

/// A country by its two letters (ISO 3166-1).
pub type Country = [u8; 2];

#[derive(Deserialize)]
struct SystemRecord<'a> {
    autonomous_system_number: Option<u32>,
    autonomous_system_organization: Option<&'a str>,
    /// IPinfo's, as `AS15169`.
    asn: Option<&'a str>,
    as_name: Option<&'a str>,
}

/// The same without its names.
#[derive(Deserialize)]
struct SystemNumber<'a> {
    autonomous_system_number: Option<u32>,
    asn: Option<&'a str>,
}

#[derive(Deserialize)]
struct CountryRecord<'a> {
    country_code: Option<&'a str>,
    #[serde(borrow)]
    country: Option<NamedCountry<'a>>,
}

/// MaxMind's is a table, IPinfo's two letters or a name.
#[derive(Deserialize)]
#[serde(untagged)]
enum NamedCountry<'a> {
    Text(&'a str),
    Table { iso_code: Option<&'a str> },
}

impl Database {
    /// Reads a file, and looks at all of it: what is damaged names nothing, rather than something wrong.
    ///
    /// # Errors
    /// Fails where it cannot be read, is of another format, is damaged, or holds something else.
    pub fn open(path: &Path, contents: Contents) -> Result<Self, DatabaseError> {
        let unreadable = |source| DatabaseError::Unreadable { path: path.to_owned(), source };
        let database = Reader::open_readfile(path).map(Self).map_err(unreadable)?;
        if database.inspect(contents).map_err(unreadable)? {
            return Ok(database);
        }
        let wanted = match contents {
            Contents::Systems => "autonomous systems",
            Contents::Countries => "countries",
        };
        let kind = database.0.metadata().database_type.clone();
        Err(DatabaseError::Other { path: path.to_owned(), kind, wanted })
    }

    /// Looks at every network and at each entry of it once. Whether any says what is wanted.
    fn inspect(&self, contents: Contents) -> Result<bool, MaxMindDbError> {
        let (mut seen, mut says) = (HashSet::new(), false);
        for entry in self.0.networks(WithinOptions::default())? {
            let entry = entry?;
            // most networks share an entry with others
            if !entry.offset().is_some_and(|offset| seen.insert(offset)) {
                continue;
            }
            entry.decode::<IgnoredAny>()?;
            says |= match contents {
                Contents::Systems => entry.decode().ok().flatten().is_some_and(|it| number_of(&it).is_some()),
                Contents::Countries => {
                    entry.decode().ok().flatten().is_some_and(|it| letters_of(&it).is_some())
                }
            };
        }
        Ok(says)
    }

    /// Returns the autonomous system of an address.
    pub fn system(&self, address: IpAddr) -> Option<System> {
        let record: SystemRecord<'_> = self.0.lookup(address).ok()?.decode().ok()??;
        let SystemRecord { autonomous_system_number, asn, .. } = record;
        let number = number_of(&SystemNumber { autonomous_system_number, asn })?;
        let organization = record.autonomous_system_organization.or(record.as_name);
        Some(System { number, organization: organization.map(str::to_owned) })
    }

    /// Returns the number of an address's autonomous system.
    pub fn system_number(&self, address: IpAddr) -> Option<u32> {
        number_of(&self.0.lookup(address).ok()?.decode().ok()??)
    }

    /// Returns whose autonomous systems are, of these numbers, where the database says it.
    pub fn organizations(&self, numbers: &BTreeSet<u32>) -> BTreeMap<u32, String> {
        let mut found = BTreeMap::new();
        let Ok(entries) = self.0.networks(WithinOptions::default()) else { return found };
        for entry in entries.flatten() {
            let Some(SystemRecord { autonomous_system_number, asn, autonomous_system_organization, as_name }) =
                entry.decode().ok().flatten()
            else {
                continue;
            };
            let number = number_of(&SystemNumber { autonomous_system_number, asn });
            if let (Some(number), Some(name)) = (number, autonomous_system_organization.or(as_name))
                && numbers.contains(&number)
                && !found.contains_key(&number)
            {
                found.insert(number, name.to_owned());
                if found.len() == numbers.len() {
                    break;
                }
            }
        }
        found
    }

    /// Returns the country of an address.
    pub fn country(&self, address: IpAddr) -> Option<Country> {
        letters_of(&self.0.lookup(address).ok()?.decode().ok()??)
    }
}

fn number_of(record: &SystemNumber<'_>) -> Option<u32> {
    let told = || record.asn?.trim_start_matches("AS").parse().ok();
    record.autonomous_system_number.or_else(told).filter(|number| *number != 0)
}

fn letters_of(record: &CountryRecord<'_>) -> Option<Country> {
    let nested = record.country.as_ref().and_then(|country| match country {
        NamedCountry::Text(text) => Some(*text),
        NamedCountry::Table { iso_code } => *iso_code,
    });
    let letters: Country = record.country_code.or(nested)?.as_bytes().try_into().ok()?;
    letters.iter().all(u8::is_ascii_uppercase).then_some(letters)
}

impl fmt::Debug for Database {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Database").field(&self.0.metadata().database_type).finish()
    }
}
