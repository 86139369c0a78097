//! Several machines that share the work of bots.
//!
//! Devices are hashed into [`SLOTS`] slots ([`slot`]), and rendezvous hashing ([`rendezvous`]) gives each slot an owner
//! among the nodes that are there. Who is there is told by leases ([`lease`]) in a store that all nodes reach, and by
//! asking directly. [`membership`] is the pure part: from what was seen to the slots that this node runs.
//! What is kept in the store carries a checksum of its own ([`sealed`]). [`simulation`] runs whole clusters in virtual time.
//!
//! [`store`] is the seam to whatever keeps leases, [`member`] a node at work, and [`probe`] the datagrams by which nodes ask each other.
//!
//! A measurement that two nodes do is harmless: both write the same path at the same time. So nothing here is a
//! consensus: where nodes disagree for a moment they double work rather than leave it undone.

pub mod lease;
pub mod member;
pub mod membership;
pub mod probe;
pub mod rendezvous;
pub mod sealed;
pub mod simulation;
pub mod slot;
pub mod store;

pub use slot::{SLOTS, SlotSet};
