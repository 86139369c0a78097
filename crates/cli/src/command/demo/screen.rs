//! Where the demo shows its devices: a table that stays in place on a terminal, else a line for each run.

use std::io::{self, IsTerminal, Write};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tracing_subscriber::fmt::MakeWriter;

/// The demo's part of the terminal.
#[derive(Clone)]
pub(crate) struct Screen {
    /// Draws the table, and makes room above it for all else.
    canvas: MultiProgress,
    /// None where there is no terminal to draw on.
    table: Option<ProgressBar>,
}

impl Screen {
    /// Nothing is drawn: lines go out as they come.
    pub(crate) fn plain() -> Self {
        Self { canvas: MultiProgress::with_draw_target(ProgressDrawTarget::hidden()), table: None }
    }

    /// Draws on stdout if that is a terminal.
    pub(crate) fn drawing() -> Self {
        if !io::stdout().is_terminal() {
            return Self::plain();
        }
        let canvas = MultiProgress::with_draw_target(ProgressDrawTarget::stdout());
        let table = canvas.add(ProgressBar::no_length());
        table.set_style(
            ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        Self { canvas, table: Some(table) }
    }

    /// Shows the devices: the table on a terminal, else what is new.
    pub(super) fn show(&self, table: impl FnOnce() -> String, news: &[String]) -> io::Result<()> {
        match &self.table {
            Some(drawn) => {
                drawn.set_message(table());
                Ok(())
            }
            None => news.iter().try_for_each(|line| self.line(line)),
        }
    }

    /// Prints a line that stays, above the table.
    pub(super) fn line(&self, line: &str) -> io::Result<()> {
        self.canvas.suspend(|| writeln!(io::stdout(), "{line}"))
    }

    /// Leaves the table as it is and prints a last line below it.
    pub(super) fn close(&self, line: &str) -> io::Result<()> {
        if let Some(table) = &self.table {
            table.abandon();
            writeln!(io::stdout())?;
        }
        writeln!(io::stdout(), "\n{line}")
    }
}

/// Log lines go to stderr, above the table.
impl<'a> MakeWriter<'a> for Screen {
    type Writer = AboveTable;

    fn make_writer(&'a self) -> AboveTable {
        AboveTable(self.canvas.clone())
    }
}

/// Writes to stderr while the table is out of the way.
pub(crate) struct AboveTable(MultiProgress);

impl Write for AboveTable {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().write(line))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
