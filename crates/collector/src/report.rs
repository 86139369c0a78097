//! What a run hands over: plain data that survives a restart.

use serde::{Deserialize, Serialize};

use crate::{
    model::{AccountId, Details, EntityId, NewEntity},
    time::Timestamp,
};

/// One thing a run found out. No report waits for an answer: a bot never calls the backend itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Report {
    /// Values of one account at one time.
    Values(Values),
    /// The children a device has; the backend's are kept in step with them.
    Children(Children),
    /// Entities that a person may want to have.
    Suggestions(Suggestions),
    /// What devices told by themselves.
    Events(Events),
}

impl Report {
    /// Reports values of one account, measured when they were due.
    pub fn values<P: Into<String>>(
        account: AccountId,
        due: Timestamp,
        values: impl IntoIterator<Item = (P, f64)>,
    ) -> Self {
        let values = values.into_iter().map(|(path, value)| (path.into(), value)).collect();
        Self::Values(Values { account, time: due, values })
    }

    /// Returns whose it is.
    pub fn account(&self) -> AccountId {
        match self {
            Self::Values(values) => values.account,
            Self::Children(children) => children.account,
            Self::Suggestions(suggestions) => suggestions.account,
            Self::Events(events) => events.account,
        }
    }
}

/// Values of one account at one time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Values {
    /// Whose they are.
    pub account: AccountId,
    /// When they were due; with the path it is the key under which the backend keeps them.
    pub time: Timestamp,
    /// Path and number, unchecked: delivery checks each, so that one bad one costs only itself.
    pub values: Vec<(String, f64)>,
}

/// The children that a device was seen to have, all of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Children {
    /// Whose device.
    pub account: AccountId,
    /// The device.
    pub parent: EntityId,
    /// When it was looked at: an older look never undoes a newer one.
    pub time: Timestamp,
    /// The type of the children; others of the same parent are left alone.
    pub entity_type: String,
    /// The key of `details` that tells one child from another, e.g. `snmp_index`.
    pub key: String,
    /// What was seen.
    pub children: Vec<Child>,
}

/// One child as it was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Child {
    /// Its name.
    pub name: String,
    /// What is known of it, with the key.
    pub details: Details,
}

/// Entities that a person may want to have, e.g. a flow exporter that nobody named.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Suggestions {
    /// Where to propose them.
    pub account: AccountId,
    /// The key of `details` by which an entity that exists already is recognised, e.g. `ipv4`.
    pub key: String,
    /// The proposals.
    pub entities: Vec<NewEntity>,
}

/// What devices of one account told by themselves. A backend that keeps no events, as Grafolean, is not sent any.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Events {
    /// Whose devices.
    pub account: AccountId,
    /// What was told, in the order in which it came.
    pub events: Vec<Event>,
}

/// Something that a device told by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The name that no other event of the account has: what is sent twice is kept once.
    pub id: String,
    /// When it came.
    pub time: Timestamp,
    /// The device that told it.
    pub entity: EntityId,
    /// What it is, e.g. `IF-MIB::linkDown`.
    pub name: String,
    /// The address from which it came.
    pub source: String,
    /// How often the device told just this since the event before; 1 or more.
    pub count: u32,
    /// What the device told of it.
    pub details: Details,
}
