//! SIGTERM and SIGINT.

use std::{io, process};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What a shell gives for a program that an interrupt ended.
const INTERRUPTED: i32 = 130;

/// Gives a token that the first SIGTERM or SIGINT cancels; a second one ends the process at once.
///
/// To be called once in a process, within a Tokio runtime.
pub fn stop_on_signal() -> io::Result<CancellationToken> {
    let mut signals = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = CancellationToken::new();
    let told = stop.clone();
    tokio::spawn(async move {
        next(&mut signals).await;
        told.cancel();
        next(&mut signals).await;
        process::exit(INTERRUPTED);
    });
    Ok(stop)
}

async fn next((terminate, interrupt): &mut (Signal, Signal)) {
    tokio::select! { _ = terminate.recv() => {} _ = interrupt.recv() => {} }
}
