//! What waits for the writer, and the writer woken when something does.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tokio::sync::{Notify, OwnedSemaphorePermit, oneshot};

use super::{
    entry::{Lane, Batch, Row, Settlement, TakeRequest},
    error::SpoolError,
    statistics::Statistics,
    writer::Writer,
};

/// A group of at least this many commands tells that many runs hand over at once.
const CROWD: usize = 8;

/// The part of its time after which a crowd's group is followed by the next: those who were just answered are about
/// to hand over more, and would otherwise always just miss a group, so that each would be half as large.
const GATHERING: u32 = 8;

/// No group is held up longer than this.
const LONGEST_GATHERING: Duration = Duration::from_millis(1);

/// One thing asked of the writer. What is asked in one moment is answered as one group.
pub(super) enum Command {
    Accept { rows: Vec<Row>, room: OwnedSemaphorePermit, reply: oneshot::Sender<Result<(), SpoolError>> },
    Settle { settlement: Settlement, reply: oneshot::Sender<()> },
    Take { request: TakeRequest, reply: oneshot::Sender<Option<Batch>> },
    Look { reply: oneshot::Sender<()> },
    Close { reply: oneshot::Sender<()> },
}

/// What the handles and the writer share.
pub(super) struct Shared {
    waiting: Mutex<Waiting>,
    /// None once it was closed.
    writer: Mutex<Option<Writer>>,
    pub(super) state: Mutex<Statistics>,
    arrivals: [Notify; Lane::ALL.len()],
}

#[derive(Default)]
struct Waiting {
    commands: Vec<Command>,
    is_drained: bool,
}

impl Shared {
    pub(super) fn new(writer: Writer) -> Self {
        Self {
            state: Mutex::new(writer.statistics()),
            waiting: Mutex::default(),
            writer: Mutex::new(Some(writer)),
            arrivals: [Notify::new(), Notify::new()],
        }
    }

    pub(super) fn arrival(&self, lane: Lane) -> &Notify {
        let [values, entities] = &self.arrivals;
        match lane {
            Lane::Values => values,
            Lane::Entities => entities,
        }
    }

    /// Hands a command to the writer, which is started unless it is at work. It must be called within a runtime.
    ///
    /// The number of commands that wait is bounded by the callers, since each awaits its answer, and the bytes of
    /// reports by the room they hold.
    pub(super) fn submit(self: &Arc<Self>, command: Command) {
        let mut waiting = locked(&self.waiting);
        waiting.commands.push(command);
        if !waiting.is_drained {
            waiting.is_drained = true;
            let mut drain = Drain { shared: Arc::clone(self), is_over: false };
            tokio::task::spawn_blocking(move || drain.run());
        }
    }
}

/// The writer at work. However it ends (also by a panic, or unrun since the runtime goes down), the next command
/// can start another one and nobody waits for an answer that never comes.
struct Drain {
    shared: Arc<Shared>,
    is_over: bool,
}

impl Drain {
    fn run(&mut self) {
        let mut slot = locked(&self.shared.writer);
        loop {
            let commands = {
                let mut waiting = locked(&self.shared.waiting);
                if waiting.commands.is_empty() {
                    waiting.is_drained = false;
                    self.is_over = true;
                    return;
                }
                mem::take(&mut waiting.commands)
            };
            let Some(writer) = slot.as_mut() else { continue };
            let (began, is_crowd) = (Instant::now(), commands.len() >= CROWD);
            let closing = writer.work(commands, &self.shared);
            if is_crowd {
                thread::sleep((began.elapsed() / GATHERING).min(LONGEST_GATHERING));
            }
            if !closing.is_empty() {
                *slot = None;
                for reply in closing {
                    let _ = reply.send(());
                }
            }
        }
    }
}

impl Drop for Drain {
    fn drop(&mut self) {
        if !self.is_over {
            let mut waiting = locked(&self.shared.waiting);
            waiting.is_drained = false;
            waiting.commands.clear();
        }
    }
}

/// A panic of another thread leaves nothing half done behind these locks that the next group would not mend.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
