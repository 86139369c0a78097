//! One client: MQTT 3.1.1 over a WebSocket.

use std::{ops::ControlFlow, sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    extract::ws::{Message as Frame, WebSocket},
};
use bytes::BytesMut;
use grafolean_collector::model::UserId;
use mqttbytes::{
    Error, QoS,
    v4::{
        ConnAck, Connect, ConnectReturnCode, Packet, PingResp, PubAck, Publish, SubAck, Subscribe,
        SubscribeReasonCode, UnsubAck, read,
    },
};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{debug, warn};

use super::{
    MAX_PACKET_BYTES,
    announcer::{Message, Subscription},
};
use crate::{Hub, auth::Caller, rights::Verb};

/// How long a client may take until it says who it is.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);

/// How long a client may take over one message; beyond it, it reads too slowly.
const SEND_DEADLINE: Duration = Duration::from_secs(10);

/// A client that asks for no keep-alive, or a longer one, is still asked to be heard of this often.
const LONGEST_SILENCE: Duration = Duration::from_secs(300);

/// Messages that a client has not yet acknowledged; further ones wait in its queue.
const IN_FLIGHT: usize = 1_000;

/// Before what each topic starts with, there are none.
const TOPICS: &str = "changed/";

/// Serves a client until it leaves, is too slow, or its session is ended.
pub(super) async fn serve(socket: WebSocket, hub: Arc<Hub>) {
    let mut wire = Wire { socket, received: BytesMut::new() };
    let Ok(Some(Packet::Connect(connect))) = timeout(CONNECT_DEADLINE, wire.packet()).await else {
        debug!("a client of MQTT did not say who it is");
        return;
    };
    let caller = match &connect.login {
        Some(login) => hub.gate.person_of(&hub.store, &login.username).await.ok(),
        None => None,
    };
    let Some(caller) = caller else {
        debug!("a client of MQTT was refused");
        let _ = wire.send(|out| ConnAck::new(ConnectReturnCode::BadUserNamePassword, false).write(out)).await;
        return;
    };
    let accepted = wire.send(|out| ConnAck::new(ConnectReturnCode::Success, false).write(out)).await;
    if accepted.is_err() {
        return;
    }
    let subscription = hub.announcer.subscribe(caller.user, caller.session);
    let silence = longest_silence(&connect);
    let mut client = Client {
        wire,
        hub,
        user: caller.user,
        subscription,
        qos: Vec::new(),
        in_flight: Vec::new(),
        next_id: 1,
        silence,
    };
    client.run().await;
}

/// Half as long again as the client promised, as the standard has it (MQTT 3.1.1, section 3.1.2.10).
fn longest_silence(connect: &Connect) -> Duration {
    match connect.keep_alive {
        0 => LONGEST_SILENCE,
        seconds => (Duration::from_secs(seconds.into()) * 3 / 2).min(LONGEST_SILENCE),
    }
}

struct Wire {
    socket: WebSocket,
    received: BytesMut,
}

/// The connection is of no use any more.
#[derive(Debug)]
enum Broken {
    /// It is closed, or what came is no MQTT.
    Closed,
    /// It took too long to take a message.
    Slow,
}

impl Wire {
    /// Waits for the next packet; `None` once there is none, or what came is no MQTT. May be dropped and called again.
    async fn packet(&mut self) -> Option<Packet> {
        loop {
            match read(&mut self.received, MAX_PACKET_BYTES) {
                Ok(packet) => return Some(packet),
                Err(Error::InsufficientBytes(_)) => {}
                Err(error) => {
                    debug!(?error, "what a client sent is no MQTT");
                    return None;
                }
            }
            match self.socket.recv().await?.ok()? {
                Frame::Binary(bytes) => self.received.extend_from_slice(&bytes),
                Frame::Ping(_) | Frame::Pong(_) => {}
                Frame::Text(_) | Frame::Close(_) => return None,
            }
        }
    }

    async fn send(
        &mut self,
        write: impl FnOnce(&mut BytesMut) -> Result<usize, Error>,
    ) -> Result<(), Broken> {
        let mut out = BytesMut::new();
        write(&mut out).map_err(|_| Broken::Closed)?;
        match timeout(SEND_DEADLINE, self.socket.send(Frame::Binary(out.freeze()))).await {
            Ok(sent) => sent.map_err(|_| Broken::Closed),
            Err(_) => Err(Broken::Slow),
        }
    }
}

struct Client {
    wire: Wire,
    hub: Arc<Hub>,
    user: UserId,
    subscription: Subscription,
    /// The quality that was asked for each filter.
    qos: Vec<(String, QoS)>,
    in_flight: Vec<u16>,
    next_id: u16,
    silence: Duration,
}

impl Client {
    async fn run(&mut self) {
        let mut heard = Instant::now();
        loop {
            let end = self.subscription.end.clone();
            let outcome = tokio::select! {
                biased;
                () = end.cancelled() => return,
                packet = self.wire.packet() => match packet {
                    Some(packet) => {
                        heard = Instant::now();
                        self.take(packet).await
                    }
                    None => return,
                },
                message = self.subscription.messages.recv(), if self.in_flight.len() < IN_FLIGHT => match message {
                    Some(message) => self.deliver(message).await.map(ControlFlow::Continue),
                    None => return,
                },
                () = sleep_until(heard + self.silence) => return,
            };
            match outcome {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) | Err(Broken::Closed) => return,
                Err(Broken::Slow) => {
                    self.hub.announcer.count_slow_reader();
                    warn!(user = %self.user, "a client that reads too slowly over MQTT is disconnected");
                    return;
                }
            }
        }
    }

    async fn take(&mut self, packet: Packet) -> Result<ControlFlow<()>, Broken> {
        match packet {
            Packet::PingReq => self.wire.send(|out| PingResp.write(out)).await?,
            Packet::PubAck(PubAck { pkid }) => self.in_flight.retain(|&waiting| waiting != pkid),
            Packet::Subscribe(subscribe) => self.subscribe(subscribe).await?,
            Packet::Unsubscribe(unsubscribe) => {
                for filter in &unsubscribe.topics {
                    self.subscription.remove(filter);
                    self.qos.retain(|(known, _)| known != filter);
                }
                self.wire.send(|out| UnsubAck::new(unsubscribe.pkid).write(out)).await?;
            }
            // Nobody may publish, and MQTT 3.1.1 has no other way to say so.
            Packet::Publish(_) => {
                debug!(user = %self.user, "a client wanted to publish over MQTT");
                return Ok(ControlFlow::Break(()));
            }
            _ => return Ok(ControlFlow::Break(())),
        }
        Ok(ControlFlow::Continue(()))
    }

    async fn subscribe(&mut self, subscribe: Subscribe) -> Result<(), Broken> {
        let caller = self.caller().await;
        let mut codes = Vec::with_capacity(subscribe.filters.len());
        for wanted in subscribe.filters {
            let granted = caller.as_ref().is_some_and(|caller| may_subscribe(caller, &wanted.path))
                && self.subscription.add(&wanted.path);
            codes.push(if granted {
                let qos = if wanted.qos == QoS::AtMostOnce { QoS::AtMostOnce } else { QoS::AtLeastOnce };
                self.qos.retain(|(known, _)| *known != wanted.path);
                self.qos.push((wanted.path, qos));
                SubscribeReasonCode::Success(qos)
            } else {
                SubscribeReasonCode::Failure
            });
        }
        self.wire.send(|out| SubAck::new(subscribe.pkid, codes).write(out)).await
    }

    /// Sends a message, if the client may still read its topic.
    async fn deliver(&mut self, message: Message) -> Result<(), Broken> {
        let resource = message.topic.strip_prefix(TOPICS).unwrap_or_default();
        if !self.caller().await.is_some_and(|caller| caller.may(Verb::Get, resource)) {
            return Ok(());
        }
        let matching = self.qos.iter().filter(|(filter, _)| mqttbytes::matches(&message.topic, filter));
        let qos = if matching.clone().any(|(_, qos)| *qos == QoS::AtLeastOnce) {
            QoS::AtLeastOnce
        } else {
            QoS::AtMostOnce
        };
        let mut publish = Publish::from_bytes(message.topic, qos, Bytes::clone(&message.payload));
        if qos == QoS::AtLeastOnce {
            publish.pkid = self.free_id();
            self.in_flight.push(publish.pkid);
        }
        self.wire.send(|out| publish.write(out)).await
    }

    /// The person with what they may do at this moment; `None` if they are gone. It borrows nothing: a socket is not to be
    /// shared between threads.
    fn caller(&self) -> impl Future<Output = Option<Caller>> + use<> {
        let (hub, user) = (Arc::clone(&self.hub), self.user);
        async move { hub.gate.person_by_id(&hub.store, user).await.ok().flatten() }
    }

    /// Numbers run from 1 to 65,535 and are used again once they were acknowledged.
    fn free_id(&mut self) -> u16 {
        loop {
            let id = self.next_id;
            self.next_id = id.checked_add(1).unwrap_or(1);
            if !self.in_flight.contains(&id) {
                return id;
            }
        }
    }
}

/// A filter is about what stands before its first wildcard; each message is checked once more when it is sent.
fn may_subscribe(caller: &Caller, filter: &str) -> bool {
    if !mqttbytes::valid_filter(filter) {
        return false;
    }
    let Some(resource) = filter.strip_prefix(TOPICS) else { return false };
    let certain: Vec<&str> = resource.split('/').take_while(|level| !matches!(*level, "+" | "#")).collect();
    caller.may(Verb::Get, &certain.join("/"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The codec is not ours: what anybody may send must not make it panic, nor read without end.
        #[test]
        fn no_bytes_make_the_codec_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut received = BytesMut::from(&bytes[..]);
            while let Ok(packet) = read(&mut received, MAX_PACKET_BYTES) {
                if let Packet::Subscribe(subscribe) = packet {
                    for filter in subscribe.filters {
                        let _ = mqttbytes::valid_filter(&filter.path);
                        let _ = mqttbytes::matches("changed/accounts/1/values/a", &filter.path);
                    }
                }
            }
        }

        #[test]
        fn no_filter_makes_it_panic(filter in ".{0,20}") {
            let _ = mqttbytes::valid_filter(&filter);
            let _ = mqttbytes::matches("changed/accounts/1/values/a", &filter);
        }
    }
}
