//! Asking a device until all that is wanted came, or its time is over.

use tokio::time::{Instant, sleep, timeout_at};

use crate::snmp::{
    engine::{self, Session},
    plan::{Poll, PollResult},
    settings::PollPolicy,
};

/// Runs a poll over a session until it is done, or its time is over. Costs least on the engine's own thread.
pub async fn drive(session: Session, mut poll: Poll, policy: PollPolicy, until: Instant) -> PollResult {
    while let Some(request) = poll.next_request() {
        match timeout_at(until, session.ask(&request)).await {
            Ok(Ok((varbinds, at))) => poll.take(Ok(varbinds), at),
            Ok(Err(error)) => poll.take(Err(error), engine::now()),
            Err(_) => poll.out_of_time(),
        }
        if !policy.gap.is_zero() {
            sleep(policy.gap).await;
        }
    }
    poll.into_result()
}
