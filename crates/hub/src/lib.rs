//! A Grafolean-compatible backend on one embedded database.
//!
//! A request passes the `auth` gate (who asks, and may they), then a handler of `routes`, which parses the body and
//! asks the `store`: people, bots and their rights, accounts with entities, credentials, sensors and dashboards.
//! [`points`] keeps the values, `page` shows them. [`Hub`] holds the parts together; [`serve`] puts it on a socket, [`setup`] fills it
//! without HTTP.

mod auth;
mod hub;
mod open_file;
mod page;
pub mod points;
mod repeats;
mod routes;
mod serve;
pub mod setup;
mod store;

pub use hub::{Hub, HubError, Options};
pub use serve::serve;
pub use store::{OpenError, StoreError};
