//! Bots and hubs as processes that are started, watched and ended.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

use crate::clock;

/// The newest lines that are kept of what a process prints.
const LINES: usize = 2_000;

/// A line that a process printed, and when it came.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) when: Duration,
    pub(crate) text: String,
}

/// What a process printed, newest last.
#[derive(Clone, Default)]
pub(crate) struct Printed(Arc<Mutex<VecDeque<Line>>>);

impl Printed {
    fn held(&self) -> MutexGuard<'_, VecDeque<Line>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, text: String) {
        let mut lines = self.held();
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(Line { when: clock::now(), text });
    }

    /// Returns the first line that holds a text.
    pub(crate) fn find(&self, text: &str) -> Option<Line> {
        self.held().iter().find(|line| line.text.contains(text)).cloned()
    }

    /// Returns the first warning or error that was printed after a moment: its target and its words, without the time.
    pub(crate) fn warned_since(&self, since: Duration) -> Option<String> {
        let lines = self.held();
        let line = lines.iter().find(|line| line.when >= since && is_warning(&line.text))?;
        Some(words_of(&line.text))
    }

    /// Returns the newest lines.
    pub(crate) fn tail(&self, count: usize) -> Vec<String> {
        let lines = self.held();
        lines.iter().skip(lines.len().saturating_sub(count)).map(|line| line.text.clone()).collect()
    }
}

fn is_warning(line: &str) -> bool {
    line.contains(" WARN ") || line.contains(" ERROR ")
}

/// Returns what a line of a log says: what stands behind its time, its level, its span and its target.
fn words_of(line: &str) -> String {
    let behind = line.split_once(": ").map_or(line, |(_, rest)| rest);
    let words = match behind.split_once(": ") {
        Some((target, words)) if target.starts_with("grafolean_") && !target.contains(' ') => words,
        _ => behind,
    };
    words.trim().to_owned()
}

/// How a bot or hub is started.
#[derive(Clone)]
pub(crate) struct Program {
    /// The binary.
    pub(crate) binary: PathBuf,
    /// What stands before it: a program that starts it.
    pub(crate) before: Vec<String>,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    /// Its working folder.
    pub(crate) folder: PathBuf,
}

impl Program {
    /// Describes a bot of a protocol.
    pub(crate) fn bot(binary: &Path, protocol: &str, backend: &str, folder: &Path) -> Self {
        let data = folder.join("data").display().to_string();
        let set = [
            ("BACKEND_URL", backend),
            ("BOT_TOKEN", crate::world::token_of(protocol)),
            ("GRAFOLEAN_DATA", &data),
            ("JOBS_REFRESH_INTERVAL", "5"),
            ("GRAFOLEAN_LOG", "info"),
        ];
        Self {
            binary: binary.to_owned(),
            before: Vec::new(),
            arguments: vec!["bot".to_owned(), protocol.to_owned()],
            environment: set.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            folder: folder.to_owned(),
        }
    }

    /// With a variable of the environment.
    pub(crate) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.environment.push((name.to_owned(), value.to_string()));
        self
    }

    fn command(&self) -> Command {
        let mut parts =
            self.before.iter().map(String::as_str).chain([self.binary.to_str().unwrap_or_default()]);
        let mut command = Command::new(parts.next().unwrap_or_default());
        command.args(parts).args(&self.arguments).env_clear();
        command
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", &self.folder)
            .envs(self.environment.clone());
        command.current_dir(&self.folder).stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Starts it.
    ///
    /// # Errors
    /// It cannot be started.
    pub(crate) fn start(&self) -> Result<Process> {
        let mut command = self.command();
        let started = clock::now();
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", self.binary.display()))?;
        let printed = Printed::default();
        if let Some(out) = child.stdout.take() {
            watch(out, printed.clone());
        }
        if let Some(out) = child.stderr.take() {
            watch(out, printed.clone());
        }
        Ok(Process { child, printed, started })
    }

    /// Runs it to its end; returns what it printed on its standard output.
    ///
    /// # Errors
    /// It cannot be started, fails, or takes more than a minute.
    pub(crate) async fn output(&self) -> Result<String> {
        let output = timeout(Duration::from_secs(60), self.command().output()).await??;
        if !output.status.success() {
            bail!(
                "{:?} ended with {}: {}",
                self.arguments,
                output.status,
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

fn watch(out: impl AsyncRead + Unpin + Send + 'static, printed: Printed) {
    tokio::spawn(async move {
        let mut lines = BufReader::new(out).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            printed.add(line);
        }
    });
}

/// A process that runs; it is killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) printed: Printed,
    pub(crate) started: Duration,
}

impl Process {
    /// Waits until it printed a line that holds a text; returns when it did.
    ///
    /// # Errors
    /// It ends before, or does not within so long.
    pub(crate) async fn printed(&mut self, text: &str, within: Duration) -> Result<Duration> {
        let until = Instant::now() + within;
        loop {
            if let Some(line) = self.printed.find(text) {
                return Ok(line.when);
            }
            if let Some(status) = self.child.try_wait()? {
                sleep(Duration::from_millis(50)).await;
                bail!("ended with {status} before it said {text:?}: {:#?}", self.printed.tail(5));
            }
            if Instant::now() > until {
                bail!("did not say {text:?} within {within:?}: {:#?}", self.printed.tail(5));
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(id) = self.child.id().and_then(|id| i32::try_from(id).ok()) {
            // an error means that it has ended
            let _ = kill(Pid::from_raw(id), signal);
        }
    }

    /// Waits for its end, which comes within so long.
    ///
    /// # Errors
    /// It does not end.
    pub(crate) async fn ended(&mut self, within: Duration) -> Result<ExitStatus> {
        match timeout(within, self.child.wait()).await {
            Ok(status) => Ok(status?),
            Err(_) => bail!("does not end within {within:?}: {:#?}", self.printed.tail(5)),
        }
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_warning_after_a_moment_is_said_without_its_time() {
        let printed = Printed::default();
        printed.add("2026-01-01T00:00:00Z  INFO grafolean::x: fine".to_owned());
        printed.add("2026-01-01T00:00:00Z  WARN grafolean::x: the disk is full free=0".to_owned());
        assert_eq!(printed.warned_since(Duration::ZERO).as_deref(), Some("the disk is full free=0"));
        assert_eq!(printed.warned_since(clock::now() + Duration::from_secs(1)), None);
        let spanned = "2026-01-01T00:00:00Z  WARN bot{protocol=\"tcp\"}: grafolean_x::y: it waits error=a: b";
        assert_eq!(words_of(spanned), "it waits error=a: b");
    }

    #[test]
    fn the_newest_lines_are_kept() {
        let printed = Printed::default();
        (0..LINES + 5).for_each(|number| printed.add(number.to_string()));
        assert_eq!(printed.tail(1), [(LINES + 4).to_string()]);
        assert!(printed.find("4").is_some_and(|line| line.text != "4"));
    }
}
