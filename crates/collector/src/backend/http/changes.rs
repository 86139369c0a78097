//! What a hub tells of changes to what is set up, so that a bot reads its configuration at once.
//!
//! The hub's events are read as they come (`GET /hub/events?kinds=changed`). A Grafolean has none such, and a hub may have too
//! many readers: then the configuration is read as often as it is anyway.

use std::time::Duration;

use reqwest::{Response, StatusCode};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep_until, timeout},
};

use super::{HttpBackend, exchange::Request, retry_after};

/// The longest line that is kept until its end comes; those of changes have some hundred letters.
const MOST_BYTES: usize = 64 << 10;

/// The hub writes something every 15 seconds. A connection on which nothing comes for this long is gone, even if nobody said
/// so.
const SILENT: Duration = Duration::from_secs(60);

/// The pause after a connection that could not be made, doubled with each further one up to [`LONGEST_RETRY`].
const FIRST_RETRY: Duration = Duration::from_secs(2);
const LONGEST_RETRY: Duration = Duration::from_secs(120);

/// After how long a backend is asked again that has no events, or does not let this bot read them.
const NOT_TOLD: Duration = Duration::from_hours(1);

/// The stream of events, as far as it was read. A wait that is dropped loses nothing of it.
#[derive(Debug, Default)]
pub(super) struct Changes(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    stream: Option<Response>,
    /// What came of a line of which the end has not.
    line: Vec<u8>,
    was_open: bool,
    failures: u32,
    /// When it is tried again to open one.
    not_before: Option<Instant>,
}

impl HttpBackend {
    /// Waits until something that is set up changed; for ever where nobody tells.
    pub(super) async fn told_of_change(&self) {
        let mut state = self.changes.0.lock().await;
        loop {
            if state.stream.is_some() {
                if state.read().await {
                    return;
                }
                continue;
            }
            if let Some(not_before) = state.not_before {
                sleep_until(not_before).await;
            }
            match self.open().await {
                Ok(stream) => {
                    let was_open = state.was_open;
                    *state = State { stream: Some(stream), was_open: true, ..State::default() };
                    // What changed while nothing was told is not known.
                    if was_open {
                        return;
                    }
                }
                Err(pause) => state.rest(pause),
            }
        }
    }

    /// Opens the stream; after how long to try again if it cannot be, where that is known.
    async fn open(&self) -> Result<Response, Option<Duration>> {
        let request = Request::get("/hub/events").query(vec![("kinds", "changed".to_owned())]);
        let response = self.begun(&request).await.ok_or(None)?;
        match response.status() {
            StatusCode::OK if is_events(&response) => Ok(response),
            StatusCode::TOO_MANY_REQUESTS => {
                Err(Some(retry_after(response.headers()).unwrap_or(LONGEST_RETRY)))
            }
            status if status.is_server_error() => Err(None),
            _ => Err(Some(NOT_TOLD)),
        }
    }
}

/// Whether it is a stream of events, and no page that greets every request.
fn is_events(response: &Response) -> bool {
    let kind = response.headers().get(reqwest::header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}

impl State {
    /// Reads what comes next; whether it tells of a change. What else came with it is read with it: it is one change.
    async fn read(&mut self) -> bool {
        let Some(stream) = &mut self.stream else { return false };
        let Ok(Ok(Some(chunk))) = timeout(SILENT, stream.chunk()).await else {
            self.stream = None;
            return false;
        };
        self.take(&chunk)
    }

    /// Notes that the stream could not be opened, and after how long it is tried again, where that is known.
    fn rest(&mut self, pause: Option<Duration>) {
        let doubled = FIRST_RETRY.saturating_mul(2_u32.saturating_pow(self.failures)).min(LONGEST_RETRY);
        self.failures = self.failures.saturating_add(1);
        // Bots that lost one hub together do not return together.
        let pause = pause.unwrap_or(doubled).mul_f64(rand::random_range(0.5..=1.0));
        self.not_before = Some(Instant::now() + pause);
    }

    fn take(&mut self, chunk: &[u8]) -> bool {
        self.line.extend_from_slice(chunk);
        let end = self.line.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let whole: Vec<u8> = self.line.drain(..end).collect();
        if self.line.len() > MOST_BYTES {
            self.stream = None;
        }
        whole.split(|byte| *byte == b'\n').any(|line| matches!(line, b"event: changed" | b"event: reset"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_heard_wherever_it_is_cut_and_a_sign_of_life_is_none() {
        let told = b"id: 1-5\nevent: changed\ndata: {\"resource\":\"accounts/1/entities\"}\n\n";
        for cut in 0..told.len() {
            let mut state = State::default();
            let (begin, rest) = told.split_at(cut);
            assert!(state.take(begin) ^ state.take(rest), "cut at {cut}");
            assert!(state.line.is_empty());
            assert!(!state.take(b": \n\n"));
        }
        let mut state = State::default();
        assert!(!state.take(b"id: 1-6\nevent: values\ndata: {\"a\":\"event: changed\"}\n\n"));
        assert!(state.take(b"id: 1-7\nevent: reset\ndata: {}\n\n"));
    }
}
