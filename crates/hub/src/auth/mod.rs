//! Who asks, and may they.
//!
//! [`Gate`] stands before every route of the API: it finds the [`Caller`] by a person's session or a bot's token and
//! checks the resource and the method against the caller's [`Grant`]s. Behind it no handler has to ask again, save for
//! the two questions that are about rights themselves: granting them, and showing a bot's token.

mod caller;
mod gate;
mod grant;
mod password;
mod session;

pub(crate) use caller::{Caller, CallerKind};
pub(crate) use gate::{Gate, guard};
pub(crate) use grant::{Grant, Verb};
pub(crate) use password::{PasswordError, PasswordHash, Passwords};
pub(crate) use session::{Session, SigningKey};
