//! What there is to be in an account.

use std::collections::BTreeMap;

use grafolean_collector::model::Details;

/// What there is to be in an account, by names.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::command) struct Wanted {
    /// The account's name; it is made if there is none.
    pub(in crate::command) account: String,
    /// What becomes of devices, credentials and sensors that are not named here.
    pub(in crate::command) others: Others,
    pub(in crate::command) credentials: BTreeMap<String, WantedCredential>,
    pub(in crate::command) sensors: BTreeMap<String, WantedSensor>,
    pub(in crate::command) devices: BTreeMap<String, WantedDevice>,
}

/// What becomes of what is not named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::command) enum Others {
    /// It stays.
    #[default]
    Keep,
    /// It goes.
    Delete,
}

/// A way into devices.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::command) struct WantedCredential {
    pub(in crate::command) protocol: String,
    pub(in crate::command) details: Details,
}

/// What is measured.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::command) struct WantedSensor {
    pub(in crate::command) protocol: String,
    /// In seconds.
    pub(in crate::command) interval: Option<u32>,
    pub(in crate::command) details: Details,
}

/// A device, and how it is measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::command) struct WantedDevice {
    pub(in crate::command) details: Details,
    pub(in crate::command) protocols: BTreeMap<String, WantedUse>,
}

/// How a protocol measures a device. What is left out is the account's own: its only credential, all its sensors, any bot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::command) struct WantedUse {
    pub(in crate::command) credential: Option<String>,
    pub(in crate::command) sensors: Option<Vec<String>>,
    /// Of all its sensors, in seconds; `None` is each sensor's own.
    pub(in crate::command) interval: Option<u32>,
    pub(in crate::command) bot: Option<String>,
}
