//! `grafolean import`: what people have elsewhere, as an inventory of ours, and what of it could not be taken over.
//!
//! Nothing is changed unless `--add` says so: the inventory is printed, to be read, changed and kept. Old values
//! (`prometheus`) are no inventory: they are stored.

mod exporter;
mod grafolean;
mod path;
mod prometheus;
mod resume;
mod telegraf;

use std::io::{self, Write};

use anyhow::bail;
use grafolean_bots::snmp::mib;

use super::{
    hub::set_up::caller,
    inventory::{self, Mode, file, wanted::Wanted},
};
use crate::{
    arguments::{Import, ImportSource},
    config::Config,
    failure::Outcome,
};

/// What was taken over, and what was not.
#[derive(Debug, Default, PartialEq)]
struct Taken {
    wanted: Wanted,
    /// What could not be taken over, or means something else here, a sentence each.
    notes: Vec<String>,
}

/// Takes over what people have.
pub(crate) async fn run(import: Import, config: &Config) -> anyhow::Result<Outcome> {
    let mut taken = match &import.source {
        ImportSource::Telegraf { file } => telegraf::read(file)?,
        ImportSource::SnmpExporter { file, prometheus } => exporter::read(file, prometheus.as_deref())?,
        ImportSource::Grafolean(source) => grafolean::read(source, config).await?,
        ImportSource::Prometheus(arguments) => {
            return prometheus::run(arguments, import.account.as_deref(), config).await;
        }
    };
    if let Some(account) =
        import.account.or_else(|| taken.wanted.account.is_empty().then(|| "Imported".to_owned()))
    {
        taken.wanted.account = account;
    }
    let Taken { wanted, notes } = &taken;
    for note in notes {
        writeln!(io::stderr(), "not taken over: {note}")?;
    }
    if wanted.devices.is_empty() && wanted.sensors.is_empty() && wanted.credentials.is_empty() {
        bail!("there is nothing to take over");
    }
    if import.add {
        return inventory::bring(&caller(config)?, wanted, Mode::Apply).await;
    }
    let (devices, sensors, credentials) =
        (wanted.devices.len(), wanted.sensors.len(), wanted.credentials.len());
    writeln!(
        io::stderr(),
        "{devices} devices, {sensors} sensors, {credentials} credentials, {} notes",
        notes.len()
    )?;
    let mut out = io::stdout();
    writeln!(out, "# Holds secrets. Bring an account in step by: grafolean hub inventory FILE [--dry-run]")?;
    write!(out, "{}", file::write(wanted)?)?;
    Ok(Outcome::Good)
}

/// Reads a name or a number of an object as its number.
fn number(oid: &str) -> Result<String, String> {
    let text = oid.trim().trim_start_matches('.');
    // Older modules define what newer ones do: RFC1213-MIB::sysUpTime is SNMPv2-MIB's.
    let bare = text.rsplit("::").next().unwrap_or(text);
    let oid = mib::parse(text).or_else(|error| mib::parse(bare).map_err(|_| error));
    Ok(oid.map_err(|error| error.to_string())?.to_string())
}

/// Returns a text as a segment of a path.
fn segment(text: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || letter == '_' { letter } else { '-' };
    let segment: String = text.chars().map(plain).collect();
    let segment = segment.trim_matches('-');
    if segment.is_empty() { "_".to_owned() } else { segment.to_owned() }
}
