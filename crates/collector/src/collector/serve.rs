//! One call for the author of a bot.

use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use tokio::runtime;
use tokio_util::sync::CancellationToken;

use super::{CollectorSettings, Environment, Pipeline, stop_on_signal};
use crate::{
    backend::http::HttpBackend,
    health::Health,
    protocol::Protocol,
    refresh::LastGood,
    time::{Clock, SystemClock},
};

/// How long threads that still compute are waited for at the end.
const LAST_GRACE: Duration = Duration::from_secs(1);

/// Runs a bot by the settings of its [`Environment`] until SIGTERM or SIGINT; gives what `main` is to return.
///
/// What is wrong is printed to stderr. Logs go where the program's `tracing` subscriber says, nowhere without one.
pub fn serve<B: Protocol>(bot: B) -> ExitCode {
    match try_serve(bot) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // There is no other place to say it.
            let _ = writeln!(io::stderr(), "error: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

fn try_serve<B: Protocol>(bot: B) -> Result<(), Box<dyn Error>> {
    let Environment { backend, collector } = Environment::of_process()?;
    let backend = HttpBackend::new(backend)?;
    let runtime = runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        let stop = stop_on_signal()?;
        collect(bot, backend, &collector, stop).await
    });
    runtime.shutdown_timeout(LAST_GRACE);
    outcome
}

fn with_causes(error: &dyn Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", with_causes(cause)),
        None => error.to_string(),
    }
}

async fn collect<B: Protocol>(
    bot: B,
    backend: HttpBackend,
    settings: &CollectorSettings,
    stop: CancellationToken,
) -> Result<(), Box<dyn Error>> {
    if !can_begin(&backend, settings, bot.name(), &stop).await {
        return Ok(());
    }
    let mut health = Health::new(env!("CARGO_PKG_VERSION"), SystemClock.now());
    let collector =
        Pipeline::new(Arc::new(bot), Arc::new(backend), settings.clone()).open(&mut health).await?;
    Ok(collector.run(stop).await?)
}

/// Waits until the backend is ready, unless a configuration from an earlier time lets the bot begin without it; false
/// if it was stopped before.
pub async fn can_begin(
    backend: &HttpBackend,
    settings: &CollectorSettings,
    protocol: &str,
    stop: &CancellationToken,
) -> bool {
    let last_good = LastGood::new(&settings.folder_of(protocol), &settings.source);
    last_good.load().await.is_some() || backend.wait_until_ready(stop).await.is_some()
}
