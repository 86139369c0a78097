//! The engine's thread: turns of receiving, doing what is due, and sending.

use std::{
    num::NonZeroU16,
    os::fd::AsFd,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::eventfd::{EfdFlags, EventFd},
};

use super::{
    exchange::Exchange,
    metrics::PingMetrics,
    pending_probe::Waiting,
    probe::Probe,
    receive::Receiver,
    send::Sender,
    socket::IcmpSocket,
    token_bucket::{TURN, TokenBucket},
};

/// What callers tell the thread.
pub(super) enum Command {
    /// A probe to take up.
    Ping(Probe, Waiting),
    /// Nobody will send a command any more.
    Stop,
}

/// Wakes the thread. However many ring it, it costs one system call a turn.
pub(super) struct Waker {
    event: EventFd,
    woken: AtomicBool,
}

impl Waker {
    pub(super) fn new() -> nix::Result<Self> {
        let event = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        Ok(Self { event, woken: AtomicBool::new(false) })
    }

    pub(super) fn wake(&self) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            // It only fails when the count is full, and then the thread is awake anyway.
            let _ = self.event.write(1);
        }
    }

    /// Resets it for the next wake. What was sent before is seen by whoever looks after this.
    fn reset(&self) {
        if self.woken.swap(false, Ordering::AcqRel) {
            let _ = self.event.read();
        }
    }
}

/// All that the thread works with.
pub(super) struct Shell {
    pub(super) sockets: Vec<IcmpSocket>,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) waker: Arc<Waker>,
    pub(super) packets_per_ms: NonZeroU16,
    pub(super) metrics: PingMetrics,
}

impl Shell {
    /// Works until it is told to stop.
    pub(super) fn run(mut self) {
        let mut exchange = Exchange::new(self.metrics.clone());
        let mut receiver = Receiver::new(self.metrics.clone());
        let mut sender = Sender::new();
        let mut pace = TokenBucket::new(self.packets_per_ms, Instant::now());
        loop {
            let now = Instant::now();
            self.waker.reset();
            while let Ok(command) = self.commands.try_recv() {
                match command {
                    Command::Ping(probe, waiting) => exchange.begin(probe, waiting, now),
                    Command::Stop => return,
                }
            }
            for socket in &mut self.sockets {
                receiver.receive(socket, &mut exchange);
            }
            exchange.advance(now);
            let tried = sender.send(&mut self.sockets, &mut exchange, pace.allowance(Instant::now()));
            pace.spend(tried);
            self.rest(now, exchange.idle_time(Instant::now()));
        }
    }

    /// Sleeps until something is due, arrives or is ordered, and in any case to the end of this turn: the kernel
    /// keeps what arrives, with its time, and many messages read at once cost little more than one.
    fn rest(&self, turn_began: Instant, idle_time: Option<Duration>) {
        let least = TURN.saturating_sub(turn_began.elapsed());
        if idle_time.is_some_and(|idle| idle <= least) {
            thread::sleep(least);
            return;
        }
        let mut watched = vec![PollFd::new(self.waker.event.as_fd(), PollFlags::POLLIN)];
        watched.extend(self.sockets.iter().map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN)));
        // Rounded up to the millisecond that poll knows, at most a day.
        let wait = idle_time.map_or(PollTimeout::NONE, |idle| {
            let ms = idle.min(Duration::from_hours(24)).as_micros().div_ceil(1_000);
            PollTimeout::try_from(ms).unwrap_or(PollTimeout::MAX)
        });
        // It only fails when a signal interrupts it, and an early turn does no harm.
        let _ = poll(&mut watched, wait);
        thread::sleep(TURN.saturating_sub(turn_began.elapsed()));
    }
}
