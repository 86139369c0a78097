//! What a file, another program or a scan says there is to measure, brought into an account of a backend.
//!
//! `wanted` is what there is to be, `file` reads and writes it as TOML, `current` is what there is, `difference` is what
//! has to change (pure), `apply` does it. Names tie them together: people know devices by names, not by ids.

pub(super) mod apply;
pub(super) mod current;
pub(super) mod difference;
pub(super) mod file;
pub(super) mod wanted;

use std::{
    io::{self, Write},
    path::Path,
};

use grafolean_collector::backend::http::Caller;

use crate::failure::Outcome;
use current::Current;
use difference::Change;
use wanted::Wanted;

/// Whether changes are made, or only shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    DryRun,
    Apply,
}

/// Brings an account in step with a file; prints what changes.
pub(super) async fn keep(caller: &Caller, path: &Path, mode: Mode) -> anyhow::Result<Outcome> {
    let wanted = file::read(path)?;
    bring(caller, &wanted, mode).await
}

/// Brings an account in step with what is wanted; prints what changes.
pub(super) async fn bring(caller: &Caller, wanted: &Wanted, mode: Mode) -> anyhow::Result<Outcome> {
    let current = Current::read(caller, &wanted.account).await?;
    let changes = difference::between(&current, wanted)?;
    let mut out = io::stdout();
    for change in &changes {
        writeln!(out, "{change}")?;
    }
    let made = match mode {
        Mode::DryRun => "would change",
        Mode::Apply => {
            apply::apply(caller, &current, wanted, &changes).await?;
            "changed"
        }
    };
    let deleted = changes.iter().filter(|change| matches!(change, Change::Delete { .. })).count();
    writeln!(out, "account {}: {} {made}, {deleted} of them gone", wanted.account, changes.len())?;
    Ok(Outcome::Good)
}
