//! `grafolean hub backup`, `restore`, `check` and `repair`: what is done to a hub's folder.

use std::io::{self, Write};

use grafolean_hub::backup::{self, Findings};

use crate::{arguments::HubCommand, command::folders, config::Config, failure::Outcome};

/// Does one of them; blocks.
pub(crate) fn run(command: &HubCommand, config: &Config) -> anyhow::Result<Outcome> {
    let folder = folders::data(config)?;
    let mut out = io::stdout();
    match command {
        HubCommand::Backup { file } => {
            backup::backup(&folder, file)?;
            writeln!(
                out,
                "{} holds the hub of {}, with the key of its secrets",
                file.display(),
                folder.display()
            )?;
            Ok(Outcome::Good)
        }
        HubCommand::Restore { file } => {
            backup::restore(file, &folder)?;
            writeln!(out, "{} holds what was in {}", folder.display(), file.display())?;
            Ok(Outcome::Good)
        }
        HubCommand::Repair => {
            let findings = backup::repair(&folder)?;
            for damaged in &findings.damaged {
                writeln!(out, "set aside: {damaged}")?;
            }
            writeln!(out, "{} damaged pieces were set aside, all else can be used", findings.damaged.len())?;
            Ok(Outcome::Good)
        }
        HubCommand::Check | HubCommand::ResetPassword { .. } | HubCommand::SetUp(_) => {
            report(&backup::check(&folder)?, &mut out)
        }
    }
}

fn report(findings: &Findings, out: &mut impl Write) -> anyhow::Result<Outcome> {
    for damaged in &findings.damaged {
        writeln!(out, "damaged: {damaged}")?;
    }
    let Findings { blocks, values, damaged, set_aside } = findings;
    writeln!(
        out,
        "{values} values, {blocks} blocks; damaged: {}; set aside before: {set_aside}",
        damaged.len()
    )?;
    Ok(if damaged.is_empty() { Outcome::Good } else { Outcome::Bad })
}
