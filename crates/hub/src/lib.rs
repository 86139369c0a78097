//! A Grafolean-compatible backend on one embedded database.
//!
//! A request passes the `auth` gate (who asks, and may they), then a handler of `routes`, which parses the body and
//! asks the `store`: people, bots and their rights, accounts with entities, credentials, sensors and dashboards.
//! [`points`] keeps the values, `page` shows them, `mqtt` tells what changed. Below all of them lie `rights` and `answer`.
//! [`Forward`] sends them on to other stores. [`Hub`] holds the parts together; [`serve`] puts it on a socket, [`setup`] fills it
//! without HTTP.

mod answer;
mod auth;
pub mod backup;
mod device_events;
mod device_tests;
pub mod discovery;
mod events;
mod facts;
mod flow_archive;
mod forward;
mod hub;
mod mqtt;
mod open_file;
mod openapi;
mod overview;
mod page;
pub mod points;
mod repeats;
mod rights;
mod routes;
mod serve;
pub mod setup;
mod statuses;
mod store;

/// Raw flows that are kept beside a hub.
pub mod flows {
    pub use crate::flow_archive::{
        FlowAnswer, FlowArchive, FlowArchiveError, FlowGroup, FlowProgress, FlowQuestion, FlowSums, KeptFlows,
    };
}

pub use forward::{Forward, ForwardError};
pub use hub::{Hub, HubError, Options};
pub use serve::{Proxies, ProxiesError, Tls, TlsError, TlsFiles, serve, serve_tls};
pub use store::{OpenError, StoreError};
