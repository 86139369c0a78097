//! `grafolean completions` and `grafolean man`: made from the arguments themselves.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::{arguments::Arguments, failure::Outcome};

/// Prints a shell's completions.
pub(crate) fn completions(shell: Shell) -> anyhow::Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "grafolean", &mut script);
    io::stdout().lock().write_all(&script)?;
    Ok(Outcome::Good)
}

/// Prints the manual as roff: one page, on which each command is a chapter.
pub(crate) fn manual() -> anyhow::Result<Outcome> {
    let mut root = Arguments::command();
    root.build();
    let man = Man::new(root.clone()).manual("Grafolean");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    page.extend_from_slice(sections(&man)?.as_bytes());
    for command in root.get_subcommands() {
        chapter(&mut page, command)?;
    }
    io::stdout().lock().write_all(&page)?;
    Ok(Outcome::Good)
}

/// A command's own sections become sub-sections below its name; then follow its commands, if it has any.
fn chapter(page: &mut Vec<u8>, command: &clap::Command) -> io::Result<()> {
    let bin_name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    writeln!(page, ".SH \"{}\"", bin_name.to_uppercase())?;
    let sections = sections(&Man::new(command.clone()))?;
    page.extend_from_slice(sections.replace(".SH ", ".SS ").as_bytes());
    command.get_subcommands().try_for_each(|below| chapter(page, below))
}

/// What a command's `--help` says.
fn sections(man: &Man) -> io::Result<String> {
    let mut sections = Vec::new();
    man.render_synopsis_section(&mut sections)?;
    man.render_description_section(&mut sections)?;
    man.render_options_section(&mut sections)?;
    man.render_extra_section(&mut sections)?;
    Ok(String::from_utf8_lossy(&sections).replace(".SH EXTRA", ".SH NOTES"))
}
