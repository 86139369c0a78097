//! How a command ends, and how an error is told: once, with its causes, and with what to do.

use std::{error::Error, fmt, io, process::ExitCode};

/// How a command ended that could be done at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All went well: exit code 0.
    Good,
    /// It was done, but the answer is bad (a run failed, a host is silent): exit code 1.
    Bad,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Good => Self::SUCCESS,
            Outcome::Bad => Self::from(1),
        }
    }
}

/// The exit code of what could not be done.
pub(crate) const COULD_NOT: u8 = 2;

/// Adds what a user can do about an error.
pub(crate) trait Hint<T> {
    /// The hint is printed below the error and its causes.
    fn hint(self, hint: impl Into<String>) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> Hint<T> for Result<T, E> {
    fn hint(self, hint: impl Into<String>) -> anyhow::Result<T> {
        self.map_err(|error| Hinted { error: error.into(), hint: hint.into() }.into())
    }
}

#[derive(Debug)]
struct Hinted {
    error: anyhow::Error,
    hint: String,
}

impl fmt::Display for Hinted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(out)
    }
}

impl Error for Hinted {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

/// Prints an error on stderr and returns the exit code. Somebody who stopped reading our output is told nothing.
pub(crate) fn tell(error: &anyhow::Error) -> ExitCode {
    let closed = |cause: &(dyn Error + 'static)| {
        let written = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        // What was to be written as JSON hides the error of writing from the chain.
        let as_json = || cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
        written.or_else(as_json) == Some(io::ErrorKind::BrokenPipe)
    };
    if error.chain().any(closed) {
        return ExitCode::SUCCESS;
    }
    // Nothing is left to tell it to where stderr itself is gone.
    let _ = write(&mut io::stderr().lock(), error);
    ExitCode::from(COULD_NOT)
}

fn write(out: &mut impl io::Write, error: &anyhow::Error) -> io::Result<()> {
    writeln!(out, "error: {error}")?;
    let mut told = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // Some libraries repeat their cause in their own text.
        if !told.contains(&cause) {
            writeln!(out, "  because: {cause}")?;
        }
        told = cause;
    }
    for hinted in error.chain().filter_map(|cause| cause.downcast_ref::<Hinted>()) {
        for line in hinted.hint.lines() {
            writeln!(out, "hint: {line}")?;
        }
    }
    Ok(())
}

/// An error and its causes in one line.
pub(crate) use grafolean_collector::error_chain as chain;

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn an_error_is_told_once_with_causes_and_hint() {
        let cause = io::Error::other("permission denied");
        let error = Err::<(), _>(cause).hint("try sudo").context("cannot open the socket").unwrap_err();
        let mut told = Vec::new();
        write(&mut told, &error).unwrap();
        let expected = "error: cannot open the socket\n  because: permission denied\nhint: try sudo\n";
        assert_eq!(String::from_utf8(told).unwrap(), expected);
    }
}
