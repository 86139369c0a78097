//! Templates: how an exporter of NetFlow v9 or IPFIX says what its records look like.
//!
//! A [`Definition`](crate::decode::Definition) is a template as declared, a [`Template`] the same compiled. The [`Store`] keeps them by transport session
//! and observation domain, bounded and expiring; `PendingSets` keeps data whose template has not come yet.

mod pending;
mod store;

pub use pending::{PARKED_AGE_MAX, PENDING_BYTES_MAX, PENDING_EXPORTER_BYTES_MAX};
pub(super) use pending::{PendingSet, PendingSets};
pub(crate) use store::Succession;
pub use store::{
    FIELDS_MAX, LIFETIME, SESSIONS_MAX, SESSIONS_PER_EXPORTER_MAX, SILENCE_MAX, SILENCE_MIN, Scope, Store,
    TEMPLATES_PER_SESSION_MAX, Template,
};
