//! What Grafolean's API speaks of, as types that both the client and the hub use, so that they cannot disagree.
//!
//! [`Account`], [`Entity`], [`Credential`] and [`Sensor`] are what people set up; [`Device`] is what a bot gets of
//! it; [`Sample`] is what it sends back. Reading is tolerant (ids and numbers may come as strings, unknown fields
//! are ignored), writing is strict.

mod entity;
mod id;
mod interval;
pub mod lenient;
mod path;
mod sample;
mod shared;

pub use entity::{
    Account, Attachment, Credential, Details, Device, DeviceSensor, Entity, NewEntity, Sensor, SensorUse,
};
pub use id::{AccountId, CredentialId, EntityId, Id, SensorId, User, UserId};
pub use interval::{Interval, IntervalError, Intervals};
pub use path::{MAX_PATH_LENGTH, PathError, SeriesPath, escape_segment};
pub use sample::{Sample, SampleError};
pub use shared::Shared;
