//! Asking one device.

use std::{net::SocketAddr, sync::Arc};

use grafolean_collector::time::Timestamp;

use super::{
    Shared,
    community::{Line, Peer},
    silence,
    user::UserSession,
};
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
    way: Way,
    manners: Manners,
}

/// How a device is asked.
#[derive(Clone)]
enum Way {
    Community(Arc<Line>, Arc<Peer>),
    User(Arc<UserSession>),
}

/// What it comes to that a family of addresses is off.
pub(super) fn no_socket(address: SocketAddr) -> AskError {
    AskError::Local(format!("no socket for {address}: its address family is off here"))
}

impl Session {
    pub(super) async fn open(
        shared: Arc<Shared>,
        address: SocketAddr,
        access: &Access,
        manners: Manners,
    ) -> Result<Self, AskError> {
        let way = match access {
            Access::Community(community) => {
                let line = shared.line(address).ok_or_else(|| no_socket(address))?;
                Way::Community(Arc::clone(line), Arc::new(Peer::new(address, community)))
            }
            Access::User(user) => {
                Way::User(Arc::new(UserSession::open(&shared, address, user, manners).await?))
            }
        };
        Ok(Self { shared, way, manners })
    }

    /// Gives the device's address.
    pub fn address(&self) -> SocketAddr {
        match &self.way {
            Way::Community(_, peer) => peer.address,
            Way::User(session) => session.address(),
        }
    }

    /// Sends one request and waits for its answer, as often as the device's manners say. The time is the answer's.
    /// Waits for its turn while too many requests are under way.
    ///
    /// # Errors
    /// Says what went wrong; a wrong key is told from silence.
    pub async fn ask(&self, request: &Request) -> Result<(Vec<Varbind>, Timestamp), AskError> {
        let metrics = &self.shared.metrics;
        metrics.count_request(request);
        let _in_flight = metrics.in_flight();
        let outcome = match &self.way {
            Way::Community(line, peer) => line.ask(peer, request, &self.manners).await,
            // Apart: the library's futures are large, and the others need not carry that.
            Way::User(session) => Box::pin(session.ask(&self.shared, request)).await,
        };
        match &outcome {
            Ok((varbinds, _)) => metrics.count_answer(varbinds.len()),
            Err(error) => metrics.count_error(error),
        }
        outcome
    }

    /// Gives snmpEngineBoots as authentic messages told it.
    pub fn boots(&self) -> Option<u32> {
        Some(self.shared.cache.get(&self.address())?.authenticated_time()?.boots())
    }

    /// Asks what the silence of the device means, by a packet that any agent of SNMPv3 answers: nothing listens, or an
    /// agent is there and did not like the community, or nothing is known. Of a user's message that they cannot decrypt
    /// many agents say nothing either: then one that is not encrypted is answered.
    pub async fn explain_silence(&self) -> AskError {
        match (silence::explain(self.address(), self.manners.timeout).await, &self.way) {
            (silence::Silence::Closed, _) => AskError::PortClosed,
            (silence::Silence::Answers, Way::Community(..)) => AskError::Community,
            (silence::Silence::Answers, Way::User(session))
                if self.answers_unencrypted(&session.user).await =>
            {
                AskError::Decryption
            }
            (silence::Silence::Answers | silence::Silence::Complete, _) => AskError::Timeout,
        }
    }

    async fn answers_unencrypted(&self, user: &User) -> bool {
        let Level::Private(protocol, key, ..) = &user.level else { return false };
        let user = User { level: Level::Authentic(*protocol, key.clone()), ..user.clone() };
        let manners = Manners { retries: 0, ..self.manners };
        let open = UserSession::open(&self.shared, self.address(), &user, manners).await;
        let (Ok(session), Ok(uptime)) = (open, Oid::new(UPTIME)) else { return false };
        // An error is an answer too: most users may not read without encryption.
        matches!(session.ask_once(&Request::Get(vec![uptime])).await, Ok(_) | Err(AskError::Status { .. }))
    }
}
