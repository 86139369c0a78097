//! The SNMP bot: one job a device, in which all sensors that are due are measured together.
//!
//! [`SnmpBot`] performs a run: `plan` makes jobs of what people set up, `device` is what is kept of a device between
//! runs and `troubles` what is wrong with it, `profiled` knows what profiles add, `drive` asks it, `results` makes values
//! of what came, `discontinuity` knows when interfaces began to count anew; `counters` reads those of flow exporters for
//! the flow bot, `synced` are its interfaces, `traps` is what devices tell by themselves. [`Memory`] is what survives a restart.

mod causes;
mod counters;
mod device;
mod discontinuity;
mod drive;
mod memory;
mod perform;
mod plan;
mod profiled;
mod results;
mod synced;
mod told;
mod traps;
mod troubles;

pub use self::{
    drive::drive,
    memory::{Memory, RejectedValue},
    perform::SnmpBot,
    plan::{DueSensor, Reads, SnmpTask},
};
