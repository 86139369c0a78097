//! From where a request came.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr},
};

use axum::{extract::FromRequestParts, http::request::Parts};

use crate::serve::Peer;

/// The address of the client; of one that asks without a socket, the machine's own.
pub(super) struct Client(pub(super) IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<Peer>();
        Ok(Self(peer.map_or(Ipv4Addr::LOCALHOST.into(), |Peer(address)| address.ip().to_canonical())))
    }
}
