//! From where a request came.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use axum::{
    extract::FromRequestParts,
    http::{Extensions, HeaderMap, request::Parts},
};

use crate::{Hub, auth::cookie::Transport, serve::Peer};

/// The address of the client, as named proxies tell it; of one that asks without a socket, the machine's own.
pub(super) struct Client(pub(super) IpAddr);

impl FromRequestParts<Arc<Hub>> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, hub: &Arc<Hub>) -> Result<Self, Infallible> {
        Ok(Self::of(hub, &parts.extensions, &parts.headers))
    }
}

impl Client {
    pub(super) fn of(hub: &Hub, extensions: &Extensions, headers: &HeaderMap) -> Self {
        Self(hub.proxies.client(peer(extensions), headers))
    }
}

/// Returns the other end of the connection.
pub(super) fn peer(extensions: &Extensions) -> IpAddr {
    extensions.get::<Peer>().map_or(Ipv4Addr::LOCALHOST.into(), |Peer(address)| address.ip())
}

/// How the request was carried.
pub(super) struct Carried(pub(super) Transport);

impl FromRequestParts<Arc<Hub>> for Carried {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, hub: &Arc<Hub>) -> Result<Self, Infallible> {
        let here = parts.extensions.get::<Transport>().copied().unwrap_or(Transport::Plain);
        let at_the_proxy = hub.proxies.speak_tls(peer(&parts.extensions), &parts.headers);
        Ok(Self(if at_the_proxy { Transport::Tls } else { here }))
    }
}
