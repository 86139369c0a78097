//! The SNMP bot: one job a device, in which all sensors that are due are measured together.
//!
//! [`SnmpBot`] performs a run: `plan` makes jobs of what people set up, `device` is what is kept of a device between
//! runs, `drive` asks it, `results` makes values of what came. [`Memory`] is what survives a restart.

mod device;
mod drive;
mod memory;
mod perform;
mod plan;
mod results;

pub use self::{
    drive::drive,
    memory::Memory,
    perform::SnmpBot,
    plan::{DueSensor, SnmpTask},
};
