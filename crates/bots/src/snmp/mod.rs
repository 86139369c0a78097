//! SNMP: reads values of devices, and makes rates and results of them.
//!
//! From the ground: [`Oid`], [`Value`] and [`Varbind`] are what agents speak of. [`Expression`] is what a sensor makes
//! of the values it reads, [`OutputPath`] where the result belongs; [`counter`] makes rates of counters, [`Interfaces`]
//! a device's interfaces of its tables. All of that is arithmetic: no socket, no clock.

pub mod counter;

mod expression;
mod interfaces;
mod oid;
mod output_path;
mod value;

pub use self::{
    expression::{Expression, ExpressionError, Fault},
    interfaces::{Column, Interfaces, interface_of_octets},
    oid::{Oid, OidError},
    output_path::{Filled, OutputPath, OutputPathError, Rows, slug},
    value::{Exception, Value, Varbind},
};
