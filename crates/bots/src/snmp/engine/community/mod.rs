//! SNMPv1 and v2c: one socket for each address family, shared by all devices.
//!
//! A [`Line`] is such a socket and what is under way on it: `exchange` matches replies to requests and knows what is due,
//! without socket or clock; `wheel` puts deadlines in order. `pump` is the task that moves datagrams between both, by
//! `send` and `receive`, many in one system call where there are many. Whoever asks waits for an `answer`.
//!
//! **Invariant**: a reply counts only if it comes from the address and port that were asked, in the version and the
//! community that were asked in, to a request that is under way, by a number that nobody else can know.

mod answer;
mod exchange;
mod line;
mod peer;
mod pump;
mod receive;
mod send;
mod socket;
mod wheel;

pub(super) use self::{
    line::{Line, Traffic},
    peer::Peer,
};
