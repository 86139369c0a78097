//! Asking one device.

use std::{net::SocketAddr, sync::Arc};

use super::{
    Shared,
    datagram::{Message, Peer, SecuredPeer, SharedSocket},
    silence,
};
use crate::snmp::{
    AskError, Moment, Oid, Request, Varbind,
    settings::{Access, Level, PollPolicy, User},
};

/// sysUpTime.0, which nearly every agent has.
const UPTIME: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 3, 0];

/// How often a request is made anew since the agent is another one than it was, or its time is: once since it began anew,
/// once since it was replaced.
const MOST_CORRECTIONS: u32 = 2;

/// A device, and how to get in. Cheap to keep: it holds no socket.
#[derive(Clone)]
pub struct Session {
    shared: Arc<Shared>,
    socket: Arc<SharedSocket>,
    peer: Arc<Peer>,
    policy: PollPolicy,
}

impl Session {
    pub(super) async fn open(
        shared: Arc<Shared>,
        address: SocketAddr,
        access: &Access,
        policy: PollPolicy,
    ) -> Result<Self, AskError> {
        let no_socket =
            || AskError::Local(format!("no socket for {address}: its address family is off here"));
        let socket = Arc::clone(shared.socket(address).ok_or_else(no_socket)?);
        let peer = match access {
            Access::Community(community) => Peer::of_community(address, policy.reply_source, community),
            Access::User(user) => {
                let keys = shared.keys.of(user).await?;
                let user = SecuredPeer::new((**user).clone(), keys, shared.traffic.engine_restarts.clone());
                Peer::of_user(address, policy.reply_source, user)
            }
        };
        Ok(Self { shared, socket, peer: Arc::new(peer), policy })
    }

    /// Returns the device's address.
    pub fn address(&self) -> SocketAddr {
        self.peer.address
    }

    /// Returns the same device, asked each thing once only.
    #[must_use]
    pub fn without_retries(&self) -> Self {
        Self { policy: PollPolicy { retries: 0, ..self.policy }, ..self.clone() }
    }

    /// Sends one request and waits for its answer, as often as the device's policy says. The moment is the answer's.
    /// Waits for its turn while too many requests are under way.
    ///
    /// # Errors
    /// What went wrong; a wrong key is told from silence.
    pub async fn ask(&self, request: &Request) -> Result<(Vec<Varbind>, Moment), AskError> {
        let metrics = &self.shared.metrics;
        metrics.count_request(request);
        let _in_flight = metrics.in_flight();
        let outcome = match self.peer.user() {
            None => self.socket.ask(&self.peer, Message::Request(request), &self.policy).await,
            Some(user) => self.ask_as(user, request).await,
        };
        match &outcome {
            Ok((varbinds, _)) => metrics.count_answer(varbinds.len()),
            Err(error) => metrics.count_error(error),
        }
        outcome
    }

    /// Asks as a user, who has to know the agent's id and time first, and learns them anew where the agent has others.
    async fn ask_as(
        &self,
        user: &SecuredPeer,
        request: &Request,
    ) -> Result<(Vec<Varbind>, Moment), AskError> {
        let mut corrections = 0;
        loop {
            if !user.is_discovered() {
                match self.socket.ask(&self.peer, Message::Discovery, &self.policy).await {
                    Err(AskError::UnknownEngine) if user.is_discovered() => {}
                    Err(error) => return Err(error),
                    Ok(_) => return Err(AskError::UnknownEngine),
                }
            }
            match self.socket.ask(&self.peer, Message::Request(request), &self.policy).await {
                Err(AskError::UnknownEngine) if corrections < MOST_CORRECTIONS => user.forget(),
                // Where the report was authentic the time is right now; where it was not, only a fresh word helps.
                Err(AskError::NotInTimeWindow) if corrections == 0 => {}
                Err(AskError::NotInTimeWindow) if corrections < MOST_CORRECTIONS => user.forget(),
                outcome => return outcome,
            }
            corrections += 1;
        }
    }

    /// Returns snmpEngineBoots as authentic messages told it.
    pub fn boots(&self) -> Option<u32> {
        self.peer.user()?.boots()
    }

    /// Asks what the silence of the device means, by a packet that any agent of SNMPv3 answers: nothing listens, or an
    /// agent is there and did not like the community, or nothing is known. Of a user's message that they cannot decrypt
    /// many agents say nothing either: then one that is not encrypted is answered, while the encrypted one, asked once
    /// more lest the agent was only just starting, is still not.
    pub async fn explain_silence(&self) -> AskError {
        match (silence::explain(self.address(), self.policy.timeout).await, self.peer.user()) {
            (silence::Silence::Closed, _) => AskError::PortClosed,
            (silence::Silence::Answers, None) => AskError::Community,
            (silence::Silence::Answers, Some(user)) => self.explain_silence_to(user).await,
            (silence::Silence::HostThere, _) => AskError::HostThere,
            (silence::Silence::HostDown, _) => AskError::HostDown,
            (silence::Silence::Complete, _) => AskError::Timeout,
        }
    }

    async fn explain_silence_to(&self, user: &SecuredPeer) -> AskError {
        let Ok(uptime) = Oid::new(UPTIME) else { return AskError::Timeout };
        let request = Request::Get(vec![uptime]);
        user.forget();
        match self.without_retries().ask_as(user, &request).await {
            Err(AskError::Timeout) if self.answers_unencrypted(user.user(), &request).await => {
                AskError::Decryption
            }
            Ok(_) | Err(AskError::Status { .. }) => AskError::Timeout,
            Err(why) => why,
        }
    }

    async fn answers_unencrypted(&self, user: &User, request: &Request) -> bool {
        let Level::Private(protocol, key, ..) = &user.level else { return false };
        let user = User { level: Level::Authentic(*protocol, key.clone()), ..user.clone() };
        let policy = PollPolicy { retries: 0, ..self.policy };
        let access = Access::User(Box::new(user));
        let open = Self::open(Arc::clone(&self.shared), self.address(), &access, policy).await;
        let Ok(session) = open else { return false };
        let Some(user) = session.peer.user() else { return false };
        // An error is an answer too: most users may not read without encryption.
        matches!(session.ask_as(user, request).await, Ok(_) | Err(AskError::Status { .. }))
    }
}
