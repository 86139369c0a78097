//! What the bots share of the network: names to addresses.
//!
//! A [`Resolver`] asks the machine's own resolver, a bounded number of times at once, and keeps the last good address of a
//! name while the servers that know it are away.

mod machine;
mod resolver;

pub use resolver::{AddressFamily, Resolution, Resolver, ResolverMetrics, Unresolved};
