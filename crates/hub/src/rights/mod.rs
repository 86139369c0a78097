//! What may be done to what, and passwords: ground that everything else of the hub stands on.

mod grant;
mod password;

pub(crate) use grant::{Grant, Verb};
pub(crate) use password::{PasswordError, PasswordHash, Passwords, check_new};
