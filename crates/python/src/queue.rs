//! Runs that are due, on their way to the workers.

use std::{
    collections::VecDeque,
    io::{self, Read, Write},
    os::{
        fd::{AsRawFd, RawFd},
        unix::net::UnixStream,
    },
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use grafolean_collector::model::Interval;
use pyo3::{prelude::*, types::PyTuple};
use tokio::sync::oneshot;

use crate::report::Sent;

/// Why a run failed, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// Its function raised.
    Raised,
    /// It did not end within its deadline.
    Deadline,
    /// The process in which it went on died.
    Died,
}

impl FailureKind {
    /// Returns the word under which it is counted.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Raised => "python",
            Self::Deadline => "deadline",
            Self::Died => "died",
        }
    }
}

/// What a run came to: the values that it returned, or what went wrong.
pub(crate) type Ended = Result<Vec<Sent>, (FailureKind, String)>;

/// A run that is due.
pub(crate) struct DueRun {
    /// What is called, as Python gave it.
    pub(crate) call: Arc<Py<PyAny>>,
    /// Those intervals that fell due.
    pub(crate) intervals: Vec<Interval>,
    /// The second at which it was due.
    pub(crate) due: i64,
    /// Where its end is awaited.
    pub(crate) ended: oneshot::Sender<Ended>,
}

/// Runs that are due, in order. The run loop bounds how many there are.
#[pyclass(frozen)]
pub(crate) struct RunQueue {
    state: Mutex<State>,
    arrival: Condvar,
    /// It rings where a run arrives and somebody waits for it beside other things.
    bell: (UnixStream, UnixStream),
}

#[derive(Default)]
struct State {
    runs: VecDeque<DueRun>,
    /// How many threads wait, and whether one of them has been woken that has not looked yet. One is enough: it wakes the
    /// next where it leaves something. Waking all at once has them queue for the interpreter's lock.
    waiting: usize,
    woken: bool,
    /// Whether the next arrival is to ring.
    rings: bool,
    closed: bool,
}

/// How a run ends: called once, as `ended(sent, failure, kind)`.
#[pyclass(frozen)]
pub(crate) struct RunEnd(Mutex<Option<oneshot::Sender<Ended>>>);

#[pymethods]
impl RunEnd {
    /// Ends the run: with the values that it returned, or with what went wrong. Whether anybody still waited for it:
    /// nobody does once all stopped.
    #[pyo3(signature = (sent=None, failure=None, kind=None))]
    fn __call__(&self, sent: Option<Vec<Sent>>, failure: Option<String>, kind: Option<&str>) -> bool {
        let kind = match kind {
            Some("deadline") => FailureKind::Deadline,
            Some("died") => FailureKind::Died,
            _ => FailureKind::Raised,
        };
        let ended = failure.map_or_else(|| Ok(sent.unwrap_or_default()), |failure| Err((kind, failure)));
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        waiting.is_some_and(|waiting| waiting.send(ended).is_ok())
    }
}

#[pymethods]
impl RunQueue {
    /// Removes and returns the next run as `(call, intervals, due, ended)`, and waits for one if there is none; None once the queue
    /// has been closed.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        self.next_run(py).map(|run| tuple(py, run)).transpose()
    }

    /// Removes and returns what is there, up to a number of runs, and does not wait. Where there is none, the next arrival makes
    /// [`RunQueue::fileno`] readable.
    fn take_ready<'py>(&self, py: Python<'py>, most: usize) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        let runs: Vec<DueRun> = {
            let mut state = self.state();
            if state.runs.is_empty() {
                self.silence();
                state.rings = true;
            }
            let number = state.runs.len().min(most);
            state.runs.drain(..number).collect()
        };
        runs.into_iter().map(|run| tuple(py, run)).collect()
    }

    /// The descriptor of what becomes readable when a run arrives, for `select`.
    fn fileno(&self) -> RawFd {
        self.bell.0.as_raw_fd()
    }
}

impl RunQueue {
    pub(crate) fn new() -> io::Result<Self> {
        let bell = UnixStream::pair()?;
        bell.0.set_nonblocking(true)?;
        bell.1.set_nonblocking(true)?;
        Ok(Self { state: Mutex::default(), arrival: Condvar::new(), bell })
    }

    /// Puts a run at the end.
    pub(crate) fn push(&self, run: DueRun) {
        let mut state = self.state();
        if state.closed {
            return;
        }
        state.runs.push_back(run);
        let rings = std::mem::take(&mut state.rings);
        self.wake_one(&mut state);
        drop(state);
        if rings {
            // Where it cannot be rung, it rings still.
            let _ = (&self.bell.1).write(b"r");
        }
    }

    fn wake_one(&self, state: &mut State) {
        if state.waiting > 0 && !state.woken && !state.runs.is_empty() {
            state.woken = true;
            self.arrival.notify_one();
        }
    }

    fn silence(&self) {
        // It was rung once at most.
        let _ = (&self.bell.0).read(&mut [0; 16]);
    }

    /// Drops what waits and lets go of whoever waits for more.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.runs.clear();
        drop(state);
        self.arrival.notify_all();
    }

    fn next_run(&self, py: Python<'_>) -> Option<DueRun> {
        let ready = self.state().runs.pop_front();
        // What waits already is taken without giving the interpreter's lock away and asking for it again.
        ready.or_else(|| py.detach(|| self.wait()))
    }

    fn wait(&self) -> Option<DueRun> {
        let mut state = self.state();
        loop {
            if let Some(run) = state.runs.pop_front() {
                self.wake_one(&mut state);
                return Some(run);
            }
            if state.closed {
                return None;
            }
            state.waiting += 1;
            state = self.arrival.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
            state.woken = false;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tuple(py: Python<'_>, run: DueRun) -> PyResult<Bound<'_, PyTuple>> {
    let DueRun { call, intervals, due, ended } = run;
    let intervals: Vec<u64> = intervals.iter().map(|interval| interval.duration().as_secs()).collect();
    (call.clone_ref(py), intervals, due, RunEnd(Mutex::new(Some(ended)))).into_pyobject(py)
}
