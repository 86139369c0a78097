//! One socket for each address family, shared by all devices and versions.
//!
//! A [`SharedSocket`] is such a socket, what is under way on it, and the task that moves datagrams, many in one system call
//! where there are many. `exchange` matches replies to requests and knows what is due, without socket or clock. A [`Peer`] is a device as its messages show it, by a community or, in [`usm`], by a
//! user of v3. Whoever asks waits for an `answer`.
//!
//! **Invariant**: a reply counts only if it comes from the address and port that were asked, unless a credential says
//! otherwise, in the version and the community that were asked in or with the digest of the user's key, to a request that
//! is under way, by a number that nobody else can know.

mod answer;
mod exchange;
mod peer;
mod shared_socket;
mod socket;
mod traffic;
mod usm;

pub(super) use self::{
    peer::{Message, Peer},
    shared_socket::SharedSocket,
    traffic::Traffic,
    usm::{SecuredPeer, UserKeys},
};
