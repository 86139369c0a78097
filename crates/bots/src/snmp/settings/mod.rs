//! What people type into a credential, a sensor and an entity, checked once into what cannot be wrong.
//!
//! [`Access`] is how to get in and [`PollPolicy`] how a device is to be treated, both of a credential; [`Sensor`] is what
//! is measured; [`Host`] where the device is; [`PROCESS`] is what the process may be told. Grafolean's forms store strings, so a number may be one or the other.

mod access;
mod credential;
mod host;
mod poll_policy;
mod process;
mod sensor;

pub use self::{
    access::{Access, AuthProtocol, Community, Level, PrivProtocol, Secret, User},
    credential::{Credential, Entity, SecurityLevel, Version},
    host::{Host, ProfileChoice},
    poll_policy::{PollPolicy, ReplySource, WalkOrder},
    process::{
        NAMING, PROCESS, SNMP_MIB_FOLDERS, SNMP_PROFILE_FOLDER, TRAPS, folders, names, profiles, traps,
    },
    sensor::{CounterUse, Fetch, Sensor, SensorError, SensorFields},
};
