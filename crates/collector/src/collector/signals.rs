//! Signals: SIGTERM, SIGINT and SIGQUIT stop a process in good order, SIGHUP has it read its configuration again.

use std::{io, process, time::Duration};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::refresh::Reload;

/// What a shell gives for a program that an interrupt ended.
const INTERRUPTED: i32 = 130;

/// One wish to stop may come as several signals: `timeout` signals its child, then the child's whole group. What
/// comes within this time of the first is not yet impatience.
const ONE_WISH: Duration = Duration::from_millis(500);

/// What signals ask of a process.
#[derive(Clone, Debug)]
pub struct Signals {
    /// Cancelled by the first SIGTERM, SIGINT or SIGQUIT; a second one ends the process at once.
    pub stop: CancellationToken,
    /// SIGHUP.
    pub reload: Reload,
}

impl Signals {
    /// Listens from now on. To be called once in a process, within a Tokio runtime.
    ///
    /// # Errors
    /// When the system does not let this process listen.
    pub fn listen() -> io::Result<Self> {
        let mut ends = Ends::listen()?;
        let mut hangup = signal(SignalKind::hangup())?;
        let stop = CancellationToken::new();
        let (requests, reload) = Reload::channel();
        let stopped = stop.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    biased;
                    () = ends.next() => break,
                    Some(()) = hangup.recv() => {
                        info!("SIGHUP: the configuration is read again");
                        requests.send_modify(|count| *count += 1);
                    }
                }
            }
            stopped.cancel();
            sleep(ONE_WISH).await;
            // Who has listened once can listen again; a fresh ear has not heard what came in between.
            if let Ok(mut ends) = Ends::listen() {
                ends.next().await;
                process::exit(INTERRUPTED);
            }
        });
        Ok(Self { stop, reload })
    }
}

/// Returns a token that the first SIGTERM, SIGINT or SIGQUIT cancels; a second one ends the process at once. SIGHUP is
/// for those who have a configuration to read again: see [`Signals`]; here it does nothing.
///
/// To be called once in a process, within a Tokio runtime.
///
/// # Errors
/// When the system does not let this process listen.
pub fn stop_on_signal() -> io::Result<CancellationToken> {
    Ok(Signals::listen()?.stop)
}

/// The signals that end a process.
struct Ends([Signal; 3]);

impl Ends {
    fn listen() -> io::Result<Self> {
        let [terminate, interrupt, quit] =
            [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::quit()].map(signal);
        Ok(Self([terminate?, interrupt?, quit?]))
    }

    async fn next(&mut self) {
        let Self([terminate, interrupt, quit]) = self;
        tokio::select! { _ = terminate.recv() => {} _ = interrupt.recv() => {} _ = quit.recv() => {} }
    }
}
