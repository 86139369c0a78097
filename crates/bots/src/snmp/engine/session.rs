//! Asking one device.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use async_snmp::{Client, ClientBuilder, Retry};
use grafolean_collector::time::{Clock, SystemClock, Timestamp};

use super::{Shared, observe::Observed, silence, translate};
use crate::snmp::{
    AskError, Oid, Request, Varbind,
    settings::{Access, Level, Manners, User},
};

/// sysUpTime.0, which every agent has.
const UPTIME: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 3, 0];

/// A device, and how to get in. Cheap to keep: it holds no socket.
#[derive(Clone)]
pub struct Session {
    shared: Arc<Shared>,
    client: Client<Observed>,
    transport: Observed,
    access: Access,
    manners: Manners,
}

impl Session {
    pub(super) async fn open(
        shared: Arc<Shared>,
        address: SocketAddr,
        access: &Access,
        manners: Manners,
    ) -> Result<Self, AskError> {
        let local = |error: Box<async_snmp::Error>| AskError::Local(error.to_string());
        let no_socket =
            || AskError::Local(format!("no socket for {address}: its address family is off here"));
        let transport = shared.transport(address).ok_or_else(no_socket)?;
        // An answer counts only from where it was asked for.
        let transport = Observed::new(transport.handle(address).map_err(local)?.strict_source(true));
        let (auth, salt) = shared.keys.auth(access).await?;
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
        Ok(Self { shared, client, transport, access: access.clone(), manners })
    }

    /// Gives the device's address.
    pub fn address(&self) -> SocketAddr {
        self.client.peer_addr()
    }

    /// Sends one request and waits for its answer, as often as the device's manners say. The time is the answer's.
    /// Waits for its turn while too many requests are under way.
    ///
    /// # Errors
    /// Says what went wrong; a wrong key is told from silence.
    pub async fn ask(&self, request: &Request) -> Result<(Vec<Varbind>, Timestamp), AskError> {
        let permit = self.shared.permits.acquire().await;
        let _permit = permit.map_err(|_| AskError::Local("the engine has stopped".to_owned()))?;
        let metrics = &self.shared.metrics;
        metrics.count_request(request);
        let _in_flight = metrics.in_flight();
        let outcome = match self.ask_once(request).await {
            // The agent started anew or was replaced: learn who it is, and ask again.
            Err(AskError::UnknownEngine | AskError::NotInTimeWindow) if self.is_user() => {
                match self.client.rediscover_engine().await {
                    Ok(()) => self.ask_once(request).await,
                    Err(error) => Err(translate::error(&error)),
                }
            }
            outcome => outcome,
        };
        match &outcome {
            Ok((varbinds, _)) => metrics.count_answer(varbinds.len()),
            Err(error) => metrics.count_error(error),
        }
        outcome
    }

    async fn ask_once(&self, request: &Request) -> Result<(Vec<Varbind>, Timestamp), AskError> {
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

    /// Gives snmpEngineBoots as authentic messages told it.
    pub fn boots(&self) -> Option<u32> {
        Some(self.shared.cache.get(&self.address())?.authenticated_time()?.boots())
    }

    fn is_user(&self) -> bool {
        matches!(self.access, Access::User(_))
    }

    /// Asks what the silence of the device means, by a packet that any agent of SNMPv3 answers: nothing listens, or an
    /// agent is there and did not like the community, or nothing is known. Of a user's message that they cannot decrypt
    /// many agents say nothing either: then one that is not encrypted is answered.
    pub async fn explain_silence(&self) -> AskError {
        match silence::explain(self.address(), self.manners.timeout).await {
            silence::Silence::Closed => AskError::PortClosed,
            silence::Silence::Answers if !self.is_user() => AskError::Community,
            silence::Silence::Answers if self.answers_unencrypted().await => AskError::Decryption,
            silence::Silence::Answers | silence::Silence::Complete => AskError::Timeout,
        }
    }

    async fn answers_unencrypted(&self) -> bool {
        let Access::User(user) = &self.access else { return false };
        let Level::Private(protocol, key, ..) = &user.level else { return false };
        let level = Level::Authentic(*protocol, key.clone());
        let access = Access::User(Box::new(User { level, ..(**user).clone() }));
        let manners = Manners { retries: 0, ..self.manners };
        let open = Self::open(Arc::clone(&self.shared), self.address(), &access, manners).await;
        let (Ok(session), Ok(uptime)) = (open, Oid::new(UPTIME)) else { return false };
        // An error is an answer too: most users may not read without encryption.
        matches!(session.ask_once(&Request::Get(vec![uptime])).await, Ok(_) | Err(AskError::Status { .. }))
    }
}
