//! TCP: does a port answer, how long does a connection take, and until when is its certificate good?
//!
//! [`TcpBot`] is the bot: a device's sensors name ports ([`Sensor`]), each port is a job. `connect` opens a connection
//! and, where TLS is asked for, shakes hands over it; `certificate` is what is read of the server's certificate.

mod bot;
mod certificate;
mod connect;
mod metrics;
mod settings;
mod tester;

pub use self::{
    bot::{TcpBot, TcpTask},
    connect::{Attempt, Failure, Tls},
    metrics::TcpMetrics,
    settings::{Credential, Entity, Sensor, Target},
};
