//! Log lines go to stderr, filtered by target; stdout belongs to what a command gives.

use std::io::{self, IsTerminal};

use tracing_subscriber::{
    Layer, Registry,
    filter::{LevelFilter, Targets},
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
};

use crate::config::{Color, Config, LogFormat};

/// Starts logging; `usual` is the level of a command where nobody asked for another.
pub(crate) fn start<W>(config: &Config, usual: LevelFilter, writer: W) -> anyhow::Result<()>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let targets = quiet(config.log.clone().unwrap_or_else(|| Targets::new().with_default(usual)));
    let lines = match config.log_format {
        LogFormat::Text => fmt::layer()
            .with_ansi(colours(config.color, &io::stderr()))
            .with_writer(writer)
            .with_filter(targets)
            .boxed(),
        LogFormat::Json => {
            fmt::layer().json().flatten_event(true).with_writer(writer).with_filter(targets).boxed()
        }
    };
    tracing::subscriber::set_global_default(Registry::default().with(lines))?;
    Ok(())
}

/// The library below the SNMP bot logs each silence of a device as an error; the bot itself tells it, at a bearable
/// rate. Who wants its lines names it.
fn quiet(targets: Targets) -> Targets {
    const LIBRARY: &str = "async_snmp";
    let is_named = targets.iter().any(|(target, _)| target.starts_with(LIBRARY));
    if is_named { targets } else { targets.with_target(LIBRARY, LevelFilter::OFF) }
}

/// Whether a stream gets colours: as asked, else if it is a terminal and `NO_COLOR` is not set.
pub(crate) fn colours(color: Color, stream: &impl IsTerminal) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|asked| asked.is_empty())
        }
    }
}
