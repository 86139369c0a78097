//! Ids: plain numbers on the wire, told apart by type.

use std::{fmt, hash, marker::PhantomData, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Account, Credential, Entity, Sensor, lenient};

/// A person or a bot; it exists only as the owner of a [`UserId`].
#[derive(Debug)]
pub enum User {}

/// The id of an `Of`: a positive number on the wire, read from a number or a string.
pub struct Id<Of>(i64, PhantomData<fn() -> Of>);

/// The id of an account.
pub type AccountId = Id<Account>;
/// The id of an entity.
pub type EntityId = Id<Entity>;
/// The id of a credential.
pub type CredentialId = Id<Credential>;
/// The id of a sensor.
pub type SensorId = Id<Sensor>;
/// The id of a person or a bot.
pub type UserId = Id<User>;

impl<Of> Id<Of> {
    /// Creates it of the number.
    pub const fn new(number: i64) -> Self {
        Self(number, PhantomData)
    }

    /// Returns the number.
    pub const fn number(self) -> i64 {
        self.0
    }
}

impl<Of> Clone for Id<Of> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Of> Copy for Id<Of> {}

impl<Of> PartialEq for Id<Of> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<Of> Eq for Id<Of> {}

impl<Of> PartialOrd for Id<Of> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<Of> Ord for Id<Of> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl<Of> hash::Hash for Id<Of> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<Of> fmt::Debug for Id<Of> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0)
    }
}

impl<Of> fmt::Display for Id<Of> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0)
    }
}

impl<Of> FromStr for Id<Of> {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self::new)
    }
}

impl<Of> Serialize for Id<Of> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0)
    }
}

impl<'de, Of> Deserialize<'de> for Id<Of> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lenient::integer(deserializer).map(Self::new)
    }
}
