//! One table of settings, and one reader of it for every door: the binary, `serve`, Python.
//!
//! A [`Setting`] is declared once, with its name, its variable, its default and what it may be; [`bot`] holds those
//! that every bot has, a protocol adds its own. [`Sources`] says where settings may stand: flags, the environment, `.env`,
//! a TOML file. [`Resolved`] is what is in force, each value with its [`Origin`]; nothing reads a variable or a file
//! again. [`value`] reads texts: spans, sizes, addresses.

pub mod bot;
mod dot_env;
mod error;
mod flags;
mod origin;
mod resolved;
mod setting;
mod sources;
mod token;
mod toml_file;
mod unknown;
pub mod value;

pub use error::SettingsError;
pub use flags::{flags, given};
pub use origin::{Origin, Place};
pub use resolved::Resolved;
pub use setting::Setting;
pub use sources::{ReadVariable, Sources};
pub use token::own_token;
pub use unknown::Unknown;
