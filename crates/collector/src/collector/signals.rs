//! SIGTERM and SIGINT.

use std::{io, process, time::Duration};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

/// What a shell gives for a program that an interrupt ended.
const INTERRUPTED: i32 = 130;

/// One wish to stop may come as several signals: `timeout` signals its child, then the child's whole group. What
/// comes within this time of the first is not yet impatience.
const ONE_WISH: Duration = Duration::from_millis(500);

/// Gives a token that the first SIGTERM or SIGINT cancels; a second one ends the process at once.
///
/// To be called once in a process, within a Tokio runtime.
pub fn stop_on_signal() -> io::Result<CancellationToken> {
    let mut signals = listen()?;
    let stop = CancellationToken::new();
    let told = stop.clone();
    tokio::spawn(async move {
        next(&mut signals).await;
        told.cancel();
        sleep(ONE_WISH).await;
        // Who has listened once can listen again; a fresh ear has not heard what came in between.
        if let Ok(mut signals) = listen() {
            next(&mut signals).await;
            process::exit(INTERRUPTED);
        }
    });
    Ok(stop)
}

fn listen() -> io::Result<(Signal, Signal)> {
    Ok((signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?))
}

async fn next((terminate, interrupt): &mut (Signal, Signal)) {
    tokio::select! { _ = terminate.recv() => {} _ = interrupt.recv() => {} }
}
