//! Our log lines on their way to Python's `logging`.

use std::{
    fmt::{self, Write},
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    time::Duration,
};

use pyo3::prelude::*;
use tracing::{Event, Level, Subscriber, field::Visit};
use tracing_subscriber::{
    Layer, Registry,
    filter::{LevelFilter, Targets},
    layer::{Context, SubscriberExt},
};

/// Lines that wait for Python. It takes them at once as a rule; what comes while this many wait is left out.
const LINES: usize = 10_000;
/// Lines that Python takes at a time.
const AT_ONCE: usize = 1_000;

static WAITING: OnceLock<Mutex<Receiver<Line>>> = OnceLock::new();
static SENDER: Mutex<Option<SyncSender<Line>>> = Mutex::new(None);

/// A line: Python's number of the level, the part that says it, and what it says.
type Line = (u8, String, String);

/// Waits, at most for some time, and gives the lines that have come; None once logging has been stopped. The first call
/// begins, with this level: everything before it is lost.
#[pyfunction]
pub(crate) fn log_lines(py: Python<'_>, level: u8, wait_seconds: f64) -> Option<Vec<Line>> {
    let waiting = WAITING.get_or_init(|| Mutex::new(begin(level)));
    let wait = Duration::try_from_secs_f64(wait_seconds).unwrap_or_default();
    py.detach(|| {
        let waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match waiting.recv_timeout(wait) {
            Ok(first) => Some(std::iter::once(first).chain(waiting.try_iter().take(AT_ONCE)).collect()),
            Err(RecvTimeoutError::Timeout) => Some(Vec::new()),
            Err(RecvTimeoutError::Disconnected) => None,
        }
    })
}

/// Ends the waiting for lines, so that nobody waits when the interpreter ends.
#[pyfunction]
pub(crate) fn stop_logging() {
    sender().take();
}

fn begin(level: u8) -> Receiver<Line> {
    let (lines, waiting) = sync_channel(LINES);
    *sender() = Some(lines);
    let most = match level {
        0..=10 => LevelFilter::DEBUG,
        11..=20 => LevelFilter::INFO,
        21..=30 => LevelFilter::WARN,
        _ => LevelFilter::ERROR,
    };
    let ours = Targets::new().with_target("grafolean_collector", most).with_target("_engine", most);
    // Another library of the process may have set one; then our lines go where that sends them.
    let _ = tracing::subscriber::set_global_default(Registry::default().with(ToPython.with_filter(ours)));
    waiting
}

fn sender() -> MutexGuard<'static, Option<SyncSender<Line>>> {
    SENDER.lock().unwrap_or_else(PoisonError::into_inner)
}

struct ToPython;

impl<S: Subscriber> Layer<S> for ToPython {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let level = match *metadata.level() {
            Level::ERROR => 40,
            Level::WARN => 30,
            Level::INFO => 20,
            _ => 10,
        };
        let mut text = Text::default();
        event.record(&mut text);
        let Text { message, fields } = text;
        let line = (level, metadata.target().replace("::", "."), message + &fields);
        if let Some(lines) = &*sender() {
            // Where there is no room for it, there is no other place to say so.
            let _ = lines.try_send(line);
        }
    }
}

/// A line's words: the message, then its fields.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
        // Writing to a String cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}
