//! Asking one device as a user of SNMPv3.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use async_snmp::{Client, ClientBuilder, Retry};
use grafolean_collector::time::{Clock, SystemClock, Timestamp};

use super::{Shared, observe::Observed, translate};
use crate::snmp::{
    AskError, Oid, Request, Varbind,
    settings::{Manners, User},
};

/// A device and a user that it knows. Cheap to keep: it holds no socket.
#[derive(Clone)]
pub(super) struct UserSession {
    client: Client<Observed>,
    transport: Observed,
    pub(super) user: User,
}

impl UserSession {
    pub(super) async fn open(
        shared: &Shared,
        address: SocketAddr,
        user: &User,
        manners: Manners,
    ) -> Result<Self, AskError> {
        let local = |error: Box<async_snmp::Error>| AskError::Local(error.to_string());
        let transport = shared.transport(address).ok_or_else(|| super::session::no_socket(address))?;
        // An answer counts only from where it was asked for.
        let transport = Observed::new(transport.handle(address).map_err(local)?.strict_source(true));
        let (auth, salt) = shared.keys.auth(user).await?;
        let retry = Retry::fixed(manners.retries, Duration::ZERO)
            .map_err(|error| AskError::Local(error.to_string()))?;
        let mut builder = ClientBuilder::new(auth)
            .request_timeout(manners.timeout)
            .retry(retry)
            .max_oids_per_request(usize::try_from(*Manners::OIDS.end()).unwrap_or(usize::MAX))
            .engine_cache(Arc::clone(&shared.cache));
        if let Some(salt) = salt {
            builder = builder.des_salt_state(salt);
        }
        let client = builder.build_with_transport(transport.clone()).map_err(local)?;
        Ok(Self { client, transport, user: user.clone() })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.client.peer_addr()
    }

    /// Sends one request and waits for its answer; learns who the agent is where it started anew or was replaced.
    pub(super) async fn ask(
        &self,
        shared: &Shared,
        request: &Request,
    ) -> Result<(Vec<Varbind>, Timestamp), AskError> {
        let permit = shared.permits.acquire().await;
        let _permit = permit.map_err(|_| AskError::Local("the engine has stopped".to_owned()))?;
        match self.ask_once(request).await {
            Err(AskError::UnknownEngine | AskError::NotInTimeWindow) => {
                match self.client.rediscover_engine().await {
                    Ok(()) => self.ask_once(request).await,
                    Err(error) => Err(translate::error(&error)),
                }
            }
            outcome => outcome,
        }
    }

    pub(super) async fn ask_once(&self, request: &Request) -> Result<(Vec<Varbind>, Timestamp), AskError> {
        let _stale = self.transport.take_report();
        let library = |oids: &[Oid]| oids.iter().map(translate::oid_to_library).collect::<Vec<_>>();
        let outcome = match request {
            Request::Get(oids) => self.client.get_many(&library(oids)).await.map(|answer| answer.varbinds),
            Request::Next(oids) => {
                self.client.get_next_many(&library(oids)).await.map(|answer| answer.varbinds)
            }
            Request::Bulk { oids, repetitions } => {
                self.client.get_bulk(&library(oids), 0, *repetitions).await
            }
        };
        let at = SystemClock.now();
        match outcome {
            Ok(varbinds) => {
                let varbinds: Result<_, _> = varbinds.into_iter().map(translate::varbind).collect();
                varbinds.map(|varbinds| (varbinds, at))
            }
            Err(error) => match translate::error(&error) {
                AskError::Timeout => Err(self.transport.take_report().unwrap_or(AskError::Timeout)),
                error => Err(error),
            },
        }
    }
}
