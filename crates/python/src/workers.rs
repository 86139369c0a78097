//! Threads that call Python, and the queue before them.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};

use pyo3::Python;

/// Something to do with the interpreter's lock held.
pub(crate) type Errand = Box<dyn FnOnce(Python<'_>) + Send>;

/// A set number of threads. An errand that waits in Python lets the others go on.
pub(crate) struct Workers {
    queue: Arc<Queue>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    arrival: Condvar,
}

#[derive(Default)]
struct State {
    errands: VecDeque<Errand>,
    closed: bool,
}

impl Workers {
    /// Starts them.
    pub(crate) fn start(number: usize) -> io::Result<Self> {
        let queue = Arc::<Queue>::default();
        let threads = (0..number.max(1)).map(|place| {
            let queue = Arc::clone(&queue);
            let name = format!("grafolean-worker-{place}");
            thread::Builder::new().name(name).spawn(move || queue.work())
        });
        let threads = Mutex::new(threads.collect::<io::Result<_>>()?);
        Ok(Self { queue, threads })
    }

    /// Puts an errand at the end of the queue. The run loop bounds how many there are.
    pub(crate) fn submit(&self, errand: Errand) {
        self.queue.state().errands.push_back(errand);
        self.queue.arrival.notify_one();
    }

    /// Ends the threads that are idle, and the others after what they do; waits only for the idle ones' end, since a
    /// function of a user may never end.
    pub(crate) fn close(&self) {
        let mut state = self.queue.state();
        state.closed = true;
        state.errands.clear();
        drop(state);
        self.queue.arrival.notify_all();
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..).filter(JoinHandle::is_finished) {
            // One that panicked has told so.
            let _ = thread.join();
        }
    }
}

impl Queue {
    fn work(&self) {
        while let Some(first) = self.next() {
            Python::attach(|py| {
                let mut errand = Some(first);
                while let Some(do_it) = errand {
                    do_it(py);
                    // What waits already is done without giving the lock away and asking for it again.
                    errand = self.state().errands.pop_front();
                }
            });
        }
    }

    fn next(&self) -> Option<Errand> {
        let mut state = self.state();
        loop {
            if let Some(errand) = state.errands.pop_front() {
                return Some(errand);
            }
            if state.closed {
                return None;
            }
            state = self.arrival.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
