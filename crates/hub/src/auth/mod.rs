//! Who asks, and may they.
//!
//! [`Gate`] stands before every route of the API: it finds the [`Caller`] by a person's session or a bot's token and
//! checks the resource and the method against the caller's grants. Behind it no handler has to ask again, save for
//! the two questions that are about rights themselves: granting them, and showing a bot's token.

mod caller;
mod first;
mod gate;
mod guesses;
mod session;

pub(crate) use caller::{Caller, CallerKind};
pub(crate) use first::{SetupSecret, refuse_other_hosts, refuse_other_sites};
pub(crate) use gate::{Gate, guard};
pub(crate) use guesses::Guesses;
pub(crate) use session::{Session, SigningKeys};
