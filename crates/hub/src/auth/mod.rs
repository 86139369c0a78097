//! Who asks, and may they.
//!
//! [`Gate`] finds the [`Caller`] by a person's session or a bot's token, and a [`Caller`] knows what it may do. The guard
//! of `routes` asks both before every route of the API; behind it no handler has to ask again, save for the two questions
//! that are about rights themselves: granting them, and showing a bot's token.

mod caller;
pub(crate) mod cookie;
mod first;
mod gate;
mod guesses;
mod session;

pub(crate) use caller::{Caller, CallerKind};
pub(crate) use first::{SetupSecret, refuse_other_hosts, refuse_other_sites};
pub(crate) use gate::Gate;
pub(crate) use guesses::{Guesses, network};
pub(crate) use session::{Session, SigningKeys};
