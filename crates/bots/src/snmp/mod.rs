//! SNMP: reads values of devices, and makes rates and results of them.
//!
//! From the ground: [`Oid`], [`Value`] and [`Varbind`] are what agents speak of, [`Request`] and [`AskError`] how they
//! are asked. [`Expression`] is what a sensor makes of the values it reads, [`OutputPath`] where the result belongs;
//! [`counter`] makes rates of counters, [`Interfaces`] a device's interfaces of its tables. [`mib`] knows objects by their
//! names. [`settings`] checks what people type, [`profile`] knows what to poll on
//! a kind of device, [`plan`] decides what to ask in which packets, [`codec`] is messages as octets. All of that is
//! arithmetic: no socket, no clock. [`notification`] is what agents tell by themselves. [`engine`] has both, and [`SnmpBot`] puts all of it to work.

pub mod codec;
pub mod counter;
pub mod diagnosis;
pub mod engine;
pub mod mib;
pub mod notification;
pub mod plan;
pub mod profile;
pub mod settings;

mod bot;
mod declaration;
mod exchange;
mod expression;
mod interfaces;
mod moment;
mod numeral;
mod oid;
mod output_path;
mod tester;
mod text;
mod value;
mod vendor;

pub use self::{
    bot::{DueSensor, Memory, Reads, RejectedValue, SnmpBot, SnmpTask, drive},
    exchange::{AskError, Request, Status},
    expression::{Expression, ExpressionError, Fault},
    interfaces::{Column, Counted, CounterKind, Interfaces, counted},
    moment::Moment,
    oid::{Oid, OidError},
    output_path::{Filled, OutputPath, OutputPathError, Rows, slug},
    value::{Exception, Value, Varbind},
    vendor::vendor,
};
