//! Names of objects: what a number is called, what its value means, and which number a name is.
//!
//! [`Names`] knows them: from `modules`, a compact table of our own of what standards and the vendors of our profiles
//! define, which needs no file ([`Names::builtin`]), and from MIB files of folders ([`Names::with_folders`], read by
//! `files` when the table does not do). [`Object`] is what is known of one, `show` its value as a person reads it.
//!
//! ```
//! use grafolean_bots::snmp::mib;
//!
//! let oid = mib::parse("IF-MIB::ifHCInOctets.3")?;
//! assert_eq!(oid.to_string(), "1.3.6.1.2.1.31.1.1.1.6.3");
//! assert_eq!(mib::name_of(&oid), "IF-MIB::ifHCInOctets.3");
//! # Ok::<(), mib::NameError>(())
//! ```

mod compact;
mod files;
mod names;
mod object;
mod show;
mod table;
mod written;

pub use self::{
    files::BadFile,
    names::{Named, Names},
    object::{Base, Kind, Object, Syntax},
    show::Shown,
    written::NameError,
};

use super::Oid;

/// Returns the object of a name or of numbers, by the names that are built in: `sysUpTime.0`, `IF-MIB::ifInOctets.3`.
///
/// # Errors
/// What is wrong with the text, and which name is near.
pub fn parse(text: &str) -> Result<Oid, NameError> {
    Names::builtin().parse(text)
}

/// Returns the name of an object, by the names that are built in: `IF-MIB::ifInOctets.3`.
pub fn name_of(oid: &Oid) -> String {
    Names::builtin().name_of(oid)
}
