//! What changed, told over MQTT: the established frontend cannot do without.
//!
//! [`Announcer`] is told of each change and puts a message into the queue of each subscriber it concerns; a connection
//! ([`connection`]) speaks MQTT 3.1.1 over a WebSocket at `/mqtt` and empties its queue. A topic is `changed/` and the
//! path of a resource; whoever may read the resource may read the topic. Nobody may publish.

mod announcer;
mod connection;

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::{State, WebSocketUpgrade},
    response::Response,
    routing::get,
};

pub(crate) use self::announcer::Announcer;
use crate::{Hub, serve::Place};

/// The largest packet that is taken: subscriptions to several hundred topics.
const MAX_PACKET_BYTES: usize = 64 << 10;

pub(crate) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/mqtt", get(upgrade))
}

async fn upgrade(
    State(hub): State<Arc<Hub>>,
    place: Option<Extension<Place>>,
    upgrade: WebSocketUpgrade,
) -> Response {
    // The connection keeps its place as long as it lasts.
    let busy = place.map(|Extension(place)| place.busy());
    upgrade
        .protocols(["mqtt", "mqttv3.1"])
        .max_message_size(MAX_PACKET_BYTES)
        .max_frame_size(MAX_PACKET_BYTES)
        .on_upgrade(move |socket| async move {
            connection::serve(socket, hub).await;
            drop(busy);
        })
}
